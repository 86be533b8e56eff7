//! The way of an alert, from the front door to the commit, over a real store and journal.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use domain::alert::Status;
use domain::command::{Actor, Command, Notice, Operation, Subject};
use domain::decision::{Outcome, Stage};
use domain::id::{DecisionId, IncidentId, JournalId};
use domain::installation::OnFailure;
use pipeline::{Answer, CommandOutcome, EngineSettings};
use ports::Alarm;
use ports::store::{DeadLetter, DeadLetterKind, DeadLetterState, DecisionFilter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use support::flaky::Flaky;
use support::{House, until};

async fn dead_letters(house: &House) -> Vec<DeadLetter> {
    house.store.view(|view| view.dead_letters(None, None, 100)).await.unwrap()
}

fn acknowledge(id: u64) -> Command {
    let actor = Actor::User("alice".into(), "page link".into());
    Command { subject: Subject::Incident(IncidentId(id)), actor, operation: Operation::Acknowledge }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_opens_an_incident_and_its_recovery_resolves_it() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(dir.path());
    let answer = house.post("firing db shop critical").await;
    assert!(matches!(&answer, Answer::Accepted { events: 1, reply: Some(reply), .. } if reply.body == b"ok"), "{answer:?}");
    house.settle().await;
    let outcome = house.engine.command(acknowledge(1)).await.unwrap();
    assert_eq!(outcome, CommandOutcome::Done("incident 1 is acknowledged".into()));
    house.post("resolved db").await;
    house.settle().await;
    let incidents = house.incidents().await;
    assert_eq!((incidents.len(), incidents[0].status), (1, Status::Resolved));
    assert_eq!(
        house.told(IncidentId(1)).await,
        [
            "Opened by lines: db (critical)",
            "Grouped under \"shop\" by deduper: same group",
            "alice acknowledged by page link",
            "Recovered: db",
            "Resolved: its only alert has recovered",
        ]
    );
    assert!(house.engine.drain().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_a_thousand_alerts_is_one_record_and_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = Arc::new(std::sync::Mutex::new(None));
    let kept = Arc::clone(&flaky);
    let house =
        House::open_with(dir.path(), OnFailure::Skip, EngineSettings { partition_threads: 4, ..EngineSettings::default() }, |store| {
            let store = Arc::new(Flaky { store, poison: "none", outages: AtomicU32::new(0), jobs: AtomicU32::new(0) });
            *kept.lock().unwrap() = Some(Arc::clone(&store));
            store
        });
    let flaky = flaky.lock().unwrap().take().unwrap();
    let jobs = flaky.jobs.load(Ordering::Relaxed);
    let lines: Vec<String> = (0..1000).map(|n| format!("firing host-{n} rack critical")).collect();
    house.post(&lines.join("\n")).await;
    house.settle().await;
    assert_eq!(house.journal.head(), JournalId(1));
    assert_eq!(flaky.jobs.load(Ordering::Relaxed) - jobs, 1, "one transaction");
    let incidents = house.incidents().await;
    assert_eq!((incidents.len(), incidents[0].entity_count, incidents[0].firing), (1, 1000, [0, 0, 0, 1000]));
    assert_eq!(house.store.view(|view| view.decision_count()).await.unwrap(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_any_hook_failing_every_time_every_alert_still_opens() {
    for stage in [Stage::Enrich, Stage::Filter, Stage::Dedupe] {
        for on_failure in [OnFailure::Skip, OnFailure::DefaultRoute] {
            let dir = tempfile::tempdir().unwrap();
            let house = House::open_with(dir.path(), on_failure, EngineSettings::default(), |store| store);
            house.mischief.breaks(stage);
            for n in 0..20 {
                house.post(&format!("firing host-{n} key-{n} critical")).await;
            }
            house.settle().await;
            let incidents = house.incidents().await;
            assert_eq!(incidents.len(), 20, "{stage:?}");
            assert!(incidents.iter().all(|i| i.route_due && i.default_route == (on_failure == OnFailure::DefaultRoute)));
            let told = house.told(IncidentId(1)).await;
            assert!(told.iter().any(|line| line.contains("trapped: planted")), "{told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_normalizer_parks_tells_once_and_takes_it_in_later() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(dir.path());
    house.mischief.breaks(Stage::Normalize);
    assert!(matches!(house.post("firing db shop").await, Answer::Parked { .. }));
    assert!(matches!(house.post("firing web shop").await, Answer::Parked { .. }));
    house.settle().await;
    let incidents = house.incidents().await;
    assert_eq!((incidents.len(), incidents[0].key.as_str(), incidents[0].own), (1, "reveille/dead-letters/lines", true));
    assert!(incidents[0].title.contains("waits as a dead letter: ") && incidents[0].title.contains("planted"), "{}", incidents[0].title);
    let letters = dead_letters(&house).await;
    assert!(letters.len() == 2 && letters.iter().all(|l| l.kind == DeadLetterKind::Parked && l.state == DeadLetterState::Waiting));
    house.mischief.mend();
    house.clock.advance(3600);
    until("the parked bodies to be taken in", || async { dead_letters(&house).await.iter().all(|l| l.state == DeadLetterState::Replayed) })
        .await;
    house.settle().await;
    let incidents = house.incidents().await;
    assert_eq!(incidents.len(), 2);
    assert_eq!((incidents[0].status, incidents[1].entity_count), (Status::Resolved, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_is_listed_and_can_be_discarded() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(dir.path());
    let answer = house.post("refuse me").await;
    assert_eq!(answer, Answer::Refused { reason: "line 1: not a report".into(), reply: None });
    house.settle().await;
    let letters = dead_letters(&house).await;
    assert_eq!((letters.len(), letters[0].kind, letters[0].reason.as_str()), (1, DeadLetterKind::Rejected, "line 1: not a report"));
    let again = house.engine.replay(letters[0].id).await.unwrap_err();
    assert_eq!(again.to_string(), "it is still not taken: line 1: not a report");
    house.engine.discard(letters[0].id).await.unwrap();
    assert!(house.engine.discard(letters[0].id).await.is_err());
    assert_eq!(house.incidents().await[0].status, Status::Resolved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_opens_one_incident_per_cause() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(dir.path());
    let notice = |over| Notice {
        cause: "breaker/rules".into(),
        summary: "rules is switched off".into(),
        details: "20 traps in a row".into(),
        severity: domain::alert::Severity::Error,
        integration: None,
        over,
    };
    for _ in 0..3 {
        house.engine.raise(notice(false));
    }
    house.engine.raise(notice(true));
    until("the notices to be journaled", || async { house.journal.head() == JournalId(4) }).await;
    house.settle().await;
    assert_eq!(house.incidents().await.len(), 1);
    assert_eq!(
        house.told(IncidentId(1)).await,
        ["Opened by Reveille: rules is switched off (error)", "20 traps in a row", "Resolved: rules is switched off"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_is_not_reported_again_expires() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(dir.path());
    house.post("firing db shop critical 240").await;
    house.settle().await;
    house.clock.advance(260);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(house.incidents().await[0].status, Status::Firing, "the grace is not over");
    house.clock.advance(15);
    until("the alert to expire", || async { house.incidents().await[0].status == Status::Resolved }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_does_not_resolve_the_world() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(dir.path());
    house.post("firing db shop critical 240").await;
    house.settle().await;
    house.stop();
    let house = House::open_later(dir.path(), 3600);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    house.settle().await;
    assert_eq!(house.incidents().await[0].status, Status::Firing, "the sender had no chance to report it again");
    house.clock.advance(200);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    house.settle().await;
    assert_eq!(house.incidents().await[0].status, Status::Firing);
    house.clock.advance(80);
    until("the alert to expire", || async { house.incidents().await[0].status == Status::Resolved }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_cannot_commit_is_parked_alone() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open_with(dir.path(), OnFailure::Skip, EngineSettings::default(), |store| {
        Arc::new(Flaky { store, poison: "poison", outages: AtomicU32::new(0), jobs: AtomicU32::new(0) })
    });
    let lines: Vec<String> = (0..40).map(|n| if n == 17 { "firing poison p".into() } else { format!("firing host-{n} key-{n}") }).collect();
    house.post(&lines.join("\n")).await;
    house.settle().await;
    let incidents = house.incidents().await;
    assert_eq!(incidents.iter().filter(|i| !i.own).count(), 39);
    assert_eq!(incidents.iter().filter(|i| i.own).count(), 1);
    let letters = dead_letters(&house).await;
    assert_eq!((letters.len(), letters[0].kind), (1, DeadLetterKind::Uncommitted));
    assert_eq!(letters[0].decision, Some(DecisionId::new(JournalId(1), 17)));
    let rows = house.store.view(|view| view.decisions(&DecisionFilter { limit: 100, ..DecisionFilter::default() })).await.unwrap();
    assert_eq!(rows.len(), 40);
    assert_eq!(rows.iter().filter(|row| row.outcome == Outcome::Parked).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unavailable_store_is_waited_for_and_nothing_happens_twice() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = Arc::new(std::sync::Mutex::new(None));
    let kept = Arc::clone(&flaky);
    let house = House::open_with(dir.path(), OnFailure::Skip, EngineSettings::default(), |store| {
        let store = Arc::new(Flaky { store, poison: "none", outages: AtomicU32::new(0), jobs: AtomicU32::new(0) });
        *kept.lock().unwrap() = Some(Arc::clone(&store));
        store
    });
    let flaky = flaky.lock().unwrap().take().unwrap();
    flaky.outages.store(3, Ordering::Relaxed);
    for _ in 0..10 {
        house.post("firing db shop").await;
    }
    house.settle().await;
    let incidents = house.incidents().await;
    assert_eq!((incidents.len(), incidents[0].alert_count), (1, 10));
    assert_eq!(flaky.outages.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_continues_where_the_cursor_stands() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(dir.path());
    house.mischief.jitter.store(1, Ordering::Relaxed);
    for n in 0..300 {
        house.post(&format!("firing host-{} rack critical", n % 50)).await;
    }
    house.stop();
    let house = House::open(dir.path());
    house.settle().await;
    let incidents = house.incidents().await;
    assert_eq!((incidents.len(), incidents[0].alert_count, incidents[0].entity_count), (1, 300, 50));
    assert_eq!(house.store.view(|view| view.decision_count()).await.unwrap(), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_beyond_its_bound_is_answered_with_overload() {
    let dir = tempfile::tempdir().unwrap();
    let settings = EngineSettings { backlog_limit: 5, ..EngineSettings::default() };
    let house = House::open_with(dir.path(), OnFailure::Skip, settings, |store| {
        Arc::new(Flaky { store, poison: "none", outages: AtomicU32::new(0), jobs: AtomicU32::new(0) })
    });
    house.mischief.jitter.store(1, Ordering::Relaxed);
    let mut taken = 0;
    let mut overloaded = 0;
    for _ in 0..400 {
        match house.post("firing db shop").await {
            Answer::Accepted { .. } => taken += 1,
            Answer::Overloaded { retry_after_seconds, .. } => {
                assert!(retry_after_seconds > 0);
                overloaded += 1;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            other => panic!("{other:?}"),
        }
        if overloaded > 0 && taken > 10 {
            break;
        }
    }
    house.settle().await;
    assert_eq!(house.incidents().await[0].alert_count, taken);
}
