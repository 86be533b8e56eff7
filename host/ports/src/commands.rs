//! Where commands go that come neither from a page nor in a monitoring tool's body: to the journal, and through the one committer.

use crate::BoxFuture;
use domain::command::Command;
use domain::inbound::Inbound;
use domain::journal::Sender;
use domain::transition::Said;
use thiserror::Error;

/// Why nobody can say what became of a command.
#[derive(Debug, Clone, Error)]
pub enum CommandFailure {
    /// Not on disk: nothing happened.
    #[error("it could not be stored: {0}")]
    NotStored(String),
    /// On disk, and not done yet.
    #[error("it is stored and will be done, but that takes longer than usual")]
    Slow,
}

/// Takes commands in.
pub trait Commands: Send + Sync {
    /// Journals a command and waits for what comes of it. What was done under the same `key` before is not done again. With `from`, it stays
    /// within that integration's team.
    fn once(&self, from: Option<Sender>, command: Command, key: String) -> BoxFuture<'static, Result<Said, CommandFailure>>;

    /// Lists a request that was not understood as a dead letter.
    fn unheard(&self, from: Sender, raw: Inbound, reason: String) -> BoxFuture<'static, Result<(), CommandFailure>>;
}
