//! Opening a database file so that it survives a power cut: its settings, its schema and the directory entry.

use crate::error::OpenError;
use crate::lock::Lock;
use crate::options::Synchronous;
use crate::schema::Schema;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Statements that each connection keeps prepared: more than all that there are.
const STATEMENTS: usize = 160;
/// How long a reader waits for the moment in which another connection opens or closes the log.
const BUSY: Duration = Duration::from_secs(5);

/// An open database of one kind, with the lock that makes it ours.
pub(crate) struct DatabaseFile {
    pub path: PathBuf,
    pub writer: Connection,
    pub lock: Lock,
}

impl DatabaseFile {
    /// Makes or opens `dir/name.db` and brings it to the newest schema.
    pub fn open(dir: &Path, schema: &Schema, synchronous: Synchronous, page_cache_kib: u32) -> Result<Self, OpenError> {
        make_directory(dir)?;
        let lock = Lock::take(&dir.join(format!("{}.lock", schema.name)))?;
        let path = dir.join(format!("{}.db", schema.name));
        let failed = |doing| {
            let path = path.clone();
            move |source| OpenError::Database { doing, path, source }
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut writer = Connection::open_with_flags(&path, flags).map_err(failed("open"))?;
        tune(&writer, page_cache_kib).map_err(failed("set up"))?;
        schema.refuse_foreign(&writer, &path)?;
        // Of a new file: an old one keeps the size that it has.
        writer.pragma_update(None, "page_size", schema.page_bytes).map_err(failed("set up"))?;
        writer.pragma_update(None, "synchronous", synchronous.pragma()).map_err(failed("set up"))?;
        writer.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(failed("switch to a write-ahead log"))?;
        // Checkpoints have a thread of their own.
        writer.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).map_err(failed("set up"))?;
        schema.migrate(&mut writer).map_err(failed("bring to the newest schema"))?;
        sync_directory(dir)?;
        Ok(Self { path, writer, lock })
    }
}

/// A connection for a reader's thread.
pub(crate) fn open_reader(path: &Path, page_cache_kib: u32) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    tune(&connection, page_cache_kib)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection for the checkpoints' thread.
pub(crate) fn open_checkpointer(path: &Path, synchronous: Synchronous) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    tune(&connection, 1024)?;
    connection.pragma_update(None, "synchronous", synchronous.pragma())?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    Ok(connection)
}

fn tune(connection: &Connection, page_cache_kib: u32) -> Result<(), rusqlite::Error> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY)?;
    // Plans must not depend on bound values: SQLite would prepare such a statement anew each time a value is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", -i64::from(page_cache_kib))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // With this the triggers that refuse deletion also refuse INSERT OR REPLACE.
    connection.pragma_update(None, "recursive_triggers", true)?;
    // A read error under mmap is a SIGBUS, and the page cache is as fast here.
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(())).or_else(|error| match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        other => Err(other),
    })
}

fn make_directory(dir: &Path) -> Result<(), OpenError> {
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir).map_err(|source| OpenError::File { doing: "make", path: dir.to_owned(), source })?;
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_directory(parent),
        None => sync_directory(Path::new(".")),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(dir: &Path) -> Result<(), OpenError> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(|source| OpenError::File { doing: "sync", path: dir.to_owned(), source })
}
