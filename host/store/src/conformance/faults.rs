//! What must hold when a commit fails: nobody is told "done" of what is not there, nothing is half there, and everything goes on.

use super::samples::{alert_state, decision_row, record};
use super::{Case, PATIENCE, Subject, try_write, view, write};
use domain::id::{AlertId, DecisionId, JournalId};
use ports::journal::{Journal, JournalError};
use ports::store::StoreError;
use std::sync::mpsc;
use std::time::Duration;

/// What goes wrong with the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails, as on a full disk; the next one works.
    Refused,
    /// The connection ends before it: it does not happen.
    LostBefore,
    /// The connection ends after it: it happens, and nobody hears of it.
    LostAfter,
    /// All connections are ended while nobody works.
    Killed,
}

/// All of them.
pub const FAULTS: [Fault; 4] = [Fault::Refused, Fault::LostBefore, Fault::LostAfter, Fault::Killed];

/// Needs a subject that can plant faults.
pub(super) const CASES: &[Case] = &[
    ("a store tells the truth about commits that fail", store_faults),
    ("a journal tells the truth about commits that fail", journal_faults),
];

/// Rounds with every fault.
const ROUNDS: u64 = 3;

fn settled<R>(mut attempt: impl FnMut() -> Option<R>) -> R {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(waited < PATIENCE, "it goes on after a fault");
        let pause = Duration::from_millis(20);
        std::thread::sleep(pause);
        waited += pause;
    }
}

fn store_faults(subject: &dyn Subject) {
    let store = subject.store();
    let (mut number, mut there) = (0_u64, Vec::new());
    for fault in FAULTS.into_iter().cycle().take(FAULTS.len() * ROUNDS as usize) {
        number += 1;
        if !subject.plant(Some(fault), false) {
            continue;
        }
        let id = DecisionId::new(JournalId(number), 0);
        let told = try_write(&*store, move |tx| {
            tx.add_decision(&decision_row(id, "shop", "db"))?;
            tx.put_alert(&alert_state(AlertId(1), "shop", "db", id))?;
            tx.set_cursor(JournalId(number))
        });
        subject.plant(None, false);
        match (fault, &told) {
            (Fault::LostAfter, Ok(())) | (Fault::Killed, Ok(())) => there.push(id),
            (Fault::Refused | Fault::LostBefore | Fault::Killed, Err(StoreError::Unavailable { .. })) => {}
            other => panic!("round {number}: {other:?}"),
        }
        // It goes on by itself, and what it remembers is what is there.
        let (expected, last) = (there.clone(), there.last().copied());
        settled(|| {
            let expected = expected.clone();
            try_write(&*store, move |tx| {
                assert_eq!(tx.decided_from(DecisionId(0))?, expected, "after {fault:?} in round {number}");
                assert_eq!(tx.decision_count()?, expected.len() as u64);
                assert_eq!(tx.alert(&"shop".into(), "db")?.map(|alert| alert.last_decision), last);
                assert_eq!(tx.cursor()?, last.map_or(JournalId(0), DecisionId::record));
                Ok(())
            })
            .ok()
        });
    }
    assert!(number > 0);
    drop(store);
    let store = subject.store();
    assert_eq!(view(&*store, |view| view.decided_from(DecisionId(0))), there);
    write(&*store, |tx| tx.set_cursor(JournalId(99)));
}

fn append(journal: &dyn Journal, number: u64) -> Result<JournalId, JournalError> {
    let (told, wait) = mpsc::channel();
    journal.append(record(&number.to_string(), vec![1; 10]), Box::new(move |result| drop(told.send(result))));
    wait.recv_timeout(PATIENCE).expect("appended is called")
}

fn journal_faults(subject: &dyn Subject) {
    let journal = subject.journal();
    let (mut number, mut there) = (0_u64, Vec::new());
    for fault in FAULTS.into_iter().cycle().take(FAULTS.len() * ROUNDS as usize) {
        if !subject.plant(Some(fault), true) {
            continue;
        }
        number += 1;
        let told = append(&*journal, number);
        subject.plant(None, true);
        match (fault, told) {
            (Fault::LostAfter | Fault::Killed, Ok(id)) => there.push((id, number)),
            (Fault::Refused | Fault::LostBefore | Fault::Killed, Err(JournalError::Unavailable(_))) => {}
            other => panic!("round {number}: {other:?}"),
        }
        number += 1;
        let id = settled(|| append(&*journal, number).ok());
        there.push((id, number));
        assert_eq!(there.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), (1..=there.len() as u64).collect::<Vec<_>>(), "after {fault:?}");
        assert_eq!(journal.head(), id);
    }
    drop(journal);
    let read = subject.journal().read(JournalId(1), 1_000).expect("reads");
    let expected: Vec<_> = there.iter().map(|(id, number)| (*id, record(&number.to_string(), vec![1; 10]))).collect();
    assert_eq!(read.into_iter().map(|(id, record)| (id, (*record).clone())).collect::<Vec<_>>(), expected);
}
