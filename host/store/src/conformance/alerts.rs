//! Decisions, done-marks, the cursor; alerts, windows, wake times.

use super::samples::{AWKWARD, alert_state, decision_row};
use super::{Case, Subject, try_write, view, write};
use domain::alert::{SUMMARY_LIMIT_BYTES, Severity, Status};
use domain::decision::{Outcome, Verdict};
use domain::id::{AlertId, DecisionId, IncidentId, JournalId, Revision, TeamId};
use domain::incident::{AlertState, Window};
use domain::time::Millis;
use ports::Store;
use ports::store::{DecisionFilter, DecisionRow, StoreError};
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[
    ("an empty store is empty", empty),
    ("a decision comes back whole", decision_whole),
    ("a decision is added once", decision_once),
    ("decisions are listed newest first", decision_list),
    ("done-marks and decisions above the cursor", done_marks),
    ("the cursor survives", cursor),
    ("an alert comes back whole", alert_whole),
    ("an alert is replaced", alert_replaced),
    ("an alert keeps its latest report whatever its decision says", alert_report),
    ("what is reported again and again comes back whole each time", repeats),
    ("an alert changes its entity", alert_renamed),
    ("alert ids grow and are not given twice", alert_ids),
    ("alerts of an incident, newest report first", alerts_of),
    ("alerts that wait for their threshold", alerts_waiting),
    ("alerts wake in the order of their times", wakes),
    ("windows are kept, replaced and deleted", windows),
    ("large and awkward alerts", large),
];

fn shop() -> TeamId {
    "shop".into()
}

fn decision(record: u64, index: usize) -> DecisionId {
    DecisionId::new(JournalId(record), index)
}

fn put(store: &dyn Store, states: Vec<AlertState>) {
    write(store, move |tx| states.iter().try_for_each(|state| tx.put_alert(state)));
}

fn empty(subject: &dyn Subject) {
    let store = subject.store();
    view(&*store, |view| {
        assert_eq!(view.cursor()?, JournalId(0));
        assert_eq!(view.decided_from(DecisionId(0))?, []);
        assert_eq!(view.alert(&shop(), "db")?, None);
        assert_eq!(view.alert_by_id(AlertId(1))?, None);
        assert_eq!(view.next_wake()?, None);
        assert_eq!(view.decision_count()?, 0);
        assert_eq!(view.decision(decision(1, 0))?, None);
        assert_eq!(view.incident(IncidentId(1))?, None);
        assert_eq!(view.configuration()?, None);
        assert_eq!(view.next_run_due()?, None);
        assert_eq!(view.next_outbox_due()?, None);
        assert_eq!(view.dead_letters_waiting(None)?, 0);
        Ok(())
    });
    assert_eq!(store.depth(), 0);
}

fn decision_whole(subject: &dyn Subject) {
    let row = decision_row(decision(3, 999), "shop", "db");
    let given = row.clone();
    let store = subject.store();
    assert!(write(&*store, move |tx| {
        let added = tx.add_decision(&given)?;
        assert_eq!(tx.decision(given.decision.id)?, Some(given.clone()), "a transaction reads what it wrote");
        Ok(added)
    }));
    let id = row.decision.id;
    assert_eq!(view(&*store, move |view| view.decision(id)), Some(row.clone()));
    drop(store);
    assert_eq!(view(&*subject.store(), move |view| view.decision(id)), Some(row));
}

fn decision_once(subject: &dyn Subject) {
    let store = subject.store();
    let row = decision_row(decision(1, 0), "shop", "db");
    let (first, mut second) = (row.clone(), row.clone());
    second.at = Millis(99);
    assert!(write(&*store, move |tx| tx.add_decision(&first)));
    let again = second.clone();
    assert!(!write(&*store, move |tx| tx.add_decision(&again)));
    assert!(!write(&*store, move |tx| tx.add_decision(&second)));
    let id = row.decision.id;
    view(&*store, move |view| {
        assert_eq!(view.decision(id)?, Some(row), "the first stays as it was");
        assert_eq!(view.decision_count()?, 1);
        Ok(())
    });
}

