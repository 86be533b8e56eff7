//! The store's one writer: takes queued jobs, runs each in a savepoint of its own, commits several together, and tells each how it went.
//!
//! A job's rows are sent together at its end, or ahead of a question that has to see them. A commit whose answer was lost is looked up on a
//! new connection, once the old session has ended; until that is known nobody is told "done".

use super::link::Link;
use super::memory::Memory;
use super::owner::{Found, Owner, fenced};
use super::pending::Pending;
use super::rows;
use super::server::PostgresServer;
use crate::error::EndOnPanic;
use crate::options::StoreOptions;
use crate::table::COUNTER;
use crate::writer::{Submitted, tell, words};
use crossbeam_channel::Receiver;
use ports::store::{Done, WriteJob};
use ports::{Clock, StoreError};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What the running job has done to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    Nothing,
    /// It began the transaction: all of it is this job's.
    Whole,
    /// It has a savepoint.
    Saved,
}

/// The writer's connection with what is remembered of the database behind it.
pub(crate) struct Session {
    pub link: Link,
    pub memory: RefCell<Memory>,
    pub pending: RefCell<Pending>,
    begun: Cell<bool>,
    /// The savepoint of an earlier job of this transaction is still there.
    savepoint: Cell<bool>,
    touch: Cell<Touch>,
}

impl Session {
    pub fn open(link: Link, heat_bytes: usize) -> Result<Self, StoreError> {
        let memory = RefCell::new(Memory::load(&link, heat_bytes)?);
        Ok(Self {
            link,
            memory,
            pending: RefCell::default(),
            begun: Cell::new(false),
            savepoint: Cell::new(false),
            touch: Cell::new(Touch::Nothing),
        })
    }

    /// What has to go ahead of the job's next statement.
    pub fn ahead(&self) -> &'static str {
        if self.touch.get() != Touch::Nothing {
            return "";
        }
        if !self.begun.replace(true) {
            self.touch.set(Touch::Whole);
            return "BEGIN";
        }
        self.touch.set(Touch::Saved);
        if self.savepoint.replace(true) { "RELEASE SAVEPOINT job; SAVEPOINT job" } else { "SAVEPOINT job" }
    }

    /// Sends what the job wrote.
    pub fn flush(&self) -> Result<(), StoreError> {
        if self.pending.borrow().is_empty() {
            return Ok(());
        }
        let statements = self.pending.borrow_mut().statements()?;
        self.link.execute_all("write", self.ahead(), &statements).map(drop)
    }

    /// Runs one job; if it fails, only its own part is undone. `Err(None)`-like ends are seen by [`Link::lives`].
    fn job(&self, job: WriteJob) -> Result<(), StoreError> {
        self.memory.borrow_mut().begin_job();
        self.touch.set(Touch::Nothing);
        let mut tx = rows::Rows(rows::Writer(self));
        let result = catch_unwind(AssertUnwindSafe(|| job(&mut tx)))
            .unwrap_or_else(|panic| Err(StoreError::Abandoned(format!("a job of the store panicked: {}", words(&*panic)))));
        let result = result.and_then(|()| self.flush()).and_then(|()| {
            // A job may have overlooked the error of a statement; the transaction does not.
            if self.link.failed() { Err(StoreError::Abandoned("a statement of the job failed".into())) } else { Ok(()) }
        });
        if result.is_err() {
            self.pending.borrow_mut().clear();
            self.memory.borrow_mut().undo_job();
            let undo = match self.touch.get() {
                Touch::Nothing => return result,
                Touch::Whole => "ROLLBACK",
                Touch::Saved => "ROLLBACK TO SAVEPOINT job",
            };
            if self.link.batch("undo a job", undo).is_ok() {
                self.link.forgive();
                if self.touch.get() == Touch::Whole {
                    self.begun.set(false);
                    self.savepoint.set(false);
                }
            }
        }
        result
    }

    /// Everything up to the commit itself: the counters, and the proof that the store is still ours.
    fn prepare(&self, owner: &Owner) -> Result<(), StoreError> {
        for (name, value) in self.memory.borrow().heat.changed_counters() {
            self.pending.borrow_mut().put(COUNTER, vec![name.into(), value.cast_signed().into()]);
        }
        let mut statements = self.pending.borrow_mut().statements()?;
        statements.push(owner.check(0));
        let first = if self.begun.replace(true) { "" } else { "BEGIN" };
        let counts = self.link.execute_all("commit", first, &statements)?;
        if counts.last() == Some(&1) { Ok(()) } else { Err(fenced()) }
    }

    fn committed(&self) {
        self.begun.set(false);
        self.savepoint.set(false);
        self.memory.borrow_mut().heat.committed();
    }
}

