//! Why hot state cannot be opened.

use ports::StoreError;
use thiserror::Error;

/// Nothing was opened.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("cannot begin a new epoch of hot state")]
    Epoch(#[source] StoreError),
    #[error("the system gives no random bytes for hot state: {0}")]
    Random(String),
    #[error("cannot start the thread that writes to redis")]
    Thread(#[source] std::io::Error),
}
