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

pub use journal::PostgresJournal;
pub use server::PostgresServer;
pub use store::PostgresStore;
