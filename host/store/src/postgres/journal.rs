//! The journal on a database server: a writer with a connection of its own, so that decisions never make an acknowledgement wait.

use super::link::Link;
use super::owner::{Found, Owner, Role, fenced};
use super::reader::Line;
use super::schema::migrate;
use super::server::PostgresServer;
use super::writer::{Backoff, LOOK_UP};
use crate::error::{EndOnPanic, OpenError};
use crate::intake::{Intake, Outage, Pending, Shared, gather, unpack};
use crate::options::JournalOptions;
use crate::sqlite::{join, spawn};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use domain::id::JournalId;
use domain::journal::{RECORD_VERSION, Record};
use ports::StoreError;
use ports::journal::{Appended, Feed, Journal, JournalError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

/// About how many bytes of records one read gives.
const READ_BYTES: i64 = 8 << 20;
/// Threads that read.
const READERS: usize = 2;
/// Most records of one read, whatever the caller asks.
const READ_RECORDS: usize = 10_000;
const PAUSE: Duration = Duration::from_millis(50);

type Records = Result<Vec<(JournalId, Arc<Record>)>, JournalError>;

/// A read, and who waits for it.
struct Asked {
    from: JournalId,
    limit: usize,
    answer: Sender<Records>,
}

/// [`Journal`] on `PostgreSQL`. Dropping it writes what is queued, then closes the connections.
pub struct PostgresJournal {
    intake: Intake,
    reads: Option<Sender<Asked>>,
    threads: Vec<JoinHandle<()>>,
}

impl PostgresJournal {
    /// Connects, makes the tables if they are not there, and takes the journal over.
    ///
    /// # Errors
    /// If the database does not answer, another server has the journal, or the schema is something else or a newer version's.
    pub fn open(server: &PostgresServer, options: JournalOptions) -> Result<Self, OpenError> {
        let (opened, result) = bounded(1);
        let (place, clock, limits) = (server.clone(), Arc::clone(&options.clock), (options.queue_records, options.queue_bytes));
        let mut threads = vec![spawn("journal-writer".into(), move || {
            let made = take(&place, &options);
            let (link, owner, head) = match made {
                Ok(made) => made,
                Err(error) => return drop(opened.send(Err(error))),
            };
            let (intake, queue, shared) = Intake::new(head.cast_unsigned(), limits.0, limits.1);
            drop(opened.send(Ok(intake)));
            let link = Some(link);
            Writer {
                server: place,
                link,
                owner,
                backoff: Backoff::default(),
                trouble: String::new(),
                outage: Outage::default(),
                queue,
                shared,
                options,
            }
            .run();
        })?];
        let intake = result.recv().unwrap_or_else(|_| Err(OpenError::Address { why: "the journal's writer ended".into() }))?;
        let (reads, asked) = unbounded::<Asked>();
        for number in 0..READERS {
            let (asked, mut line) = (asked.clone(), Line::new(server.clone(), "journal reader", Arc::clone(&clock)));
            threads.push(spawn(format!("journal-reader-{number}"), move || {
                let _guard = EndOnPanic("a reader of the journal failed");
                while let Ok(Asked { from, limit, answer }) = asked.recv() {
                    // Nobody may wait any more.
                    let _ = answer.send(read(&mut line, from, limit));
                }
            })?);
        }
        Ok(Self { intake, reads: Some(reads), threads })
    }
}

fn take(server: &PostgresServer, options: &JournalOptions) -> Result<(Link, Owner, i64), OpenError> {
    let link = Link::connect(server, "journal").map_err(|source| OpenError::Postgres { place: server.place(), source })?;
    migrate(&link, server)?;
    let (owner, head) = Owner::take(&link, server, Role::Journal, &*options.clock)?;
    Ok((link, owner, head))
}

fn unavailable(error: &StoreError) -> JournalError {
    JournalError::Unavailable(error.to_string())
}

fn read(line: &mut Line, from: JournalId, limit: usize) -> Records {
    // The sum stops before the rows are fetched.
    let sql = "SELECT id, version, body FROM (SELECT id, version, body, sum(octet_length(body)) OVER (ORDER BY id) AS total FROM \
               (SELECT id, version, body FROM record WHERE id >= $1 ORDER BY id LIMIT $2) r) s \
               WHERE total <= $3 OR total = octet_length(body) ORDER BY id";
    let limit = limit.min(READ_RECORDS) as i64;
    let link = line.link().map_err(|error| unavailable(&error))?;
    let found = link.query("read the journal", "", sql, &[&from.0.cast_signed(), &limit, &READ_BYTES]);
    link.forgive();
    let mut records = Vec::new();
    for row in found.map_err(|error| unavailable(&error))? {
        let id = JournalId(row.get::<_, i64>(0).cast_unsigned());
        records.push((id, unpack(id, row.get(1), row.get(2))?));
    }
    Ok(records)
}

impl Journal for PostgresJournal {
    fn append(&self, record: Record, appended: Appended) {
        self.intake.append(record, appended);
    }

    fn read(&self, from: JournalId, limit: usize) -> Records {
        let stopping = || JournalError::Unavailable("it is stopping".into());
        let (answer, wait) = bounded(1);
        let sent = self.reads.as_ref().is_some_and(|reads| reads.send(Asked { from, limit, answer }).is_ok());
        if sent { wait.recv().unwrap_or_else(|_| Err(stopping())) } else { Err(stopping()) }
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

impl Drop for PostgresJournal {
    fn drop(&mut self) {
        self.intake.close();
        drop(self.reads.take());
        join(std::mem::take(&mut self.threads));
    }
}

/// The writer's thread.
struct Writer {
    server: PostgresServer,
    link: Option<Link>,
    owner: Owner,
    backoff: Backoff,
    trouble: String,
    outage: Outage,
    queue: Receiver<Pending>,
    shared: Arc<Shared>,
    options: JournalOptions,
}

impl Writer {
    fn run(mut self) {
        let _guard = EndOnPanic("the journal's writer failed");
        while let Ok(first) = self.queue.recv() {
            let group = gather(&self.queue, first, self.options.group_records, self.options.group_bytes);
            let began = self.options.clock.elapsed();
            let written = self.write(&group).map_err(|error| unavailable(&error));
            self.outage.saw(&written, group.len());
            metrics::histogram!("reveille_journal_commit_seconds").record(self.options.clock.elapsed().saturating_sub(began));
            metrics::counter!("reveille_journal_records_total").increment(group.len() as u64);
            self.shared.tell(group, &written);
            metrics::gauge!("reveille_journal_queue_records").set(self.shared.waiting() as f64);
        }
    }

    /// Makes a group durable; the id of its first record.
    fn write(&mut self, group: &[Pending]) -> Result<u64, StoreError> {
        self.connected()?;
        let Some(link) = &self.link else { return Err(fenced()) };
        let first = self.shared.head.load(Ordering::Acquire) + 1;
        if let Err(error) = insert(link, &self.owner, first, group).and_then(|()| planted_commit_failure()) {
            if link.batch("undo a group", "ROLLBACK").is_ok() {
                link.forgive();
            } else {
                self.link = None;
            }
            return Err(error);
        }
        fail::fail_point!("journal.before.commit");
        match link.commit() {
            Ok(()) => {
                fail::fail_point!("journal.after.commit");
                self.owner.commits += 1;
                Ok(first)
            }
            Err(Some(error)) => {
                self.link = None;
                Err(error)
            }
            Err(None) => {
                self.link = None;
                self.look_up().map(|()| first)
            }
        }
    }

    /// The answer to a commit was lost: whether it happened.
    fn look_up(&mut self) -> Result<(), StoreError> {
        tracing::warn!("the connection was lost during a commit of the journal; it looks what became of it");
        let meant = self.owner.commits + 1;
        let begun = self.options.clock.elapsed();
        loop {
            match self.connect() {
                Ok(found) if found.commits == meant => return Ok(()),
                Ok(_) => return Err(StoreError::Unavailable { doing: "commit", why: "the connection was lost before it".into() }),
                Err(error) if self.options.clock.elapsed().saturating_sub(begun) > LOOK_UP => return Err(error),
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    fn connected(&mut self) -> Result<(), StoreError> {
        if let Some(link) = &self.link {
            if link.lives() {
                return Ok(());
            }
            self.link = None;
            "the connection to the database was lost".clone_into(&mut self.trouble);
        }
        if !self.backoff.is_over(&*self.options.clock) {
            return Err(StoreError::Unavailable { doing: "reach the database", why: self.trouble.clone() });
        }
        self.connect().map(drop)
    }

    fn connect(&mut self) -> Result<Found, StoreError> {
        let clock = Arc::clone(&self.options.clock);
        let made = Link::connect(&self.server, "journal")
            .and_then(|link| self.owner.take_again(&link, &self.server, &*clock).map(|found| (link, found)));
        match made {
            Ok((link, found)) => {
                tracing::info!("the journal is connected again");
                self.link = Some(link);
                self.owner.commits = found.commits;
                // A group whose end was not known may be there after all; the feeder reads it.
                self.shared.head.store(found.head.cast_unsigned(), Ordering::Release);
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

fn insert(link: &Link, owner: &Owner, first: u64, group: &[Pending]) -> Result<(), StoreError> {
    let ids: Vec<i64> = (first..).take(group.len()).map(u64::cast_signed).collect();
    let bodies: Vec<&[u8]> = group.iter().map(|pending| pending.body.as_slice()).collect();
    let sql = "INSERT INTO record (id, version, body) SELECT k.id, $3, k.body FROM unnest($1::int8[], $2::bytea[]) AS k (id, body)";
    let check = owner.check(group.len() as i64);
    let counts =
        link.execute_all("append", "BEGIN", &[check, (sql, vec![Box::new(ids), Box::new(bodies), Box::new(i64::from(RECORD_VERSION))])])?;
    if counts.first() == Some(&1) { Ok(()) } else { Err(fenced()) }
}

#[allow(clippy::unnecessary_wraps, reason = "fails only where fail points are compiled in")]
fn planted_commit_failure() -> Result<(), StoreError> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!("postgres.journal.commit", |_| Err(StoreError::Unavailable { doing: "commit", why: "planted".into() }));
    Ok(())
}
