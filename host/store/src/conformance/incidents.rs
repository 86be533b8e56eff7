//! Incidents, the keys that lead to them, their lists and timelines.

use super::samples::{AWKWARD, incident, line};
use super::{Case, Subject, view, write};
use domain::alert::Status;
use domain::command::Actor;
use domain::contact::Contact;
use domain::id::{IncidentId, TeamId};
use domain::time::Millis;
use domain::timeline::LineKind;
use ports::store::IncidentFilter;

pub(super) const CASES: &[Case] = &[
    ("an incident comes back whole and is replaced", whole),
    ("incident ids begin at 1", ids),
    ("the open incident of a key", open_key),
    ("incidents are listed by state, team and page", list),
    ("incidents to route, oldest first", to_route),
    ("a timeline keeps its order and every kind of line", timeline),
];

fn whole(subject: &dyn Subject) {
    let store = subject.store();
    let mut one = incident(IncidentId(1), "shop");
    for change in 0..3 {
        one.version += 1;
        one.alert_count += 1;
        if change == 2 {
            one.status = Status::Resolved;
            one.resolved_at = Some(Millis(9_000));
            one.priority = None;
        }
        let given = one.clone();
        write(&*store, move |tx| tx.put_incident(&given));
        assert_eq!(view(&*store, |view| view.incident(IncidentId(1))), Some(one.clone()));
    }
    drop(store);
    assert_eq!(view(&*subject.store(), |view| view.incident(IncidentId(1))), Some(one));
}

fn ids(subject: &dyn Subject) {
    let store = subject.store();
    let first = write(&*store, |tx| {
        let id = tx.new_incident_id()?;
        tx.put_incident(&incident(id, "shop"))?;
        Ok(id)
    });
    assert_eq!(first, IncidentId(1));
    drop(store);
    assert!(write(&*subject.store(), |tx| tx.new_incident_id()) > first);
}

fn open_key(subject: &dyn Subject) {
    let store = subject.store();
    let shop: TeamId = "shop".into();
    let open = |key: &'static str| view(&*store, move |view| view.open_incident(&"shop".into(), key));
    assert_eq!(open("k"), None);
    let team = shop.clone();
    write(&*store, move |tx| {
        tx.lock_keys(&[(team.clone(), "k".into()), (team.clone(), "l".into())])?;
        for id in [1, 2, 3] {
            tx.put_incident(&incident(IncidentId(id), "shop"))?;
        }
        tx.set_open_incident(&team, "k", Some(IncidentId(1)))?;
        tx.set_open_incident(&team, "l", Some(IncidentId(2)))?;
        assert_eq!(tx.open_incident(&team, "k")?, Some(IncidentId(1)));
        tx.set_open_incident(&team, "k", Some(IncidentId(3)))
    });
    assert_eq!(open("k"), Some(IncidentId(3)));
    assert_eq!(view(&*store, |view| view.open_incident(&"ops".into(), "k")), None);
    write(&*store, move |tx| tx.set_open_incident(&shop, "k", None));
    assert_eq!(open("k"), None);
    assert_eq!(open("l"), Some(IncidentId(2)));
}

fn list(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| {
        for id in 1..=600 {
            let team = ["shop", "ops", AWKWARD][id as usize % 3];
            let mut one = incident(IncidentId(id), team);
            one.status = if id % 2 == 0 { Status::Resolved } else { Status::Acknowledged };
            tx.put_incident(&one)?;
        }
        Ok(())
    });
    let ids = |open, teams: Option<&[&str]>, before: Option<u64>, limit| {
        let teams = teams.map(|teams| teams.iter().map(|team| TeamId::from(*team)).collect());
        let filter = IncidentFilter { open, teams, before: before.map(IncidentId), limit };
        view(&*store, move |view| Ok(view.incidents(&filter)?.iter().map(|one| one.id.0).collect::<Vec<_>>()))
    };
    assert_eq!(ids(None, None, None, 3), [600, 599, 598]);
    assert_eq!(ids(None, None, Some(598), 3), [597, 596, 595]);
    assert_eq!(ids(Some(true), None, None, 3), [599, 597, 595]);
    assert_eq!(ids(Some(false), None, None, 3), [600, 598, 596]);
    assert_eq!(ids(None, Some(&["shop"]), None, 3), [600, 597, 594]);
    assert_eq!(ids(Some(true), Some(&["shop"]), None, 2), [597, 591]);
    assert_eq!(ids(Some(false), Some(&["shop"]), Some(600), 2), [594, 588]);
    assert_eq!(ids(None, Some(&["shop", "ops", "shop"]), None, 4), [600, 598, 597, 595]);
    assert_eq!(ids(None, Some(&[AWKWARD]), None, 1), [599]);
    assert_eq!(ids(None, Some(&[]), None, 3), [0; 0], "of no team is none");
    assert_eq!(ids(None, Some(&["nobody"]), None, 3), [0; 0]);
    assert_eq!(ids(None, None, None, 10_000).len(), 500, "a list is bounded");
    assert_eq!(ids(None, Some(&["shop", "ops", AWKWARD]), None, 10_000).len(), 500, "a list is bounded");
}

fn to_route(subject: &dyn Subject) {
    let store = subject.store();
    let due = |id: u64, due: bool| {
        let mut one = incident(IncidentId(id), "shop");
        one.route_due = due;
        one
    };
    let given = [due(3, true), due(1, true), due(2, false), due(4, true)];
    write(&*store, move |tx| given.iter().try_for_each(|one| tx.put_incident(one)));
    let ids = |limit| view(&*store, move |view| view.incidents_to_route(limit));
    assert_eq!(ids(10), [1, 3, 4].map(IncidentId));
    assert_eq!(ids(2), [1, 3].map(IncidentId));
    let routed = [due(1, false), due(2, true)];
    write(&*store, move |tx| routed.iter().try_for_each(|one| tx.put_incident(one)));
    assert_eq!(ids(10), [2, 3, 4].map(IncidentId));
}

fn timeline(subject: &dyn Subject) {
    use LineKind as K;
    let kinds = [
        K::Opened,
        K::Joined,
        K::Edited,
        K::Grouped,
        K::Suppressed,
        K::SeverityChanged,
        K::AlertResolved,
        K::AlertExpired,
        K::Acknowledged,
        K::Unacknowledged,
        K::Resolved,
        K::Noted,
        K::PrioritySet,
        K::Routed,
        K::Escalated,
        K::StepSkipped,
        K::Paged,
        K::Delivered,
        K::DeliveryFailed,
        K::PageCancelled,
        K::StageFailed,
        K::Exhausted,
    ];
    let actors = [
        Actor::User("alice".into(), AWKWARD.into()),
        Actor::Integration("shop-prometheus".into()),
        Actor::Outside(Contact { kind: "mail".into(), address: "x@example.org".into() }),
        Actor::Host,
    ];
    // In the order added, even where their times say otherwise.
    let lines: Vec<_> = (0_i64..)
        .zip(kinds)
        .map(|(number, kind)| {
            let mut line = line(1_000 - number, AWKWARD);
            line.kind = kind;
            line.actor = actors[number as usize % actors.len()].clone();
            if number % 2 == 0 {
                line.cause = None;
            }
            line
        })
        .collect();
    let given = lines.clone();
    let store = subject.store();
    write(&*store, move |tx| {
        for line in &given {
            tx.add_line(IncidentId(1), line)?;
            tx.add_line(IncidentId(2), &super::samples::line(0, "of another incident"))?;
        }
        Ok(())
    });
    drop(store);
    assert_eq!(view(&*subject.store(), |view| view.timeline(IncidentId(1))), lines);
}
