//! The product's spine as stories: an alert becomes a page, nobody answers, somebody does, it recovers; the timeline tells all of it.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use serde_json::json;

/// Checkout breaks at night; the person on call sleeps; the second one answers from the message.
#[test]
fn an_alert_becomes_a_page_and_the_page_is_answered() {
    let mut story = Story::two_people();

    let taken = story.victorops(
        "CRITICAL",
        "checkout/latency",
        json!({ "state_message": "p99 is 4 s", "entity_display_name": "Checkout is slow", "service": "checkout" }),
    );
    assert_eq!(taken.status(), 200);
    assert_eq!(taken.json::<serde_json::Value>().unwrap(), json!({ "result": "success", "entity_id": "checkout/latency" }));

    story.settle();
    assert_eq!(story.rings("alice").len(), 1, "alice is on call until nine in the morning");
    assert_eq!(story.mail.to("alice@example.org").len(), 1, "she has mail too");
    assert!(story.rings("bob").is_empty(), "nobody else is woken yet");
    let message = &story.rings("alice")[0];
    assert!(message.body.contains("Checkout is slow"), "{}", message.body);

    story.pass_minutes(5);
    assert_eq!(story.rings("bob").len(), 1, "five minutes of silence page the second person");
    assert!(story.mail.to("bob@example.org").is_empty(), "bob's mail waits two minutes more");

    // Mail scanners follow links: looking must not acknowledge.
    let link = Story::link_in(&story.rings("bob")[0]);
    let shown = story.http.get(&link).send().unwrap();
    assert_eq!(shown.status(), 200);
    assert!(shown.text().unwrap().contains("Checkout is slow"));
    assert_eq!(story.incident(1)["status"], "firing");

    let pressed = story.press(&link, "acknowledge");
    assert!((200..400).contains(&pressed), "{pressed}");
    story.settle();
    assert_eq!(story.incident(1)["status"], "acknowledged");

    story.pass_minutes(60);
    assert!(story.mail.to("bob@example.org").is_empty(), "an answered page is not repeated by mail");
    assert_eq!((story.rings("alice").len(), story.rings("bob").len()), (1, 1), "nobody is paged after an acknowledgement");

    story.victorops("RECOVERY", "checkout/latency", json!({}));
    story.settle();
    assert_eq!(story.incident(1)["status"], "resolved");
    assert_timeline(&story, 1, include_str!("timelines/first_evening.txt"));
}

/// Compares a timeline with a hand-written one, line by line.
fn assert_timeline(story: &Story, incident: u64, expected: &str) {
    let mut told = story.timeline(incident);
    let expected: Vec<&str> = expected.lines().filter(|l| !l.is_empty()).collect();
    // Two messages that leave at one moment may arrive in either order.
    for at in 1..told.len() {
        if told[at - 1] == "mail took the page for alice" && told[at] == "ntfy took the page for alice" {
            told.swap(at - 1, at);
        }
    }
    assert_eq!(told, expected, "\n--- the timeline ---\n{}\n", told.join("\n"));
}
