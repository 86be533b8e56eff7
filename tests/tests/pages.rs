//! The pages in a real browser: the three-at-night test on a phone, a working day on a desktop, hostile values everywhere.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use reveille_tests::browser::{Browser, DESKTOP, PHONE, Size};
use serde_json::json;

fn sign_in(story: &Story, browser: &Browser, user: &str) {
    let (link, ok) = story.server.cli(&["access", "sign-in", user]);
    assert!(ok, "{link}");
    browser.go(link.lines().next().unwrap());
    browser.press(if user == "alice" { "Sign in as Alice Rossi" } else { "Sign in as Bob Jensen" });
}

/// From the message to an acknowledgement: the link, one button under the thumb, no sign-in, nothing above it to scroll past.
#[test]
fn three_at_night_on_a_phone() {
    let mut story = Story::two_people();
    story.victorops(
        "CRITICAL",
        "checkout/latency",
        json!({ "entity_display_name": "Checkout is slow", "service": "checkout", "state_message": "p99 is 4 s" }),
    );
    story.settle();
    let link = Story::link_in(&story.rings("alice")[0]);
    for dark in [true, false] {
        let browser = Browser::open(PHONE, dark);
        browser.go(&link);
        browser.sees("Checkout is slow");
        browser.picture(if dark { "link-phone-dark" } else { "link-phone-light" });
        assert!(browser.bottom_of_button("Acknowledge") <= f64::from(PHONE.1), "the button can be pressed without scrolling");
        assert!(!browser.scrolls_sideways());
        assert!(browser.text().contains("Open the runbook"), "what to do first stands there: {}", browser.text());
        if dark {
            continue;
        }
        browser.press("Acknowledge");
        browser.sees("You are on it");
        browser.picture("link-phone-acknowledged");
        assert!(browser.console_errors().is_empty(), "{:?}", browser.console_errors());
    }
    assert_eq!(story.incident(1)["status"], "acknowledged");
}

/// A working day: the list announces what is new and waits; an incident is read, acknowledged by key and resolved by button.
#[test]
fn a_working_day_on_a_desktop() {
    let mut story = Story::two_people();
    let browser = Browser::open(DESKTOP, false);
    browser.go(&story.server.url("/"));
    browser.sees("Sign in");
    browser.picture("sign-in-desktop-light");
    sign_in(&story, &browser, "alice");
    browser.sees("Incidents");
    browser.picture("empty-desktop-light");
    story.victorops("CRITICAL", "db", json!({ "entity_display_name": "Database is down", "service": "orders" }));
    // News is gathered for a moment before it is told, on the server's clock.
    story.pass_seconds(2);
    browser.sees("1 new");
    browser.picture("one-new-desktop-light");
    assert!(!browser.text().contains("Database is down"), "new things announce themselves and wait");
    browser.go(&story.server.url("/"));
    browser.sees("Database is down");
    browser.picture("incidents-desktop-light");
    browser.key("j");
    browser.key("a");
    browser.sees("Alice");
    story.settle();
    assert_eq!(story.incident(1)["status"], "acknowledged");
    browser.go(&story.server.url("/incidents/1"));
    browser.sees("correlate");
    browser.picture("incident-desktop-light");
    browser.press("Resolve");
    browser.sees("Resolved");
    story.settle();
    assert_eq!(story.incident(1)["status"], "resolved");
    for (path, words, name) in [("/on-call", "shop-primary", "on-call"), ("/pipeline", "correlate", "pipeline")] {
        browser.go(&story.server.url(path));
        browser.sees(words);
        browser.picture(&format!("{name}-desktop-light"));
        assert!(!browser.scrolls_sideways(), "{path}");
    }
    assert!(browser.console_errors().is_empty(), "{:?}", browser.console_errors());
}

/// Values from alerts are data: markup does nothing, long texts and many labels break no layout, on either size, dark and light.
#[test]
fn hostile_values_are_only_text() {
    let mut story = Story::two_people();
    let mut body = json!({
        "entity_display_name": "<img src=x onerror=alert(1)> <script>alert(2)</script> \u{202e}txt.exe \u{1f525}\u{1f525}",
        "state_message": "wide".repeat(5000), "service": "a".repeat(200), "monitoring_tool": "'\"><svg onload=alert(3)>",
        "vo_annotate.u.Click me": "javascript:alert(4)",
    });
    for number in 0..120 {
        body[format!("label_{number}_{}", "x".repeat(60))] = json!("y".repeat(900));
    }
    story.victorops("CRITICAL", &"entity".repeat(80), body);
    story.settle();
    for (size, dark, name) in [(PHONE, true, "phone-dark"), (DESKTOP, false, "desktop-light")] {
        let browser = Browser::open(size, dark);
        sign_in(&story, &browser, "alice");
        for (path, page) in [("/", "incidents"), ("/incidents/1", "incident"), ("/on-call", "on-call"), ("/pipeline", "pipeline")] {
            check(&story, &browser, path, &format!("hostile-{page}-{name}"), size);
        }
    }
    let link = Story::link_in(&story.rings("alice")[0]);
    let browser = Browser::open(PHONE, true);
    browser.go(&link);
    browser.sees("<script>");
    assert!(browser.bottom_of_button("Acknowledge") <= f64::from(PHONE.1));
    assert!(!browser.scrolls_sideways());
    browser.picture("hostile-link-phone-dark");
}

fn check(story: &Story, browser: &Browser, path: &str, name: &str, size: Size) {
    browser.go(&story.server.url(path));
    browser.picture(name);
    assert!(!browser.scrolls_sideways(), "{path} at {size:?}");
    let found =
        browser.script("return document.querySelectorAll('main img, main script, main svg[onload], a[href^=\"javascript:\"]').length");
    assert_eq!(found, json!(0), "{path}: markup from an alert became an element");
    assert!(browser.console_errors().is_empty(), "{path}: {:?}", browser.console_errors());
}
