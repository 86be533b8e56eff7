//! Failures at each edge of a commit: the work is done all the same, and no step twice.

mod world;

use domain::action::{Action, Change, Risk, Step};
use domain::inbound::Method;
use domain::page::HttpRequest;
use fail::FailScenario;
use ports::Automated;
use ports::plugin::IncidentEvent;
use world::{World, doer};

/// All fail points of this room.
const FAIL_POINTS: [&str; 9] = [
    "router.before.commit",
    "router.after.commit",
    "escalation.before.commit",
    "escalation.after.commit",
    "delivery.before.claim",
    "delivery.after.claim",
    "delivery.before.send",
    "delivery.after.accepted",
    "delivery.after.record",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_at_any_edge_neither_loses_nor_repeats_a_step() {
    for point in FAIL_POINTS {
        let scenario = FailScenario::setup();
        fail::cfg(point, "1*panic->off").unwrap();
        let world = World::usual();
        let id = world.open(|_| {}).await;
        // A failed pass is done again after a pause; a lost claim lapses after a minute.
        for _ in 0..30 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            world.jump(ports::Clock::now(&*world.clock).plus_seconds(3));
        }
        world.settle().await;
        let got = world.phones.got.lock().unwrap().clone();
        let keys: std::collections::BTreeSet<&str> = got.iter().map(|g| g.key.as_str()).collect();
        assert_eq!(keys.len(), 1, "{point}: one step is one message");
        // Only a crash between "the provider took it" and "recorded" may send twice, with the same key.
        let most = if point == "delivery.after.accepted" { 2 } else { 1 };
        assert!(got.len() <= most, "{point}: sent {} times", got.len());
        assert_eq!(world.count(id, domain::timeline::LineKind::Routed).await, 1, "{point}");
        assert_eq!(world.count(id, domain::timeline::LineKind::Escalated).await, 1, "{point}");
        assert_eq!(world.count(id, domain::timeline::LineKind::Delivered).await, 1, "{point}");
        scenario.teardown();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_fails_is_done_again() {
    // A second failure to send would page somebody else as well, so that one fails once.
    for (point, action) in [
        ("router.before.commit", "3*return->off"),
        ("escalation.before.commit", "3*return->off"),
        ("delivery.before.claim", "3*return->off"),
        ("delivery.before.send", "1*return->off"),
    ] {
        let scenario = FailScenario::setup();
        fail::cfg(point, action).unwrap();
        let world = World::usual();
        let id = world.open(|_| {}).await;
        for _ in 0..30 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            world.jump(ports::Clock::now(&*world.clock).plus_seconds(3));
        }
        world.settle().await;
        assert_eq!(world.phones.got.lock().unwrap().len(), 1, "{point}");
        assert_eq!(world.count(id, domain::timeline::LineKind::Delivered).await, 1, "{point}");
        scenario.teardown();
    }
}

/// Planted bug that this finds: an idempotency key that counts the tries.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_at_any_edge_neither_loses_nor_repeats_an_action() {
    for point in [
        "automation.before.commit",
        "automation.after.commit",
        "actions.before.claim",
        "actions.after.claim",
        "actions.before.send",
        "actions.after.done",
        "actions.after.record",
    ] {
        let scenario = FailScenario::setup();
        fail::cfg(point, "1*panic->off").unwrap();
        let act = |event: &IncidentEvent| {
            let url = "https://hooks.example/restart".into();
            let request = HttpRequest { method: Method::Post, url, headers: vec![], body: vec![], authorization: None };
            let action = Action { key: "restart".into(), step: Step::Call(request), risk: Risk::Safe, reason: String::new() };
            Ok(if event.change == Change::Opened { vec![action] } else { vec![] })
        };
        let world = World::automated(vec![Automated { plugin: doer("actions", act), approve: vec![], dry_run: false }]);
        let id = world.open(|incident| incident.route_due = false).await;
        world.happens(id, Change::Opened).await;
        for _ in 0..30 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            world.jump(ports::Clock::now(&*world.clock).plus_seconds(3));
        }
        world.settle().await;
        let got = world.phones.got.lock().unwrap().clone();
        let keys: std::collections::BTreeSet<&str> = got.iter().map(|g| g.key.as_str()).collect();
        assert_eq!(keys.len(), 1, "{point}: one action has one key");
        let most = if point == "actions.after.done" { 2 } else { 1 };
        assert!(got.len() <= most, "{point}: called {} times", got.len());
        assert_eq!(world.count(id, domain::timeline::LineKind::ActionProposed).await, 1, "{point}");
        assert_eq!(world.count(id, domain::timeline::LineKind::ActionDone).await, 1, "{point}");
        scenario.teardown();
    }
}
