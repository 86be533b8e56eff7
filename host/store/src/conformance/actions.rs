//! Automation: what plugins are still to be told, what they want done, what was done once.

use super::samples::{AWKWARD, incident, line, outbox};
use super::{Case, Subject, view, write};
use domain::action::{ActionResult, Change, Risk, Step};
use domain::alert::Severity;
use domain::automation::{ActionState, QueuedEvent, StoredAction};
use domain::command::Actor;
use domain::escalation::{Destination, Target, Urgency};
use domain::id::{ActionId, EventId, IncidentId, OutboxId};
use domain::inbound::Method;
use domain::page::{Authorization, HttpRequest, OutboxState};
use domain::time::Millis;
use ports::store::ActionFilter;

pub(super) const CASES: &[Case] = &[
    ("events come back whole, due in the order in which they happened", events),
    ("actions come back whole", actions_whole),
    ("an action is added once per incident, plugin and key", action_once),
    ("actions are due in order until they are over", actions_due),
    ("actions are listed by state and team, newest first", actions_listed),
    ("what is done once is marked once and forgotten in time", once),
    ("a message is found by its provider's reference, the newest first", by_reference),
    ("the last incident that somebody was told about is found", last_told),
    ("ids of events and actions are not given twice", ids),
];

fn event(id: u64, change: Change, next_at: i64) -> QueuedEvent {
    let plugin = "webhook-actions".to_owned();
    QueuedEvent { id: EventId(id), incident: IncidentId(7), plugin, at: Millis(1_000), change, tries: 2, next_at: Millis(next_at) }
}

fn action(id: u64, key: &str, state: ActionState) -> StoredAction {
    StoredAction {
        id: ActionId(id),
        incident: IncidentId(7),
        plugin: "webhook-actions".into(),
        key: key.into(),
        step: Step::Call(HttpRequest {
            method: Method::Post,
            url: "https://hooks.example/{{secret:x}}".into(),
            headers: vec![("a".into(), AWKWARD.into())],
            body: AWKWARD.as_bytes().to_vec(),
            authorization: Some(Authorization::Basic("u".into(), "s".into())),
        }),
        risk: Risk::Dangerous,
        reason: AWKWARD.into(),
        cause: line(0, "").cause.expect("the sample has a cause"),
        state,
        created_at: Millis(1_000),
        next_at: Some(Millis(5_000)),
        tries: 3,
        decided_by: Some(Actor::User("alice".into(), "page".into())),
        result: Some(ActionResult { key: key.into(), ok: true, output: AWKWARD.into(), response: Some(204) }),
    }
}

fn events(subject: &dyn Subject) {
    let store = subject.store();
    let result = ActionResult { key: "k".into(), ok: false, output: AWKWARD.into(), response: None };
    let changes = [
        Change::Opened,
        Change::AlertJoined,
        Change::SeverityChanged(Severity::Critical),
        Change::Acknowledged("alice".into()),
        Change::Unacknowledged,
        Change::Reopened,
        Change::Resolved,
        Change::Escalated(2),
        Change::ActionFinished(result),
    ];
    let rows: Vec<QueuedEvent> = (1..).zip(changes).map(|(id, change)| event(id, change, 1_000 - id as i64)).collect();
    let given = rows.clone();
    write(&*store, move |tx| given.iter().try_for_each(|row| tx.put_event(row)));
    drop(store);
    let store = subject.store();
    let due = |now, limit| view(&*store, move |view| view.events_due(Millis(now), limit));
    assert_eq!(due(1_000, 100), rows, "the earliest happened first, whatever is due first");
    assert_eq!(due(992, 100), rows[7..]);
    assert_eq!(due(1_000, 2), rows[..2]);
    assert_eq!(view(&*store, |view| view.next_event_due()), Some(Millis(991)));
    let later = QueuedEvent { next_at: Millis(9_000), tries: 3, ..rows[8].clone() };
    let given = later.clone();
    write(&*store, move |tx| {
        tx.put_event(&given)?;
        (1..9).try_for_each(|id| tx.delete_event(EventId(id)))?;
        tx.delete_event(EventId(99))
    });
    assert_eq!(due(8_999, 100), []);
    assert_eq!(view(&*store, |view| Ok((view.event(EventId(9))?, view.event(EventId(1))?))), (Some(later), None));
}

