//! The store's one writer: takes queued jobs, runs each in a savepoint of its own, commits several together, and tells each how it went.

use crate::checkpoint::Gate;
use crate::error::{EndOnPanic, end_process, ends_process, store_error};
use crate::fault::fault;
use crate::heat::Heat;
use crate::options::StoreOptions;
use crate::rows;
use crossbeam_channel::Receiver;
use ports::StoreError;
use ports::store::{Done, WriteJob};
use rusqlite::Connection;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What was submitted.
pub(crate) struct Submitted {
    pub job: WriteJob,
    pub done: Done,
}

/// The writer's thread.
pub(crate) struct Writer {
    pub on: Connection,
    pub heat: RefCell<Heat>,
    pub queue: Receiver<Submitted>,
    pub depth: Arc<AtomicUsize>,
    pub gate: Arc<Gate>,
    pub options: StoreOptions,
}

/// Why a group ended.
enum Ending {
    /// Its transaction stands and can be committed.
    Standing,
    /// The transaction is gone, and everything in it.
    Gone(StoreError),
}

type Told = (Done, Result<(), StoreError>);

fault!(planted_commit_failure, "store.commit");

impl Writer {
    /// Works until nobody can submit any more and the queue is empty.
    pub fn run(self) {
        let _guard = EndOnPanic("the store's writer failed");
        while let Ok(first) = self.queue.recv() {
            let gate = Arc::clone(&self.gate);
            for (done, result) in gate.pass(|| self.group(first)) {
                tell(done, result);
            }
        }
    }

    fn group(&self, first: Submitted) -> Vec<Told> {
        let began = self.options.clock.elapsed();
        if let Err(error) = self.statement("BEGIN IMMEDIATE") {
            self.depth.fetch_sub(1, Ordering::AcqRel);
            return vec![(first.done, Err(store_error("begin a transaction", &error)))];
        }
        let mut told = Vec::new();
        let mut next = Some(first);
        let mut ending = Ending::Standing;
        while let Some(Submitted { job, done }) = next.take() {
            self.depth.fetch_sub(1, Ordering::AcqRel);
            let first = told.iter().all(|(_, result): &Told| result.is_err());
            let result = self.job(job, first);
            if self.on.is_autocommit() {
                // SQLite itself rolls back everything on some errors, such as a disk that is full in the middle of a statement.
                let why =
                    result.err().unwrap_or_else(|| StoreError::Unavailable { doing: "write", why: "its transaction was lost".into() });
                told.push((done, Err(why.clone())));
                ending = Ending::Gone(why);
                break;
            }
            told.push((done, result));
            let worked = self.options.clock.elapsed().saturating_sub(began);
            if told.len() < self.options.group_jobs && worked < self.options.group_time {
                next = self.queue.try_recv().ok();
            }
        }
        if matches!(ending, Ending::Standing) && told.iter().all(|(_, result)| result.is_err()) {
            // Nothing to make durable.
            self.rollback();
        } else {
            if matches!(ending, Ending::Standing) {
                ending = self.commit();
            }
            match ending {
                Ending::Standing => self.heat.borrow_mut().committed(),
                Ending::Gone(why) => {
                    self.rollback();
                    for (_, result) in told.iter_mut().filter(|(_, result)| result.is_ok()) {
                        *result = Err(why.clone());
                    }
                }
            }
        }
        let took = self.options.clock.elapsed().saturating_sub(began);
        metrics::histogram!("reveille_store_commit_seconds").record(took);
        metrics::counter!("reveille_store_jobs_total").increment(told.len() as u64);
        metrics::gauge!("reveille_store_queue_jobs").set(self.depth.load(Ordering::Relaxed) as f64);
        told
    }

    /// Runs one job; if it fails, only its own part is undone. The `first` of a transaction needs no savepoint for that, which would copy
    /// every page that it changes: its own part is all that there is.
    fn job(&self, job: WriteJob, first: bool) -> Result<(), StoreError> {
        if !first {
            self.statement("SAVEPOINT job").map_err(|error| store_error("begin a job", &error))?;
        }
        self.heat.borrow_mut().begin_job();
        let mut tx = rows::Rows(rows::Writer { on: &self.on, heat: &self.heat });
        let result = catch_unwind(AssertUnwindSafe(|| job(&mut tx)))
            .unwrap_or_else(|panic| Err(StoreError::Abandoned(format!("a job of the store panicked: {}", words(&*panic)))));
        if self.on.is_autocommit() {
            return result;
        }
        let result = match result {
            Ok(()) if !first => self.statement("RELEASE job").map_err(|error| store_error("end a job", &error)),
            other => other,
        };
        if result.is_err() && !self.on.is_autocommit() {
            self.heat.borrow_mut().undo_job();
            let undo = if first { ["ROLLBACK", "BEGIN IMMEDIATE"] } else { ["ROLLBACK TO job", "RELEASE job"] };
            for statement in undo {
                if let Err(error) = self.statement(statement) {
                    // The group cannot be told apart any more: let it go as a whole.
                    tracing::error!(%error, "a job of the store could not be undone; its whole group is");
                    self.rollback();
                    break;
                }
            }
        }
        result
    }

    fn commit(&self) -> Ending {
        fail::fail_point!("store.before.commit");
        if let Err(error) = self.heat.borrow().store_counters(&self.on) {
            return Ending::Gone(error);
        }
        match planted_commit_failure().and_then(|()| self.statement("COMMIT")) {
            Ok(()) => {
                fail::fail_point!("store.after.commit");
                Ending::Standing
            }
            Err(error) if ends_process(&error) => end_process("a commit of the store cannot be synced", &error),
            Err(error) => {
                tracing::error!(%error, "a commit of the store failed; nothing of it happened");
                Ending::Gone(match store_error("commit", &error) {
                    StoreError::Abandoned(why) => StoreError::Unavailable { doing: "commit", why },
                    other => other,
                })
            }
        }
    }

    /// Undoes the whole transaction, in the file and in memory.
    fn rollback(&self) {
        self.heat.borrow_mut().undo_all();
        if !self.on.is_autocommit()
            && let Err(error) = self.statement("ROLLBACK")
        {
            end_process("a transaction of the store cannot be rolled back", &error);
        }
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.on.prepare_cached(sql)?.execute(()).map(drop)
    }
}

/// Calls back; a callback that panics must not take the thread with it.
pub(crate) fn tell(done: Done, result: Result<(), StoreError>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| done(result))) {
        tracing::error!(panic = words(&*panic), "a callback of the store panicked");
    }
}

/// What a panic said.
pub(crate) fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}
