//! What rests and wakes: snoozes, acknowledgements that grow old, silences that mean the end. Each survives a restart.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use reveille_tests::story::Setting;
use serde_json::json;

/// The usual two, whose team has further lines in its document.
fn team_with(lines: &str) -> Story {
    let people = std::fs::read_to_string(reveille_tests::place::root().join("tests/config/people.yaml")).unwrap();
    let people = people.replacen("default_policy: shop\n", &format!("default_policy: shop\n{lines}\n"), 1);
    Story::with(Setting { documents: vec![("people.yaml".into(), people)], ..Setting::default() })
}

fn count(story: &Story, incident: u64, words: &str) -> usize {
    story.timeline(incident).iter().filter(|line| line.contains(words)).count()
}

/// Alice snoozes for two hours. Nobody is paged in them, not a second early; then it begins again with her.
/// Seen red with: what fires again is not routed anew.
#[test]
fn a_snooze_wakes_and_escalates_from_the_start() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(story.api_post("incidents/1/snooze", &json!({ "seconds": 7200 })).0, 200);
    assert_eq!(story.incident(1)["status"], "acknowledged");
    assert_eq!(story.incident(1)["snoozed_until"], "2026-03-02T05:00:00Z");
    story.pass_seconds(7199);
    assert_eq!((story.rings("alice").len(), story.rings("bob").len()), (1, 0), "it rests");
    story.pass_seconds(1);
    assert_eq!((story.rings("alice").len(), story.rings("bob").len()), (2, 0), "it fires again");
    story.pass_minutes(5);
    assert_eq!(story.rings("bob").len(), 1, "and escalates from the start");
    assert_eq!(count(&story, 1, "alice snoozed it until 2026-03-02T05:00:00Z by API"), 1);
    assert_eq!(count(&story, 1, "The snooze is over: it fires again"), 1);
}

/// The server is dead when the snooze ends, and pages as soon as it is back.
/// Seen red with: timers that live as long as the process.
#[test]
fn a_snooze_that_ends_while_the_server_is_down_wakes_at_the_start() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let (said, ok) = story.server.cli(&["incident", "snooze", "1", "--for", "30m"]);
    assert!(ok && said.contains("snoozed until 2026-03-02T03:30:00Z"), "{said}");
    story.server.kill_and_start();
    story.pass_minutes(29);
    assert_eq!(story.rings("alice").len(), 1, "a restart wakes nothing early");
    story.server.outage_of_seconds(3600);
    story.settle();
    assert_eq!(story.rings("alice").len(), 2, "what was due is done at once");
    assert_eq!(count(&story, 1, "The snooze is over"), 1);
}

/// Nine o'clock is nine o'clock in Rome, where alice is; what is past or no time is refused with the remedy.
/// Seen red with: a wall-clock time read as UTC.
#[test]
fn a_snooze_until_a_wall_clock_time_is_in_the_callers_zone() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let (said, ok) = story.server.cli(&["incident", "snooze", "1", "--until", "2026-03-02T09:00"]);
    assert!(ok && said.contains("until 2026-03-02T08:00:00Z"), "{said}");
    let (said, ok) = story.server.cli(&["incident", "snooze", "1", "--until", "2026-03-02T03:59"]);
    assert!(!ok && said.contains("is past"), "{said}");
    let (said, ok) = story.server.cli(&["incident", "snooze", "1", "--until", "tomorrow"]);
    assert!(!ok && said.contains("no time") && said.contains("2026-03-02T09:00"), "{said}");
    let (status, problem) = story.api_post("incidents/1/snooze", &json!({}));
    assert_eq!(status, 422, "{problem}");
    assert_eq!(story.incident(1)["snoozed_until"], "2026-03-02T08:00:00Z", "what was refused changed nothing");
}

/// The same snooze twice is one; a new one takes the old one's place; whoever acknowledges is on it for good.
/// Seen red with: an acknowledgement that does not end the snooze; the same snooze said twice stands there twice.
#[test]
fn a_snooze_is_moved_and_ended_by_people() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    for _ in 0..2 {
        assert_eq!(story.api_post("incidents/1/snooze", &json!({ "until": "2026-03-02T04:00:00Z" })).0, 200);
    }
    assert_eq!(count(&story, 1, "snoozed it until"), 1);
    story.api_post("incidents/1/snooze", &json!({ "until": "2026-03-02T06:00:00Z" }));
    story.pass_minutes(90);
    assert_eq!(story.rings("alice").len(), 1, "four o'clock was moved to six");
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.pass_minutes(6 * 60);
    assert_eq!((story.rings("alice").len(), story.rings("bob").len()), (1, 0), "acknowledged, it does not come back");
    assert_eq!(story.incident(1)["status"], "acknowledged");
}

/// The button of a message and the page behind its link snooze too, without a sign-in.
/// Seen red with: the button acknowledges for good.
#[test]
fn a_button_in_a_message_snoozes_for_half_an_hour() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let message = story.rings("alice")[0].json();
    let button = message["actions"].as_array().unwrap().iter().find(|a| a["label"] == "Snooze 30 min").unwrap().clone();
    assert!(story.http.post(button["url"].as_str().unwrap()).send().unwrap().status().is_redirection());
    assert_eq!(story.incident(1)["snoozed_until"], "2026-03-02T03:30:00Z");
    let page = story.http.get(Story::link_in(&story.rings("alice")[0])).send().unwrap().text().unwrap();
    assert!(page.contains("Snoozed until"), "{page}");
    story.pass_minutes(30);
    assert_eq!(story.rings("alice").len(), 2);
}

