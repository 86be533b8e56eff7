//! What plugins remember, the numbers that fence copies of it, epochs, and hints that change nothing.

use super::samples::{AWKWARD, alert_state, incident};
use super::{Case, Subject, try_write, view, write};
use domain::id::{AlertId, DecisionId, IncidentId, JournalId, TeamId};
use domain::state::{StateEntry, StateRow, StateSpace, StateValue};
use domain::time::Millis;
use ports::store::StoreError;
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[
    ("what a plugin remembers, by name space", plugin_state),
    ("what has expired is forgotten, earliest first", expiry),
    ("generations count by partition", generations),
    ("epochs only grow", epochs),
    ("keys that are locked or announced read as before", locks_and_hints),
];

fn space(team: &str) -> Arc<StateSpace> {
    Arc::new(StateSpace { plugin: "flaps".into(), schema: 2, team: team.into() })
}

fn row(team: &str, key: &str, value: StateValue, expires_at: i64) -> StateRow {
    StateRow { space: space(team), key: key.into(), entry: StateEntry { value, version: 7, expires_at: Millis(expires_at) } }
}

fn plugin_state(subject: &dyn Subject) {
    let store = subject.store();
    let rows = [
        row("shop", AWKWARD, StateValue::Bytes(vec![0, 255].into()), 100),
        row("shop", "a", StateValue::Counter(i64::MIN), 200),
        row("shop", "b", StateValue::Bytes(Vec::new().into()), 300),
    ];
    let given = rows.clone();
    write(&*store, move |tx| {
        given.iter().try_for_each(|row| tx.put_plugin_state(row))?;
        tx.put_plugin_state(&row("bank", "a", StateValue::Counter(1), 100))
    });
    drop(store);
    let store = subject.store();
    let mut found = view(&*store, |view| view.plugin_state(&space("shop")));
    found.sort_by(|a, b| a.key.cmp(&b.key));
    let mut expected = rows.to_vec();
    expected.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(found, expected);
    let seen = write(&*store, |tx| {
        tx.put_plugin_state(&row("shop", "a", StateValue::Counter(5), 250))?;
        tx.delete_plugin_state(&space("shop"), "b")?;
        tx.delete_plugin_state(&space("shop"), "no such")?;
        tx.plugin_state(&space("shop"))
    });
    assert_eq!(seen.len(), 2, "a job sees what it wrote");
    assert!(seen.contains(&row("shop", "a", StateValue::Counter(5), 250)));
    assert_eq!(view(&*store, |view| view.plugin_state(&space("bank"))).len(), 1);
}

fn expiry(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| (1..=5).try_for_each(|at| tx.put_plugin_state(&row("shop", &at.to_string(), StateValue::Counter(at), at * 100))));
    let gone = write(&*store, |tx| tx.delete_expired_plugin_state(Millis(400), 3));
    assert_eq!(gone, 3);
    let left = |store: &dyn ports::Store| -> Vec<String> {
        view(store, |view| view.plugin_state(&space("shop"))).into_iter().map(|row| row.key).collect()
    };
    assert_eq!(left(&*store), ["4", "5"]);
    assert_eq!(write(&*store, |tx| tx.delete_expired_plugin_state(Millis(400), 3)), 1, "one that expires now has expired");
    assert_eq!(left(&*store), ["5"]);
}

fn generations(subject: &dyn Subject) {
    let store = subject.store();
    let first = write(&*store, |tx| tx.count_generations(1 | 1 << 63));
    assert_eq!((first.0[0], first.0[1], first.0[63]), (1, 0, 1));
    let failed = try_write(&*store, |tx| {
        tx.count_generations(u64::MAX)?;
        Err::<(), _>(StoreError::Abandoned("no".into()))
    });
    assert!(failed.is_err());
    write(&*store, |tx| tx.count_generations(2));
    drop(store);
    let store = subject.store();
    let found = view(&*store, |view| view.generations());
    assert_eq!((found.0[0], found.0[1], found.0[2], found.0[63]), (1, 1, 0, 1), "a job that failed counted nothing");
    assert_eq!(write(&*store, |tx| tx.count_generations(1)).0[0], 2);
}

fn epochs(subject: &dyn Subject) {
    let store = subject.store();
    assert_eq!(write(&*store, |tx| tx.next_epoch()), 1);
    assert_eq!(write(&*store, |tx| tx.next_epoch()), 2);
    drop(store);
    assert_eq!(write(&*subject.store(), |tx| tx.next_epoch()), 3);
}

fn locks_and_hints(subject: &dyn Subject) {
    let store = subject.store();
    let mut state = alert_state(AlertId(1), "shop", "db", DecisionId::new(JournalId(1), 0));
    state.incident = Some(IncidentId(1));
    let (given, shop) = (state.clone(), TeamId::from("shop"));
    write(&*store, move |tx| {
        tx.put_alert(&given)?;
        tx.put_incident(&incident(IncidentId(1), "shop"))?;
        tx.set_open_incident(&"shop".into(), "k", Some(IncidentId(1)))
    });
    drop(store);
    let store = subject.store();
    write(&*store, move |tx| {
        tx.lock_keys(&[(shop.clone(), "k".into()), (shop.clone(), AWKWARD.into())])?;
        tx.prefetch(&[(&shop, "db"), (&shop, "db"), (&shop, "none")], &[(&shop, "k"), (&shop, AWKWARD), (&shop, "k")])?;
        assert_eq!(tx.alert(&shop, "db")?, Some(state));
        assert_eq!(tx.alert(&shop, "none")?, None);
        assert_eq!(tx.open_incident(&shop, "k")?, Some(IncidentId(1)));
        assert_eq!(tx.open_incident(&shop, AWKWARD)?, None, "a key that was only locked leads nowhere");
        assert_eq!(tx.incident(IncidentId(1))?, Some(incident(IncidentId(1), "shop")));
        tx.put_alert(&alert_state(AlertId(2), "shop", "none", DecisionId::new(JournalId(2), 0)))?;
        assert!(tx.alert(&shop, "none")?.is_some(), "what was announced as absent and then written is there");
        tx.set_open_incident(&shop, AWKWARD, Some(IncidentId(1)))?;
        tx.set_open_incident(&shop, "k", None)
    });
    let open = |key: &'static str| view(&*store, move |view| view.open_incident(&"shop".into(), key));
    assert_eq!((open("k"), open(AWKWARD)), (None, Some(IncidentId(1))));
}
