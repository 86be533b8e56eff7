//! The one committer: serializes what happens to incidents, one transaction per batch.

use crate::batch::{Batch, Committed, Item};
use crate::gather::Gather;
use crate::rows::Spare;
use crate::shared::{LOOK_UP, Shared, ToCommit};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use domain::id::JournalId;
use parking_lot::Mutex;
use ports::StoreError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How long the first, and the longest, pause is while the store is unavailable.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The committer's own state.
pub struct Committer {
    shared: Arc<Shared>,
    inbox: Receiver<ToCommit>,
    gather: Gather,
    spare: Spare,
}

impl Committer {
    pub fn of(shared: Arc<Shared>, inbox: Receiver<ToCommit>) -> Self {
        let gather = Gather::after(shared.cursor());
        Self { shared, inbox, gather, spare: Spare::default() }
    }

    /// Runs until the engine stops; what is not committed then is read from the journal at the next start.
    pub fn run(mut self) {
        loop {
            match self.inbox.recv_timeout(LOOK_UP) {
                Ok(message) => self.receive(message),
                Err(RecvTimeoutError::Timeout) if !self.shared.is_stopping() => continue,
                Err(_) => return,
            }
            loop {
                // What came meanwhile shares the next commit.
                while let Ok(message) = self.inbox.try_recv() {
                    self.receive(message);
                }
                if self.shared.is_stopping() {
                    return;
                }
                let released = self.gather.release(self.shared.settings.batch_items);
                if released.records == 0 {
                    break;
                }
                let began = self.shared.clock.elapsed();
                let count = released.items.len();
                let cursor = self.gather.cursor();
                if !self.commit(released.items, Some(cursor)) {
                    return;
                }
                self.shared.space.free(released.cost);
                self.shared.cursor.send_replace(cursor);
                metrics::histogram!("reveille_pipeline_commit_seconds")
                    .record(self.shared.clock.elapsed().saturating_sub(began).as_secs_f64());
                metrics::histogram!("reveille_pipeline_commit_items").record(count as f64);
                metrics::gauge!("reveille_pipeline_backlog_records").set(self.shared.journal.head().0.saturating_sub(cursor.0) as f64);
            }
        }
    }

    fn receive(&mut self, message: ToCommit) {
        match message {
            ToCommit::Arrival(arrival) => self.gather.arrive(arrival),
            ToCommit::Items(record, items) => self.gather.bring(record, items),
        }
    }

    /// Commits the items in order; `false` if the engine stops first. A job that cannot commit is halved until its culprit stands alone
    /// and becomes a dead letter; an unavailable store is waited for.
    fn commit(&mut self, items: Vec<Item>, cursor: Option<JournalId>) -> bool {
        let mut items = items;
        let mut pause = FIRST_PAUSE;
        let mut again = false;
        loop {
            fail::fail_point!("pipeline.before.commit");
            let error = match self.attempt(&mut items, cursor, again) {
                Ok(committed) => {
                    fail::fail_point!("pipeline.after.commit");
                    self.told(&committed);
                    return true;
                }
                Err(error) => error,
            };
            match error {
                StoreError::Unavailable { .. } => {
                    tracing::error!(error = %error, items = items.len(), "a commit waits for the store");
                    metrics::counter!("reveille_pipeline_commit_retries_total").increment(1);
                    if self.shared.is_stopping() {
                        return false;
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    again = true;
                }
                _ if !again => again = true,
                _ if items.len() > 1 => {
                    let later = items.split_off(items.len() / 2);
                    return self.commit(items, None) && self.commit(later, cursor);
                }
                _ => {
                    let Some(item) = items.pop() else {
                        tracing::error!(error = %error, "the cursor cannot be stored; the next commit stores it");
                        return true;
                    };
                    return self.bury(item, &error, cursor);
                }
            }
        }
    }

    fn attempt(&mut self, items: &mut Vec<Item>, cursor: Option<JournalId>, again: bool) -> Result<Committed, StoreError> {
        let spare = self.spare;
        let availability = self.shared.availability.load_full();
        let snapshot = self.shared.live.load();
        let lent = Arc::new(Mutex::new(std::mem::take(items)));
        let borrowed = Arc::clone(&lent);
        let result = self.shared.write(move |tx| {
            let mut items = borrowed.lock();
            caught(|| Batch::on(tx, spare, &availability, &snapshot).apply(&mut items, cursor, again))
        });
        *items = std::mem::take(&mut *lent.lock());
        if result.is_err() {
            // A counter that was rolled back may give the same number again.
            self.spare = Spare::default();
        }
        result
    }

    /// Lists an item that cannot be committed; first with its decision, then, if that is what cannot be stored, without.
    fn bury(&mut self, item: Item, error: &StoreError, cursor: Option<JournalId>) -> bool {
        let reason = error.to_string();
        tracing::error!(decision = item.id.0, reason, "a decision cannot be committed and becomes a dead letter");
        metrics::counter!("reveille_pipeline_uncommitted_total").increment(1);
        let lent = Arc::new(Mutex::new(item));
        let mut with_row = true;
        loop {
            let (borrowed, reason) = (Arc::clone(&lent), reason.clone());
            let availability = self.shared.availability.load_full();
            let snapshot = self.shared.live.load();
            let result = self.shared.write(move |tx| {
                let mut item = borrowed.lock();
                caught(|| Batch::on(tx, Spare::default(), &availability, &snapshot).bury(&mut item, &reason, cursor, with_row))
            });
            match result {
                Ok(committed) => {
                    self.told(&committed);
                    return true;
                }
                Err(StoreError::Unavailable { .. }) => {
                    if self.shared.is_stopping() {
                        return false;
                    }
                    std::thread::sleep(LONGEST_PAUSE);
                }
                Err(_) if with_row => with_row = false,
                Err(error) => {
                    tracing::error!(error = %error, decision = lent.lock().id.0, "not even a dead letter can be stored; the journal keeps it");
                    return true;
                }
            }
        }
    }

    fn told(&mut self, committed: &Committed) {
        self.spare = committed.spare;
        self.shared.announce(committed);
    }
}

/// A panic inside a transaction undoes that transaction and is treated like any item that cannot be committed.
fn caught<R>(job: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(StoreError::Abandoned(format!("apply a batch: it panicked: {}", words.unwrap_or("without a word"))))
    })
}
