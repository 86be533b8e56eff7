//! Rules, grouping and routing as an operator configured them, through the release program.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use serde_json::{Value, json};

fn open(story: &Story) -> Vec<Value> {
    story.api("incidents?open=true")["items"].as_array().unwrap().clone()
}

/// A suppressed alert is grouped and shown and wakes nobody; it can be listed with its reason.
#[test]
fn staging_wakes_nobody() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "staging-db", json!({ "env": "staging" }));
    story.settle();
    assert!(open(&story).is_empty() && story.rings("alice").is_empty());
    let decisions = story.api("decisions?limit=10");
    let decision = &decisions["items"][0];
    assert_eq!((decision["verdict"].as_str(), decision["outcome"].as_str()), (Some("suppress"), Some("suppressed")), "{decision:#}");
    assert!(decision["verdict_reason"].as_str().unwrap().contains("staging wakes nobody"), "{decision:#}");
}

/// A dropped alert stays in the journal, and its verdict can be listed.
#[test]
fn a_probe_is_dropped_and_listed() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "probe-1", json!({ "probe": "yes" }));
    story.settle();
    assert!(open(&story).is_empty());
    assert_eq!(story.api("decisions?limit=10")["items"][0]["outcome"], "dropped");
}

/// Alerts of one service are one incident, whatever tool reported them; it resolves with the last of them.
#[test]
fn alerts_of_one_service_are_one_incident() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "latency", json!({ "service": "checkout" }));
    story.victorops("CRITICAL", "errors", json!({ "service": "checkout" }));
    story.post(
        &format!("/am/{}/api/v2/alerts", story.server.key("shop-alertmanager")),
        &json!([{ "labels": { "alertname": "QueueFull", "service": "checkout", "severity": "warning" } }]),
    );
    story.settle();
    assert_eq!(open(&story).len(), 1);
    assert_eq!(story.incident(1)["alerts"].as_array().unwrap().len(), 3);
    assert_eq!(story.rings("alice").len(), 1, "one incident is one page");
    story.victorops("RECOVERY", "latency", json!({ "service": "checkout" }));
    story.settle();
    assert_eq!(story.incident(1)["status"], "firing", "two still fire");
    story.victorops("RECOVERY", "errors", json!({}));
    story.post(
        &format!("/am/{}/api/v2/alerts", story.server.key("shop-alertmanager")),
        &json!([{ "labels": { "alertname": "QueueFull", "service": "checkout", "severity": "warning" }, "endsAt": "2026-03-02T02:59:00Z" }]),
    );
    story.settle();
    assert_eq!(story.incident(1)["status"], "resolved");
}

/// "Open after N": below N the listed verdict says how many are missing.
#[test]
fn a_flapping_host_opens_an_incident_at_the_third_report() {
    let mut story = Story::two_people();
    for report in 1..=2 {
        story.victorops("CRITICAL", &format!("flap-{report}"), json!({ "flapping": "yes", "host": "n1" }));
        story.settle();
        assert_eq!(story.api("decisions?limit=1")["items"][0]["outcome"], format!("waiting {report} of 3"));
        assert!(open(&story).is_empty());
    }
    story.victorops("CRITICAL", "flap-3", json!({ "flapping": "yes", "host": "n1" }));
    story.settle();
    assert_eq!(open(&story).len(), 1);
    assert_eq!(story.incident(1)["alerts"].as_array().unwrap().len(), 3, "those that waited belong to it");
}

/// The routing key on the envelope chooses the policy, whatever its case; the catalog's runbook stands in the page.
#[test]
fn the_routing_key_chooses_the_policy() {
    let mut story = Story::two_people();
    let path = format!("/integrations/generic/20131114/alert/{}/PlatForm", story.server.key("shop-victorops"));
    story.post(&path, &json!({ "message_type": "CRITICAL", "entity_id": "node", "entity_display_name": "Node is gone" }));
    story.settle();
    assert!(story.rings("alice").is_empty());
    let carol = story.rings("carol");
    assert_eq!(carol.len(), 1);
    assert!(carol[0].body.contains("Node is gone"), "{}", carol[0].body);
    assert!(carol[0].header("idempotency-key").is_some());
    let routed = story.api("incidents/1/timeline");
    let routed = routed["items"].as_array().unwrap().iter().find(|l| l["kind"] == "routed").expect("a line about the route");
    assert_eq!(routed["cause"]["plugin"]["name"], "route");
    assert!(routed["cause"]["reason"].as_str().unwrap().contains("platform work"), "{routed:#}");
}

/// Any JSON through a mapping of pointers.
#[test]
fn any_json_is_an_alert() {
    let mut story = Story::two_people();
    let url = format!("/in/{}", story.server.key("shop-anything"));
    let answer = story.post(&url, &json!({ "check": "disk-7", "state": "down", "text": "Disk is full", "level": "critical", "service": "storage", "extra": { "free_mb": 3 } }));
    assert!(answer.status().is_success(), "{}", answer.text().unwrap());
    story.settle();
    let incident = story.incident(1);
    assert_eq!(
        (incident["title"].as_str(), incident["severity"].as_str(), incident["service"].as_str()),
        (Some("Disk is full"), Some("critical"), Some("storage"))
    );
    story.post(&url, &json!({ "check": "disk-7", "state": "ok" }));
    story.settle();
    assert_eq!(story.incident(1)["status"], "resolved");
}

/// A body of 1,000 alerts is taken whole and opens what it should.
#[test]
fn a_body_of_a_thousand_alerts_is_one_record() {
    let mut story = Story::two_people();
    let alerts: Vec<Value> =
        (0..1000).map(|n| json!({ "labels": { "alertname": "Up", "instance": format!("n{n}"), "service": "fleet" } })).collect();
    let answer = story.post(&format!("/am/{}/api/v2/alerts", story.server.key("shop-alertmanager")), &json!(alerts));
    assert_eq!(answer.status(), 200);
    story.settle();
    assert_eq!(open(&story).len(), 1);
    assert_eq!(story.incident(1)["alert_count"], 1000);
}
