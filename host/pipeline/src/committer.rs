//! The one committer: serializes what happens to incidents, one transaction per batch.

use crate::batch::{Batch, Committed, Item};
use crate::gather::Gather;
use crate::quiet::{self, Quiet};
use crate::rows::Spare;
use crate::shared::{LOOK_UP, Shared, ToCommit};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use domain::id::JournalId;
use domain::state::Touch;
use parking_lot::Mutex;
use ports::hot::{WindowKey, WindowRow};
use ports::{Standing, StoreError};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// What the index of inhibiting sources was built for.
    standing: Arc<Standing>,
}

impl Committer {
    pub fn of(shared: Arc<Shared>, inbox: Receiver<ToCommit>) -> Self {
        let gather = Gather::after(shared.cursor());
        Self { shared, inbox, gather, spare: Spare::default(), standing: Arc::default() }
    }

    /// Runs until the engine stops; what is not committed then is read from the journal at the next start.
    pub fn run(mut self) {
        loop {
            match self.inbox.recv_timeout(LOOK_UP) {
                Ok(message) => self.receive(message),
                // What another committer of the same state wrote meanwhile may have released something here.
                Err(RecvTimeoutError::Timeout) if !self.shared.is_stopping() && self.gather.waits_for_state() => {}
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
                let hot = &self.shared.hot;
                let released = self.gather.release(self.shared.settings.batch_items, |space| hot.committed_order(space));
                if released.arrivals == 0 {
                    break;
                }
                let began = self.shared.clock.elapsed();
                let count = released.items.len();
                let cursor = self.gather.cursor();
                if !self.commit(released.items, cursor) {
                    return;
                }
                self.shared.space.free(released.cost);
                self.shared.decided.fetch_add(released.records, Ordering::AcqRel);
                self.shared.cursor.send_replace(cursor);
                metrics::histogram!("reveille_pipeline_commit_seconds")
                    .record(self.shared.clock.elapsed().saturating_sub(began).as_secs_f64());
                metrics::histogram!("reveille_pipeline_commit_items").record(count as f64);
                metrics::gauge!("reveille_pipeline_backlog_records").set(self.shared.behind() as f64);
            }
        }
    }

    fn receive(&mut self, message: ToCommit) {
        match message {
            ToCommit::Arrival(arrival) => self.gather.arrive(arrival),
            ToCommit::Items(record, items) => self.gather.bring(record, items),
        }
    }

    /// Commits the items in order; `false` if the engine stops first. An item with which the others cannot be committed becomes a dead letter;
    /// an unavailable store is waited for.
    fn commit(&mut self, items: Vec<Item>, cursor: JournalId) -> bool {
        let mut items = items;
        // Of items that became dead letters: what their plugins remember was seen by others.
        let mut extra: Vec<Touch> = Vec::new();
        let mut pause = FIRST_PAUSE;
        let mut again = false;
        let windows = self.windows(&items);
        self.follow_rules();
        loop {
            fail::fail_point!("pipeline.before.commit");
            let error = match self.attempt(&mut items, &extra, &windows, Some(cursor), again) {
                Ok(committed) => {
                    fail::fail_point!("pipeline.after.commit");
                    extra.extend(items.iter().flat_map(Item::touches).cloned());
                    self.warm(&committed, &extra);
                    self.sources_follow(&committed);
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
                _ if items.is_empty() => {
                    tracing::error!(error = %error, "the cursor cannot be stored; the next commit stores it");
                    return true;
                }
                error => {
                    let culprit = self.culprit(&mut items);
                    let item = items.remove(culprit);
                    extra.extend(item.touches().iter().cloned());
                    if !self.bury(item, &error) {
                        return false;
                    }
                }
            }
        }
    }

    /// The place of the item that spoils a commit: the last of the shortest beginning that fails. Found by trials that are rolled back.
    fn culprit(&mut self, items: &mut Vec<Item>) -> usize {
        let (mut fits, mut fails) = (0, items.len());
        while fits + 1 < fails {
            let middle = usize::midpoint(fits, fails);
            let later = items.split_off(middle);
            let failed = self.trial(items);
            items.extend(later);
            if failed {
                fails = middle;
            } else {
                fits = middle;
            }
        }
        fails - 1
    }

    /// Whether the items cannot be committed together; nothing of it stays.
    fn trial(&mut self, items: &mut Vec<Item>) -> bool {
        let availability = self.shared.availability.load_full();
        let lent = Arc::new(Mutex::new(std::mem::take(items)));
        let borrowed = Arc::clone(&lent);
        let snapshot = self.shared.live.load();
        let quiet = self.quiet();
        let fits = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&fits);
        // Rolled back either way: by its own error, or by this one.
        let _ = self.shared.write::<()>(move |tx| {
            let mut items = borrowed.lock();
            caught(|| Batch::on(tx, Spare::default(), &availability, &snapshot).hushed(quiet).apply(&mut items, &[], None, true))?;
            told.store(true, Ordering::Release);
            Err(StoreError::Abandoned("a trial".to_owned()))
        });
        *items = std::mem::take(&mut *lent.lock());
        self.spare = Spare::default();
        !fits.load(Ordering::Acquire)
    }

