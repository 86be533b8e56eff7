//! A filter and an enricher that read three fields: what a call across the boundary costs.

wit_bindgen::generate!({
    path: "../../../wit/v1.0",
    inline: "package test:quick; world quick {
        export reveille:plugin/lifecycle@1.0.0; export reveille:plugin/filter@1.0.0; export reveille:plugin/enrich@1.0.0;
    }",
    world: "test:quick/quick",
    generate_all,
});

use exports::reveille::plugin::enrich::Patch;
use exports::reveille::plugin::filter::Verdict;
use exports::reveille::plugin::{enrich, filter, lifecycle};
use reveille::plugin::types::{Alert, Edit, Error};

struct Quick;

impl lifecycle::Guest for Quick {
    fn configure(_: String) -> Result<Vec<String>, Vec<lifecycle::Problem>> {
        Ok(Vec::new())
    }
}

impl filter::Guest for Quick {
    fn run(alert: Alert) -> Result<Verdict, Error> {
        let team = alert.labels.iter().find(|(name, _)| name == "team");
        let noisy = alert.summary.is_some_and(|text| text.starts_with("noise"));
        if noisy && team.is_some_and(|(_, value)| value == "lab") && alert.service.is_some() {
            return Ok(Verdict::Drop("noise of the lab".into()));
        }
        Ok(Verdict::Keep)
    }
}

impl enrich::Guest for Quick {
    fn run(alert: Alert) -> Result<Patch, Error> {
        let edits = match alert.service.as_deref() {
            Some("checkout") => vec![Edit::SetLabel(("tier".into(), "1".into()))],
            _ => Vec::new(),
        };
        Ok(Patch { edits, reason: String::new() })
    }
}

export!(Quick);
