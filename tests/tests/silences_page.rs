//! Silences in a real browser: from an incident to a silence and back, on a phone and on a desktop; what can be done on call; and the page
//! behind a message about several incidents.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::browser::{Browser, DESKTOP, PHONE, Size};
use reveille_tests::{Crew, Story};
use serde_json::json;

const SIZES: [(Size, bool, &str); 4] =
    [(PHONE, false, "phone-light"), (PHONE, true, "phone-dark"), (DESKTOP, false, "desktop-light"), (DESKTOP, true, "desktop-dark")];

fn sign_in(story: &Story, browser: &Browser) {
    let (link, ok) = story.server.cli(&["access", "sign-in", "alice"]);
    assert!(ok, "{link}");
    browser.go(link.lines().next().unwrap());
    let name = if browser.text().contains("Alice Rossi") { "Sign in as Alice Rossi" } else { "Sign in as alice" };
    browser.press(name);
    // The page after it, or the next address would be overtaken by it.
    browser.sees("On call");
}

fn type_in(browser: &Browser, field: &str, text: &str) {
    browser.script(&format!("document.querySelector('[name={field}]').value = {text:?}"));
}

fn look(story: &Story, path: &str, words: &str, name: &str) {
    for (size, dark, suffix) in SIZES {
        let browser = Browser::open(size, dark);
        sign_in(story, &browser);
        browser.go(&story.server.url(path));
        browser.sees(words);
        browser.picture(&format!("{name}-{suffix}"));
        assert!(!browser.scrolls_sideways(), "{path} {suffix}");
        assert!(browser.console_errors().is_empty(), "{path}: {:?}", browser.console_errors());
        assert_eq!(small_targets(&browser), json!([]), "{path} {suffix}");
    }
}

/// Buttons, fields and links of the navigation that a thumb would miss.
fn small_targets(browser: &Browser) -> serde_json::Value {
    browser.script(
        "return [...document.querySelectorAll('button, select, textarea, input:not([type=hidden]), nav a, summary, .button')]
            .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5 && e.type !== 'checkbox')
            .map(e => e.outerHTML.slice(0, 80))",
    )
}

/// Planted bug that this finds: what is counted as held back is everything that matches, whether it fires or not.
#[test]
fn from_an_incident_to_a_silence_and_back() {
    let mut story = Story::two_people();
    let down = |story: &mut Story, kind: &str| {
        story.victorops(kind, "db-1", json!({ "entity_display_name": "Database is down", "service": "orders" }));
        story.settle();
    };
    down(&mut story, "CRITICAL");
    let browser = Browser::open(PHONE, true);
    sign_in(&story, &browser);
    browser.go(&story.server.url("/incidents/1"));
    // Above what is fixed to the bottom of a phone.
    browser.script("document.querySelector('a[href^=\"/silences/new\"]').scrollIntoView({ block: 'center' })");
    browser.press("Silence this for …");
    browser.sees("In the last 7 days it would have muted 1 report about 1 thing (orders 1).");
    browser.sees("1 incident would not have been opened (#1)");
    type_in(&browser, "purpose", "the disk is being replaced");
    browser.press("Silence");
    browser.sees("The silence is made.");
    browser.sees("Holds back nothing now");
    browser.sees("the disk is being replaced");
    // It fires again: now it is held back, and nobody is paged for it anew.
    down(&mut story, "RECOVERY");
    let pages = story.rings("alice").len();
    down(&mut story, "CRITICAL");
    assert_eq!(story.rings("alice").len(), pages);
    browser.go(&story.server.url("/silences"));
    browser.sees("Holds back 1 alert");
    browser.press("End now");
    browser.sees("The silence is over.");
    story.settle();
    story.pass_seconds(1);
    assert!(story.rings("alice").len() > pages, "what still fires pages now");
    browser.sees("Nothing is silenced");
    assert!(browser.console_errors().is_empty(), "{:?}", browser.console_errors());
}

#[test]
fn the_pages_at_every_size() {
    let more = "---\nkind: Maintenance\nid: backup\nteam: shop\nmatchers: ['service=\"checkout\"', 'host=~\"db-.*\"']\nowner: alice\n\
                purpose: The databases are copied and are slow.\ntime_zone: Europe/Rome\nstarts: 2026-03-08T02:00\nlasts: 2h\n\
                rrule: FREQ=WEEKLY;BYDAY=SU\n";
    let mut story = Crew { team: "aggregate: true", more, ..Crew::default() }.story();
    look(&story, "/on-call", "Put somebody on call", "on-call");
    let long = "x".repeat(300);
    for (matcher, purpose) in [("service=\"orders\"", "the disk is being replaced"), (&*format!("entity=\"{long}\""), long.as_str())] {
        let (status, said) = story.api_post("silences", &json!({ "matchers": [matcher], "seconds": 5400, "purpose": purpose }));
        assert_eq!(status, 201, "{said}");
    }
    story.victorops("CRITICAL", "db-1", json!({ "entity_display_name": "Database is down", "service": "orders" }));
    for (entity, severity) in [("web", "CRITICAL"), ("queue", "WARNING"), ("cache", "CRITICAL")] {
        let title = format!("{entity} does not answer since the deployment of 4.2.1 and nobody knows why");
        story.victorops(severity, entity, json!({ "entity_display_name": title, "service": format!("{entity}-service") }));
        story.settle();
    }
    look(&story, "/silences", "Holds back 1 alert", "silences");
    look(&story, "/silences/new?incident=2", "In the last 7 days", "silence-form");
    let all = story.rings("alice").into_iter().find(|ring| ring.body.contains("Acknowledge all")).expect("a message about several");
    let link = Story::link_in(&all);
    for (size, dark, suffix) in SIZES {
        let browser = Browser::open(size, dark);
        browser.go(&link);
        browser.sees("3 of 3 incidents need an answer");
        browser.picture(&format!("link-all-{suffix}"));
        assert!(browser.bottom_of_button("Acknowledge all 3") <= f64::from(size.1), "the button can be pressed without scrolling");
        assert!(!browser.scrolls_sideways());
        assert_eq!(small_targets(&browser), json!([]), "{suffix}");
        if size.0 == DESKTOP.0 && dark {
            browser.press("Acknowledge all 3");
            browser.sees("All 3 incidents are answered");
            browser.picture("link-all-done-desktop-dark");
        }
    }
}
