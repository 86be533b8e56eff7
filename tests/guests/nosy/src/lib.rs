//! A `notify` plugin that imports `lookup`, which that hook may not have.

wit_bindgen::generate!({
    path: "../../../wit/v1.0",
    inline: "package test:nosy; world nosy {
        import reveille:plugin/lookup@1.0.0; export reveille:plugin/lifecycle@1.0.0; export reveille:plugin/notify@1.0.0;
    }",
    world: "test:nosy/nosy",
    generate_all,
});

use exports::reveille::plugin::notify::{Outcome, Page, Request, Response};
use exports::reveille::plugin::{lifecycle, notify};
use reveille::plugin::types::Error;

struct Nosy;

impl lifecycle::Guest for Nosy {
    fn configure(_: String) -> Result<Vec<String>, Vec<lifecycle::Problem>> {
        Ok(Vec::new())
    }
}

impl notify::Guest for Nosy {
    fn render(_: Page) -> Result<Request, Error> {
        Err(Error::Internal(format!("{:?}", reveille::plugin::lookup::find("catalog", "checkout"))))
    }
    fn interpret(_: Page, _: u32, _: Response) -> Result<Outcome, Error> {
        Ok(Outcome::Accepted(None))
    }
}

export!(Nosy);
