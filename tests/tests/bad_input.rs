//! Bad input at every front door: a clear answer in the sender's dialect, and what it leaves behind.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reqwest::blocking::Response;
use reveille_tests::story::{Setting, Story};
use serde_json::{Value, json};

fn victorops_url(story: &Story, key: &str) -> String {
    story.server.url(&format!("/integrations/generic/20131114/alert/{key}/database"))
}

fn raw(story: &Story, url: &str, body: impl Into<reqwest::blocking::Body>) -> Response {
    story.http.post(url).body(body).send().expect("the server answers")
}

fn dead_letters(story: &Story) -> Vec<Value> {
    story.api("dead-letters?limit=100")["items"].as_array().unwrap().clone()
}

fn open(story: &Story) -> Vec<Value> {
    story.api("incidents?open=true")["items"].as_array().unwrap().clone()
}

/// A wrong key is refused in each dialect and stores nothing.
#[test]
fn a_wrong_key_is_refused_and_stores_nothing() {
    let mut story = Story::two_people();
    let body = json!({ "message_type": "CRITICAL", "entity_id": "x" });
    let answer = story.http.post(victorops_url(&story, "rvk_wrong")).json(&body).send().unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.json::<Value>().unwrap()["result"], "failure");
    let answer = story.post("/am/rvk_wrong/api/v2/alerts", &json!([]));
    assert_eq!(answer.status(), 403);
    assert!(answer.json::<Value>().unwrap().is_string(), "Alertmanager's clients expect a JSON string");
    let answer = story.post("/in/rvk_wrong", &json!({}));
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    story.settle();
    assert!(open(&story).is_empty() && dead_letters(&story).is_empty());
    assert!(!story.server.log().contains("rvk_wrong"), "a key never reaches the log");
}

/// Malformed JSON names its position, is listed, and opens one incident for its integration however often it comes.
#[test]
fn malformed_json_names_its_position_and_opens_one_incident() {
    let mut story = Story::two_people();
    let url = victorops_url(&story, &story.server.key("shop-victorops"));
    for _ in 0..3 {
        let answer = raw(&story, &url, "{\"message_type\": \"CRITICAL\",\n \"entity_id\": }");
        assert_eq!(answer.status(), 400);
        let answer: Value = answer.json().unwrap();
        assert_eq!(answer["result"], "failure");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains("line 2") && message.contains("column"), "{message}");
    }
    story.settle();
    let letters = dead_letters(&story);
    assert_eq!(letters.len(), 3, "{letters:#?}");
    assert!(letters.iter().all(|l| l["kind"] == "rejected" && l["state"] == "waiting"));
    assert_eq!(open(&story).len(), 1, "one incident per integration");
    assert!(!story.rings("alice").is_empty(), "its default policy is paged");
}

/// The documented failure of the VictorOps endpoint, word by word.
#[test]
fn a_missing_message_type_is_refused_in_the_vendors_words() {
    let story = Story::two_people();
    let url = victorops_url(&story, &story.server.key("shop-victorops"));
    let answer = raw(&story, &url, "{\"entity_id\":\"x\"}");
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().unwrap(), json!({ "result": "failure", "message": "Missing fields: message_type" }));
}

/// Alertmanager's API answers a refused body with a JSON string.
#[test]
fn a_refused_body_at_api_v2_is_a_json_string() {
    let story = Story::two_people();
    let url = story.server.url(&format!("/am/{}/api/v2/alerts", story.server.key("shop-alertmanager")));
    let answer = raw(&story, &url, "{\"not\":\"a list\"}");
    assert_eq!(answer.status(), 400);
    assert!(answer.json::<Value>().unwrap().is_string());
    let answer = raw(&story, &url, "[{\"labels\":{\"alertname\":\"Up\"}}]");
    assert_eq!((answer.status().as_u16(), answer.text().unwrap().as_str()), (200, ""), "an accepted post has no body");
}

/// An oversize body is refused, and since its sender may never try again, it opens an incident.
#[test]
fn an_oversize_body_is_refused_and_opens_an_incident() {
    let alerts = std::fs::read_to_string(reveille_tests::place::root().join("tests/config/alerts.yaml")).unwrap();
    let alerts = alerts.replace("id: shop-victorops\nteam: shop\n", "id: shop-victorops\nteam: shop\nbody_limit: 4KiB\n");
    let mut story = Story::with(Setting { documents: vec![("alerts.yaml".into(), alerts)], ..Setting::default() });
    let url = victorops_url(&story, &story.server.key("shop-victorops"));
    let body = json!({ "message_type": "CRITICAL", "entity_id": "x", "state_message": "a".repeat(5000) });
    let answer = raw(&story, &url, body.to_string());
    assert_eq!(answer.status(), 413);
    assert!(answer.json::<Value>().unwrap()["message"].as_str().unwrap().contains("4096"));
    story.settle();
    assert_eq!((dead_letters(&story).len(), open(&story).len()), (1, 1));
}