fn decision_list(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| {
        for index in 0..10 {
            let mut row = decision_row(decision(1, index), "shop", "db");
            row.incident = (index % 2 == 0).then_some(IncidentId(7));
            tx.add_decision(&row)?;
        }
        Ok(())
    });
    view(&*store, |view| {
        let ids = |filter: DecisionFilter| -> Result<Vec<usize>, StoreError> {
            Ok(view.decisions(&filter)?.iter().map(|row| row.decision.id.index()).collect())
        };
        assert_eq!(ids(DecisionFilter { limit: 3, ..DecisionFilter::default() })?, [9, 8, 7]);
        assert_eq!(ids(DecisionFilter { before: Some(decision(1, 7)), limit: 2, incident: None })?, [6, 5]);
        assert_eq!(ids(DecisionFilter { incident: Some(IncidentId(7)), limit: 100, before: None })?, [8, 6, 4, 2, 0]);
        assert_eq!(ids(DecisionFilter { incident: Some(IncidentId(7)), limit: 2, before: Some(decision(1, 6)) })?, [4, 2]);
        assert_eq!(ids(DecisionFilter { incident: Some(IncidentId(8)), limit: 2, before: None })?, [0; 0]);
        assert_eq!(view.decision_count()?, 10);
        Ok(())
    });
}

fn done_marks(subject: &dyn Subject) {
    let store = subject.store();
    let answers = write(&*store, |tx| {
        tx.add_decision(&decision_row(decision(5, 1), "shop", "db"))?;
        tx.add_decision(&decision_row(decision(2, 0), "shop", "db"))?;
        Ok((tx.add_done(decision(4, 0))?, tx.add_done(decision(4, 0))?))
    });
    assert_eq!(answers, (true, false));
    drop(store);
    let store = subject.store();
    assert!(!write(&*store, |tx| tx.add_done(decision(4, 0))));
    assert_eq!(view(&*store, |view| view.decided_from(decision(3, 0))), [decision(4, 0), decision(5, 1)]);
    assert_eq!(view(&*store, |view| view.decided_from(decision(2, 0))), [decision(2, 0), decision(4, 0), decision(5, 1)]);
    assert_eq!(view(&*store, |view| view.decided_from(decision(5, 2))), []);
}

fn cursor(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| {
        tx.set_cursor(JournalId(41))?;
        assert_eq!(tx.cursor()?, JournalId(41));
        Ok(())
    });
    assert_eq!(view(&*store, |view| view.cursor()), JournalId(41));
    drop(store);
    assert_eq!(view(&*subject.store(), |view| view.cursor()), JournalId(41));
}

fn alert_whole(subject: &dyn Subject) {
    let mut cited = alert_state(AlertId(1), "shop", "db", decision(1, 0));
    cited.incident = Some(IncidentId(4));
    cited.suppressed_until = Some(Millis(i64::MAX));
    cited.expires_at = Some(Millis(9_000));
    let mut plain = alert_state(AlertId(2), "", "db", decision(1, 1));
    plain.integration = None;
    plain.status = Status::Acknowledged;
    plain.severity = Severity::Info;
    plain.counted = false;
    let states = [cited, plain];
    let given = states.clone();
    let store = subject.store();
    write(&*store, move |tx| {
        tx.add_decision(&decision_row(decision(1, 0), "shop", "db"))?;
        given.iter().try_for_each(|state| tx.put_alert(state))
    });
    let check = |store: &dyn Store| {
        for state in &states {
            let (id, team, entity) = (state.id, state.team.clone(), state.entity.clone());
            assert_eq!(view(store, move |view| view.alert(&team, &entity)).as_ref(), Some(state));
            assert_eq!(view(store, move |view| view.alert_by_id(id)).as_ref(), Some(state));
            let (team, entity) = (state.team.clone(), state.entity.clone());
            assert_eq!(write(store, move |tx| tx.alert(&team, &entity)).as_ref(), Some(state));
            assert_eq!(write(store, move |tx| tx.alert_by_id(id)).as_ref(), Some(state));
        }
        assert_eq!(view(store, |view| view.alert(&"other".into(), "db")), None);
    };
    check(&*store);
    drop(store);
    check(&*subject.store());
}