fn actions_whole(subject: &dyn Subject) {
    let store = subject.store();
    let mut rows = Vec::new();
    for (id, state) in (1..).zip(ActionState::ALL) {
        rows.push(action(id, &id.to_string(), state));
    }
    rows[0].step = Step::Page(Destination { target: Target::Policy("p".into()), urgency: Urgency::Ticket, reason: AWKWARD.into() });
    rows[1].step = Step::AddNote(AWKWARD.into());
    (rows[2].decided_by, rows[2].result, rows[2].next_at) = (None, None, None);
    if let Step::Call(request) = &mut rows[3].step {
        // No text: it must come back to the byte.
        request.body = vec![0, 159, 146, 150];
        request.authorization = Some(Authorization::Bearer("s".into()));
    }
    let given = rows.clone();
    write(&*store, move |tx| given.iter().try_for_each(|row| tx.put_action(row)));
    drop(store);
    let store = subject.store();
    assert_eq!(view(&*store, |view| view.actions_of(IncidentId(7))), rows);
    assert_eq!(view(&*store, |view| view.actions_of(IncidentId(8))), []);
    assert_eq!(view(&*store, |view| view.action(ActionId(4))).as_ref(), Some(&rows[3]));
    assert_eq!(view(&*store, |view| view.action(ActionId(99))), None);
}

fn action_once(subject: &dyn Subject) {
    let store = subject.store();
    let first = action(1, "restart", ActionState::Waiting);
    let again = StoredAction { id: ActionId(2), reason: "another".into(), ..first.clone() };
    let others = [
        StoredAction { id: ActionId(3), incident: IncidentId(8), ..first.clone() },
        StoredAction { id: ActionId(4), plugin: "other".into(), ..first.clone() },
        StoredAction { id: ActionId(5), key: "Restart".into(), ..first.clone() },
    ];
    let (a, b, c) = (first.clone(), again, others.clone());
    let added = write(&*store, move |tx| {
        Ok([tx.add_action(&a)?, tx.add_action(&b)?, tx.add_action(&c[0])?, tx.add_action(&c[1])?, tx.add_action(&c[2])?])
    });
    assert_eq!(added, [true, false, true, true, true]);
    let [_, second, third] = others;
    assert_eq!(view(&*store, |view| view.actions_of(IncidentId(7))), [first, second, third]);
}

fn actions_due(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| {
        for (id, state) in (1..).zip(ActionState::ALL) {
            let next_at = Some(Millis(1_000 - id as i64));
            tx.put_action(&StoredAction { next_at, ..action(id, &id.to_string(), state) })?;
        }
        // One that says no time is due at once.
        tx.put_action(&StoredAction { next_at: None, created_at: Millis(2_000), ..action(20, "20", ActionState::Queued) })
    });
    let due =
        |now, limit| view(&*store, move |view| Ok(view.actions_due(Millis(now), limit)?.iter().map(|row| row.id.0).collect::<Vec<_>>()));
    assert_eq!(due(996, 10), [0; 0]);
    assert_eq!(due(998, 10), [3, 2], "one that waits for approval lapses, one that is being done is done again");
    assert_eq!(due(9_000, 10), [3, 2, 1, 20]);
    assert_eq!(due(9_000, 1), [3]);
    assert_eq!(view(&*store, |view| view.next_action_due()), Some(Millis(997)));
    write(&*store, |tx| (1..4).try_for_each(|id| tx.put_action(&action(id, &id.to_string(), ActionState::Done))));
    assert_eq!(view(&*store, |view| view.next_action_due()), Some(Millis(2_000)));
}

