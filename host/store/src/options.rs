//! The bounds of store and journal in one place. Their defaults suit one machine.

use ports::Clock;
use std::sync::Arc;
use std::time::Duration;

/// When the write-ahead log is carried over into the database file.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoints {
    /// Carried over in the background each time it has grown by so many bytes; stops nobody.
    pub every_bytes: u64,
    /// Begun anew once it is longer than so many bytes: holds the writer up for the last few pages.
    pub limit_bytes: u64,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every_bytes: 64 << 20, limit_bytes: 256 << 20 }
    }
}

/// How often `SQLite` syncs. Only a test may ask for less than `Full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Synchronous {
    /// At every commit.
    Full,
    /// Never: a planted bug, which the power-cut test has to find.
    #[cfg(feature = "sim")]
    Off,
}

impl Synchronous {
    /// `Full`; with the feature `sim` and `REVEILLE_SIM_SYNCHRONOUS=off` in the environment `Off`.
    fn of_environment() -> Self {
        #[cfg(feature = "sim")]
        if std::env::var_os("REVEILLE_SIM_SYNCHRONOUS").is_some_and(|value| value == "off") {
            tracing::warn!("the store does not sync: REVEILLE_SIM_SYNCHRONOUS=off is set");
            return Self::Off;
        }
        Self::Full
    }

    pub(crate) fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            #[cfg(feature = "sim")]
            Self::Off => "OFF",
        }
    }
}

/// The bounds of a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Tells how long commits take and when a group has worked long enough.
    pub clock: Arc<dyn Clock>,
    /// Threads that run read jobs, each with its own connection; at least 1.
    pub readers: usize,
    /// Most jobs that share a commit.
    pub group_jobs: usize,
    /// A group takes no further job once it has worked so long.
    pub group_time: Duration,
    /// Most jobs that wait for the writer; further ones are refused.
    pub write_queue_limit: usize,
    /// Most jobs that wait for a reader; further ones are refused.
    pub read_queue_limit: usize,
    /// How much of the alerts' states the writer keeps in memory, in bytes.
    pub heat_bytes: usize,
    /// The writer's page cache, in KiB; a reader has a quarter of it.
    pub page_cache_kib: u32,
    pub checkpoints: Checkpoints,
    pub(crate) synchronous: Synchronous,
}

impl StoreOptions {
    /// The defaults.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            readers: 3,
            group_jobs: 256,
            group_time: Duration::from_millis(2),
            write_queue_limit: 50_000,
            read_queue_limit: 10_000,
            heat_bytes: 64 << 20,
            page_cache_kib: 64 << 10,
            checkpoints: Checkpoints::default(),
            synchronous: Synchronous::of_environment(),
        }
    }
}

/// The bounds of a journal.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// Tells how long commits take.
    pub clock: Arc<dyn Clock>,
    /// Most records that wait to be written.
    pub queue_records: usize,
    /// Most bytes that wait to be written.
    pub queue_bytes: usize,
    /// Most records that share a commit.
    pub group_records: usize,
    /// A group takes no further record once it has so many bytes.
    pub group_bytes: usize,
    pub checkpoints: Checkpoints,
    pub(crate) synchronous: Synchronous,
}

impl JournalOptions {
    /// The defaults.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            queue_records: 20_000,
            queue_bytes: 64 << 20,
            group_records: 2_000,
            group_bytes: 8 << 20,
            checkpoints: Checkpoints::default(),
            synchronous: Synchronous::of_environment(),
        }
    }
}
