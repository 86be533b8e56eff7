//! `SQLite` and `PostgreSQL` behind the [`Store`](ports::Store) and [`Journal`](ports::Journal) ports. `SQLite`: two files, each with its own
//! writer thread, group commit and checkpoints off the hot path. `PostgreSQL`: a schema, with the same writers on connections of their own.
//!
//! What must hold: nobody is told "done" before an fsync; a failed fsync ends the process and is never tried again; a job that fails takes
//! nothing of its neighbours with it; the memory of the writer never differs from its file.

mod checkpoint;
mod codec;
pub mod copy;
mod error;
mod fault;
mod file;
mod heat;
mod intake;
mod journal;
mod lock;
mod options;
mod postgres;
mod reader;
mod rows;
mod schema;
mod sqlite;
mod statement;
mod table;
mod writer;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use error::OpenError;
pub use fault::FAIL_POINTS;
pub use journal::SqliteJournal;
pub use options::{Checkpoints, JournalOptions, StoreOptions};
pub use postgres::{PostgresJournal, PostgresServer, PostgresStore};
pub use sqlite::SqliteStore;
