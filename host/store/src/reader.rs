//! The store's readers: a few threads, each with its own connection, that give every job one consistent view.

use crate::error::{EndOnPanic, store_error};
use crate::rows;
use crate::writer::{tell, words};
use crossbeam_channel::Receiver;
use ports::StoreError;
use ports::store::{Done, ReadJob};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What was asked.
pub(crate) struct Asked {
    pub job: ReadJob,
    pub done: Done,
}

/// One reader's thread.
pub(crate) struct Reader {
    pub on: Connection,
    pub queue: Receiver<Asked>,
    pub depth: Arc<AtomicUsize>,
}

impl Reader {
    /// Works until nobody can ask any more and the queue is empty.
    pub fn run(self) {
        let _guard = EndOnPanic("a reader of the store failed");
        while let Ok(Asked { job, done }) = self.queue.recv() {
            self.depth.fetch_sub(1, Ordering::AcqRel);
            let result = self.read(job);
            tell(done, result);
        }
    }

    fn read(&self, job: ReadJob) -> Result<(), StoreError> {
        self.statement("BEGIN").map_err(|error| store_error("begin a view", &error))?;
        let view = rows::Rows(rows::Reader(&self.on));
        let result = catch_unwind(AssertUnwindSafe(|| job(&view)))
            .unwrap_or_else(|panic| Err(StoreError::Abandoned(format!("a job of the store's reader panicked: {}", words(&*panic)))));
        if !self.on.is_autocommit()
            && let Err(error) = self.statement("COMMIT")
        {
            tracing::error!(%error, "a view could not be closed");
            return result.and(Err(store_error("close a view", &error)));
        }
        result
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.on.prepare_cached(sql)?.execute(()).map(drop)
    }
}
