//! The journal of one machine: `journal.db` with a writer of its own, so that decisions never make an acknowledgement wait.

use crate::checkpoint::{Checkpointer, Gate, Kind};
use crate::error::{EndOnPanic, OpenError, end_process, ends_process};
use crate::fault::fault;
use crate::file::{DatabaseFile, open_checkpointer, open_reader};
use crate::intake::{Intake, Outage, Pending, Shared, gather, unpack};
use crate::lock::Lock;
use crate::options::JournalOptions;
use crate::schema::JOURNAL;
use crate::sqlite::{join, spawn};
use crossbeam_channel::Receiver;
use domain::id::JournalId;
use domain::journal::{RECORD_VERSION, Record};
use parking_lot::Mutex;
use ports::journal::{Appended, Feed, Journal, JournalError};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// About how many bytes of records one read gives.
const READ_BYTES: usize = 8 << 20;
/// Connections kept for reads; each further read at the same time opens one of its own.
const READERS_KEPT: usize = 4;
/// The page cache of a connection, in KiB: the journal is appended to and read in order.
const PAGE_CACHE_KIB: u32 = 4 << 10;

/// [`Journal`] on `SQLite`. Dropping it writes what is queued, then closes the file.
pub struct SqliteJournal {
    path: PathBuf,
    intake: Intake,
    readers: Mutex<Vec<Connection>>,
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

        let head = head.unwrap_or(0).cast_unsigned();
        let (intake, pending, shared) = Intake::new(head, options.queue_records, options.queue_bytes);
        let writer = Writer { on: writer, queue: pending, shared, gate, outage: Outage::default(), options };
        let thread = spawn("journal-writer".into(), move || writer.run())?;
        Ok(Self { path, intake, readers: Mutex::default(), thread: Some(thread), checkpointer: Some(checkpointer), _lock: lock })
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
            let version: i64 = row.get(1).map_err(failed)?;
            let body = row.get_ref(2).map_err(failed)?.as_blob().map_err(|error| JournalError::Unreadable(id, error.to_string()))?;
            if bytes > 0 && bytes + body.len() > READ_BYTES {
                break;
            }
            bytes += body.len();
            found.push((id, unpack(id, version, body)?));
        }
        Ok(found)
    }
}

impl Journal for SqliteJournal {
    fn append(&self, record: Record, appended: Appended) {
        self.intake.append(record, appended);
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
        self.intake.head()
    }

    fn depth(&self) -> usize {
        self.intake.depth()
    }

    fn set_feed(&self, feed: Feed) {
        self.intake.set_feed(feed);
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        self.intake.close();
        join(self.thread.take().into_iter().collect());
        // The connection that closes last carries the log over, which a reader's cannot.
        self.readers.get_mut().clear();
        drop(self.checkpointer.take());
    }
}

/// The writer's thread.
struct Writer {
    on: Connection,
    queue: Receiver<Pending>,
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    outage: Outage,
    options: JournalOptions,
}

fault!(planted_commit_failure, "journal.commit");

impl Writer {
    fn run(mut self) {
        let _guard = EndOnPanic("the journal's writer failed");
        while let Ok(first) = self.queue.recv() {
            let group = gather(&self.queue, first, self.options.group_records, self.options.group_bytes);
            let began = self.options.clock.elapsed();
            let gate = Arc::clone(&self.gate);
            let written = gate.pass(|| self.write(&group));
            self.outage.saw(&written, group.len());
            metrics::histogram!("reveille_journal_commit_seconds").record(self.options.clock.elapsed().saturating_sub(began));
            metrics::counter!("reveille_journal_records_total").increment(group.len() as u64);
            self.shared.tell(group, &written);
            metrics::gauge!("reveille_journal_queue_records").set(self.shared.waiting() as f64);
        }
    }

    /// Makes a group durable; the id of its first record.
    fn write(&self, group: &[Pending]) -> Result<u64, JournalError> {
        let first = self.shared.head.load(Ordering::Acquire) + 1;
        match self.insert(first, group).and_then(|()| self.commit()) {
            Ok(()) => Ok(first),
            Err(error) if ends_process(&error) => end_process("a commit of the journal cannot be synced", &error),
            Err(error) => {
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

    /// What older versions journaled keeps its place in the list of operations, and what is new comes after: the version stays.
    #[test]
    fn operations_keep_their_places() {
        use domain::command::{Actor, Command, Operation, Priority, Subject};
        use domain::id::IncidentId;
        let packed = |operation| {
            let command = Command { subject: Subject::Incident(IncidentId(7)), actor: Actor::Host, operation };
            postcard::to_stdvec(&Record { received_at: Millis(0), entry: Entry::Command(command) }).unwrap()
        };
        // The fourth kind of record, an incident by its number, the fourth kind of actor; then the operation and what it holds.
        assert_eq!(packed(Operation::SetPriority(Priority::P1)), [0, 3, 0, 7, 3, 4, 0]);
        assert_eq!(packed(Operation::Snooze(Millis(1))), [0, 3, 0, 7, 3, 5, 2]);
        assert_eq!(packed(Operation::Merge(IncidentId(9))), [0, 3, 0, 7, 3, 19, 9]);
    }
}
