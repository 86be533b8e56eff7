//! Escalation runs, the outbox, dead letters: everything that is due at some time.

use super::samples::{dead_letter, outbox, run};
use super::{Case, Subject, try_write, view, write};
use domain::escalation::{RunState, Target};
use domain::id::{DeadLetterId, IncidentId, OutboxId, RunId};
use domain::page::{OutboxState, Purpose};
use domain::time::Millis;
use ports::store::{DeadLetterKind, DeadLetterState};

pub(super) const CASES: &[Case] = &[
    ("runs come back whole and are due in order", runs),
    ("a run that stopped is not due", stopped_run),
    ("an outbox row is added once per key", outbox_once),
    ("the outbox is due in order, lapsed claims too", outbox_due),
    ("outbox rows are counted by state", outbox_count),
    ("ids of runs, pages and dead letters are not given twice", ids),
    ("dead letters come back whole", dead_letter_whole),
    ("dead letters are listed, due and counted", dead_letters),
];

fn runs(subject: &dyn Subject) {
    let store = subject.store();
    let mut runs = [
        run(RunId(1), IncidentId(7), Some(Millis(300))),
        run(RunId(2), IncidentId(7), Some(Millis(100))),
        run(RunId(3), IncidentId(8), Some(Millis(200))),
    ];
    runs[0].target = Target::Policy("p".into());
    runs[1].target = Target::User("alice".into());
    runs[1].cause = None;
    runs[2].target = Target::Team("shop".into());
    let given = runs.clone();
    write(&*store, move |tx| given.iter().try_for_each(|run| tx.put_run(run)));
    drop(store);
    let store = subject.store();
    view(&*store, move |view| {
        assert_eq!(view.run(RunId(2))?.as_ref(), Some(&runs[1]));
        assert_eq!(view.run(RunId(9))?, None);
        assert_eq!(view.runs_of(IncidentId(7))?, runs[..2]);
        let due = |now, limit| -> Result<Vec<u64>, ports::StoreError> {
            Ok(view.runs_due(Millis(now), limit)?.iter().map(|run| run.id.0).collect())
        };
        assert_eq!(due(99, 10)?, [0; 0]);
        assert_eq!(due(100, 10)?, [2]);
        assert_eq!(due(900, 10)?, [2, 3, 1]);
        assert_eq!(due(900, 2)?, [2, 3]);
        assert_eq!(view.next_run_due()?, Some(Millis(100)));
        Ok(())
    });
}

fn stopped_run(subject: &dyn Subject) {
    let store = subject.store();
    let active = run(RunId(1), IncidentId(7), Some(Millis(100)));
    let mut stopped = active.clone();
    stopped.state = RunState::Stopped;
    let mut exhausted = active.clone();
    exhausted.id = RunId(2);
    exhausted.state = RunState::Exhausted;
    exhausted.next_at = None;
    write(&*store, move |tx| tx.put_run(&active));
    assert_eq!(view(&*store, |view| view.next_run_due()), Some(Millis(100)));
    let given = [stopped.clone(), exhausted];
    write(&*store, move |tx| given.iter().try_for_each(|run| tx.put_run(run)));
    assert_eq!(view(&*store, |view| view.next_run_due()), None);
    assert_eq!(view(&*store, |view| view.runs_due(Millis(i64::MAX), 10)), []);
    assert_eq!(view(&*store, |view| view.run(RunId(1))), Some(stopped));
}

fn outbox_once(subject: &dyn Subject) {
    let store = subject.store();
    let first = outbox(OutboxId(1), "1-1-0-0-alice-0-0", Some(IncidentId(7)), Some(Millis(100)));
    let mut second = first.clone();
    second.id = OutboxId(2);
    second.tries = 9;
    let mut others = [outbox(OutboxId(3), "test", None, None), outbox(OutboxId(4), "step", Some(IncidentId(7)), None)];
    others[0].purpose = Purpose::Test("1234".into());
    others[0].run = None;
    others[1].purpose = Purpose::Escalation(3);
    let (a, b, c) = (first.clone(), second.clone(), others.clone());
    let added = write(&*store, move |tx| Ok([tx.add_outbox(&a)?, tx.add_outbox(&b)?, tx.add_outbox(&c[0])?, tx.add_outbox(&c[1])?]));
    assert_eq!(added, [true, false, true, true]);
    drop(store);
    let store = subject.store();
    assert!(!write(&*store, move |tx| tx.add_outbox(&second)));
    view(&*store, move |view| {
        assert_eq!(view.outbox_by_key("1-1-0-0-alice-0-0")?.as_ref(), Some(&first));
        assert_eq!(view.outbox_by_key("no")?, None);
        assert_eq!(view.outbox(OutboxId(1))?.as_ref(), Some(&first));
        assert_eq!(view.outbox(OutboxId(2))?, None);
        assert_eq!(view.outbox(OutboxId(3))?.as_ref(), Some(&others[0]));
        assert_eq!(view.outbox_of(IncidentId(7))?, [first, others[1].clone()]);
        Ok(())
    });
}