/// Fields that nobody knows are kept and shown.
#[test]
fn unknown_fields_are_kept() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({ "datacenter": "milan-2", "nested": { "rack": 7 } }));
    story.settle();
    let incident = story.incident(1);
    let labels = &incident["alerts"][0]["labels"];
    assert_eq!(labels["datacenter"], "milan-2");
    assert_eq!(labels["nested.rack"], "7");
}

/// A rejected body can be taken in after all, once its plugin takes it; then nothing waits and the incident about it is over.
#[test]
fn a_dead_letter_is_replayed_once_its_normalizer_takes_it() {
    let mut story = Story::two_people();
    let key = story.server.key("shop-anything");
    // The settings of `shop-anything` know the states `ok` and `down`; this body is no JSON object at all for them.
    let answer = raw(&story, &story.server.url(&format!("/in/{key}")), "[1, 2");
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    story.settle();
    let letters = dead_letters(&story);
    let id = letters[0]["id"].as_u64().unwrap();
    let (status, answer) = story.api_post(&format!("dead-letters/{id}/replay"), &json!({}));
    assert_eq!(status, 409, "still refused, and said so: {answer}");
    let (status, _) = story.api_post(&format!("dead-letters/{id}/discard"), &json!({}));
    assert_eq!(status, 200);
    story.settle();
    assert_eq!(story.api("dead-letters?state=all")["items"][0]["state"], "discarded");
    assert!(open(&story).is_empty(), "nothing waits any more, so its incident is over");
}

/// A full disk: 503 with `Retry-After` in every dialect, never a 4xx that Alertmanager would not retry; and nothing false is acknowledged.
#[test]
fn a_full_disk_is_answered_503_and_nothing_is_lost() {
    let mut story = Story::two_people();
    story.server.sim(&json!({ "fail": "journal.commit", "action": "return(full)" }));
    let answer = story.victorops("CRITICAL", "db", json!({}));
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let alertmanager = format!("/am/{}/api/v2/alerts", story.server.key("shop-alertmanager"));
    let answer = story.post(&alertmanager, &json!([{ "labels": { "alertname": "Up" } }]));
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let not_ready = story.http.get(story.server.url("/readyz")).send().unwrap();
    assert_eq!(not_ready.status(), 503, "a watcher outside sees it");
    story.server.sim(&json!({ "fail": "journal.commit", "action": "off" }));
    assert_eq!(story.victorops("CRITICAL", "db", json!({})).status(), 200, "once there is room, it goes on");
    assert_eq!(story.http.get(story.server.url("/readyz")).send().unwrap().status(), 200);
    story.settle();
    assert_eq!(open(&story).len(), 1);
}

/// Overload: when more is taken in than can be decided, senders are answered 503 with `Retry-After`; what was answered 2xx is decided later.
#[test]
fn an_overload_is_answered_503_and_what_was_taken_is_decided() {
    let mut story = Story::with(Setting { toml: "\n[limits]\nbacklog = 10\n".into(), ..Setting::default() });
    story.server.sim(&json!({ "fail": "pipeline.before.commit", "action": "pause" }));
    let mut taken = 0;
    let refused = (0..60).find_map(|n| {
        let answer = story.victorops("CRITICAL", &format!("e{n}"), json!({ "service": "flood" }));
        if answer.status().is_success() {
            taken += 1;
            return None;
        }
        Some(answer)
    });
    let refused = refused.expect("60 alerts are more than a backlog of ten");
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.json::<Value>().unwrap()["result"], "failure");
    let not_ready = story.http.get(story.server.url("/readyz")).send().unwrap();
    assert_eq!(not_ready.status(), 503, "and readiness says so");
    story.server.sim(&json!({ "fail": "pipeline.before.commit", "action": "off" }));
    story.settle();
    assert_eq!(story.api("decisions?limit=500")["items"].as_array().unwrap().len(), taken);
    assert_eq!(story.victorops("CRITICAL", "after", json!({ "service": "flood" })).status(), 200);
}

/// `reveille … | head -0`: whoever reads stops, and the command ends quietly and well. A full disk is another matter: what was asked for is not
/// all there, and the exit status says so. Planted bug: the lines were printed by `println!`, which panics in both cases.
#[test]
fn a_reader_that_goes_away_is_no_error_and_a_full_disk_is() {
    let story = Story::two_people();
    let list = |out: std::process::Stdio| {
        std::process::Command::new(reveille_tests::place::program("reveille"))
            .args(["oncall", "--server", &story.server.url(""), "--token", &story.server.token()])
            .stdout(out)
            .output()
            .unwrap()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = list(writer.into());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.is_empty(), "{:?} {said}", ended.status);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = list(full.into());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1));
    assert!(said.starts_with("error: cannot write the output: ") && said.lines().count() == 1, "{said}");
}
