//! What the engine's threads and tasks share.

use crate::admission::Admissions;
use crate::gather::{Arrival, Cost};
use crate::quiet::Quiet;
use crate::settings::EngineSettings;
use crate::storm::Storms;
use crate::waiters::Waiters;
use crate::{answer::Backlog, batch::Committed, batch::Item};
use arc_swap::ArcSwap;
use domain::command::Notice;
use domain::expiry::Availability;
use domain::id::JournalId;
use domain::id::TeamId;
use domain::inhibition::{Changes, Sources};
use domain::installation::StormBounds;
use domain::journal::{Entry, Record};
use domain::time::Millis;
use parking_lot::{Condvar, Mutex};
use ports::{Clock, HotState, Journal, JournalError, Live, Store, StoreError, Tx, View, Wakes};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How often a waiting thread looks whether it has to stop.
pub const LOOK_UP: Duration = Duration::from_millis(50);

/// How long a failed write counts for readiness when nobody tries again, in milliseconds.
const NOT_STORED_MS: i64 = 30_000;

/// The engine's parts.
pub struct Shared {
    pub store: Arc<dyn Store>,
    pub journal: Arc<dyn Journal>,
    pub clock: Arc<dyn Clock>,
    pub live: Arc<Live>,
    pub hot: Arc<dyn HotState>,
    pub wakes: Arc<Wakes>,
    pub settings: EngineSettings,
    pub waiters: Waiters,
    pub space: Space,
    pub admissions: Admissions,
    pub storms: Storms,
    /// As many records are decided, counted from the journal's first.
    pub decided: AtomicU64,
    /// Events that the feeder knows ahead while it drains a backlog.
    pub ahead: AtomicUsize,
    pub availability: ArcSwap<Availability>,
    /// Alerts had to be refused since the last beat.
    pub refused: AtomicBool,
    /// When the journal last refused a record; 0: the last one was stored. Milliseconds.
    pub not_stored_at: AtomicI64,
    /// No new bodies are taken.
    pub draining: AtomicBool,
    /// Threads have to end.
    pub stopping: AtomicBool,
    /// When the expiry loop looks again on its own; milliseconds.
    pub next_wake: AtomicI64,
    pub cursor: watch::Sender<JournalId>,
    /// Who fires as a source of inhibition; the committer's.
    pub sources: Arc<Mutex<Sources>>,
}

/// What comes to the committer.
pub enum ToCommit {
    Arrival(Arrival),
    Items(JournalId, Vec<Item>),
}

impl Shared {
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub fn cursor(&self) -> JournalId {
        *self.cursor.borrow()
    }

    /// What keeps alerts quiet as of the last commit.
    pub fn quiet(&self) -> Quiet {
        Quiet {
            standing: self.live.standing(),
            silences: self.live.silences(),
            sources: Arc::clone(&self.sources),
            changes: Changes::new(),
        }
    }

    /// Durable records that are not decided. The cursor alone would count those, too, that were decided before their turn.
    pub fn behind(&self) -> u64 {
        self.journal.head().0.saturating_sub(self.decided.load(Ordering::Acquire))
    }

    /// Journals what the host has to say about itself.
    pub fn raise(&self, notice: Notice) {
        let cause = notice.cause.clone();
        tracing::warn!(cause, summary = notice.summary, over = notice.over, "notice");
        let record = Record { received_at: self.clock.now(), entry: Entry::Notice(notice) };
        let told = move |result: Result<JournalId, JournalError>| {
            if let Err(error) = result {
                tracing::error!(cause, error = %error, "a notice about the host itself could not be stored");
                metrics::counter!("reveille_pipeline_lost_notices_total").increment(1);
            }
        };
        self.journal.append(record, Box::new(told));
    }

    pub fn backlog(&self) -> Backlog {
        Backlog { journal_head: self.journal.head(), cursor: self.cursor(), queued: self.space.taken().events }
    }

    /// Why no body can be taken at the moment, if so.
    pub fn full(&self) -> Option<String> {
        if self.draining.load(Ordering::Acquire) {
            return Some("the server is shutting down".to_owned());
        }
        let depth = self.journal.depth();
        if depth >= self.settings.journal_depth_limit {
            return Some(format!("{depth} records wait to be stored"));
        }
        let behind = self.behind();
        (behind >= self.settings.backlog_limit).then(|| format!("{behind} records wait to be decided"))
    }

    /// Why senders are answered 503 at the moment, if they are: nothing can be taken, or the last body could not be stored.
    pub fn overload(&self) -> Option<String> {
        let failed_at = Millis(self.not_stored_at.load(Ordering::Acquire));
        let recent = failed_at.0 != 0 && self.clock.now().since(failed_at) < NOT_STORED_MS;
        self.full().or_else(|| recent.then(|| "the journal could not store the last body: is the disk full?".to_owned()))
    }

    /// Remembers whether the last record reached the disk.
    pub fn note_stored(&self, stored: bool) {
        let at = if stored { 0 } else { self.clock.now().0 };
        if self.not_stored_at.load(Ordering::Acquire) != at {
            self.not_stored_at.store(at, Ordering::Release);
        }
    }

