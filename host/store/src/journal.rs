//! The journal of one machine: `journal.db` with a writer of its own, so that decisions never make an acknowledgement wait.

use crate::checkpoint::{Checkpointer, Gate, Kind};
use crate::error::{EndOnPanic, OpenError, end_process, ends_process};
use crate::fault::fault;
use crate::file::{DatabaseFile, open_checkpointer, open_reader};
use crate::lock::Lock;
use crate::options::JournalOptions;
use crate::schema::JOURNAL;
use crate::sqlite::{join, spawn};
use crate::writer::words;
use crossbeam_channel::{Receiver, Sender, unbounded};
use domain::id::JournalId;
use domain::journal::{RECORD_VERSION, Record};
use parking_lot::Mutex;
use ports::journal::{Appended, Feed, Journal, JournalError};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// About how many bytes of records one read gives.
const READ_BYTES: usize = 8 << 20;
/// Connections kept for reads; each further read at the same time opens one of its own.
const READERS_KEPT: usize = 4;
/// The page cache of a connection, in KiB: the journal is appended to and read in order.
const PAGE_CACHE_KIB: u32 = 4 << 10;

/// A record on its way.
struct Pending {
    body: Vec<u8>,
    record: Arc<Record>,
    appended: Appended,
}

/// What callers and writer share.
#[derive(Default)]
struct Shared {
    head: AtomicU64,
    records: AtomicUsize,
    bytes: AtomicUsize,
    feed: Mutex<Option<Feed>>,
}

/// [`Journal`] on `SQLite`. Dropping it writes what is queued, then closes the file.
pub struct SqliteJournal {
    path: PathBuf,
    queue: Option<Sender<Pending>>,
    shared: Arc<Shared>,
    readers: Mutex<Vec<Connection>>,
    queue_records: usize,
    queue_bytes: usize,
    thread: Option<JoinHandle<()>>,
    checkpointer: Option<Checkpointer>,
    _lock: Lock,
}

