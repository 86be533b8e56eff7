//! What a transaction promises: order, all or nothing for each job alone, visibility, and that nobody's mistake stops the store.

use super::samples::{alert_state, decision_row, incident};
use super::{Case, PATIENCE, Subject, try_write, view, write};
use domain::id::{AlertId, DecisionId, IncidentId, JournalId};
use ports::store::StoreError;
use std::sync::{Arc, Mutex, mpsc};

pub(super) const CASES: &[Case] = &[
    ("jobs run and are told in the order submitted", order),
    ("a job that fails takes nothing of its group with it", rollback_alone),
    ("a job that fails leaves no memory of what it wrote", rollback_memory),
    ("a job that panics is a job that failed", panics),
    ("a callback that panics stops nobody", callback_panics),
    ("what was told as done is seen by readers", visibility),
    ("a view does not change while it is read", stable_view),
    ("a store that is dropped has done what was queued", drained),
];

fn id(number: u64) -> DecisionId {
    DecisionId::new(JournalId(number), 0)
}

fn order(subject: &dyn Subject) {
    let store = subject.store();
    let (ran, (told, wait)) = (Arc::new(Mutex::new(Vec::new())), mpsc::channel());
    for number in 0..1_000_u64 {
        let (ran, told) = (Arc::clone(&ran), told.clone());
        store.submit(
            Box::new(move |tx| {
                assert_eq!(tx.cursor()?, JournalId(number), "a job sees what those before it wrote");
                tx.set_cursor(JournalId(number + 1))?;
                ran.lock().expect("no job panics").push(number);
                Ok(())
            }),
            Box::new(move |result| {
                let _ = told.send((number, result.is_ok()));
            }),
        );
    }
    let answers: Vec<_> = (0..1_000).map(|_| wait.recv_timeout(PATIENCE).expect("done is called")).collect();
    assert_eq!(answers, (0..1_000).map(|number| (number, true)).collect::<Vec<_>>());
    assert_eq!(*ran.lock().expect("no job panics"), (0..1_000).collect::<Vec<_>>());
    assert_eq!(store.depth(), 0);
}

/// Submits jobs so that they share a group: the first holds the writer until all are queued.
fn together(store: &dyn ports::Store, jobs: Vec<ports::store::WriteJob>) -> Vec<Result<(), StoreError>> {
    let (go, wait) = mpsc::channel::<()>();
    store.submit(Box::new(move |_| wait.recv().map_err(|_| StoreError::Abandoned("nobody let it go".into()))), Box::new(|_| {}));
    let (told, answers) = mpsc::channel();
    let count = jobs.len();
    for (number, job) in jobs.into_iter().enumerate() {
        let told = told.clone();
        store.submit(job, Box::new(move |result| drop(told.send((number, result)))));
    }
    assert!(store.depth() >= count, "jobs that wait are counted");
    go.send(()).expect("the first job waits");
    let mut all: Vec<_> = (0..count).map(|_| answers.recv_timeout(PATIENCE).expect("done is called")).collect();
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, result)| result).collect()
}

fn rollback_alone(subject: &dyn Subject) {
    let store = subject.store();
    let job = |number: u64| -> ports::store::WriteJob {
        Box::new(move |tx| {
            tx.add_decision(&decision_row(id(number), "shop", "db"))?;
            tx.put_incident(&incident(IncidentId(number), "shop"))?;
            tx.put_alert(&alert_state(AlertId(number), "shop", &number.to_string(), id(number)))?;
            if number.is_multiple_of(3) { Err(StoreError::Abandoned(format!("no {number}"))) } else { Ok(()) }
        })
    };
    let results = together(&*store, (1..=30).map(job).collect());
    for (number, result) in (1_u64..).zip(results) {
        match result {
            Err(StoreError::Abandoned(why)) => assert!(number % 3 == 0 && why == format!("no {number}"), "{number}: {why}"),
            other => assert!(number % 3 != 0 && other.is_ok(), "{number}: {other:?}"),
        }
    }
    let check = |store: &dyn ports::Store| {
        let stored = view(store, |view| {
            let mut stored = Vec::new();
            for number in 1..=30_u64 {
                let there = [
                    view.decision(id(number))?.is_some(),
                    view.incident(IncidentId(number))?.is_some(),
                    view.alert(&"shop".into(), &number.to_string())?.is_some(),
                ];
                assert!(there == [true; 3] || there == [false; 3], "job {number} is half there: {there:?}");
                stored.push(there[0]);
            }
            assert_eq!(view.decision_count()?, 20);
            Ok(stored)
        });
        assert_eq!(stored, (1..=30).map(|number| number % 3 != 0).collect::<Vec<_>>());
    };
    check(&*store);
    drop(store);
    check(&*subject.store());
}

