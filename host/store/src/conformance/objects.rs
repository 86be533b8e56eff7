//! Objects that people keep and the host looks after.

use super::samples::AWKWARD;
use super::{Case, Subject, view, write};
use domain::time::Millis;
use ports::object::{Kind, Stored};

pub(super) const CASES: &[Case] = &[
    ("objects come back whole, each in its kind", whole),
    ("objects are listed by id, page by page", listed),
    ("objects are due in order, and those without a time never", due),
    ("an object can be replaced and deleted", replaced),
];

fn object(kind: Kind, id: &str, due_at: Option<i64>) -> Stored {
    let body = serde_json::json!({ "text": AWKWARD }).to_string();
    Stored { kind, id: id.into(), due_at: due_at.map(Millis), body }
}

fn whole(subject: &dyn Subject) {
    let store = subject.store();
    let all: Vec<Stored> = Kind::ALL.into_iter().flat_map(|kind| [object(kind, AWKWARD, Some(5)), object(kind, "b", None)]).collect();
    let put = all.clone();
    write(&*store, move |tx| put.iter().try_for_each(|each| tx.put_object(each)));
    drop(store);
    let store = subject.store();
    for each in all {
        let id = each.id.clone();
        assert_eq!(view(&*store, move |view| view.object(each.kind, &id)), Some(each));
    }
    assert_eq!(view(&*store, |view| view.object(Kind::Silence, "c")), None);
}

fn listed(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| ["3", "1", "2"].iter().try_for_each(|id| tx.put_object(&object(Kind::Silence, id, None))));
    write(&*store, |tx| tx.put_object(&object(Kind::Swap, "0", None)));
    let ids = |after: &'static str, limit| -> Vec<String> {
        view(&*store, move |view| view.objects(Kind::Silence, after, limit)).into_iter().map(|each| each.id).collect()
    };
    assert_eq!(ids("", 2), ["1", "2"]);
    assert_eq!(ids("2", 2), ["3"]);
    assert!(ids("3", 2).is_empty());
}

fn due(subject: &dyn Subject) {
    let store = subject.store();
    assert_eq!(view(&*store, |view| view.next_object_due(Kind::Timer)), None);
    write(&*store, |tx| {
        [("a", Some(30)), ("b", Some(10)), ("c", None), ("d", Some(10)), ("e", Some(31))]
            .into_iter()
            .try_for_each(|(id, due)| tx.put_object(&object(Kind::Timer, id, due)))?;
        tx.put_object(&object(Kind::Bundle, "x", Some(1)))
    });
    let ids = |now, limit| -> Vec<String> {
        view(&*store, move |view| view.objects_due(Kind::Timer, Millis(now), limit)).into_iter().map(|each| each.id).collect()
    };
    assert_eq!(ids(30, 9), ["b", "d", "a"]);
    assert_eq!(ids(30, 1), ["b"]);
    assert!(ids(9, 9).is_empty());
    assert_eq!(view(&*store, |view| view.next_object_due(Kind::Timer)), Some(Millis(10)));
    let seen = write(&*store, |tx| {
        tx.delete_object(Kind::Timer, "b")?;
        tx.put_object(&object(Kind::Timer, "d", None))?;
        tx.as_view().next_object_due(Kind::Timer)
    });
    assert_eq!(seen, Some(Millis(30)), "a transaction sees what it wrote");
}

fn replaced(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| tx.put_object(&object(Kind::Heartbeat, "h", Some(1))));
    let other = Stored { body: "{}".into(), due_at: Some(Millis(2)), ..object(Kind::Heartbeat, "h", None) };
    let put = other.clone();
    write(&*store, move |tx| tx.put_object(&put));
    assert_eq!(view(&*store, |view| view.objects(Kind::Heartbeat, "", 9)), [other]);
    assert_eq!(write(&*store, |tx| Ok([tx.delete_object(Kind::Heartbeat, "h")?, tx.delete_object(Kind::Heartbeat, "h")?])), [true, false]);
    assert_eq!(view(&*store, |view| view.object(Kind::Heartbeat, "h")), None);
}
