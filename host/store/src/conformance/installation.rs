//! Overrides, credentials, configurations, the audit log, secrets of the host.

use super::samples::{AWKWARD, credential};
use super::{Case, Subject, try_write, view, write};
use domain::id::{AuditId, OverrideId, Revision};
use domain::schedule::Override;
use domain::time::Millis;
use ports::store::{AuditRow, CredentialKind};

pub(super) const CASES: &[Case] = &[
    ("overrides by rotation and time", overrides),
    ("credentials of every kind", credentials),
    ("configurations follow each other without a gap", configurations),
    ("the audit log numbers its lines", audit),
    ("secrets of the host", secrets),
];

fn overrides(subject: &dyn Subject) {
    let store = subject.store();
    let entry = |id: u64, rotation: &str, from: i64, until: i64| Override {
        id: OverrideId(id),
        rotation: rotation.into(),
        user: "alice".into(),
        from: Millis(from),
        until: Millis(until),
        by: "bob".into(),
    };
    let entries = [entry(1, "primary", 300, 400), entry(2, "primary", 100, 200), entry(3, "second", 150, 250)];
    let given = entries.clone();
    write(&*store, move |tx| given.iter().try_for_each(|entry| tx.put_override(entry)));
    drop(store);
    let store = subject.store();
    let [late, early, second] = entries;
    let of =
        |rotation: Option<&'static str>, from| view(&*store, move |view| view.overrides(rotation.map(Into::into).as_ref(), Millis(from)));
    assert_eq!(of(Some("primary"), 0), [early.clone(), late.clone()], "by start");
    assert_eq!(of(Some("primary"), 199), [early.clone(), late.clone()]);
    assert_eq!(of(Some("primary"), 200), std::slice::from_ref(&late), "one that ends then is over");
    assert_eq!(of(None, 200), [second.clone(), late.clone()]);
    let moved = entry(2, "primary", 500, 600);
    let given = moved.clone();
    write(&*store, move |tx| {
        tx.put_override(&given)?;
        tx.delete_override(OverrideId(1))?;
        tx.delete_override(OverrideId(99))
    });
    assert_eq!(of(None, 0), [second, moved]);
}

fn credentials(subject: &dyn Subject) {
    use CredentialKind as K;
    let kinds = [K::IntegrationKey, K::ApiToken, K::Session, K::SignInLink, K::Password];
    let store = subject.store();
    for (number, kind) in (1_i64..).zip(kinds) {
        let mut one = credential(&format!("{number}"), kind);
        let mut later = credential(&format!("0{number}"), kind);
        later.created_at = Millis(5_000);
        later.user = None;
        later.integration = None;
        later.expires_at = None;
        later.last_used_at = None;
        let given = [later.clone(), one.clone()];
        write(&*store, move |tx| given.iter().try_for_each(|one| tx.put_credential(one)));
        assert_eq!(view(&*store, move |view| view.credentials(kind)), [one.clone(), later], "oldest first");
        one.last_used_at = Some(Millis(7_000));
        let (given, id) = (one.clone(), one.id.clone());
        write(&*store, move |tx| tx.put_credential(&given));
        assert_eq!(view(&*store, move |view| view.credential(&id)), Some(one));
    }
    write(&*store, |tx| {
        tx.delete_credential("1")?;
        tx.delete_credential("no such")
    });
    drop(store);
    let store = subject.store();
    assert_eq!(view(&*store, |view| view.credential("1")), None);
    assert_eq!(view(&*store, |view| view.credentials(K::IntegrationKey)).len(), 1);
    assert_eq!(view(&*store, |view| view.credentials(K::Password)).len(), 2);
}

fn configurations(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| tx.add_configuration(Revision(1), "{}", Millis(1)));
    write(&*store, |tx| tx.add_configuration(Revision(2), AWKWARD, Millis(2)));
    for wrong in [0, 1, 2, 4] {
        let refused = try_write(&*store, move |tx| tx.add_configuration(Revision(wrong), "no", Millis(3)));
        assert!(refused.is_err(), "revision {wrong} is not the next");
    }
    drop(store);
    assert_eq!(view(&*subject.store(), |view| view.configuration()), Some((Revision(2), AWKWARD.to_owned())));
    let other = try_write(&*subject.store(), |tx| {
        tx.add_configuration(Revision(3), "three", Millis(3))?;
        tx.configuration()
    });
    assert_eq!(other.ok().flatten(), Some((Revision(3), "three".to_owned())));
}

fn audit(subject: &dyn Subject) {
    let store = subject.store();
    let row = |number: u64| AuditRow {
        id: AuditId(0),
        at: Millis(number as i64),
        actor: AWKWARD.into(),
        action: "config.apply".into(),
        subject: format!("{number}"),
        details: "{}".into(),
    };
    write(&*store, move |tx| (1..=4).try_for_each(|number| tx.add_audit(&row(number))));
    drop(store);
    let store = subject.store();
    write(&*store, move |tx| tx.add_audit(&row(5)));
    let all = view(&*store, |view| view.audit(None, 10));
    assert!(all.is_sorted_by(|newer, older| newer.id > older.id) && all.iter().all(|row| row.id >= AuditId(1)));
    let expected: Vec<_> = (1..=5).rev().zip(&all).map(|(number, stored)| AuditRow { id: stored.id, ..row(number) }).collect();
    assert_eq!(all, expected);
    let third = all[2].id;
    assert_eq!(view(&*store, move |view| view.audit(Some(third), 1)), all[3..4]);
}

fn secrets(subject: &dyn Subject) {
    let store = subject.store();
    assert_eq!(view(&*store, |view| view.host_secret("links")), None);
    for value in [vec![0, 255, 1], vec![], vec![7; 32]] {
        let given = value.clone();
        write(&*store, move |tx| tx.put_host_secret("links", &given));
        assert_eq!(view(&*store, |view| view.host_secret("links")), Some(value));
    }
}