/// When the next connection is tried.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    next_at: Duration,
    pause: Duration,
}

/// The first, and the longest, pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a commit whose answer was lost is looked up before its jobs are told that the store is unavailable.
pub(crate) const LOOK_UP: Duration = Duration::from_secs(5);

impl Backoff {
    /// Whether it is time for another try.
    pub fn is_over(&self, clock: &dyn Clock) -> bool {
        clock.elapsed() >= self.next_at
    }

    pub fn failed(&mut self, clock: &dyn Clock) {
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.next_at = clock.elapsed() + self.pause;
    }

    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

type Told = (Done, Result<(), StoreError>);

/// The writer's thread.
pub(crate) struct Writer {
    pub server: PostgresServer,
    pub session: Option<Session>,
    pub owner: Owner,
    pub backoff: Backoff,
    /// Why the last connection ended or could not be made.
    pub trouble: String,
    pub queue: Receiver<Submitted>,
    pub depth: Arc<AtomicUsize>,
    pub options: StoreOptions,
}

impl Writer {
    /// Works until nobody can submit any more and the queue is empty.
    pub fn run(mut self) {
        let _guard = EndOnPanic("the store's writer failed");
        while let Ok(first) = self.queue.recv() {
            for (done, result) in self.group(first) {
                tell(done, result);
            }
        }
    }

    fn group(&mut self, first: Submitted) -> Vec<Told> {
        let began = self.options.clock.elapsed();
        if let Err(error) = self.connected() {
            self.depth.fetch_sub(1, Ordering::AcqRel);
            return vec![(first.done, Err(error))];
        }
        let Some(session) = self.session.take() else { return Vec::new() };
        let mut told: Vec<Told> = Vec::new();
        let mut next = Some(first);
        let mut gone = None;
        while let Some(Submitted { job, done }) = next.take() {
            self.depth.fetch_sub(1, Ordering::AcqRel);
            let result = session.job(job);
            if !session.link.usable() {
                let why = match &result {
                    Err(why @ StoreError::Unavailable { .. }) => why.clone(),
                    _ => StoreError::Unavailable { doing: "write", why: "the connection to the database was lost".into() },
                };
                told.push((done, Err(why.clone())));
                gone = Some(why);
                break;
            }
            told.push((done, result));
            let worked = self.options.clock.elapsed().saturating_sub(began);
            if told.len() < self.options.group_jobs && worked < self.options.group_time {
                next = self.queue.try_recv().ok();
            }
        }
        self.end(session, &mut told, gone);
        let took = self.options.clock.elapsed().saturating_sub(began);
        metrics::histogram!("reveille_store_commit_seconds").record(took);
        metrics::counter!("reveille_store_jobs_total").increment(told.len() as u64);
        metrics::gauge!("reveille_store_queue_jobs").set(self.depth.load(Ordering::Relaxed) as f64);
        told
    }

    /// Commits, or finds out what became of it; keeps the session if it is still good.
    fn end(&mut self, session: Session, told: &mut [Told], gone: Option<StoreError>) {
        let failed = gone.or_else(|| {
            if told.iter().all(|(_, result)| result.is_err()) {
                return self.undo(session);
            }
            self.commit(session)
        });
        if let Some(why) = failed {
            self.trouble = why.to_string();
            for (_, result) in told.iter_mut().filter(|(_, result)| result.is_ok()) {
                *result = Err(why.clone());
            }
        }
    }

