//! The store's readers: a few threads, each with its own connection, that give every job one consistent view.

use super::link::Link;
use super::rows;
use super::server::PostgresServer;
use super::writer::Backoff;
use crate::error::EndOnPanic;
use crate::reader::Asked;
use crate::writer::{tell, words};
use crossbeam_channel::Receiver;
use ports::store::ReadJob;
use ports::{Clock, StoreError};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A connection that is made when it is needed, and again when it was lost.
pub(crate) struct Line {
    pub server: PostgresServer,
    pub role: &'static str,
    pub clock: Arc<dyn Clock>,
    link: Option<Link>,
    backoff: Backoff,
    trouble: String,
}

impl Line {
    pub fn new(server: PostgresServer, role: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self { server, role, clock, link: None, backoff: Backoff::default(), trouble: String::new() }
    }

    /// The connection.
    pub fn link(&mut self) -> Result<&Link, StoreError> {
        if self.link.as_ref().is_some_and(|link| !link.lives()) {
            self.link = None;
        }
        if self.link.is_none() {
            if !self.backoff.is_over(&*self.clock) {
                return Err(StoreError::Unavailable { doing: "reach the database", why: self.trouble.clone() });
            }
            match Link::connect(&self.server, self.role) {
                Ok(link) => {
                    self.backoff.succeeded();
                    self.link = Some(link);
                }
                Err(error) => {
                    self.trouble = error.to_string();
                    self.backoff.failed(&*self.clock);
                    return Err(error);
                }
            }
        }
        self.link.as_ref().ok_or_else(|| StoreError::Unavailable { doing: "reach the database", why: self.trouble.clone() })
    }

    /// Another connection next time.
    pub fn drop_link(&mut self) {
        self.link = None;
    }
}

/// One reader's thread.
pub(crate) struct Reader {
    pub line: Line,
    pub queue: Receiver<Asked>,
    pub depth: Arc<AtomicUsize>,
}

impl Reader {
    /// Works until nobody can ask any more and the queue is empty.
    pub fn run(mut self) {
        let _guard = EndOnPanic("a reader of the store failed");
        while let Ok(Asked { job, done }) = self.queue.recv() {
            self.depth.fetch_sub(1, Ordering::AcqRel);
            let result = self.read(job);
            tell(done, result);
        }
    }

    fn read(&mut self, job: ReadJob) -> Result<(), StoreError> {
        let link = self.line.link()?;
        let view = rows::Rows(rows::Reader { link, begun: Cell::new(false) });
        let result = catch_unwind(AssertUnwindSafe(|| job(&view)))
            .unwrap_or_else(|panic| Err(StoreError::Abandoned(format!("a job of the store's reader panicked: {}", words(&*panic)))));
        let closed = if view.0.begun.get() { link.batch("close a view", "ROLLBACK") } else { Ok(()) };
        link.forgive();
        if closed.is_err() {
            self.line.drop_link();
        }
        result
    }
}