fn alert_replaced(subject: &dyn Subject) {
    let store = subject.store();
    let first = alert_state(AlertId(1), "shop", "db", decision(1, 0));
    put(&*store, vec![first.clone()]);
    // A repeat, a joined incident, a recovery: what changes grows each time.
    let mut repeat = first.clone();
    repeat.count = 4;
    repeat.last_at = Millis(5_000);
    repeat.last_decision = decision(2, 0);
    let mut joined = repeat.clone();
    joined.incident = Some(IncidentId(9));
    joined.key = "another key".into();
    let mut resolved = joined.clone();
    resolved.status = Status::Resolved;
    Arc::make_mut(&mut resolved.alert).summary = None;
    Arc::make_mut(&mut resolved.alert).labels.clear();
    for state in [repeat, joined, resolved] {
        put(&*store, vec![state.clone()]);
        assert_eq!(view(&*store, |view| view.alert(&shop(), "db")), Some(state.clone()));
        assert_eq!(write(&*store, |tx| tx.alert(&shop(), "db")), Some(state));
    }
}

fn alert_report(subject: &dyn Subject) {
    let store = subject.store();
    let decided = |id, summary: &str| {
        let mut row = decision_row(id, "shop", "db");
        Arc::make_mut(&mut row.decision.alert).summary = Some(summary.into());
        row
    };
    let state = |id, summary: &str| {
        let mut state = alert_state(AlertId(1), "shop", "db", id);
        Arc::make_mut(&mut state.alert).summary = Some(summary.into());
        state
    };
    // Its report is its decision's; then another than its decision's; then its decision is of no known row; then the first again.
    let steps = [
        (Some(decided(decision(1, 0), "one")), state(decision(1, 0), "one")),
        (None, state(decision(1, 0), "one")),
        (None, state(decision(1, 0), "two")),
        (Some(decided(decision(2, 0), "three")), state(decision(2, 0), "four")),
        (None, state(decision(3, 0), "four")),
        (None, state(decision(1, 0), "one")),
    ];
    for (row, state) in steps {
        let given = state.clone();
        write(&*store, move |tx| {
            if let Some(row) = row {
                tx.add_decision(&row)?;
            }
            tx.put_alert(&given)
        });
        assert_eq!(view(&*store, |view| view.alert(&shop(), "db")), Some(state.clone()));
        assert_eq!(write(&*store, |tx| tx.alert(&shop(), "db")), Some(state));
    }
}

/// The decision's alert and the state's are one value, as the committer hands them in; only times, or one thing besides, differ from report to report.
fn repeats(subject: &dyn Subject) {
    let store = subject.store();
    let report = |record: u64, change: fn(&mut DecisionRow)| {
        let mut row = decision_row(decision(record, 0), "shop", "db");
        let alert = Arc::make_mut(&mut row.decision.alert);
        alert.received_at = Millis(record as i64 * 1000);
        alert.expires_at = record.is_multiple_of(2).then_some(Millis(record as i64 * 5000));
        row.at = Millis(record as i64);
        row.outcome = if record == 1 { Outcome::Opened } else { Outcome::Repeated };
        change(&mut row);
        let mut state = alert_state(AlertId(1), "shop", "db", row.decision.id);
        state.alert = Arc::clone(&row.decision.alert);
        (row, state)
    };
    let same: fn(&mut DecisionRow) = |_| {};
    let steps = [
        report(1, same),
        report(2, same),
        report(3, same),
        report(4, |row| Arc::make_mut(&mut row.decision.alert).summary = Some("another".into())),
        report(5, |row| row.decision.verdict = Verdict::Keep),
        report(6, |row| row.decision.notes.truncate(1)),
        report(7, |row| row.decision.revision = Revision(8)),
        report(8, |row| row.decision.integration = None),
        report(9, |row| row.decision.default_route = !row.decision.default_route),
        report(10, |row| row.decision.grouping = None),
        report(11, |row| row.decision.partition = 1),
        report(12, same),
    ];
    let as_given = |store: &dyn Store, upto: usize| {
        for (row, _) in &steps[..upto] {
            let id = row.decision.id;
            assert_eq!(view(store, move |view| view.decision(id)), Some(row.clone()));
        }
        let state = &steps[upto - 1].1;
        assert_eq!(view(store, |view| view.alert(&shop(), "db")), Some(state.clone()));
        assert_eq!(write(store, |tx| tx.alert(&shop(), "db")), Some(state.clone()));
    };
    for (index, (row, state)) in steps.iter().enumerate() {
        let (row, state) = (row.clone(), state.clone());
        let given = (row.clone(), state.clone());
        if index == 2 {
            // A job that is undone leaves nothing to cite.
            let refused = try_write(&*store, move |tx| {
                tx.add_decision(&given.0)?;
                tx.put_alert(&given.1)?;
                Err::<(), _>(StoreError::Abandoned("planted".into()))
            });
            assert!(refused.is_err());
        }
        write(&*store, move |tx| {
            assert!(tx.add_decision(&row)?);
            tx.put_alert(&state)
        });
        as_given(&*store, index + 1);
    }
    let listed = view(&*store, |view| view.decisions(&DecisionFilter { limit: 100, ..DecisionFilter::default() }));
    assert_eq!(listed, steps.iter().rev().map(|(row, _)| row.clone()).collect::<Vec<_>>());
    drop(store);
    let store = subject.store();
    as_given(&*store, steps.len());
}

