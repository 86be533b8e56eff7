//! Real payloads of many tools, read from outside the repository through `REVEILLE_CORPUS`: none may be lost, whatever its shape.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)] // An unwrap that fails is a failed story.

use reveille_tests::{Story, counted};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The corpus, or `None` said loudly.
fn corpus() -> Option<PathBuf> {
    let Some(dir) = std::env::var_os("REVEILLE_CORPUS").map(PathBuf::from) else {
        eprintln!("\n*** REVEILLE_CORPUS is not set: no real payload was tried. Point it at a folder with payloads/**/*.json. ***\n");
        return None;
    };
    let payloads = dir.join("payloads");
    assert!(payloads.is_dir(), "REVEILLE_CORPUS is set to {}, which has no folder payloads", dir.display());
    Some(payloads)
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|x| x == "json") {
            found.push(path);
        }
    }
}

/// Every payload that is JSON is taken by the mapping normalizer, and has a decision that can be listed.
#[test]
fn every_real_payload_is_taken_and_decided() {
    let Some(payloads) = corpus() else { return };
    let mut found = Vec::new();
    files(&payloads, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{} holds no payload", payloads.display());
    let mut story = Story::two_people();
    let url = story.server.url(&format!("/in/{}", story.server.key("shop-anything")));
    let mut taken = 0;
    for path in &found {
        let body = std::fs::read(path).unwrap();
        if serde_json::from_slice::<Value>(&body).is_err() {
            continue;
        }
        let answer = story.http.post(&url).body(body).send().unwrap();
        assert!(answer.status().is_success(), "{}: {} {}", path.display(), answer.status(), answer.text().unwrap_or_default());
        taken += 1;
    }
    story.settle();
    let mut decided = 0;
    let mut before = String::new();
    loop {
        let page = story.api(&format!("decisions?limit=500{before}"));
        decided += page["items"].as_array().unwrap().len();
        let Some(next) = page["next_before"].as_u64() else { break };
        before = format!("&before={next}");
    }
    counted(&format!("{taken} real payloads of {} files taken, {decided} decisions", found.len()));
    assert!(decided >= taken, "{taken} bodies, {decided} decisions");
}

/// Alertmanager's webhook as recorded: one alert per entry, its fingerprint the entity.
#[test]
fn a_recorded_alertmanager_webhook_is_understood() {
    let Some(payloads) = corpus() else { return };
    let body = std::fs::read(payloads.join("alerta/prometheus_v4_alert.json")).unwrap();
    let sent: Value = serde_json::from_slice(&body).unwrap();
    let mut story = Story::two_people();
    let url = story.server.url(&format!("/in/{}", story.server.key("shop-alertmanager")));
    assert!(story.http.post(&url).body(body).send().unwrap().status().is_success());
    story.settle();
    let decisions = story.api("decisions?limit=100");
    assert_eq!(decisions["items"].as_array().unwrap().len(), sent["alerts"].as_array().unwrap().len());
}
