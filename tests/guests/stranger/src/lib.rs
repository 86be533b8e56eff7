//! Imports an interface that no host of this contract has.

wit_bindgen::generate!({
    path: "../../../wit/v1.0",
    inline: "package test:stranger; interface network { fetch: func(url: string) -> string; }
        world stranger { import network; export reveille:plugin/lifecycle@1.0.0; export reveille:plugin/filter@1.0.0; }",
    world: "test:stranger/stranger",
    generate_all,
});

use exports::reveille::plugin::filter::Verdict;
use exports::reveille::plugin::{filter, lifecycle};
use reveille::plugin::types::{Alert, Error};

struct Stranger;

impl lifecycle::Guest for Stranger {
    fn configure(_: String) -> Result<Vec<String>, Vec<lifecycle::Problem>> {
        Ok(Vec::new())
    }
}

impl filter::Guest for Stranger {
    fn run(_: Alert) -> Result<Verdict, Error> {
        Ok(Verdict::Drop(test::stranger::network::fetch("https://example.com")))
    }
}

export!(Stranger);
