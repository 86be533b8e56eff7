//! The harness of the stories: starts the real program with real peers, moves its clock, and reads what people would see.
//!
//! A story reads like prose: an alert comes, five minutes pass, a phone rings. Everything here panics with what it saw and what it
//! expected, since a harness's error is a failed test.

pub mod browser;
pub mod crew;
pub mod discord;
pub mod folder;
pub mod guide;
pub mod mail;
pub mod mattermost;
pub mod opsgenie;
pub mod pagerduty;
pub mod peers;
pub mod phones;
pub mod place;
pub mod postgres;
pub mod provider;
pub mod push;
pub mod redis;
pub mod server;
pub mod slack;
pub mod story;
pub mod teams;
pub mod telegram;
pub mod tls;
pub mod twilio;

pub use crew::Crew;
pub use story::Story;

/// Prints a count past the test runner's capture, so that a run shows what was counted also when it passes.
pub fn counted(line: &str) {
    use std::io::Write as _;
    // A closed output must not fail a story.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
