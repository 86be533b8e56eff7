//! Who is paged depends on the week, the handoff and the overrides.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use serde_json::json;

/// Alice's week ends on Monday at nine in Rome (08:00 UTC); the story begins that Monday at 03:00 UTC.
/// Seen red with: every zone read as UTC.
#[test]
fn the_handoff_is_at_nine_in_rome() {
    let mut story = Story::two_people();
    story.pass_seconds(5 * 3600 - 1);
    story.victorops("CRITICAL", "before", json!({}));
    story.settle();
    assert_eq!((story.rings("alice").len(), story.rings("bob").len()), (1, 0));
    story.pass_seconds(1);
    story.victorops("CRITICAL", "after", json!({}));
    story.settle();
    assert_eq!(story.rings("bob").len(), 1, "bob's week has begun");
    let (said, ok) = story.server.cli(&["oncall"]);
    assert!(ok && said.contains("shop-primary") && said.contains("bob"), "{said}");
}

/// Seen red with: overrides are not looked at.
#[test]
fn an_override_takes_the_page() {
    let mut story = Story::two_people();
    let (said, ok) =
        story.server.cli(&["oncall", "override", "shop-primary", "bob", "--from", "2026-03-02T04:00", "--until", "2026-03-02T06:00"]);
    assert!(ok && said.contains("from Mon 2 Mar 2026 04:00 CET until Mon 2 Mar 2026 06:00 CET"), "times of the rotation's clock: {said}");
    let (said, ok) = story.server.cli(&["oncall", "override", "shop-primary", "bob", "--from", "tonight", "--until", "2026-03-02T06:00"]);
    assert!(!ok && said.contains("`from` is \"tonight\", which is no time"), "{said}");
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!((story.rings("alice").len(), story.rings("bob").len()), (0, 1));
    let (said, ok) = story.server.cli(&["oncall", "cancel", "1"]);
    assert!(ok, "{said}");
    story.victorops("CRITICAL", "db2", json!({}));
    story.settle();
    assert_eq!(story.rings("alice").len(), 1, "the override was taken back");
}