fn alert_renamed(subject: &dyn Subject) {
    let store = subject.store();
    let mut state = alert_state(AlertId(1), "shop", "db", decision(1, 0));
    put(&*store, vec![state.clone()]);
    state.entity = "db2".into();
    put(&*store, vec![state.clone()]);
    assert_eq!(write(&*store, |tx| tx.alert(&shop(), "db")), None);
    assert_eq!(write(&*store, |tx| tx.alert(&shop(), "db2")), Some(state.clone()));
    assert_eq!(view(&*store, |view| view.alert(&shop(), "db")), None);
    // Its old name is free again, and taken only once.
    let other = alert_state(AlertId(2), "shop", "db", decision(1, 1));
    put(&*store, vec![other]);
    let third = alert_state(AlertId(3), "shop", "db2", decision(1, 2));
    assert!(try_write(&*store, move |tx| tx.put_alert(&third)).is_err(), "an entity is unique within its team");
    assert_eq!(write(&*store, |tx| tx.alert(&shop(), "db2")), Some(state), "a failed job leaves no trace");
    assert_eq!(write(&*store, |tx| tx.alert_by_id(AlertId(3))), None);
}

fn alert_ids(subject: &dyn Subject) {
    let mut given = Vec::new();
    for _ in 0..3 {
        let store = subject.store();
        given.extend(write(&*store, |tx| {
            let ids = [tx.new_alert_id()?, tx.new_alert_id()?];
            for id in ids {
                tx.put_alert(&alert_state(id, "shop", &id.to_string(), decision(1, 0)))?;
            }
            Ok(ids)
        }));
    }
    assert!(given.is_sorted_by(|a, b| a < b) && given[0] >= AlertId(1), "{given:?}");
}

fn alerts_of(subject: &dyn Subject) {
    let store = subject.store();
    let states = [(1, 500, Some(7)), (2, 900, Some(7)), (3, 700, Some(8)), (4, 700, Some(7)), (5, 999, None)].map(|(id, at, incident)| {
        let mut state = alert_state(AlertId(id), "shop", &id.to_string(), decision(1, 0));
        state.last_at = Millis(at);
        state.incident = incident.map(IncidentId);
        state
    });
    put(&*store, states.to_vec());
    let ids = |limit| view(&*store, move |view| Ok(view.alerts_of(IncidentId(7), limit)?.iter().map(|a| a.id.0).collect::<Vec<_>>()));
    assert_eq!(ids(10), [2, 4, 1]);
    assert_eq!(ids(2), [2, 4]);
}

fn alerts_waiting(subject: &dyn Subject) {
    let store = subject.store();
    let state = |id: u64| {
        let mut state = alert_state(AlertId(id), "shop", &id.to_string(), decision(1, 0));
        state.key = "k".into();
        state
    };
    let waits = state(1);
    let mut joined = state(2);
    joined.incident = Some(IncidentId(1));
    let mut suppressed = state(3);
    suppressed.suppressed_until = Some(Millis(1));
    let mut resolved = state(4);
    resolved.status = Status::Resolved;
    let mut other_key = state(5);
    other_key.key = "l".into();
    let mut other_team = state(6);
    other_team.team = "ops".into();
    put(&*store, vec![waits.clone(), joined, suppressed, resolved, other_key, other_team]);
    assert_eq!(view(&*store, |view| view.alerts_waiting(&shop(), "k")), std::slice::from_ref(&waits));
    let mut joins = waits;
    joins.incident = Some(IncidentId(1));
    put(&*store, vec![joins]);
    assert_eq!(view(&*store, |view| view.alerts_waiting(&shop(), "k")), []);
}