    /// Nothing to make durable.
    fn undo(&mut self, session: Session) -> Option<StoreError> {
        if session.begun.get() && session.link.batch("undo a transaction", "ROLLBACK").is_err() {
            return None;
        }
        session.link.forgive();
        session.committed_nothing();
        self.session = Some(session);
        None
    }

    fn commit(&mut self, session: Session) -> Option<StoreError> {
        if let Err(error) = session.prepare(&self.owner).and_then(|()| planted_commit_failure()) {
            return Some(self.rolled_back(session, error));
        }
        fail::fail_point!("store.before.commit");
        match session.link.commit() {
            Ok(()) => {
                fail::fail_point!("store.after.commit");
                self.owner.commits += 1;
                session.committed();
                self.session = Some(session);
                None
            }
            Err(Some(error)) => {
                tracing::error!(%error, "a commit of the store failed; nothing of it happened");
                Some(self.rolled_back(session, error))
            }
            Err(None) => {
                drop(session);
                self.look_up()
            }
        }
    }

    /// The transaction is taken back and the memory with it: a new session remembers what is committed.
    fn rolled_back(&mut self, session: Session, error: StoreError) -> StoreError {
        if session.link.batch("undo a transaction", "ROLLBACK").is_ok() {
            session.link.forgive();
            let Session { link, .. } = session;
            match Session::open(link, self.options.heat_bytes) {
                Ok(session) => self.session = Some(session),
                Err(error) => tracing::warn!(%error, "the store connects anew"),
            }
        }
        match error {
            StoreError::Abandoned(why) => StoreError::Unavailable { doing: "commit", why },
            other => other,
        }
    }

    /// The answer to a commit was lost: whether it happened.
    fn look_up(&mut self) -> Option<StoreError> {
        tracing::warn!("the connection was lost during a commit; the store looks what became of it");
        let meant = self.owner.commits + 1;
        let begun = self.options.clock.elapsed();
        loop {
            match self.connect() {
                Ok(found) if found.commits == meant => {
                    tracing::info!("it was committed");
                    return None;
                }
                Ok(_) => {
                    return Some(StoreError::Unavailable {
                        doing: "commit",
                        why: "the connection to the database was lost before it".into(),
                    });
                }
                Err(error) if self.options.clock.elapsed().saturating_sub(begun) > LOOK_UP => return Some(error),
                Err(_) => std::thread::sleep(FIRST_PAUSE),
            }
        }
    }

    /// A session that works.
    fn connected(&mut self) -> Result<(), StoreError> {
        if let Some(session) = &self.session {
            if session.link.lives() {
                return Ok(());
            }
            self.session = None;
            "the connection to the database was lost".clone_into(&mut self.trouble);
        }
        if !self.backoff.is_over(&*self.options.clock) {
            return Err(StoreError::Unavailable { doing: "reach the database", why: self.trouble.clone() });
        }
        self.connect().map(drop)
    }

    /// Connects anew and takes the store again.
    fn connect(&mut self) -> Result<Found, StoreError> {
        let clock = Arc::clone(&self.options.clock);
        let made = Link::connect(&self.server, "store").and_then(|link| {
            let found = self.owner.take_again(&link, &self.server, &*clock)?;
            Ok((Session::open(link, self.options.heat_bytes)?, found))
        });
        match made {
            Ok((session, found)) => {
                tracing::info!("the store is connected again");
                self.session = Some(session);
                self.owner.commits = found.commits;
                self.backoff.succeeded();
                Ok(found)
            }
            Err(error) => {
                self.trouble = error.to_string();
                self.backoff.failed(&*self.options.clock);
                Err(error)
            }
        }
    }
}

impl Session {
    /// The transaction was rolled back as a whole; what its jobs remembered they have undone.
    fn committed_nothing(&self) {
        self.begun.set(false);
        self.savepoint.set(false);
    }
}

#[allow(clippy::unnecessary_wraps, reason = "fails only where fail points are compiled in")]
fn planted_commit_failure() -> Result<(), StoreError> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!("postgres.store.commit", |_| Err(StoreError::Unavailable { doing: "commit", why: "planted".into() }));
    Ok(())
}
