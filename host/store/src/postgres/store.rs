//! The store on a database server: its writer and its readers.

use super::link::Link;
use super::owner::{Owner, Role};
use super::reader::{Line, Reader};
use super::schema::migrate;
use super::server::PostgresServer;
use super::writer::{Backoff, Session, Writer};
use crate::error::OpenError;
use crate::options::StoreOptions;
use crate::reader::Asked;
use crate::sqlite::{enter, join, spawn, stopped};
use crate::writer::{Submitted, tell};
use crossbeam_channel::{Sender, bounded, unbounded};
use ports::store::{Done, ReadJob, Store, WriteJob};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// [`Store`] on `PostgreSQL`. Dropping it does what is queued, then closes the connections.
pub struct PostgresStore {
    writes: Option<Sender<Submitted>>,
    reads: Option<Sender<Asked>>,
    write_depth: Arc<AtomicUsize>,
    read_depth: Arc<AtomicUsize>,
    write_queue_limit: usize,
    read_queue_limit: usize,
    threads: Vec<JoinHandle<()>>,
}

impl PostgresStore {
    /// Connects, makes the tables if they are not there, and takes the store over.
    ///
    /// # Errors
    /// If the database does not answer, another server has the store, or the schema is something else or a newer version's.
    pub fn open(server: &PostgresServer, options: StoreOptions) -> Result<Self, OpenError> {
        let (writes, write_queue) = unbounded();
        let (reads, read_queue) = unbounded();
        let (write_depth, read_depth) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (write_queue_limit, read_queue_limit) = (options.write_queue_limit, options.read_queue_limit);
        let mut threads = Vec::new();
        // A connection belongs to the thread that uses it.
        let (opened, result) = bounded(1);
        let (place, depth, at) = (server.clone(), Arc::clone(&write_depth), options.clone());
        threads.push(spawn("store-writer".into(), move || {
            let made = take(&place, &at);
            let (session, owner) = match made {
                Ok(made) => made,
                Err(error) => return drop(opened.send(Err(error))),
            };
            drop(opened.send(Ok(())));
            let (backoff, trouble) = (Backoff::default(), String::new());
            let session = Some(session);
            Writer { server: place, session, owner, backoff, trouble, queue: write_queue, depth, options: at }.run();
        })?);
        result.recv().unwrap_or_else(|_| Err(OpenError::Address { why: "the writer ended".into() }))?;
        for number in 0..options.readers.max(1) {
            let line = Line::new(server.clone(), "reader", Arc::clone(&options.clock));
            let reader = Reader { line, queue: read_queue.clone(), depth: Arc::clone(&read_depth) };
            threads.push(spawn(format!("store-reader-{number}"), move || reader.run())?);
        }
        Ok(Self { writes: Some(writes), reads: Some(reads), write_depth, read_depth, write_queue_limit, read_queue_limit, threads })
    }
}

fn take(server: &PostgresServer, options: &StoreOptions) -> Result<(Session, Owner), OpenError> {
    let failed = |source| OpenError::Postgres { place: server.place(), source };
    let link = Link::connect(server, "store").map_err(failed)?;
    migrate(&link, server)?;
    let (owner, _) = Owner::take(&link, server, Role::Store, &*options.clock)?;
    let session = Session::open(link, options.heat_bytes).map_err(failed)?;
    Ok((session, owner))
}

impl Store for PostgresStore {
    fn submit(&self, job: WriteJob, done: Done) {
        const DOING: &str = "take a job";
        if let Err(full) = enter(&self.write_depth, self.write_queue_limit, DOING) {
            return tell(done, Err(full));
        }
        let sent = self.writes.as_ref().map(|writes| writes.send(Submitted { job, done }));
        if let Some(Err(unsent)) = sent {
            self.write_depth.fetch_sub(1, Ordering::AcqRel);
            tell(unsent.0.done, Err(stopped(DOING)));
        }
    }

    fn read(&self, job: ReadJob, done: Done) {
        const DOING: &str = "read";
        if let Err(full) = enter(&self.read_depth, self.read_queue_limit, DOING) {
            return tell(done, Err(full));
        }
        let sent = self.reads.as_ref().map(|reads| reads.send(Asked { job, done }));
        if let Some(Err(unsent)) = sent {
            self.read_depth.fetch_sub(1, Ordering::AcqRel);
            tell(unsent.0.done, Err(stopped(DOING)));
        }
    }

    fn depth(&self) -> usize {
        self.write_depth.load(Ordering::Acquire)
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        drop(self.writes.take());
        drop(self.reads.take());
        join(std::mem::take(&mut self.threads));
    }
}
