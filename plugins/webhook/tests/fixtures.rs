//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

use std::fs;
use std::path::Path;

use reveille_sdk::mock;
use serde_json::{Value, json};

#[test]
fn cases() {
    mock::cases("fixtures", |case| {
        mock::key("hook-key", b"it is a secret");
        case.notify::<webhook::Webhook>()
    });
}

/// Four incidents with ten alerts of 18 KiB each are far more than the egress takes.
#[test]
fn a_body_stays_within_what_the_egress_takes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("large-page");
    let case = folder.join("case");
    fs::create_dir_all(&case).unwrap();
    let alert = json!({ "status": "firing", "severity": "error", "details": "x".repeat(18 * 1024) });
    let incident = json!({ "id": "i", "status": "firing", "severity": "error", "alerts": vec![alert; 10] });
    let contact = json!({ "kind": "webhook", "address": "https://hooks.example/in" });
    let page = json!({ "id": "p", "at": 0, "purpose": { "escalation": 1 }, "contact": contact, "incidents": vec![incident; 4] });
    fs::write(case.join("page.json"), page.to_string()).unwrap();
    fs::write(case.join("settings.json"), json!({ "alerts": 10 }).to_string()).unwrap();
    // Ten alerts each are 720 KiB, five 360, two 144: one each fits.
    fs::write(case.join("expected.json"), json!({ "incidents": 4, "alerts": 1, "alert_count": 10, "truncated": true }).to_string())
        .unwrap();
    mock::cases(&folder.display().to_string(), |case| {
        let request = case.notify::<webhook::Webhook>();
        let body: Value = serde_json::from_str(request["http"]["body"].as_str().unwrap()).unwrap();
        let incidents = body["incidents"].as_array().unwrap();
        json!({
            "incidents": incidents.len(),
            "alerts": incidents[0]["alerts"].as_array().unwrap().len(),
            "alert_count": incidents[0]["alert_count"],
            "truncated": body["truncated"],
        })
    });
}
