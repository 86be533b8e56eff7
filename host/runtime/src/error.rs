//! Why the sandbox cannot start.

use std::path::PathBuf;
use thiserror::Error;

/// Why the sandbox cannot start.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The engine refuses its configuration, for example because so much address space is not to be had.
    #[error("start the wasm engine with room for {instances} instances")]
    Engine {
        instances: u32,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The thread that tells deadlines cannot be started.
    #[error("start the thread that tells plugins' deadlines")]
    Ticker(#[source] std::io::Error),
    /// The cache directory cannot be used.
    #[error("use {} as the cache of native images", path.display())]
    Cache {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The cache directory belongs to somebody else, or others may write or read there.
    #[error("{} {problem}: native images are only loaded from a directory that nobody else can touch (chmod 700)", path.display())]
    CacheOpen { path: PathBuf, problem: &'static str },
}
