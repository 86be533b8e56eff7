//! Series of alerts on a clock that the test moves, as a server would ask about them.

use reveille_sdk::prelude::*;
use serde_json::{Value, json};
use threshold::Threshold;

fn plugin(rule: &Value) -> mock::Instance<Threshold> {
    mock::forget();
    mock::Instance::configure(&json!({ "rules": [rule] })).expect("the settings are right")
}

/// A failed log-in at a time in seconds.
fn login(plugin: &mock::Instance<Threshold>, seconds: i64, user: &str, host: &str) -> Verdict {
    mock::at(seconds * 1000);
    let alert = Report::firing(Severity::Warning).source("sshd").label("user", user).label("host", host);
    plugin.filter(alert.received_at(seconds * 1000)).expect("it gives a verdict")
}

fn held(there: usize) -> Verdict {
    Verdict::suppress(format!("spray: {there} of 3 within 300 s"))
}

fn spray() -> Value {
    json!({ "name": "spray", "key": "{{labels.user}}", "distinct": "{{labels.host}}", "count": 3, "within_seconds": 300 })
}

#[test]
fn one_user_on_three_hosts_is_let_through_and_on_one_host_is_not() {
    let plugin = plugin(&spray());
    for seconds in 0..20 {
        assert_eq!(login(&plugin, seconds, "root", "web1"), held(1));
    }
    assert_eq!(login(&plugin, 30, "root", "web2"), held(2));
    assert_eq!(login(&plugin, 31, "alice", "web3"), held(1));
    assert_eq!(login(&plugin, 40, "root", "web3"), Verdict::Keep);
    // It goes on: what comes next is let through as long as three hosts are within the window.
    assert_eq!(login(&plugin, 50, "root", "web1"), Verdict::Keep);
    // web2 was last seen at 30, web3 at 40 and web1 at 50.
    assert_eq!(login(&plugin, 329, "root", "web1"), Verdict::Keep);
    assert_eq!(login(&plugin, 330, "root", "web1"), held(2));
    assert_eq!(login(&plugin, 340, "root", "web1"), held(1));
}

#[test]
fn alerts_are_counted_where_no_value_is_named() {
    let plugin = plugin(&json!({ "name": "spray", "key": "{{labels.user}}", "count": 3, "within_seconds": 300 }));
    assert_eq!(login(&plugin, 0, "root", "web1"), held(1));
    assert_eq!(login(&plugin, 1, "root", "web1"), held(2));
    assert_eq!(login(&plugin, 2, "root", "web1"), Verdict::Keep);
    // All three were within 300 s of it; of the next one only the last two are.
    assert_eq!(login(&plugin, 300, "root", "web1"), Verdict::Keep);
    assert_eq!(login(&plugin, 302, "root", "web1"), held(2));
}

#[test]
fn a_recovery_is_never_held_back_nor_counted() {
    let plugin = plugin(&spray());
    login(&plugin, 0, "root", "web1");
    login(&plugin, 1, "root", "web2");
    let recovery = Report::new(Status::Resolved, Severity::Warning).label("user", "root").label("host", "web3").received_at(2_000);
    assert_eq!(plugin.filter(recovery), Ok(Verdict::Keep));
    assert_eq!(login(&plugin, 3, "root", "web2"), held(2));
}

/// Guards against a plugin that holds back what it cannot count.
#[test]
fn without_state_everything_is_let_through() {
    let plugin = plugin(&spray());
    mock::state_unavailable(true);
    assert_eq!(login(&plugin, 0, "root", "web1"), Verdict::Keep);
    let told = mock::log_lines().remove(0).message;
    assert!(told.starts_with("rule spray lets an alert through, as it cannot count"), "{told}");
}

#[test]
fn long_keys_stay_apart() {
    let plugin = plugin(&spray());
    let user = |end: &str| format!("{}{end}", "é".repeat(200));
    login(&plugin, 0, &user("a"), "web1");
    login(&plugin, 1, &user("a"), "web2");
    assert_eq!(login(&plugin, 2, &user("b"), "web3"), held(1));
    assert_eq!(login(&plugin, 2, &user("a"), "web3"), Verdict::Keep);
}

#[test]
fn what_is_remembered_of_a_full_window_fits_into_one_value() {
    let plugin = plugin(&json!({ "name": "flood", "key": "all", "count": 1000, "within_seconds": 2_592_000 }));
    for seconds in 0..1500 {
        let verdict = login(&plugin, seconds, "root", "web1");
        assert_eq!(verdict == Verdict::Keep, seconds >= 999, "{seconds}");
    }
    assert!(mock::log_lines().is_empty());
}

#[test]
fn the_settings_narrow_what_is_read() {
    assert_eq!(plugin(&spray()).reads(), ["labels.host", "labels.user", "received_at"]);
}