fn wakes(subject: &dyn Subject) {
    let store = subject.store();
    let state = |id: u64, expires: Option<i64>, suppressed: Option<i64>| {
        let mut state = alert_state(AlertId(id), "shop", &id.to_string(), decision(1, 0));
        state.expires_at = expires.map(Millis);
        state.suppressed_until = suppressed.map(Millis);
        state
    };
    let mut resolved = state(5, Some(10), None);
    resolved.status = Status::Resolved;
    put(
        &*store,
        vec![state(1, Some(300), None), state(2, Some(900), Some(100)), state(3, None, Some(i64::MAX)), state(4, None, None), resolved],
    );
    let due =
        |now, limit| view(&*store, move |view| Ok(view.alerts_to_wake(Millis(now), limit)?.iter().map(|a| a.id.0).collect::<Vec<_>>()));
    assert_eq!(view(&*store, |view| view.next_wake()), Some(Millis(100)));
    assert_eq!(due(99, 10), [0; 0]);
    assert_eq!(due(100, 10), [2]);
    assert_eq!(due(1_000, 10), [2, 1]);
    assert_eq!(due(1_000, 1), [2]);
    // All that fire, whatever else is due on them; the resolved one does not.
    let firing =
        |after, limit| view(&*store, move |view| Ok(view.alerts_firing(AlertId(after), limit)?.iter().map(|a| a.id.0).collect::<Vec<_>>()));
    assert_eq!((firing(0, 10), firing(1, 2), firing(4, 10)), (vec![1, 2, 3, 4], vec![2, 3], vec![]));
    // Reported again: it expires later.
    put(&*store, vec![state(1, Some(5_000), None), state(2, None, None)]);
    assert_eq!(due(1_000, 10), [0; 0]);
    assert_eq!(view(&*store, |view| view.next_wake()), Some(Millis(5_000)));
}

fn windows(subject: &dyn Subject) {
    let store = subject.store();
    let window = |arrivals: &[i64]| Window { arrivals: arrivals.iter().copied().map(Millis).collect() };
    for arrivals in [vec![1], vec![1, 2, -3, i64::MAX], vec![5]] {
        let given = window(&arrivals);
        write(&*store, move |tx| tx.put_window(&shop(), AWKWARD, &given));
        assert_eq!(view(&*store, |view| view.window(&shop(), AWKWARD)), Some(window(&arrivals)));
    }
    assert_eq!(view(&*store, |view| view.window(&"ops".into(), AWKWARD)), None);
    write(&*store, |tx| tx.put_window(&shop(), AWKWARD, &Window::default()));
    assert_eq!(view(&*store, |view| view.window(&shop(), AWKWARD)), None);
}

fn large(subject: &dyn Subject) {
    let store = subject.store();
    let mut state = alert_state(AlertId(1), AWKWARD, AWKWARD, decision(u64::from(u32::MAX), 1023));
    Arc::make_mut(&mut state.alert).summary = Some("é".repeat(SUMMARY_LIMIT_BYTES / 2));
    Arc::make_mut(&mut state.alert).details = Some("x".repeat(2 << 20));
    Arc::make_mut(&mut state.alert).labels = (0..128).map(|n| (format!("label-{n:03}"), "v".repeat(4096))).collect();
    state.key = AWKWARD.into();
    let mut row = decision_row(state.last_decision, AWKWARD, AWKWARD);
    row.decision.alert = state.alert.clone();
    let (given, decided) = (state.clone(), row.clone());
    write(&*store, move |tx| {
        tx.add_decision(&decided)?;
        tx.put_alert(&given)
    });
    drop(store);
    let store = subject.store();
    assert!(view(&*store, |view| view.alert(&AWKWARD.into(), AWKWARD)) == Some(state), "a large alert comes back whole");
    let id = row.decision.id;
    assert!(view(&*store, move |view| view.decision(id)) == Some(row), "a large decision comes back whole");
}
