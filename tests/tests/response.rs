//! Answers: by API, command line and link; idempotent, and on the timeline.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use serde_json::json;

#[test]
fn the_command_line_lists_answers_and_shows() {
    let mut story = Story::two_people();
    let (said, ok) = story.server.cli(&["incident", "list"]);
    assert!(ok && said.contains("Nothing is open"), "{said}");
    story.victorops("CRITICAL", "db", json!({ "entity_display_name": "Database is down" }));
    story.settle();
    let (said, ok) = story.server.cli(&["incident", "list"]);
    assert!(ok && said.contains("Database is down") && said.contains("critical"), "{said}");
    let (said, ok) = story.server.cli(&["incident", "ack", "1"]);
    assert!(ok, "{said}");
    let (said, ok) = story.server.cli(&["incident", "note", "1", "the disk was full"]);
    assert!(ok, "{said}");
    let (said, ok) = story.server.cli(&["incident", "priority", "1", "p1"]);
    assert!(ok, "{said}");
    assert_eq!(story.incident(1)["priority"], "p1");
    let (said, ok) = story.server.cli(&["incident", "resolve", "1"]);
    assert!(ok, "{said}");
    let (said, ok) = story.server.cli(&["incident", "show", "1"]);
    assert!(ok && said.contains("the disk was full") && said.contains("alice acknowledged") && said.contains("resolved"), "{said}");
    let (said, ok) = story.server.cli(&["incident", "ack", "99"]);
    assert!(!ok && said.contains("404") || said.contains("no incident"), "{said}");
}

#[test]
fn an_acknowledgement_can_be_taken_back_and_the_paging_begins_again() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(story.api_post("incidents/1/acknowledge", &json!({})).0, 200);
    story.pass_minutes(30);
    assert!(story.rings("bob").is_empty());
    assert_eq!(story.api_post("incidents/1/unacknowledge", &json!({})).0, 200);
    story.settle();
    assert_eq!(story.rings("alice").len(), 2);
    story.pass_minutes(5);
    assert_eq!(story.rings("bob").len(), 1);
}

#[test]
fn a_link_in_a_message_works_for_a_day_and_for_its_incident_only() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let link = Story::link_in(&story.rings("alice")[0]);
    assert_eq!(story.http.get(&link).send().unwrap().status(), 200);
    let mut broken = link.clone();
    let last = broken.pop().unwrap();
    broken.push(if last == 'A' { 'B' } else { 'A' });
    assert!(story.http.get(&broken).send().unwrap().status().is_client_error(), "a changed link is no link");
    // Answered, so that the day passes quietly.
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.pass_minutes(25 * 60);
    let late = story.http.get(&link).send().unwrap();
    assert!(late.status().is_client_error(), "after a day: {}", late.status());
    assert_eq!(late.status(), 410);
    assert!(late.text().unwrap().contains("works for a limited time, and that has passed"));
}

#[test]
fn a_senders_acknowledgement_and_a_manual_resolve() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.victorops("ACKNOWLEDGEMENT", "db", json!({}));
    story.settle();
    assert_eq!(story.incident(1)["status"], "acknowledged");
    assert_eq!(story.api_post("incidents/1/resolve", &json!({})).0, 200);
    assert_eq!(story.incident(1)["status"], "resolved");
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(story.incident(2)["status"], "firing", "it fires again: a new incident");
}

/// The button in the notification acts by itself, as a phone's app presses it: no browser, no sign-in. A tap on the message opens the page.
#[test]
fn a_button_in_a_notification_acts_by_itself() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let message = story.rings("alice")[0].json();
    let tapped = story.http.get(message["click"].as_str().unwrap()).send().unwrap();
    assert_eq!(tapped.status(), 200, "a tap shows the page without a sign-in");
    assert_eq!(story.incident(1)["status"], "firing", "and looking changes nothing");
    for (label, status) in [("Acknowledge", "acknowledged"), ("Resolve", "resolved")] {
        let button = message["actions"].as_array().unwrap().iter().find(|a| a["label"] == label).unwrap();
        assert_eq!((button["action"].as_str(), button["method"].as_str()), (Some("http"), Some("POST")));
        let pressed = story.http.post(button["url"].as_str().unwrap()).send().unwrap();
        assert!(pressed.status().is_success() || pressed.status().is_redirection(), "{label}: {}", pressed.status());
        story.settle();
        assert_eq!(story.incident(1)["status"], status);
    }
}

/// `reveille send` tries a route from a terminal, and says what the server said.
#[test]
fn send_posts_as_a_tool_would() {
    let mut story = Story::two_people();
    let to = story.server.url(&format!("/integrations/generic/20131114/alert/{}/database", story.server.key("shop-victorops")));
    let (said, ok) =
        story.server.cli(&["send", "--to", &to, "message_type=CRITICAL", "entity_id=db", "entity_display_name=Database is down"]);
    assert!(ok && said.contains("success"), "{said}");
    let (said, ok) = story.server.cli(&["send", "--to", &to, "entity_id=db"]);
    assert!(!ok && said.contains("Missing fields: message_type"), "{said}");
    story.settle();
    assert_eq!(story.incident(1)["title"], "Database is down");
    let (said, ok) = story.server.cli(&["deadletter", "list"]);
    assert!(ok && said.contains("rejected") && said.contains("message_type"), "{said}");
    let (said, ok) = story.server.cli(&["deadletter", "discard", "1"]);
    assert!(ok, "{said}");
    let (said, ok) = story.server.cli(&["deadletter", "list"]);
    assert!(ok && said.contains("No dead letters"), "{said}");
}