    /// What hot state knows of the windows that the items count in.
    fn windows(&self, items: &[Item]) -> Vec<WindowRow> {
        let wanted: BTreeSet<WindowKey> = items.iter().filter_map(Item::window).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let wanted: Vec<WindowKey> = wanted.into_iter().collect();
        let known = self.shared.hot.windows(&wanted);
        wanted.into_iter().zip(known).filter_map(|(key, window)| Some((key, window?))).collect()
    }

    fn quiet(&self) -> Quiet {
        Quiet { standing: Arc::clone(&self.standing), ..self.shared.quiet() }
    }

    /// Builds the index of inhibiting sources anew where the rules changed. While it cannot be built nothing is inhibited: that errs towards
    /// paging.
    fn follow_rules(&mut self) {
        let standing = self.shared.live.standing();
        if Arc::ptr_eq(&standing, &self.standing) {
            return;
        }
        if !standing.inhibitions.is_same(&self.standing.inhibitions) {
            match quiet::sources(&self.shared, &standing) {
                Ok(sources) => *self.shared.sources.lock() = sources,
                Err(error) => {
                    tracing::warn!(error = %error, "what fires cannot be read for the inhibition rules; tried again at the next commit");
                    self.standing = Arc::default();
                    return;
                }
            }
            self.shared.wakes.quiet.ring();
        }
        self.standing = standing;
    }

    /// The index of inhibiting sources follows the commit.
    fn sources_follow(&self, committed: &Committed) {
        let mut ended = false;
        if !committed.sources.is_empty() {
            let mut sources = self.shared.sources.lock();
            for (entity, sides) in &committed.sources {
                ended |= sources.set(entity, sides.clone());
            }
        }
        if ended {
            self.shared.wakes.quiet.ring();
        }
        if committed.heartbeats {
            self.shared.wakes.heartbeats.notify_one();
        }
    }

    /// Hot state follows the commit.
    fn warm(&self, committed: &Committed, touches: &[Touch]) {
        let heat = &committed.heat;
        if !heat.learned.is_empty() {
            self.shared.hot.learned(&heat.learned);
        }
        if let Some(generations) = &heat.generations {
            self.shared.hot.committed(touches, &heat.windows, generations);
        }
    }

    fn attempt(
        &mut self,
        items: &mut Vec<Item>,
        extra: &[Touch],
        windows: &[WindowRow],
        cursor: Option<JournalId>,
        again: bool,
    ) -> Result<Committed, StoreError> {
        let spare = self.spare;
        let availability = self.shared.availability.load_full();
        let snapshot = self.shared.live.load();
        let lent = Arc::new(Mutex::new(std::mem::take(items)));
        let borrowed = Arc::clone(&lent);
        let (extra, windows) = (extra.to_vec(), windows.to_vec());
        let quiet = self.quiet();
        let result = self.shared.write(move |tx| {
            let mut items = borrowed.lock();
            caught(|| {
                Batch::on(tx, spare, &availability, &snapshot).knowing(&windows).hushed(quiet).apply(&mut items, &extra, cursor, again)
            })
        });
        *items = std::mem::take(&mut *lent.lock());
        if result.is_err() {
            // A counter that was rolled back may give the same number again.
            self.spare = Spare::default();
        }
        result
    }

    /// Lists an item that cannot be committed; first with its decision, then, if that is what cannot be stored, without.
    fn bury(&mut self, item: Item, error: &StoreError) -> bool {
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
                caught(|| Batch::on(tx, Spare::default(), &availability, &snapshot).bury(&mut item, &reason, with_row))
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