impl SqliteJournal {
    /// Opens or makes `dir/journal.db`.
    ///
    /// # Errors
    /// If the directory is in use by another server, a newer version wrote the file, or it cannot be opened.
    pub fn open(dir: &Path, options: JournalOptions) -> Result<Self, OpenError> {
        let DatabaseFile { path, mut writer, lock } = DatabaseFile::open(dir, &JOURNAL, options.synchronous, PAGE_CACHE_KIB)?;
        let failed = |doing| {
            let path = path.clone();
            move |source| OpenError::Database { doing, path, source }
        };
        let gate = Arc::new(Gate::default());
        let checkpoints = open_checkpointer(&path, options.synchronous).map_err(failed("open"))?;
        let clock = Arc::clone(&options.clock);
        let checkpointer = Checkpointer::start(Kind::Journal, &mut writer, checkpoints, Arc::clone(&gate), clock, options.checkpoints)?;
        let head: Option<i64> = writer.query_row("SELECT max(id) FROM record", (), |row| row.get(0)).map_err(failed("read"))?;

        let shared = Arc::new(Shared { head: AtomicU64::new(head.unwrap_or(0).cast_unsigned()), ..Shared::default() });
        let (queue, pending) = unbounded();
        let (queue_records, queue_bytes) = (options.queue_records, options.queue_bytes);
        let writer = Writer { on: writer, queue: pending, shared: Arc::clone(&shared), gate, options };
        let thread = spawn("journal-writer".into(), move || writer.run())?;
        Ok(Self {
            path,
            queue: Some(queue),
            shared,
            readers: Mutex::default(),
            queue_records,
            queue_bytes,
            thread: Some(thread),
            checkpointer: Some(checkpointer),
            _lock: lock,
        })
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

    fn read_rows(on: &Connection, from: JournalId, limit: usize) -> Result<Vec<(JournalId, Arc<Record>)>, JournalError> {
        let failed = |error: rusqlite::Error| JournalError::Unavailable(error.to_string());
        let mut statement =
            on.prepare_cached("SELECT id, version, body FROM record WHERE id >= ?1 ORDER BY id LIMIT ?2").map_err(failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query((from.0.cast_signed(), limit)).map_err(failed)?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next().map_err(failed)? {
            let id = JournalId(row.get::<_, i64>(0).map_err(failed)?.cast_unsigned());
            let unreadable = |why: String| JournalError::Unreadable(id, why);
            let version: i64 = row.get(1).map_err(failed)?;
            let body = row.get_ref(2).map_err(failed)?.as_blob().map_err(|error| unreadable(error.to_string()))?;
            if bytes > 0 && bytes + body.len() > READ_BYTES {
                break;
            }
            bytes += body.len();
            if version != i64::from(RECORD_VERSION) {
                return Err(unreadable(format!("it is of version {version}, this version of Reveille knows {RECORD_VERSION}")));
            }
            let record = postcard::from_bytes(body).map_err(|error| unreadable(error.to_string()))?;
            found.push((id, Arc::new(record)));
        }
        Ok(found)
    }
}

impl Journal for SqliteJournal {
    fn append(&self, record: Record, appended: Appended) {
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

    fn read(&self, from: JournalId, limit: usize) -> Result<Vec<(JournalId, Arc<Record>)>, JournalError> {
        let kept = self.readers.lock().pop();
        let on = match kept {
            Some(on) => on,
            None => open_reader(&self.path, PAGE_CACHE_KIB).map_err(|error| JournalError::Unavailable(error.to_string()))?,
        };
        let found = Self::read_rows(&on, from, limit);
        let mut readers = self.readers.lock();
        if readers.len() < READERS_KEPT {
            readers.push(on);
        }
        found
    }

    fn head(&self) -> JournalId {
        JournalId(self.shared.head.load(Ordering::Acquire))
    }

    fn depth(&self) -> usize {
        self.shared.records.load(Ordering::Acquire)
    }

    fn set_feed(&self, feed: Feed) {
        *self.shared.feed.lock() = Some(feed);
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        drop(self.queue.take());
        join(self.thread.take().into_iter().collect());
        // The connection that closes last carries the log over, which a reader's cannot.
        self.readers.get_mut().clear();
        drop(self.checkpointer.take());
    }
}

impl Shared {
    fn leave(&self, bytes: usize) {
        self.records.fetch_sub(1, Ordering::AcqRel);
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// The writer's thread.
struct Writer {
    on: Connection,
    queue: Receiver<Pending>,
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    options: JournalOptions,
}

fault!(planted_commit_failure, "journal.commit");

impl Writer {
    fn run(self) {
        let _guard = EndOnPanic("the journal's writer failed");
        while let Ok(first) = self.queue.recv() {
            let group = self.gather(first);
            let began = self.options.clock.elapsed();
            let gate = Arc::clone(&self.gate);
            let written = gate.pass(|| self.write(&group));
            metrics::histogram!("reveille_journal_commit_seconds").record(self.options.clock.elapsed().saturating_sub(began));
            metrics::counter!("reveille_journal_records_total").increment(group.len() as u64);
            self.tell(group, &written);
            metrics::gauge!("reveille_journal_queue_records").set(self.shared.records.load(Ordering::Relaxed) as f64);
        }
    }

    /// What came while the last group was synced shares a commit.
    fn gather(&self, first: Pending) -> Vec<Pending> {
        let mut bytes = first.body.len();
        let mut group = vec![first];
        while group.len() < self.options.group_records
            && bytes < self.options.group_bytes
            && let Ok(next) = self.queue.try_recv()
        {
            bytes += next.body.len();
            group.push(next);
        }
        group
    }

    /// Makes a group durable; the id of its first record.
    fn write(&self, group: &[Pending]) -> Result<u64, JournalError> {
        let first = self.shared.head.load(Ordering::Acquire) + 1;
        match self.insert(first, group).and_then(|()| self.commit()) {
            Ok(()) => Ok(first),
            Err(error) if ends_process(&error) => end_process("a commit of the journal cannot be synced", &error),
            Err(error) => {
                tracing::error!(%error, records = group.len(), "the journal cannot store; nothing of the group is on disk");
                if !self.on.is_autocommit()
                    && let Err(error) = self.on.execute_batch("ROLLBACK")
                {
                    end_process("a transaction of the journal cannot be rolled back", &error);
                }
                Err(JournalError::Unavailable(error.to_string()))
            }
        }
    }

    fn insert(&self, first: u64, group: &[Pending]) -> rusqlite::Result<()> {
        self.on.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        let mut insert = self.on.prepare_cached("INSERT INTO record (id, version, body) VALUES (?1, ?2, ?3)")?;
        for (id, pending) in (first..).zip(group) {
            insert.execute((id.cast_signed(), RECORD_VERSION, &pending.body))?;
        }
        Ok(())
    }

    fn commit(&self) -> rusqlite::Result<()> {
        fail::fail_point!("journal.before.commit");
        planted_commit_failure()?;
        self.on.prepare_cached("COMMIT")?.execute(())?;
        fail::fail_point!("journal.after.commit");
        Ok(())
    }

    fn tell(&self, group: Vec<Pending>, written: &Result<u64, JournalError>) {
        if let Ok(first) = written {
            self.shared.head.store(first + group.len() as u64 - 1, Ordering::Release);
        }
        let feed = self.shared.feed.lock();
        for (index, Pending { body, record, appended }) in group.into_iter().enumerate() {
            self.shared.leave(body.len());
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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::journal::Entry;
    use domain::time::Millis;

    /// By postcard's specification, not by its output: whoever changes the record sees here that [`RECORD_VERSION`] has to follow.
    #[test]
    fn a_record_is_packed_as_version_1_says() {
        let entry = Entry::Wake { team: "shop".into(), entity: "db".into(), due: Millis(-2) };
        let packed = postcard::to_stdvec(&Record { received_at: Millis(150), entry }).unwrap();
        // 150 in zigzag is 300: 0b10_0101100; the sixth kind; two texts with their lengths; -2 in zigzag is 3.
        let expected = [&[0xac, 0x02, 5, 4][..], b"shop", &[2], b"db", &[3]].concat();
        assert_eq!((packed, RECORD_VERSION), (expected, 1));
    }
}
