//! What people answer from outside, over the real store.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod world;

use domain::alert::Status;
use domain::contact::Contact;
use domain::id::IncidentId;
use domain::inbound::{Inbound, Method};
use domain::interaction::{About, Interaction, Receipt, Said, Wish};
use domain::page::OutboxState;
use oncall::Heard;
use oncall::links::{Answer, Chosen};
use ports::{CallFailure, Clock as _};
use world::{World, chat, listener};

const ALICE: &str = "https://ntfy.example/alice";
const BOB: &str = "https://ntfy.example/bob";

/// Reads the body as `WHO TOKEN`, `WHO latest`, `WHO note TEXT`, `failed REFERENCE` or `delivered REFERENCE`.
fn world() -> World {
    World::hearing(listener("ntfy", |inbound| {
        let text = String::from_utf8(inbound.body.clone()).unwrap();
        let (who, what) = text.split_once(' ').ok_or(CallFailure::Rejected("the signature does not fit".into()))?;
        if let "failed" | "delivered" = who {
            let receipt = Receipt { page: what.into(), delivered: who == "delivered", reason: Some("blocked".into()) };
            return Ok(Interaction { commands: vec![], receipts: vec![receipt] });
        }
        if who == "trap" {
            return Err(CallFailure::Trapped("unreachable".into()));
        }
        let actor = Some(Contact { kind: "ntfy".into(), address: format!("https://ntfy.example/{who}") });
        let (about, wish) = match what.split_once(' ') {
            None if what == "latest" => (About::Latest, Wish::Acknowledge),
            None if what == "snooze" => (About::Latest, Wish::Snooze { seconds: 60 }),
            Some(("ack", id)) => (About::Incident(id.into()), Wish::Acknowledge),
            Some(("note", text)) => (About::Latest, Wish::AddNote(text.into())),
            _ => (About::Latest, Wish::Choose(what.into())),
        };
        Ok(Interaction { commands: vec![Said { about, actor, wish }], receipts: vec![] })
    }))
}

async fn say(world: &World, text: &str) -> Result<String, Heard> {
    let inbound = Inbound {
        id: "i".into(),
        received_at: world.clock.now(),
        method: Method::Post,
        url: "https://reveille.example/in/***".into(),
        path: vec![],
        query: vec![],
        headers: vec![],
        body: text.as_bytes().to_vec(),
    };
    let heard = world.oncall.interactions().hear(&chat(), inbound).await;
    world.settle().await;
    match heard {
        Heard::Answered(Some(reply)) => Ok(String::from_utf8(reply.body).unwrap()),
        other => Err(other),
    }
}

fn token(world: &World, incident: IncidentId) -> String {
    world.links.sign_choice(&Chosen { incident, answer: Answer::Acknowledge, expires_at: world.clock.now().plus_seconds(3600) })
}

