//! What can go wrong with a file, in the words of the ports; and the one thing that nobody survives.

use ports::StoreError;
use rusqlite::ffi;
use std::path::PathBuf;
use thiserror::Error;

/// Why a store or a journal cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The data directory or a file in it cannot be made or read.
    #[error("cannot {doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: std::io::Error },
    /// Another server has it.
    #[error("{} is in use by another server (process {process}): stop that one first, or give this one a data directory of its own", path.display())]
    InUse { path: PathBuf, process: String },
    /// The file is something else.
    #[error("{} is no {expected} of Reveille: its application id is {found:#x}", path.display())]
    Foreign { path: PathBuf, expected: &'static str, found: i64 },
    /// A newer version wrote it.
    #[error("{} was written by a newer version of Reveille (schema {found}, this one knows up to {known}): start that version or restore a backup", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// The database refuses.
    #[error("cannot {doing} {}: {source}", path.display())]
    Database { doing: &'static str, path: PathBuf, source: rusqlite::Error },
    /// The address of a database, or how it is to be reached, cannot be used.
    #[error("cannot use the address of the database: {why}")]
    Address { why: String },
    /// The database does not answer, or refuses.
    #[error("cannot open the {place}: {source}")]
    Postgres { place: String, source: ports::StoreError },
    /// Another server has it.
    #[error("the {place} is in use by another server ({holder}): stop that one first, or give this one a schema of its own")]
    SchemaInUse { place: String, holder: String },
    /// The schema holds something else.
    #[error("the {place} holds tables that are not Reveille's: give it a schema of its own")]
    ForeignSchema { place: String },
    /// A newer version made the tables.
    #[error(
        "the {place} was written by a newer version of Reveille (schema {found}, this one knows up to {known}): start that version or restore a backup"
    )]
    NewerSchema { place: String, found: i64, known: i64 },
    /// A copy into it did not come to its end.
    #[error("the {place} holds a copy that was not finished: drop the schema and copy again")]
    Unfinished { place: String },
    /// No thread could be started.
    #[error("cannot start the thread {name}: {source}")]
    Thread { name: String, source: std::io::Error },
}

/// Says a database error in the words of the port.
pub(crate) fn store_error(doing: &'static str, error: &rusqlite::Error) -> StoreError {
    let why = error.to_string();
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => StoreError::Corrupt { doing, why },
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase => StoreError::Corrupt { doing, why },
            // A rule of the tables (append-only, unique) was broken: the job's mistake, not the disk's.
            rusqlite::ErrorCode::ConstraintViolation => StoreError::Abandoned(format!("cannot {doing}: {why}")),
            _ => StoreError::Unavailable { doing, why },
        },
        _ => StoreError::Unavailable { doing, why },
    }
}

/// Whether what is on disk is unknown after this error, so that the process must end.
///
/// A failed fsync may have marked pages as clean that never reached the disk; a second one would then "succeed" (the lesson of
/// PostgreSQL's fsync reports of 2018). Starting again reads what is really there. A failed *write* is different: it is known not to have
/// happened, as is a full disk.
pub(crate) fn ends_process(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return false };
    failure.code == rusqlite::ErrorCode::SystemIoFailure
        && !matches!(failure.extended_code, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_NOMEM | ffi::SQLITE_IOERR_READ)
}

/// The exit code of a process that ends because its disk failed: `EX_IOERR` of sysexits.h.
pub(crate) const EXIT_IO: i32 = 74;

/// Logs and ends the process. No destructor runs: nothing may touch the files again.
pub(crate) fn end_process(what: &'static str, why: &dyn std::fmt::Display) -> ! {
    tracing::error!(%why, "{what}: what is on disk is unknown, so the process ends; a restart reads what is there");
    std::process::exit(EXIT_IO)
}

/// Ends the process if the thread that holds it panics: a writer that is gone must not leave a server that looks alive.
pub(crate) struct EndOnPanic(pub &'static str);

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            end_process(self.0, &"its thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_failed_sync_ends_the_process_and_a_full_disk_does_not() {
        assert!(ends_process(&failure(ffi::SQLITE_IOERR_FSYNC)));
        assert!(ends_process(&failure(ffi::SQLITE_IOERR_DIR_FSYNC)));
        assert!(!ends_process(&failure(ffi::SQLITE_FULL)));
        assert!(!ends_process(&failure(ffi::SQLITE_IOERR_WRITE)));
        assert!(!ends_process(&failure(ffi::SQLITE_BUSY)));
    }

    #[test]
    fn errors_say_whose_fault_it_is() {
        assert!(matches!(store_error("commit", &failure(ffi::SQLITE_FULL)), StoreError::Unavailable { doing: "commit", .. }));
        assert!(matches!(store_error("read", &failure(ffi::SQLITE_CORRUPT)), StoreError::Corrupt { .. }));
        assert!(matches!(store_error("write", &failure(ffi::SQLITE_CONSTRAINT_TRIGGER)), StoreError::Abandoned(_)));
    }
}
