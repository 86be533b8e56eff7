//! `PostgreSQL` behind the ports: one writer with a memory of its own, readers with snapshots, a journal; each on connections of its own.

mod journal;
mod link;
mod memory;
mod owner;
mod pending;
mod reader;
mod rows;
mod schema;
mod server;
mod store;
mod writer;

/// What a copy needs of a connection.
pub(crate) mod copying {
    pub(crate) use super::link::{Link, Owned};
    pub(crate) use super::owner::{Owner, Role};
    pub(crate) use super::pending::{columns, insert};
    pub(crate) use super::schema::migrate;
}

pub use journal::PostgresJournal;
pub use server::PostgresServer;
pub use store::PostgresStore;