/// A worse alert does not wait for the end of a snooze.
/// Seen red with: a snoozed incident does not hear what is worse.
#[test]
fn a_worse_alert_ends_a_snooze() {
    let mut story = Story::two_people();
    story.victorops("WARNING", "web", json!({ "service": "checkout" }));
    story.settle();
    story.api_post("incidents/1/snooze", &json!({ "seconds": 36_000 }));
    story.victorops("CRITICAL", "payments", json!({ "service": "checkout" }));
    story.settle();
    assert_eq!(story.incident(1)["status"], "firing");
    assert_eq!(story.incident(1)["snoozed_until"], json!(null));
    assert_eq!(story.rings("alice").len(), 2);
}

/// Acknowledged for an hour and not resolved: the critical one fires and pages again; the warning may lie as long as it likes.
/// Seen red with: one severity's delay taken for all.
#[test]
fn a_stale_acknowledgement_returns_by_severity() {
    let mut story = team_with("return_after: { critical: 1h }");
    story.victorops("CRITICAL", "db", json!({}));
    story.victorops("WARNING", "disk", json!({}));
    story.settle();
    let (said, ok) = story.server.cli(&["incident", "ack", "1", "2"]);
    assert!(ok, "{said}");
    let before = story.rings("alice").len();
    story.pass_seconds(3599);
    assert_eq!(story.rings("alice").len(), before);
    story.pass_seconds(1);
    assert_eq!(story.rings("alice").len(), before + 1, "it is back");
    assert_eq!(count(&story, 1, "Acknowledged by alice for 1 h and not resolved: it fires again"), 1);
    story.pass_minutes(5);
    assert_eq!(story.rings("bob").len(), 1, "and goes to the next if she sleeps");
    assert_eq!(story.incident(2)["status"], "acknowledged", "no rule for warnings");
}

/// Whoever says again that they are on it has another hour; saying it twice within a minute says nothing.
/// Seen red with: an acknowledgement by somebody who is on it says nothing; a clock that only the first acknowledgement starts.
#[test]
fn a_renewed_acknowledgement_starts_the_clock_anew() {
    let mut story = team_with("return_after: 1h");
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.api_post("incidents/1/acknowledge", &json!({}));
    assert_eq!(count(&story, 1, "alice acknowledged"), 1);
    story.pass_minutes(50);
    story.api_post("incidents/1/acknowledge", &json!({}));
    assert_eq!(count(&story, 1, "alice acknowledged again"), 1);
    story.pass_minutes(59);
    assert_eq!(story.rings("alice").len(), 1);
    story.server.kill_and_start();
    story.pass_minutes(1);
    assert_eq!(story.rings("alice").len(), 2, "sixty minutes after the last word, restarts or not");
}

/// Two hours without a new alert resolve a warning; each new alert starts them anew; the host says that it did it and why.
/// Seen red with: the silence counted from the incident's opening.
#[test]
fn silence_resolves_where_the_team_wants_it() {
    let mut story = team_with("auto_resolve_after: { warning: 2h }");
    story.victorops("WARNING", "disk", json!({}));
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.api_post("incidents/2/acknowledge", &json!({}));
    story.pass_minutes(60);
    story.victorops("WARNING", "disk", json!({}));
    story.pass_minutes(119);
    assert_eq!(story.incident(1)["status"], "acknowledged");
    story.pass_minutes(1);
    assert_eq!(story.incident(1)["status"], "resolved");
    assert_eq!(story.timeline(1).last().unwrap(), "Resolved: no alert came for 2 h");
    story.pass_minutes(600);
    assert_eq!(story.incident(2)["status"], "acknowledged", "no rule for critical ones");
}

/// A rule that is written after the fact holds for what is open already.
/// Seen red with: only incidents that change get the timers of a new rule.
#[test]
fn a_new_rule_covers_open_incidents() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.pass_minutes(30);
    let config = story.server.dir.join("config");
    let people = std::fs::read_to_string(config.join("people.yaml")).unwrap();
    std::fs::write(config.join("people.yaml"), people.replacen("default_policy: shop\n", "default_policy: shop\nreturn_after: 1h\n", 1))
        .unwrap();
    let (said, ok) = story.server.cli(&["config", "apply", config.to_str().unwrap()]);
    assert!(ok, "{said}");
    story.pass_minutes(29);
    assert_eq!(story.rings("alice").len(), 1);
    story.pass_minutes(1);
    assert_eq!(story.rings("alice").len(), 2, "an hour after the acknowledgement");
}

/// A delay that makes no sense is refused with its place.
/// Seen red with: short delays are not looked at.
#[test]
fn delays_are_checked_where_they_are_written() {
    let mut story = Story::two_people();
    let config = story.server.dir.join("config");
    let people = std::fs::read_to_string(config.join("people.yaml")).unwrap();
    for (line, words) in [("return_after: 5s", "at least a minute"), ("auto_resolve_after: { fatal: 1h }", "unknown key `fatal`")] {
        let changed = people.replacen("default_policy: shop\n", &format!("default_policy: shop\n{line}\n"), 1);
        std::fs::write(config.join("people.yaml"), changed).unwrap();
        let (said, ok) = story.server.cli(&["config", "apply", config.to_str().unwrap()]);
        assert!(!ok && said.contains(words) && said.contains("people.yaml"), "{said}");
    }
    story.settle();
}
