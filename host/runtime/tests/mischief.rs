//! What a sandbox has to survive: traps, endless loops, hunger, floods, sleep, and asking for what was not granted.

mod house;

use domain::alert::{Edit, Severity};
use domain::command::{Actor, Command, Operation, Subject};
use domain::decision::Stage;
use domain::inbound::{Event, Inbound, Method};
use domain::time::Millis;
use house::{House, MISCHIEF_ASKS, MISCHIEF_HOOKS, doing, full_alert, said};
use ports::CallFailure;
use std::sync::atomic::Ordering;

fn trapped(house: &House, what: &str) -> String {
    match house.mischief(what).filter(&full_alert()) {
        Err(CallFailure::Trapped(why)) => why,
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_trap_says_the_guests_last_words_and_the_next_call_gets_a_fresh_instance() {
    let house = House::new();
    let mut instance = house.mischief("trap");
    for _ in 0..3 {
        let Err(CallFailure::Trapped(why)) = instance.filter(&full_alert()) else { panic!("it did not trap") };
        assert!(why.starts_with("panicked: ") && why.contains("as told") && !why.contains("thread"), "{why}");
    }
}

#[test]
fn a_loop_ends_at_its_deadline() {
    let house = House::new();
    let mut instance = house.mischief_with("loop", "[limits]\ndeadline = \"20ms\"");
    assert_eq!(instance.filter(&full_alert()), Err(CallFailure::Deadline(20)));
}

#[test]
fn a_sleeper_is_trapped_at_once() {
    assert!(trapped(&House::new(), "sleep").contains("waited, and a plugin may not"));
}

#[test]
fn a_loop_in_configure_refuses_the_plugin() {
    let house = House::with(|settings| settings.limits.configure_deadline_ms = 30);
    house.install("mischief", "mischief", MISCHIEF_HOOKS, MISCHIEF_ASKS);
    let why = house.refused("mischief", Stage::Filter, &doing("loop-in-configure"));
    assert_eq!(why, "cannot be configured: took longer than its deadline of 30 ms");
}

#[test]
fn hunger_is_told_with_the_line_of_the_manifest() {
    let why = trapped(&House::new(), "grow");
    assert!(why.contains("plugin.toml's limits.memory is 16384 KiB"), "{why}");
}

#[test]
fn an_instance_past_its_high_water_mark_is_replaced() {
    // Each call keeps 7 MiB of the 16; past 12 MiB (75 %) the instance is replaced, and its count begins again.
    let mut instance = House::new().mischief("hoard");
    let counts: Vec<String> = (0..4).map(|_| said(instance.filter(&full_alert()).unwrap())).collect();
    assert_eq!(counts, ["1", "2", "1", "2"]);
}

#[test]
fn an_instance_is_warm_until_its_last_call() {
    let house = House::with(|settings| settings.limits.calls_per_instance = 3);
    let mut instance = house.mischief("count");
    let counts: Vec<String> = (0..5).map(|_| said(instance.filter(&full_alert()).unwrap())).collect();
    assert_eq!(counts, ["1", "2", "3", "1", "2"]);
}

#[test]
fn per_call_isolation_forgets_everything() {
    let mut instance = House::new().mischief_with("count", "isolation = \"per-call\"");
    assert_eq!(said(instance.filter(&full_alert()).unwrap()), "1");
    assert_eq!(said(instance.filter(&full_alert()).unwrap()), "1");
}

#[test]
fn a_huge_result_is_an_error() {
    assert_eq!(trapped(&House::new(), "huge"), "its result is over 256 KiB");
}

#[test]
fn a_flood_of_log_lines_and_print_do_no_harm() {
    let house = House::new();
    for what in ["flood", "print"] {
        let mut instance = house.mischief(what);
        assert_eq!(said(instance.filter(&full_alert()).unwrap()), "1");
        assert_eq!(said(instance.filter(&full_alert()).unwrap()), "2");
    }
}

#[test]
fn the_world_is_closed() {
    let house = House::new();
    assert!(trapped(&house, "exit").contains("called exit"));
    for (what, seen) in [("file", "false"), ("environment", "0 0")] {
        assert_eq!(said(house.mischief(what).filter(&full_alert()).unwrap()), seen, "{what}");
    }
}

#[test]
fn the_clock_tells_only_a_declared_time() {
    let house = House::new();
    assert_eq!(said(house.mischief("clock").filter(&full_alert()).unwrap()), "0");
    let mut declared = house.mischief_with("clock", "reads = [\"received_at\"]");
    assert_eq!(said(declared.filter(&full_alert()).unwrap()), "2000");
}

#[test]
fn hash_maps_come_out_the_same_in_every_instance() {
    let house = House::new();
    let first = said(house.mischief("random").filter(&full_alert()).unwrap());
    assert_eq!(said(house.mischief("random").filter(&full_alert()).unwrap()), first);
}

#[test]
fn tables_are_read_when_declared_and_trap_when_not() {
    let house = House::new();
    assert_eq!(said(house.mischief("lookup").filter(&full_alert()).unwrap()), r#"Ok(Some([("owner", "web")]))"#);
    let why = trapped(&house, "snoop");
    assert_eq!(why, "asked for the table `salaries`, which is not declared: add \"salaries\" to `lookups` (plugin.toml, line 5)");
}

#[test]
fn keys_sign_when_granted_and_trap_when_not() {
    let house = House::new();
    let signed = said(house.mischief("sign").filter(&full_alert()).unwrap());
    // RFC 4231, test case 2: 5bdcc146…
    assert!(signed.starts_with("Ok([91, 220, 193, 70"), "{signed}");
    let why = trapped(&house, "steal");
    assert_eq!(why, "asked for the key `other`, which is not granted: add `other` to grants.mischief.keys");
}

#[test]
fn assets_are_read_in_parts() {
    let house = House::new();
    std::fs::create_dir_all(house.plugin("mischief").join("rules")).unwrap();
    std::fs::write(house.plugin("mischief").join("rules/a.yml"), "abcdef").unwrap();
    assert_eq!(said(house.mischief("assets").filter(&full_alert()).unwrap()), "rules/a.yml:6 cde");
    // Its files are part of what it is.
    let digest = || house.sandbox.installed_package("mischief").unwrap().digest().to_owned();
    let before = digest();
    std::fs::write(house.plugin("mischief").join("rules/a.yml"), "abcdeg").unwrap();
    assert_ne!(digest(), before);
}

#[test]
fn edits_have_a_limit_and_long_reasons_are_cut() {
    let house = House::new();
    house.install("mischief", "mischief", MISCHIEF_HOOKS, MISCHIEF_ASKS);
    let enrich = |what: &str| house.prepare("mischief", Stage::Enrich, &doing(what)).unwrap().instance().enrich(&full_alert());
    let patch = enrich("few").unwrap();
    assert_eq!((patch.edits.len(), &patch.edits[0]), (64, &Edit::SetLabel("l0".into(), "x".into())));
    assert!(patch.reason.len() <= 1024 && patch.reason.ends_with('…'));
    assert_eq!(enrich("many"), Err(CallFailure::Trapped("gave 65 edits, and 64 are the most".into())));
}

fn inbound() -> Inbound {
    Inbound {
        id: "in-1".into(),
        received_at: Millis(4000),
        method: Method::Post,
        url: "https://reveille.example/in/***".into(),
        path: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

#[test]
fn normalized_alerts_are_put_in_order() {
    let house = House::new();
    house.install("mischief", "mischief", MISCHIEF_HOOKS, MISCHIEF_ASKS);
    let normalize = |what: &str| {
        let plugin = house.prepare("mischief", Stage::Normalize, &doing(what)).unwrap();
        plugin.instance().normalize(&inbound())
    };
    let events = normalize("two").unwrap().unwrap().events;
    let [Event::Alert(first), Event::Alert(second)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((first.entity.as_str(), second.entity.as_str()), ("in-1-0", "in-1-1"));
    assert_eq!((first.received_at, first.severity), (Millis(4000), Severity::Error));
    assert_eq!(first.labels, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "3".to_owned())]);
    assert_eq!(first.summary.as_ref().map(String::len), Some(1024));

    let events = normalize("long").unwrap().unwrap().events;
    let [Event::Alert(long)] = &events[..] else { panic!("{events:?}") };
    // printf 'e%.0s' {1..600} | sha256sum
    assert!(long.entity.len() == 512 && long.entity.starts_with("eee"), "{}", long.entity);

    assert_eq!(normalize("many"), Err(CallFailure::Trapped("gave 1001 events, and 1000 are the most".into())));
    let command =
        Command { subject: Subject::Entity("db".into()), actor: Actor::Integration("".into()), operation: Operation::Acknowledge };
    assert_eq!(normalize("acknowledge").unwrap().unwrap().events, [Event::Command(command)]);
    let events = normalize("snooze").unwrap().unwrap().events;
    let [Event::Command(snooze)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(snooze.operation, Operation::Snooze(Millis(4000 + 60_000)), "60 s after it came in");
}

#[test]
fn a_hook_that_was_not_prepared_fails() {
    let mut instance = House::new().mischief("count");
    assert!(matches!(instance.enrich(&full_alert()), Err(CallFailure::Internal(why)) if why.contains("prepared for the hook `filter`")));
}

#[test]
fn rejections_do_not_count_and_failures_switch_the_plugin_off_until_a_trial_succeeds() {
    let house = House::with(|settings| {
        settings.breaker.failures = 3;
        settings.breaker.pause_seconds = 30;
    });
    let mut rejecting = house.mischief("reject");
    for _ in 0..5 {
        assert_eq!(rejecting.filter(&full_alert()), Err(CallFailure::Rejected("not mine".into())));
    }
    let mut lacking = house.mischief("lack");
    for _ in 0..5 {
        assert_eq!(lacking.filter(&full_alert()), Err(CallFailure::Unavailable("no table".into())));
    }
    let mut failing = house.mischief("fail");
    for _ in 0..3 {
        assert_eq!(failing.filter(&full_alert()), Err(CallFailure::Internal("my fault".into())));
    }
    // Another instance of the same plugin is switched off too, and one incident is opened.
    let mut good = house.mischief("count");
    assert_eq!(good.filter(&full_alert()), Err(CallFailure::SwitchedOff(3)));
    let told = |at: usize| house.raised.0.lock().unwrap().get(at).map(|notice| (notice.cause.clone(), notice.over));
    assert_eq!((told(0), told(1)), (Some(("breaker/mischief".into(), false)), None));
    let summary = house.raised.0.lock().unwrap()[0].summary.clone();
    assert!(summary.ends_with("after 3 failures in a row: failed: my fault"), "a phone shows the reason: {summary}");

    // The trial after the pause fails: off for another pause, without another notice.
    house.clock.0.store(30_000, Ordering::SeqCst);
    assert_eq!(failing.filter(&full_alert()), Err(CallFailure::Internal("my fault".into())));
    assert_eq!(good.filter(&full_alert()), Err(CallFailure::SwitchedOff(4)));
    assert_eq!(told(1), None);

    house.clock.0.store(60_000, Ordering::SeqCst);
    assert_eq!(said(good.filter(&full_alert()).unwrap()), "1");
    assert_eq!(told(1), Some(("breaker/mischief".into(), true)));
    assert_eq!(said(good.filter(&full_alert()).unwrap()), "2");
}
