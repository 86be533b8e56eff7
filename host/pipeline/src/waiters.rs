//! Who waits for the commit of a journal record.

use domain::id::JournalId;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::oneshot;

use crate::answer::CommandOutcome;

/// What is told of a committed command; the error says why it could not be committed.
pub type Told = Result<CommandOutcome, String>;

/// A commit may come before the waiter knows its record's id: so many outcomes are kept for it.
const RECENT: usize = 1024;

/// Pairs commits with those who wait for them, whichever comes first.
#[derive(Default)]
pub struct Waiters(Mutex<Pairing>);

#[derive(Default)]
struct Pairing {
    waiting: BTreeMap<JournalId, oneshot::Sender<Told>>,
    recent: VecDeque<(JournalId, Told)>,
}

impl Waiters {
    /// Waits for the commit of `record`.
    pub fn wait(&self, record: JournalId) -> oneshot::Receiver<Told> {
        let (told, wait) = oneshot::channel();
        let mut pairing = self.0.lock();
        if let Some(at) = pairing.recent.iter().position(|(id, _)| *id == record) {
            if let Some((_, outcome)) = pairing.recent.remove(at) {
                let _ = told.send(outcome);
            }
        } else {
            pairing.waiting.retain(|_, told| !told.is_closed());
            pairing.waiting.insert(record, told);
        }
        wait
    }

    /// Tells of the commit of `record`.
    pub fn tell(&self, record: JournalId, outcome: Told) {
        let mut pairing = self.0.lock();
        match pairing.waiting.remove(&record) {
            // Nobody waits any more: the outcome stands on the timeline.
            Some(told) => drop(told.send(outcome)),
            None => {
                if pairing.recent.len() == RECENT {
                    pairing.recent.pop_front();
                }
                pairing.recent.push_back((record, outcome));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_arrives_whoever_comes_first() {
        let waiters = Waiters::default();
        let done = || Ok(CommandOutcome::Done("yes".into()));
        let mut early = waiters.wait(JournalId(1));
        waiters.tell(JournalId(1), done());
        assert_eq!(early.try_recv().unwrap(), done());
        waiters.tell(JournalId(2), done());
        assert_eq!(waiters.wait(JournalId(2)).try_recv().unwrap(), done());
    }

    #[test]
    fn outcomes_for_nobody_are_bounded() {
        let waiters = Waiters::default();
        for n in 0..2 * RECENT as u64 {
            waiters.tell(JournalId(n), Err("no".into()));
        }
        assert_eq!(waiters.0.lock().recent.len(), RECENT);
    }
}