fn rollback_memory(subject: &dyn Subject) {
    let store = subject.store();
    let before = alert_state(AlertId(1), "shop", "db", id(1));
    let given = before.clone();
    write(&*store, move |tx| {
        tx.set_cursor(JournalId(5))?;
        tx.put_alert(&given)
    });
    let next = write(&*store, |tx| tx.new_incident_id());
    let mut after = before.clone();
    after.count += 1;
    after.entity = "renamed".into();
    let failed = try_write(&*store, move |tx| {
        tx.set_cursor(JournalId(9))?;
        tx.put_alert(&after)?;
        tx.put_alert(&alert_state(AlertId(2), "shop", "new", id(2)))?;
        tx.add_decision(&decision_row(id(2), "shop", "new"))?;
        Err::<(), _>(StoreError::Abandoned("no".into()))
    });
    assert!(failed.is_err());
    let expected = before.clone();
    write(&*store, move |tx| {
        let shop = "shop".into();
        assert_eq!(tx.cursor()?, JournalId(5));
        assert_eq!(tx.alert(&shop, "db")?, Some(expected));
        assert_eq!(tx.alert(&shop, "renamed")?, None);
        assert_eq!(tx.alert(&shop, "new")?, None);
        assert_eq!(tx.alert_by_id(AlertId(2))?, None);
        assert_eq!(tx.decision_count()?, 0);
        assert!(tx.new_incident_id()? > next);
        // Its decision is gone, so the alert must not cite it.
        tx.put_alert(&alert_state(AlertId(3), "shop", "new", id(2)))
    });
    assert_eq!(view(&*store, |view| view.alert(&"shop".into(), "db")), Some(before));
    let third = alert_state(AlertId(3), "shop", "new", id(2));
    assert_eq!(view(&*store, |view| view.alert(&"shop".into(), "new")), Some(third));
}

fn panics(subject: &dyn Subject) {
    let store = subject.store();
    let results = together(
        &*store,
        vec![
            Box::new(|tx| tx.set_cursor(JournalId(1))),
            Box::new(|tx| {
                tx.set_cursor(JournalId(99))?;
                panic!("planted")
            }),
            Box::new(|tx| tx.add_done(id(3)).map(drop)),
        ],
    );
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(matches!(&results[1], Err(StoreError::Abandoned(why)) if why.contains("planted")), "{:?}", results[1]);
    assert_eq!(view(&*store, |view| view.cursor()), JournalId(1));
    let (told, wait) = mpsc::channel();
    store.read(Box::new(|_| panic!("planted in a view")), Box::new(move |result| drop(told.send(result))));
    assert!(matches!(wait.recv_timeout(PATIENCE), Ok(Err(StoreError::Abandoned(why))) if why.contains("planted in a view")));
    for _ in 0..10 {
        assert_eq!(view(&*store, |view| view.cursor()), JournalId(1));
    }
}

fn callback_panics(subject: &dyn Subject) {
    let store = subject.store();
    store.submit(Box::new(|tx| tx.set_cursor(JournalId(1))), Box::new(|_| panic!("planted in a callback")));
    write(&*store, |tx| tx.set_cursor(JournalId(2)));
    assert_eq!(view(&*store, |view| view.cursor()), JournalId(2));
}

fn visibility(subject: &dyn Subject) {
    let store = subject.store();
    for number in 1..=200_u64 {
        write(&*store, move |tx| tx.put_incident(&incident(IncidentId(number), "shop")));
        assert!(view(&*store, move |view| view.incident(IncidentId(number))).is_some(), "incident {number} was told as done");
    }
}

fn stable_view(subject: &dyn Subject) {
    let store: Arc<dyn ports::Store> = subject.store().into();
    write(&*store, |tx| tx.set_cursor(JournalId(1)));
    let writer = Arc::clone(&store);
    let seen = view(&*store, move |view| {
        let first = view.cursor()?;
        write(&*writer, |tx| tx.set_cursor(JournalId(2)));
        Ok((first, view.cursor()?))
    });
    assert_eq!(seen, (JournalId(1), JournalId(1)));
    assert_eq!(view(&*store, |view| view.cursor()), JournalId(2));
}

fn drained(subject: &dyn Subject) {
    let store = subject.store();
    let (told, wait) = mpsc::channel();
    for number in 1..=500_u64 {
        let told = told.clone();
        store.submit(Box::new(move |tx| tx.set_cursor(JournalId(number))), Box::new(move |result| drop(told.send(result))));
    }
    drop(store);
    drop(told);
    assert_eq!(wait.iter().flatten().count(), 500);
    assert_eq!(view(&*subject.store(), |view| view.cursor()), JournalId(500));
}
