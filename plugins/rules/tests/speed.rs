//! How long 20 rules over 8 fields take: a measurement, run by hand on a quiet machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use reveille_sdk::prelude::*;
use rules::{RuleSet, Settings};
use serde_json::{Value, json};

fn rules() -> Vec<Value> {
    let fields = ["entity", "summary", "source", "service", "routing_key", "labels.env", "labels.host", "labels.region"];
    let rule = |n: usize| {
        let field = fields[n % fields.len()];
        let when = match n % 5 {
            0 => json!({ "field": field, "wildcard": format!("team{n}-*") }),
            1 => json!({ "field": field, "in": [format!("a{n}"), format!("b{n}")] }),
            _ => json!({ "field": field, "is": format!("value-{n}") }),
        };
        json!({ "name": format!("r{n}"), "when": when, "set": { "labels.owner": "x" } })
    };
    (0..20).map(rule).collect()
}

#[test]
#[ignore = "a measurement: cargo test --release -p rules --test speed -- --ignored --nocapture"]
#[allow(clippy::disallowed_methods, reason = "it measures")]
fn twenty_rules_over_eight_fields() {
    let settings: Settings = serde_json::from_value(json!({ "rules": rules() })).unwrap();
    let rules = RuleSet::compile(&settings).unwrap();
    let report = Report::firing(Severity::Error).entity("db1/disk").summary("disk 91 % full on db1").source("prometheus").service("orders");
    let report = report.routing_key("ops").label("env", "prod").label("host", "db1").label("region", "eu-west-1");
    let alert = Alert::from(report);
    assert!(rules.edit(&alert).is_empty());
    let mut rounds: Vec<Duration> = (0..51)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..10_000 {
                black_box(rules.edit(black_box(&alert)));
            }
            begin.elapsed() / 10_000
        })
        .collect();
    rounds.sort();
    println!("20 rules over 8 fields, none applies: {:?} a call", rounds[25]);
    assert!(rounds[25] < Duration::from_micros(1), "{:?}", rounds[25]);
}
