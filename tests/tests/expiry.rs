//! Alerts that carry their own end: resolved when nobody reports them again, and never because of an outage of ours.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use serde_json::json;

/// As Prometheus sends: the end lies four minutes ahead of the story's 03:00.
fn prometheus_reports(story: &Story, ends: &str) {
    let path = format!("/am/{}/api/v2/alerts", story.server.key("shop-alertmanager"));
    let alert = json!([{ "labels": { "alertname": "TargetDown", "service": "checkout", "severity": "critical" }, "startsAt": "2026-03-02T02:59:00Z", "endsAt": ends }]);
    assert_eq!(story.post(&path, &alert).status(), 200);
}

#[test]
fn an_alert_that_is_not_reported_again_resolves_after_its_end_and_a_grace() {
    let mut story = Story::two_people();
    prometheus_reports(&story, "2026-03-02T03:04:00Z");
    story.settle();
    story.pass_minutes(3);
    prometheus_reports(&story, "2026-03-02T03:07:00Z");
    story.pass_seconds(4 * 60);
    assert_eq!(story.incident(1)["status"], "firing", "it was reported again, so its end moved");
    story.pass_seconds(60);
    assert_eq!(story.incident(1)["status"], "resolved");
    let told = story.timeline(1).join("\n");
    assert!(told.contains("Not reported again"), "{told}");
}

#[test]
fn an_outage_of_ours_resolves_nothing() {
    let mut story = Story::two_people();
    prometheus_reports(&story, "2026-03-02T03:04:00Z");
    story.settle();
    story.server.outage_of_seconds(3600);
    story.settle();
    assert_eq!(story.incident(1)["status"], "firing", "nobody could report while we were away");
    prometheus_reports(&story, "2026-03-02T04:05:00Z");
    story.pass_seconds(6 * 60);
    assert_eq!(story.incident(1)["status"], "resolved");
}

/// A suppression with an end: what still fires then pages as if it had been kept.
#[test]
fn a_suppression_that_ends_pages_for_what_still_fires() {
    let alerts = std::fs::read_to_string(reveille_tests::place::root().join("tests/config/alerts.yaml")).unwrap();
    let alerts =
        alerts.replace("suppress: { reason: \"staging wakes nobody\" }", "suppress: { reason: \"give it ten minutes\", for_seconds: 600 }");
    let setting = reveille_tests::story::Setting { documents: vec![("alerts.yaml".into(), alerts)], ..Default::default() };
    let mut story = Story::with(setting);
    story.victorops("CRITICAL", "slow-start", json!({ "env": "staging" }));
    story.victorops("CRITICAL", "recovers", json!({ "env": "staging" }));
    story.pass_minutes(9);
    assert!(story.rings("alice").is_empty());
    story.victorops("RECOVERY", "recovers", json!({ "env": "staging" }));
    story.pass_minutes(2);
    assert_eq!(story.rings("alice").len(), 1, "one still fires, one does not");
}
