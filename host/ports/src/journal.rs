//! The journal: append-only, group-committed, with its own file and writer, so that decisions never make an acknowledgement wait.

use domain::id::JournalId;
use domain::journal::Record;
use std::sync::Arc;
use thiserror::Error;

/// Why a record is not on disk.
#[derive(Debug, Clone, Error)]
pub enum JournalError {
    /// Its queue is full: answer 503.
    #[error("the journal takes no more at the moment: {0} records wait to be written")]
    Overloaded(usize),
    /// The disk is full or the file cannot be written: answer 503.
    #[error("the journal cannot store: {0}")]
    Unavailable(String),
    /// A stored record cannot be read.
    #[error("the journal cannot read record {0}: {1}")]
    Unreadable(JournalId, String),
}

/// Told once the record is durable, or is not.
pub type Appended = Box<dyn FnOnce(Result<JournalId, JournalError>) + Send>;

/// What gets durable records pushed, in order of their ids; may miss some under load and reads those with [`Journal::read`].
pub type Feed = Box<dyn Fn(JournalId, &Arc<Record>) + Send + Sync>;

/// Records that are on disk before a sender is answered.
pub trait Journal: Send + Sync {
    /// Queues a record; `appended` is called from the writer's thread after the fsync. A full queue calls it at once.
    fn append(&self, record: Record, appended: Appended);

    /// Records from `from` on, in order, at most `limit` and about 8 MiB of them.
    fn read(&self, from: JournalId, limit: usize) -> Result<Vec<(JournalId, Arc<Record>)>, JournalError>;

    /// The last durable id; 0 for an empty journal.
    fn head(&self) -> JournalId;

    /// How many records wait to be written.
    fn depth(&self) -> usize;

    /// Sets what is told of every durable record; called once at start, from then on by the writer's thread, which it must not block.
    fn set_feed(&self, feed: Feed);
}

impl dyn Journal {
    /// [`Journal::append`], awaited.
    pub async fn appended(&self, record: Record) -> Result<JournalId, JournalError> {
        let (told, wait) = tokio::sync::oneshot::channel();
        self.append(record, Box::new(move |result| drop(told.send(result))));
        wait.await.unwrap_or_else(|_| Err(JournalError::Unavailable("the journal's writer has stopped".into())))
    }
}