fn actions_listed(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| {
        tx.put_incident(&incident(IncidentId(7), "shop"))?;
        tx.put_incident(&incident(IncidentId(8), "ops"))?;
        for id in 1..=6 {
            let state = if id < 4 { ActionState::Waiting } else { ActionState::Done };
            let incident = IncidentId(7 + id % 2);
            tx.put_action(&StoredAction { incident, ..action(id, &id.to_string(), state) })?;
        }
        Ok(())
    });
    let list = |state, teams: Option<&[&str]>, before: Option<u64>, limit| {
        let teams = teams.map(|teams| teams.iter().map(|team| (*team).into()).collect());
        let filter = ActionFilter { state, teams, before: before.map(ActionId), limit };
        view(&*store, move |view| Ok(view.actions(&filter)?.iter().map(|row| row.id.0).collect::<Vec<_>>()))
    };
    assert_eq!(list(None, None, None, 10), [6, 5, 4, 3, 2, 1]);
    assert_eq!(list(Some(ActionState::Waiting), None, None, 10), [3, 2, 1]);
    assert_eq!(list(None, Some(&["shop"]), None, 10), [6, 4, 2]);
    assert_eq!(list(None, Some(&["ops", "shop"]), Some(5), 2), [4, 3]);
    assert_eq!(list(Some(ActionState::Done), Some(&["ops"]), None, 10), [5]);
    assert_eq!(list(None, Some(&[]), None, 10), [0; 0], "of no team");
}

fn once(subject: &dyn Subject) {
    let store = subject.store();
    let added = write(&*store, |tx| Ok([tx.add_once("a", Millis(1))?, tx.add_once("a", Millis(2))?, tx.add_once(AWKWARD, Millis(3))?]));
    assert_eq!(added, [true, false, true]);
    drop(store);
    let store = subject.store();
    assert!(!write(&*store, |tx| tx.add_once("a", Millis(9))));
    write(&*store, |tx| tx.add_once("b", Millis(4)).map(drop));
    assert_eq!(write(&*store, |tx| tx.forget_once(Millis(4), 1)), 1, "the earliest first");
    assert!(!write(&*store, |tx| tx.add_once(AWKWARD, Millis(9))));
    assert_eq!(write(&*store, |tx| tx.forget_once(Millis(4), 10)), 1);
    assert_eq!(write(&*store, |tx| Ok([tx.add_once("a", Millis(9))?, tx.add_once("b", Millis(9))?])), [true, false]);
}

fn by_reference(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| {
        for (id, reference) in [(1, Some("D02:1.5")), (2, Some("D02:1.5")), (3, Some("d02:1.5")), (4, None)] {
            let mut row = outbox(OutboxId(id), &id.to_string(), Some(IncidentId(7)), None);
            row.reference = reference.map(str::to_owned);
            tx.put_outbox(&row)?;
        }
        Ok(())
    });
    let found = |reference: &'static str| view(&*store, move |view| Ok(view.outbox_by_reference(reference)?.map(|row| row.id.0)));
    assert_eq!([found("D02:1.5"), found("d02:1.5"), found("D02"), found("")], [Some(2), Some(3), None, None]);
}

fn last_told(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| {
        let rows = [
            (1, "alice", Some(7), OutboxState::Accepted),
            (2, "alice", Some(8), OutboxState::Accepted),
            (3, "alice", Some(9), OutboxState::Failed),
            (4, "alice", None, OutboxState::Accepted),
            (5, "bob", Some(10), OutboxState::Accepted),
            (6, "carol", Some(11), OutboxState::Queued),
        ];
        for (id, user, incident, state) in rows {
            let mut row = outbox(OutboxId(id), &id.to_string(), incident.map(IncidentId), None);
            (row.user, row.state) = (Some(user.into()), state);
            tx.put_outbox(&row)?;
        }
        Ok(())
    });
    let told = |user: &'static str| view(&*store, move |view| Ok(view.last_told(&user.into())?.map(|id| id.0)));
    assert_eq!([told("alice"), told("bob"), told("carol"), told("dave")], [Some(8), Some(10), None, None]);
}

fn ids(subject: &dyn Subject) {
    let mut given = Vec::new();
    for _ in 0..2 {
        let store = subject.store();
        for _ in 0..2 {
            given.push(write(&*store, |tx| Ok([tx.new_event_id()?.0, tx.new_action_id()?.0])));
        }
    }
    assert!(given.is_sorted_by(|a, b| a.iter().zip(b).all(|(a, b)| a < b)) && given[0].iter().all(|id| *id >= 1), "{given:?}");
}
