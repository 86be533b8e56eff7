//! The two kinds of stores, as something to copy from and to copy into.

use super::{CopyError, postgres, sqlite};
use crate::error::OpenError;
use crate::postgres::PostgresServer;
use crate::table::{Row, Table};
use ports::Clock;
use std::any::Any;
use std::path::PathBuf;

/// Where an installation's data are.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there are one or two in a process")]
pub enum Place {
    /// The folder of `store.db` and `journal.db`.
    Sqlite(PathBuf),
    Postgres(PostgresServer),
}

/// One moment of a store.
pub(super) trait Source {
    /// Rows behind a key, in the order of keys, of bounded size; empty at the end.
    fn page(&mut self, table: &'static Table, after: Option<&[crate::table::Value]>) -> Result<Vec<Row>, CopyError>;
    /// All keys of a table whose key is one number, sorted.
    fn keys(&mut self, table: &'static Table) -> Result<Vec<i64>, CopyError>;
    /// The rows of these keys, sorted by key.
    fn by_keys(&mut self, table: &'static Table, keys: &[i64]) -> Result<Vec<Row>, CopyError>;
}

/// A store that is being filled.
pub(super) trait Target {
    /// Adds rows.
    fn put(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), CopyError>;
    /// What is there now.
    fn written(&mut self) -> Result<&mut dyn Source, CopyError>;
    /// Makes it one that can be served.
    fn finish(self: Box<Self>) -> Result<(), CopyError>;
}

impl Place {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("store in {}", folder.display()),
            Self::Postgres(server) => server.place(),
        }
    }

    /// One moment of it, whether it is served or not.
    pub(super) fn snapshot(&self) -> Result<Box<dyn Source>, CopyError> {
        Ok(match self {
            Self::Sqlite(folder) => Box::new(sqlite::Snapshot::of(folder)?),
            Self::Postgres(server) => Box::new(postgres::Snapshot::of(server)?),
        })
    }

    /// Keeps servers out as long as the answer lives.
    pub(super) fn hold(&self, clock: &dyn Clock) -> Result<Box<dyn Any>, OpenError> {
        Ok(match self {
            Self::Sqlite(folder) => Box::new(sqlite::hold(folder)?),
            Self::Postgres(server) => Box::new(postgres::hold(server, clock)?),
        })
    }

    /// Begins to fill it.
    pub(super) fn begin(&self) -> Result<Box<dyn Target>, CopyError> {
        Ok(match self {
            Self::Sqlite(folder) => Box::new(sqlite::Filling::begin(folder)?),
            Self::Postgres(server) => Box::new(postgres::Filling::begin(server)?),
        })
    }
}