    /// Tells the watch over storms what happened to a team, and the world if it says that one has begun.
    pub fn notice_storm(&self, told: impl FnOnce(&Storms, StormBounds, Millis) -> Option<Notice>, team: &TeamId) {
        let bounds = self.live.load().installation.storm_bounds(team);
        if let Some(notice) = told(&self.storms, bounds, self.clock.now()) {
            self.raise(notice);
        }
    }

    /// Tells those who wait for what was committed.
    pub fn announce(&self, committed: &Committed) {
        for incident in &committed.changed {
            self.wakes.incident_changed(*incident);
        }
        if committed.route {
            self.wakes.router.notify_one();
        }
        if committed.answered {
            self.wakes.escalation.notify_one();
        }
        if committed.messages {
            self.wakes.delivery.notify_one();
        }
        if committed.timers {
            self.wakes.timers.notify_one();
        }
        if committed.automation {
            self.wakes.automation.notify_one();
        }
        if committed.news {
            self.wakes.news.notify_one();
        }
        if committed.dead_letters {
            self.wakes.dead_letters.notify_one();
        }
        if committed.next_wake.is_some_and(|at| at.0 < self.next_wake.load(Ordering::Acquire)) {
            self.wakes.expiry.notify_one();
        }
        for (record, said) in &committed.said {
            self.waiters.tell(*record, Ok(said.clone()));
        }
        for (team, integration) in &committed.opened {
            self.notice_storm(|storms, bounds, now| storms.opened(team, integration, bounds, now), team);
        }
        for (outcome, count) in &committed.outcomes {
            metrics::counter!("reveille_pipeline_decisions_total", "outcome" => *outcome).increment(*count);
        }
    }

    /// Runs a job in a transaction and waits for it, from a thread of the engine.
    pub fn write<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Tx) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let (told, wait) = crossbeam_channel::bounded(1);
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        self.store.submit(
            Box::new(move |tx| {
                let value = job(tx)?;
                *filled.lock() = Some(value);
                Ok(())
            }),
            Box::new(move |result| drop(told.send(result))),
        );
        answer(&wait, &slot)
    }

    /// Runs a job on a reader and waits for it, from a thread of the engine.
    pub fn view<R: Send + 'static>(&self, job: impl FnOnce(&dyn View) -> Result<R, StoreError> + Send + 'static) -> Result<R, StoreError> {
        let (told, wait) = crossbeam_channel::bounded(1);
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        self.store.read(
            Box::new(move |view| {
                let value = job(view)?;
                *filled.lock() = Some(value);
                Ok(())
            }),
            Box::new(move |result| drop(told.send(result))),
        );
        answer(&wait, &slot)
    }
}

fn answer<R>(wait: &crossbeam_channel::Receiver<Result<(), StoreError>>, slot: &Mutex<Option<R>>) -> Result<R, StoreError> {
    let stopped = || StoreError::Unavailable { doing: "answer", why: "it is stopping".into() };
    wait.recv().map_err(|_| stopped())??;
    slot.lock().take().ok_or_else(stopped)
}

/// The bounded space between feeder and commit.
pub struct Space {
    taken: Mutex<Cost>,
    freed: Condvar,
    limit: Cost,
}

impl Space {
    pub fn of(limit: Cost) -> Self {
        Self { taken: Mutex::new(Cost::default()), freed: Condvar::new(), limit }
    }

    pub fn taken(&self) -> Cost {
        *self.taken.lock()
    }

    /// Waits for room, within `events_limit` too; a record larger than all of it goes through alone. `false`: the engine stops.
    pub fn take(&self, cost: Cost, events_limit: usize, stopping: impl Fn() -> bool) -> bool {
        let mut taken = self.taken.lock();
        let events = self.limit.events.min(events_limit);
        let fits = |taken: &Cost| {
            *taken == Cost::default() || (taken.events + cost.events <= events && taken.bytes + cost.bytes <= self.limit.bytes)
        };
        while !fits(&taken) {
            if stopping() {
                return false;
            }
            self.freed.wait_for(&mut taken, LOOK_UP);
        }
        taken.events += cost.events;
        taken.bytes += cost.bytes;
        true
    }

    pub fn free(&self, cost: Cost) {
        let mut taken = self.taken.lock();
        taken.events = taken.events.saturating_sub(cost.events);
        taken.bytes = taken.bytes.saturating_sub(cost.bytes);
        self.freed.notify_all();
    }
}

/// The name under which the store keeps since when the host could take alerts in.
pub const AVAILABILITY: &str = "availability";

/// What the store knows of the host's availability; nothing if the row is missing or of a form that this version does not know.
pub fn stored_availability(row: Option<Vec<u8>>) -> Availability {
    row.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Writes the host's availability.
pub fn put_availability(tx: &mut dyn Tx, availability: &Availability) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(availability).map_err(|error| StoreError::Abandoned(format!("encode the availability: {error}")))?;
    tx.put_host_secret(AVAILABILITY, &bytes)
}

/// `i64::MAX` for never.
pub fn instant_or_never(at: Option<Millis>) -> Millis {
    at.unwrap_or(Millis(i64::MAX))
}
