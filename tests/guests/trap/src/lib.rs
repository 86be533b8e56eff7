//! Answers six hooks, and traps at every call: what a broken build of any plugin would do.

wit_bindgen::generate!({
    path: "../../../wit/v1.0",
    inline: "package test:trap; world trap {
        export reveille:plugin/lifecycle@1.0.0; export reveille:plugin/normalize@1.0.0; export reveille:plugin/enrich@1.0.0;
        export reveille:plugin/filter@1.0.0; export reveille:plugin/dedupe@1.0.0; export reveille:plugin/route@1.0.0;
        export reveille:plugin/notify@1.0.0;
    }",
    world: "test:trap/trap",
    generate_all,
});

use exports::reveille::plugin::{dedupe, enrich, filter, lifecycle, normalize, notify, route};
use reveille::plugin::types::{Alert, Destination, Error, Inbound, Incident};

struct Trap;

fn trap<T>() -> T {
    panic!("this guest traps at every call")
}

impl lifecycle::Guest for Trap {
    fn configure(_: String) -> Result<Vec<String>, Vec<lifecycle::Problem>> {
        Ok(Vec::new())
    }
}

impl normalize::Guest for Trap {
    fn run(_: Inbound) -> Result<normalize::Normalized, normalize::Refusal> {
        trap()
    }
}

impl enrich::Guest for Trap {
    fn run(_: Alert) -> Result<enrich::Patch, Error> {
        trap()
    }
}

impl filter::Guest for Trap {
    fn run(_: Alert) -> Result<filter::Verdict, Error> {
        trap()
    }
}

impl dedupe::Guest for Trap {
    fn run(_: Alert) -> Result<Option<dedupe::Grouping>, Error> {
        trap()
    }
}

impl route::Guest for Trap {
    fn run(_: Incident) -> Result<Vec<Destination>, Error> {
        trap()
    }
}

impl notify::Guest for Trap {
    fn render(_: notify::Page) -> Result<notify::Request, Error> {
        trap()
    }

    fn interpret(_: notify::Page, _: u32, _: notify::Response) -> Result<notify::Outcome, Error> {
        trap()
    }
}

export!(Trap);