fn outbox_due(subject: &dyn Subject) {
    let store = subject.store();
    let in_state = |id: u64, state, next_at: Option<i64>| {
        let mut row = outbox(OutboxId(id), &id.to_string(), None, next_at.map(Millis));
        row.state = state;
        row
    };
    let rows = [
        in_state(1, OutboxState::Queued, Some(300)),
        in_state(2, OutboxState::Sending, Some(200)),
        in_state(3, OutboxState::Accepted, Some(1)),
        in_state(4, OutboxState::Failed, None),
        in_state(5, OutboxState::Cancelled, Some(1)),
        in_state(6, OutboxState::Queued, Some(100)),
    ];
    write(&*store, move |tx| rows.iter().try_for_each(|row| tx.put_outbox(row)));
    let due =
        |now, limit| view(&*store, move |view| Ok(view.outbox_due(Millis(now), limit)?.iter().map(|row| row.id.0).collect::<Vec<_>>()));
    assert_eq!(view(&*store, |view| view.next_outbox_due()), Some(Millis(100)));
    assert_eq!(due(99, 10), [0; 0]);
    assert_eq!(due(200, 10), [6, 2], "a claim that lapsed is due");
    assert_eq!(due(900, 10), [6, 2, 1]);
    assert_eq!(due(900, 1), [6]);
    let mut sent = in_state(6, OutboxState::Accepted, None);
    sent.reference = Some("r".into());
    let given = sent.clone();
    write(&*store, move |tx| tx.put_outbox(&given));
    assert_eq!(view(&*store, |view| view.next_outbox_due()), Some(Millis(200)));
    assert_eq!(view(&*store, |view| view.outbox(OutboxId(6))), Some(sent));
    // A queued row that says no time is due at once.
    let timeless = in_state(7, OutboxState::Queued, None);
    write(&*store, move |tx| tx.put_outbox(&timeless));
    assert_eq!(due(2_000, 1), [2]);
    assert_eq!(due(2_000, 10), [2, 1, 7]);
}

fn outbox_count(subject: &dyn Subject) {
    let store = subject.store();
    let states = [OutboxState::Queued, OutboxState::Queued, OutboxState::Sending, OutboxState::Failed, OutboxState::Queued];
    write(&*store, move |tx| {
        for (id, state) in (1..).zip(states) {
            let mut row = outbox(OutboxId(id), &id.to_string(), None, None);
            row.state = state;
            tx.put_outbox(&row)?;
        }
        Ok(())
    });
    let count = |state| view(&*store, move |view| view.outbox_count(state));
    assert_eq!(
        [OutboxState::Queued, OutboxState::Sending, OutboxState::Accepted, OutboxState::Failed, OutboxState::Cancelled].map(count),
        [3, 1, 0, 1, 0]
    );
}

fn ids(subject: &dyn Subject) {
    let mut given = Vec::new();
    for _ in 0..2 {
        let store = subject.store();
        for _ in 0..2 {
            given.push(write(&*store, |tx| {
                Ok([tx.new_run_id()?.0, tx.new_outbox_id()?.0, tx.new_dead_letter_id()?.0, tx.new_override_id()?.0])
            }));
        }
    }
    assert!(given.is_sorted_by(|a, b| a.iter().zip(b).all(|(a, b)| a < b)) && given[0].iter().all(|id| *id >= 1), "{given:?}");
}

fn dead_letter_whole(subject: &dyn Subject) {
    let store = subject.store();
    let mut letter = dead_letter(DeadLetterId(1));
    for kind in [DeadLetterKind::Parked, DeadLetterKind::Rejected, DeadLetterKind::Uncommitted] {
        for state in [DeadLetterState::Waiting, DeadLetterState::Replayed, DeadLetterState::Discarded] {
            letter.kind = kind;
            letter.state = state;
            letter.tries += 1;
            let given = letter.clone();
            write(&*store, move |tx| tx.put_dead_letter(&given));
            assert_eq!(view(&*store, |view| view.dead_letter(DeadLetterId(1))), Some(letter.clone()));
        }
    }
    letter.decision = None;
    letter.integration = None;
    letter.next_at = None;
    let given = letter.clone();
    write(&*store, move |tx| tx.put_dead_letter(&given));
    drop(store);
    let store = subject.store();
    assert_eq!(view(&*store, |view| view.dead_letter(DeadLetterId(1))), Some(letter));
    assert_eq!(view(&*store, |view| view.dead_letter(DeadLetterId(2))), None);
}

fn dead_letters(subject: &dyn Subject) {
    let store = subject.store();
    write(&*store, |tx| {
        for id in 1..=6 {
            let mut letter = dead_letter(DeadLetterId(id));
            letter.next_at = Some(Millis(1_000 - id as i64));
            match id {
                2 => letter.state = DeadLetterState::Replayed,
                3 => letter.kind = DeadLetterKind::Rejected,
                4 => letter.integration = Some("other".into()),
                5 => letter.next_at = None,
                _ => {}
            }
            tx.put_dead_letter(&letter)?;
        }
        Ok(())
    });
    let list = |state, before: Option<u64>, limit| {
        view(&*store, move |view| {
            Ok(view.dead_letters(state, before.map(DeadLetterId), limit)?.iter().map(|letter| letter.id.0).collect::<Vec<_>>())
        })
    };
    assert_eq!(list(None, None, 10), [6, 5, 4, 3, 2, 1]);
    assert_eq!(list(Some(DeadLetterState::Waiting), Some(5), 2), [4, 3]);
    assert_eq!(list(Some(DeadLetterState::Replayed), None, 10), [2]);
    view(&*store, |view| {
        let due = |now, limit| -> Result<Vec<u64>, ports::StoreError> {
            Ok(view.dead_letters_due(Millis(now), limit)?.iter().map(|letter| letter.id.0).collect())
        };
        assert_eq!(due(993, 10)?, [0; 0]);
        assert_eq!(due(1_000, 10)?, [6, 4, 1], "only parked ones that wait");
        assert_eq!(due(1_000, 1)?, [6]);
        assert_eq!(view.dead_letters_waiting(None)?, 5);
        assert_eq!(view.dead_letters_waiting(Some(&"shop-prometheus".into()))?, 4);
        assert_eq!(view.dead_letters_waiting(Some(&"nobody".into()))?, 0);
        Ok(())
    });
    assert!(try_write(&*store, |tx| tx.dead_letters_due(Millis(0), 0)).is_ok_and(|none| none.is_empty()));
}
