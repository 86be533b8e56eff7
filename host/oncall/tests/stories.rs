//! What happens to people after an incident exists, told as stories over the real store.

mod world;

use domain::alert::{Severity, Status};
use domain::command::Actor;
use domain::decision::Stage;
use domain::escalation::{RunState, Urgency};
use domain::page::OutboxState;
use domain::time::Millis;
use domain::timeline::{Line, LineKind};
use ports::{CallFailure, Clock as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use world::{Answer, START, World, broken, notifier, plugin, to_policy};

const ALICE: &str = "https://ntfy.example/alice";
const BOB: &str = "https://ntfy.example/bob";
const CAROL: &str = "https://ntfy.example/carol";

#[tokio::test]
async fn a_page_escalates_until_somebody_answers() {
    let world = World::usual();
    let id = world.open(|_| {}).await;
    world.pass(400).await;
    world.change(id, |i| i.status = Status::Acknowledged).await;
    world.pass(7200).await;
    assert_eq!(
        world.told(id).await,
        [
            "0 routed: Routed to policy primary by route: checkout belongs to shop",
            "0 escalated: Step 1 of policy primary: paging alice",
            "0 paged: Paged alice by ntfy (step 1)",
            "0 paged: Will page alice by mail in 2 min (step 1)",
            "0 delivered: ntfy took the page for alice",
            "120 delivered: mail took the page for alice",
            "300 escalated: Step 2 of policy primary: paging bob",
            "300 paged: Paged bob by ntfy (step 2)",
            "300 delivered: ntfy took the page for bob",
        ]
    );
    assert_eq!(world.phones.log(), [format!("0 {ALICE}"), "120 alice@shop.example".into(), format!("300 {BOB}")]);
    let (runs, lines, rows) = world.store.view(move |v| Ok((v.runs_of(id)?, v.timeline(id)?, v.outbox_of(id)?))).await.unwrap();
    assert_eq!(runs.iter().map(|r| (r.state, r.next_at)).collect::<Vec<_>>(), [(RunState::Stopped, None)]);
    let cause = lines[0].cause.as_ref().unwrap();
    assert_eq!((cause.stage, cause.plugin.name.as_str(), cause.revision.0), (Stage::Route, "route", 3));
    assert_eq!(lines[4].cause.as_ref().unwrap().stage, Stage::Notify);
    assert!(rows.iter().all(|r| r.state == OutboxState::Accepted && r.reference == Some(format!("ref-{}", r.key))));
    let incident = world.incident(id).await;
    assert_eq!((incident.route_due, incident.routed_severity), (false, Some(Severity::Error)));
}

#[tokio::test]
async fn the_link_in_a_page_acts_as_its_recipient_for_a_day() {
    let world = World::usual();
    let id = world.open(|_| {}).await;
    world.settle().await;
    let text = world.phones.got.lock().unwrap()[0].text.clone();
    let token = text.split_once("https://reveille.example/l/").unwrap().1.split('/').next().unwrap();
    let link = world.links.verify(token, START).unwrap();
    assert_eq!((link.incident, link.user.as_str()), (id, "alice"));
    assert!(world.links.verify(token, START.plus_seconds(24 * 3600 - 1)).is_ok());
    assert!(world.links.verify(token, START.plus_seconds(24 * 3600)).is_err());
}

#[tokio::test]
async fn nobody_answers_and_it_never_falls_silent() {
    let world = World::usual();
    let id = world.open(|_| {}).await;
    world.pass(4000).await;
    let pages: Vec<String> = world.phones.log().into_iter().filter(|p| !p.contains('@')).collect();
    assert_eq!(
        pages,
        [
            format!("0 {ALICE}"),
            format!("300 {BOB}"),
            format!("900 {ALICE}"),
            format!("1200 {BOB}"),
            format!("1800 {CAROL}"),
            // The default policy waits a minute; then the last resort pages every ten.
            format!("1860 {CAROL}"),
            format!("2460 {CAROL}"),
            format!("3060 {CAROL}"),
            format!("3660 {CAROL}"),
        ]
    );
    assert_eq!(world.count(id, LineKind::Exhausted).await, 2);
}

#[tokio::test]
async fn a_restart_pages_what_became_due_meanwhile_and_sends_again_what_was_on_its_way() {
    let mut world = World::usual();
    let id = world.open(|_| {}).await;
    world.pass(10).await;
    world.down().await;
    // A crash left alice's mail claimed: as if the process had died between claim and send.
    let mail = world.store.view(move |v| Ok(v.outbox_of(id)?.into_iter().find(|o| o.contact.kind == "mail").unwrap())).await.unwrap();
    let mut claimed = mail.clone();
    claimed.state = OutboxState::Sending;
    claimed.tries = 1;
    claimed.next_at = Some(START.plus_seconds(350));
    world.store.write(move |tx| tx.put_outbox(&claimed)).await.unwrap();
    world.jump(START.plus_seconds(320));
    world.up();
    world.settle().await;
    let mut got = world.phones.log();
    got.sort();
    assert_eq!(got, [format!("0 {ALICE}"), "320 alice@shop.example".to_owned(), format!("320 {BOB}")]);
    let sent = world.phones.got.lock().unwrap().iter().find(|g| g.to.contains('@')).unwrap().key.clone();
    assert_eq!(sent, mail.key);
}

#[tokio::test]
async fn an_answer_before_the_claim_stops_a_message() {
    let world = World::usual();
    let id = world.open(|_| {}).await;
    world.pass(60).await;
    world.change(id, |i| i.status = Status::Acknowledged).await;
    world.pass(600).await;
    assert_eq!(world.phones.log(), [format!("0 {ALICE}")]);
    assert_eq!(world.told(id).await.last().unwrap(), "120 page-cancelled: Page to alice by mail left out: the incident is acknowledged");
}

#[tokio::test]
async fn a_refused_contact_brings_the_next_and_then_the_next_step() {
    let world = World::usual();
    world.phones.answer(ALICE, &[Answer::Refused]);
    world.phones.answer("alice@shop.example", &[Answer::Status(404)]);
    let id = world.open(|_| {}).await;
    world.pass(10).await;
    assert_eq!(world.phones.log(), [format!("0 {ALICE}"), "0 alice@shop.example".into(), format!("0 {BOB}")]);
    assert_eq!(
        world.told(id).await[4..],
        [
            "0 delivery-failed: ntfy could not reach alice: not on the allow-list",
            "0 paged: Paging alice by mail at once instead",
            "0 delivery-failed: mail could not reach alice: Http(HttpResponse { status: 404, headers: [], body: [] })",
            "0 delivery-failed: No contact of alice works: the next step comes early",
            "0 escalated: Step 2 of policy primary: paging bob",
            "0 paged: Paged bob by ntfy (step 2)",
            "0 delivered: ntfy took the page for bob",
        ]
    );
    let causes: Vec<String> = world.alarms.0.lock().unwrap().iter().map(|n| n.cause.clone()).collect();
    assert_eq!(causes, ["delivery/ntfy", "delivery/mail"]);
}

#[tokio::test]
async fn a_failing_page_about_failing_pages_is_not_reported() {
    let world = World::usual();
    for phone in [ALICE, BOB, CAROL] {
        world.phones.answer(phone, &[Answer::Refused]);
    }
    let id = world
        .open(|i| {
            i.own = true;
            i.key = "reveille/delivery/ntfy".into();
            i.team = "".into();
            i.integration = None;
        })
        .await;
    world.pass(2000).await;
    assert_eq!(world.alarms.0.lock().unwrap().len(), 0);
    assert_eq!(world.told(id).await[0], "0 routed: Routed to policy fallback by default: it is about Reveille itself");
    // It is tried all the same, in the last resort's pace.
    assert_eq!(world.phones.log(), [0, 0, 600, 1200, 1800].map(|at| format!("{at} {CAROL}")));
}

#[tokio::test]
async fn an_unreachable_phone_is_tried_five_times() {
    let world = World::usual();
    world.phones.answer(ALICE, &[Answer::Unreachable, Answer::Status(503), Answer::Unreachable]);
    let id = world.open(|_| {}).await;
    world.pass(299).await;
    let tries: Vec<String> = world.phones.log().into_iter().filter(|p| p.ends_with(ALICE)).collect();
    assert_eq!(tries, [0, 5, 20, 65, 200].map(|at| format!("{at} {ALICE}")));
    let keys: std::collections::BTreeSet<String> =
        world.phones.got.lock().unwrap().iter().filter(|g| g.to == ALICE).map(|g| g.key.clone()).collect();
    assert_eq!(keys.len(), 1, "one message has one key");
    assert!(
        world
            .told(id)
            .await
            .contains(&"200 delivery-failed: ntfy could not reach alice: given up after 5 tries: connection refused".to_owned())
    );
}

#[tokio::test]
async fn when_every_plugin_fails_people_are_paged_in_plain_text_by_the_default_policy() {
    let world = World::start(vec![broken("route")], vec![("ntfy", broken("ntfy"))]);
    let id = world.open(|_| {}).await;
    world.pass(130).await;
    assert_eq!(
        world.told(id).await,
        [
            "0 stage-failed: route by route left out: trapped: unreachable",
            "0 routed: Routed to policy primary by default: no route plugin could answer",
            "0 escalated: Step 1 of policy primary: paging alice",
            "0 paged: Paged alice by ntfy (step 1)",
            "0 paged: Will page alice by mail in 2 min (step 1)",
            "0 stage-failed: notify by ntfy failed (trapped: unreachable): sent as plain text",
            "0 delivered: ntfy took the page for alice",
            "120 stage-failed: No plugin serves the contact kind mail: sent as plain text",
            "120 delivered: mail took the page for alice",
        ]
    );
    for got in world.phones.got.lock().unwrap().iter() {
        assert!(got.text.starts_with("[error] Checkout is slow\n"), "{}", got.text);
        assert!(got.text.contains("https://reveille.example/l/"), "{}", got.text);
    }
}

#[tokio::test]
async fn a_ticket_wakes_nobody_and_is_said() {
    let route = plugin("route", false, |view| {
        Ok(vec![to_policy("primary", if view.incident.severity >= Severity::Critical { Urgency::Page } else { Urgency::Ticket })])
    });
    let world = World::start(vec![route], vec![("ntfy", notifier("ntfy")), ("mail", notifier("mail"))]);
    let id = world.open(|_| {}).await;
    world.pass(7200).await;
    assert_eq!(
        world.told(id).await,
        ["0 routed: Routed to policy primary as a ticket, which wakes nobody, by route: checkout belongs to shop"]
    );
    assert_eq!(world.phones.log().len(), 0);
    world
        .change(id, |i| {
            i.severity = Severity::Critical;
            i.route_due = true;
        })
        .await;
    world.wakes.router.notify_one();
    world.pass(1).await;
    assert_eq!(world.phones.log(), [format!("7200 {ALICE}")]);
}

#[tokio::test]
async fn an_incident_given_back_pages_from_the_start_again() {
    let world = World::usual();
    let id = world.open(|_| {}).await;
    world.pass(100).await;
    world.change(id, |i| i.status = Status::Acknowledged).await;
    // Given back before its run came to notice.
    world.pass(10).await;
    let at = world.clock.now();
    let line = Line { at, kind: LineKind::Unacknowledged, text: "alice gave it back".into(), actor: Actor::Host, cause: None };
    world.store.write(move |tx| tx.add_line(id, &line)).await.unwrap();
    world
        .change(id, |i| {
            i.status = Status::Firing;
            i.care.epoch += 1;
            i.route_due = true;
        })
        .await;
    world.wakes.router.notify_one();
    world.pass(1).await;
    assert_eq!(world.phones.log(), [format!("0 {ALICE}"), format!("110 {ALICE}")]);
    let runs = world.store.view(move |v| v.runs_of(id)).await.unwrap();
    assert_eq!(runs.iter().map(|r| r.state).collect::<Vec<_>>(), [RunState::Stopped, RunState::Active]);
    // Once more given nothing new: it goes on, and is not begun a third time.
    world.change(id, |i| i.route_due = true).await;
    world.wakes.router.notify_one();
    world.settle().await;
    assert_eq!(world.store.view(move |v| v.runs_of(id)).await.unwrap().len(), 2);
}

/// Planted bug that this finds: comparing versions alone, so that a storm of repeats keeps an incident from its first page.
#[tokio::test]
async fn a_storm_of_changes_cannot_keep_an_incident_from_paging() {
    let calls = Arc::new(AtomicU32::new(0));
    let (asked, store) = (Arc::clone(&calls), Arc::new(std::sync::OnceLock::<Arc<dyn ports::Store>>::new()));
    let of_plugin = Arc::clone(&store);
    let route = plugin("route", false, move |view| {
        // While it is asked, the incident's service changes each time, for the first eight questions.
        let count = asked.fetch_add(1, Ordering::SeqCst);
        if count < 8
            && let Some(store) = of_plugin.get()
        {
            let (told, wait) = std::sync::mpsc::channel();
            let id = view.incident.id;
            store.submit(
                Box::new(move |tx| {
                    let mut incident = tx.incident(id)?.unwrap();
                    incident.service = Some(format!("service-{count}"));
                    incident.version += 1;
                    tx.put_incident(&incident)
                }),
                Box::new(move |result| told.send(result).unwrap()),
            );
            wait.recv().unwrap().unwrap();
        }
        Ok(vec![to_policy("primary", Urgency::Page)])
    });
    let world = World::start(vec![route], vec![("ntfy", notifier("ntfy"))]);
    assert!(store.set(world.store.clone()).is_ok());
    let id = world.open(|_| {}).await;
    world.settle().await;
    assert_eq!(world.phones.log(), [format!("0 {ALICE}")]);
    assert_eq!(calls.load(Ordering::SeqCst), 9, "asked until it held still");
    assert!(!world.incident(id).await.route_due);
}

#[tokio::test]
async fn an_unknown_destination_is_said_and_the_default_paged() {
    let route = plugin("route", false, |_| Ok(vec![to_policy("prmary", Urgency::Page)]));
    let next = plugin("next", false, |_| Err(CallFailure::Deadline(100)));
    let world = World::start(vec![route, next], vec![("ntfy", notifier("ntfy"))]);
    let id = world.open(|_| {}).await;
    world.settle().await;
    assert_eq!(
        world.told(id).await[..3],
        [
            "0 stage-failed: route by route names policy prmary, which is not configured",
            "0 stage-failed: route by next left out: took longer than its deadline of 100 ms",
            "0 routed: Routed to policy primary by default: no route plugin could answer",
        ]
    );
}

#[tokio::test]
async fn a_wave_of_incidents_pages_each_once() {
    let world = World::usual();
    let mut ids = Vec::new();
    for _ in 0..300 {
        ids.push(world.open(|_| {}).await);
    }
    world.settle().await;
    let got = world.phones.got.lock().unwrap().clone();
    assert_eq!(got.len(), 300);
    let keys: std::collections::BTreeSet<&str> = got.iter().map(|g| g.key.as_str()).collect();
    assert_eq!(keys.len(), 300);
    let first: Vec<Millis> =
        world.store.view(|v| Ok(v.runs_due(START.plus_seconds(300), 1000)?.iter().filter_map(|r| r.next_at).collect())).await.unwrap();
    assert_eq!(first.len(), 300);
}
