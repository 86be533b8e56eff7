//! What the engine answers to those who bring something.

use domain::id::{DeadLetterId, JournalId};
use domain::inbound::Reply;
use ports::{JournalError, StoreError};
use thiserror::Error;

/// What became of a body at the front door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// On disk. `reply`: what the sender expects to hear; `None`: an empty 202.
    Accepted { record: JournalId, events: usize, reply: Option<Reply> },
    /// The normalizer does not take it; it is listed as a dead letter. `reply` `None`: 400 with the reason.
    Refused { reason: String, reply: Option<Reply> },
    /// On disk as it came, because the normalizer failed; it is tried again behind the door: an empty 202.
    Parked { record: JournalId },
    /// Larger than the integration's limit; nothing but the fact is kept: 413.
    TooLarge { limit_bytes: usize },
    /// Not stored: 503, and when to come again.
    Overloaded { retry_after_seconds: u32, reason: String },
}

/// How far the engine is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// The last durable record.
    pub journal_head: JournalId,
    /// The record up to which everything is decided and committed.
    pub cursor: JournalId,
    /// Events between feeder and commit.
    pub queued: usize,
}

/// What came of a command, in words for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOutcome {
    Done(String),
    Refused(String),
}

/// Why a command was not carried out, or not yet.
#[derive(Debug, Error)]
pub enum CommandError {
    /// It is not on disk: try again.
    #[error("journal the command: {0}")]
    Journal(#[from] JournalError),
    /// It is on disk and will be done; nobody waited that long.
    #[error("the command is stored as record {0} and not carried out yet")]
    Pending(JournalId),
    /// It could not be committed and is a dead letter.
    #[error("the command could not be committed: {0}")]
    Failed(String),
    /// The engine stops.
    #[error("the server is shutting down")]
    Stopping,
}

/// Why a dead letter was not replayed or put aside.
#[derive(Debug, Error)]
pub enum ReplayError {
    #[error("there is no dead letter {0}")]
    Unknown(DeadLetterId),
    /// It was replayed or discarded before.
    #[error("dead letter {0} waits no longer")]
    Settled(DeadLetterId),
    /// Its body was too large to be kept.
    #[error("the body of dead letter {0} was not kept")]
    NotKept(DeadLetterId),
    /// The plugin still does not take it.
    #[error("it is still not taken: {0}")]
    StillFails(String),
    #[error("read the journal for the dead letter: {0}")]
    Journal(#[from] JournalError),
    #[error("update the dead letter: {0}")]
    Store(#[from] StoreError),
}
