//! The store of one machine: `store.db`, its writer, its readers and its checkpoints.

use crate::checkpoint::{Checkpointer, Gate, Kind};
use crate::error::OpenError;
use crate::file::{DatabaseFile, open_checkpointer, open_reader};
use crate::heat::Heat;
use crate::lock::Lock;
use crate::options::StoreOptions;
use crate::reader::{Asked, Reader};
use crate::schema::STORE;
use crate::writer::{Submitted, Writer, tell};
use crossbeam_channel::{Sender, unbounded};
use ports::store::{Done, ReadJob, Store, StoreError, WriteJob};
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// [`Store`] on `SQLite`. Dropping it does what is queued, then closes the file.
pub struct SqliteStore {
    writes: Option<Sender<Submitted>>,
    reads: Option<Sender<Asked>>,
    write_depth: Arc<AtomicUsize>,
    read_depth: Arc<AtomicUsize>,
    write_queue_limit: usize,
    read_queue_limit: usize,
    threads: Vec<JoinHandle<()>>,
    checkpointer: Option<Checkpointer>,
    _lock: Lock,
}

impl SqliteStore {
    /// Opens or makes `dir/store.db`.
    ///
    /// # Errors
    /// If the directory is in use by another server, a newer version wrote the file, or it cannot be opened.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        let DatabaseFile { path, mut writer, lock } = DatabaseFile::open(dir, &STORE, options.synchronous, options.page_cache_kib)?;
        let failed = |doing| {
            let path = path.clone();
            move |source| OpenError::Database { doing, path, source }
        };
        let gate = Arc::new(Gate::default());
        let checkpoints = open_checkpointer(&path, options.synchronous).map_err(failed("open"))?;
        let clock = Arc::clone(&options.clock);
        let checkpointer = Checkpointer::start(Kind::Store, &mut writer, checkpoints, Arc::clone(&gate), clock, options.checkpoints)?;
        let heat = Heat::load(&writer, options.heat_bytes).map_err(|error| OpenError::File {
            doing: "read",
            path: path.clone(),
            source: std::io::Error::other(error),
        })?;

        let (writes, write_queue) = unbounded();
        let (reads, read_queue) = unbounded();
        let (write_depth, read_depth) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut threads = Vec::new();
        for number in 0..options.readers.max(1) {
            let on = open_reader(&path, options.page_cache_kib / 4).map_err(failed("open a reader of"))?;
            let reader = Reader { on, queue: read_queue.clone(), depth: Arc::clone(&read_depth) };
            threads.push(spawn(format!("store-reader-{number}"), move || reader.run())?);
        }
        let (write_queue_limit, read_queue_limit) = (options.write_queue_limit, options.read_queue_limit);
        let writer = Writer { on: writer, heat: RefCell::new(heat), queue: write_queue, depth: Arc::clone(&write_depth), gate, options };
        threads.push(spawn("store-writer".into(), move || writer.run())?);
        Ok(Self {
            writes: Some(writes),
            reads: Some(reads),
            write_depth,
            read_depth,
            write_queue_limit,
            read_queue_limit,
            threads,
            checkpointer: Some(checkpointer),
            _lock: lock,
        })
    }
}

/// Starts a thread.
pub(crate) fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new().name(name.clone()).spawn(work).map_err(|source| OpenError::Thread { name, source })
}

/// Takes a place in a queue of at most `limit`.
pub(crate) fn enter(depth: &AtomicUsize, limit: usize, doing: &'static str) -> Result<(), StoreError> {
    if depth.fetch_add(1, Ordering::AcqRel) >= limit {
        depth.fetch_sub(1, Ordering::AcqRel);
        return Err(StoreError::Unavailable { doing, why: format!("{limit} jobs wait already") });
    }
    Ok(())
}

pub(crate) fn stopped(doing: &'static str) -> StoreError {
    StoreError::Unavailable { doing, why: "it is stopping".into() }
}

impl Store for SqliteStore {
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

impl Drop for SqliteStore {
    fn drop(&mut self) {
        drop(self.writes.take());
        drop(self.reads.take());
        join(std::mem::take(&mut self.threads));
        drop(self.checkpointer.take());
    }
}

/// Waits for threads to end, but for the one that this is: a callback may drop the last handle.
pub(crate) fn join(threads: Vec<JoinHandle<()>>) {
    let here = std::thread::current().id();
    for thread in threads.into_iter().filter(|thread| thread.thread().id() != here) {
        // A panic was reported by the thread itself, which ends the process.
        let _ = thread.join();
    }
}