#[tokio::test]
async fn a_pressed_button_acknowledges_once_as_the_person_who_pressed_it() {
    let world = world();
    let id = world.open(|_| {}).await;
    world.settle().await;
    let pressed = format!("alice {}", token(&world, id));
    assert_eq!(say(&world, &pressed).await.unwrap(), r#"Done("incident 1 is acknowledged")"#);
    let incident = world.incident(id).await;
    assert_eq!((incident.status, incident.responders), (Status::Acknowledged, vec!["alice".into()]));
    assert!(world.told(id).await.contains(&"0 acknowledged: alice acknowledged by ntfy".to_owned()));
    // Given back on a page; then the same request comes again.
    world.change(id, |incident| incident.status = Status::Firing).await;
    assert_eq!(say(&world, &pressed).await.unwrap(), r#"Done("this was done before")"#);
    assert_eq!(world.incident(id).await.status, Status::Firing);
    let audit = world.store.view(|view| view.audit(None, 10)).await.unwrap();
    assert_eq!((audit[0].actor.as_str(), audit[0].subject.as_str()), ("user alice by ntfy", "incident 1"));
}

/// Seen red with: whoever has a token is taken for the one to whom it was sent.
#[tokio::test]
async fn strangers_expired_tokens_and_made_up_ones_change_nothing() {
    let world = world();
    let id = world.open(|_| {}).await;
    world.settle().await;
    let good = token(&world, id);
    assert_eq!(say(&world, &format!("mallory {good}")).await.unwrap(), "UnknownActor");
    let forged = format!("{}A", &good[..good.len() - 1]);
    assert!(say(&world, &format!("alice {forged}")).await.unwrap().starts_with("Refused(\"this link is not valid"));
    world.jump(world.clock.now().plus_seconds(3600));
    assert!(say(&world, &format!("alice {good}")).await.unwrap().starts_with("Refused(\"this link has expired"));
    assert_eq!(world.incident(id).await.status, Status::Firing);
}

#[tokio::test]
async fn latest_is_what_the_person_was_told_about_and_others_incidents_are_not_theirs() {
    let world = world();
    assert_eq!(say(&world, "alice latest").await.unwrap(), r#"Refused("you were not told of any incident yet")"#);
    let first = world.open(|_| {}).await;
    world.settle().await;
    let second = world.open(|_| {}).await;
    world.settle().await;
    assert_eq!(say(&world, "carol ack 1").await.unwrap(), r#"Refused("this incident is not yours to answer")"#);
    assert!(say(&world, "alice snooze").await.unwrap().starts_with(&format!("Done(\"incident {second} is snoozed until ")));
    // A message of its own each time, so not the same request as before.
    assert_eq!(say(&world, "alice note it is the pool").await.unwrap(), format!(r#"Done("the note stands on incident {second}")"#));
    assert_eq!(world.incident(first).await.status, Status::Firing);
    assert!(world.told(second).await.contains(&"0 noted: alice: it is the pool".to_owned()));
}

#[tokio::test]
async fn what_is_not_understood_is_answered_in_words_and_listed() {
    let world = world();
    assert_eq!(say(&world, "garbage").await, Err(Heard::Refused("the signature does not fit".into())));
    assert_eq!(say(&world, "trap x").await, Err(Heard::Failed("ntfy trapped: unreachable".into())));
    assert_eq!(*world.commands.unheard.lock().unwrap(), ["the signature does not fit", "ntfy trapped: unreachable"]);
}

#[tokio::test]
async fn a_receipt_that_says_failed_pages_somebody_else_once() {
    let world = world();
    let id = world.open(|_| {}).await;
    world.settle().await;
    let row = world.store.view(move |view| view.outbox_of(id)).await.unwrap()[0].clone();
    let reference = row.reference.clone().unwrap();
    assert_eq!(say(&world, &format!("delivered {reference}")).await.unwrap(), "");
    assert_eq!(say(&world, "failed nothing-of-ours").await.unwrap(), "");
    assert_eq!(say(&world, &format!("failed {reference}")).await.unwrap(), "");
    assert_eq!(say(&world, &format!("failed {reference} ")).await.unwrap(), "");
    let lines = world.told(id).await;
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("says that the page reached alice"), count("could not reach alice after all: blocked")), (1, 1), "{lines:#?}");
    assert_eq!(count("Paging alice by mail at once instead"), 1);
    assert_eq!(world.phones.log(), [format!("0 {ALICE}"), "0 alice@shop.example".into()]);
    let state = world.store.view(move |view| view.outbox(row.id)).await.unwrap().unwrap().state;
    assert_eq!(state, OutboxState::Failed);
    assert!(!world.phones.log().contains(&format!("0 {BOB}")));
}

/// Seen red with: a report that came in time is not noted, so that every page counts as silent.
#[tokio::test]
async fn a_report_in_time_keeps_the_page_and_silence_does_not() {
    for (reported, paged) in [(true, 1), (false, 2)] {
        let world = world();
        let mut snapshot = (*world.live.load()).clone();
        let mut installation = (*snapshot.installation).clone();
        installation.receipts.insert("ntfy".into(), 60);
        snapshot.installation = std::sync::Arc::new(installation);
        world.live.publish(snapshot);
        let id = world.open(|_| {}).await;
        world.settle().await;
        let reference = world.store.view(move |view| view.outbox_of(id)).await.unwrap()[0].reference.clone().unwrap();
        if reported {
            assert_eq!(say(&world, &format!("delivered {reference}")).await.unwrap(), "");
        }
        world.pass(59).await;
        assert_eq!(world.phones.log(), [format!("0 {ALICE}")]);
        world.pass(1).await;
        assert_eq!(world.phones.log().len(), paged, "reported: {reported}, {:?}", world.phones.log());
        assert_eq!(world.alarms.0.lock().unwrap().len(), paged - 1);
    }
}
