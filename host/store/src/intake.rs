//! The way into a journal, whatever the database: a bounded queue, the last durable id, and who is told.

use crate::writer::words;
use crossbeam_channel::{Receiver, Sender, unbounded};
use domain::id::JournalId;
use domain::journal::Record;
use parking_lot::Mutex;
use ports::journal::{Appended, Feed, JournalError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A record on its way.
pub(crate) struct Pending {
    pub body: Vec<u8>,
    record: Arc<Record>,
    appended: Appended,
}

/// What callers and writer share.
#[derive(Default)]
pub(crate) struct Shared {
    pub head: AtomicU64,
    records: AtomicUsize,
    bytes: AtomicUsize,
    feed: Mutex<Option<Feed>>,
}

/// The callers' end.
pub(crate) struct Intake {
    queue: Option<Sender<Pending>>,
    shared: Arc<Shared>,
    queue_records: usize,
    queue_bytes: usize,
}

impl Intake {
    /// A queue of at most so many records and bytes; the other end is the writer's.
    pub fn new(head: u64, queue_records: usize, queue_bytes: usize) -> (Self, Receiver<Pending>, Arc<Shared>) {
        let shared = Arc::new(Shared { head: AtomicU64::new(head), ..Shared::default() });
        let (queue, pending) = unbounded();
        (Self { queue: Some(queue), shared: Arc::clone(&shared), queue_records, queue_bytes }, pending, shared)
    }

    pub fn append(&self, record: Record, appended: Appended) {
        let waiting = self.depth();
        if waiting >= self.queue_records {
            // Before the work of packing it: this is what an overloaded server does most.
            return appended(Err(JournalError::Overloaded(waiting)));
        }
        let body = match postcard::to_stdvec(&record) {
            Ok(body) => body,
            Err(error) => return appended(Err(JournalError::Unavailable(format!("the record cannot be packed: {error}")))),
        };
        if let Err(full) = self.enter(body.len()) {
            return appended(Err(full));
        }
        let bytes = body.len();
        let sent = self.queue.as_ref().map(|queue| queue.send(Pending { body, record: Arc::new(record), appended }));
        if let Some(Err(unsent)) = sent {
            self.shared.leave(bytes);
            (unsent.0.appended)(Err(JournalError::Unavailable("it is stopping".into())));
        }
    }

    /// Takes a place in the queue.
    fn enter(&self, bytes: usize) -> Result<(), JournalError> {
        let records = self.shared.records.fetch_add(1, Ordering::AcqRel);
        let waiting = self.shared.bytes.fetch_add(bytes, Ordering::AcqRel);
        // One record that is longer than the whole bound is still taken, by an empty queue.
        if records >= self.queue_records || (records > 0 && waiting.saturating_add(bytes) > self.queue_bytes) {
            self.shared.leave(bytes);
            return Err(JournalError::Overloaded(records));
        }
        Ok(())
    }

    pub fn head(&self) -> JournalId {
        JournalId(self.shared.head.load(Ordering::Acquire))
    }

    pub fn depth(&self) -> usize {
        self.shared.records.load(Ordering::Acquire)
    }

    pub fn set_feed(&self, feed: Feed) {
        *self.shared.feed.lock() = Some(feed);
    }

    /// Takes no further record; the writer ends once it has written what is queued.
    pub fn close(&mut self) {
        drop(self.queue.take());
    }
}

impl Shared {
    fn leave(&self, bytes: usize) {
        self.records.fetch_sub(1, Ordering::AcqRel);
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// How many records wait.
    pub fn waiting(&self) -> usize {
        self.records.load(Ordering::Relaxed)
    }

    /// Tells everybody of a group how it went, its first id or why not.
    pub fn tell(&self, group: Vec<Pending>, written: &Result<u64, JournalError>) {
        if let Ok(first) = written {
            self.head.store(first + group.len() as u64 - 1, Ordering::Release);
        }
        let feed = self.feed.lock();
        for (index, Pending { body, record, appended }) in group.into_iter().enumerate() {
            self.leave(body.len());
            let result = written.clone().map(|first| JournalId(first + index as u64));
            let told = catch_unwind(AssertUnwindSafe(|| {
                appended(result.clone());
                if let (Ok(id), Some(feed)) = (result, feed.as_ref()) {
                    feed(id, &record);
                }
            }));
            if let Err(panic) = told {
                tracing::error!(panic = words(&*panic), "a callback of the journal panicked");
            }
        }
    }
}

/// Says once that the journal cannot store, and once that it can again: under load, every refused group would say it.
#[derive(Default)]
pub(crate) struct Outage {
    /// The records that were refused since it began.
    refused: Option<usize>,
}

impl Outage {
    /// How it went with a group of so many records.
    pub fn saw(&mut self, written: &Result<u64, JournalError>, records: usize) {
        match (written, self.refused) {
            (Ok(_), None) => {}
            (Ok(_), Some(refused)) => {
                self.refused = None;
                tracing::warn!(refused, "the journal stores again");
            }
            (Err(error), None) => {
                self.refused = Some(records);
                tracing::error!(%error, "the journal cannot store; nobody is told that a record is on disk until it can again");
            }
            (Err(_), Some(refused)) => self.refused = Some(refused + records),
        }
    }
}

/// What came while the last group was synced shares a commit.
pub(crate) fn gather(queue: &Receiver<Pending>, first: Pending, most_records: usize, most_bytes: usize) -> Vec<Pending> {
    let mut bytes = first.body.len();
    let mut group = vec![first];
    while group.len() < most_records
        && bytes < most_bytes
        && let Ok(next) = queue.try_recv()
    {
        bytes += next.body.len();
        group.push(next);
    }
    group
}

/// A stored body as a record.
pub(crate) fn unpack(id: JournalId, version: i64, body: &[u8]) -> Result<Arc<Record>, JournalError> {
    use domain::journal::RECORD_VERSION;
    let unreadable = |why: String| JournalError::Unreadable(id, why);
    if version != i64::from(RECORD_VERSION) {
        return Err(unreadable(format!("it is of version {version}, this version of Reveille knows {RECORD_VERSION}")));
    }
    postcard::from_bytes(body).map(Arc::new).map_err(|error| unreadable(error.to_string()))
}
