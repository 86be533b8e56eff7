//! How much memory plugin state may take in all.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What an entry takes beside its key and its value, in bytes: its place in the table, its version, its allocations.
const ENTRY_BYTES: usize = 128;

/// Keys and bytes of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub keys: usize,
    /// Keys and values.
    pub bytes: usize,
}

impl Size {
    pub fn of(key: &str, value_bytes: usize) -> Self {
        Self { keys: 1, bytes: key.len() + value_bytes }
    }

    /// What it takes in memory.
    pub fn weight(self) -> usize {
        self.keys * ENTRY_BYTES + self.bytes
    }

    pub fn plus(self, other: Self) -> Self {
        Self { keys: self.keys + other.keys, bytes: self.bytes + other.bytes }
    }

    pub fn minus(self, other: Self) -> Self {
        Self { keys: self.keys.saturating_sub(other.keys), bytes: self.bytes.saturating_sub(other.bytes) }
    }
}

/// Memory that is in use or promised, and its bound.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    pub fn new(limit: usize) -> Self {
        Self { used: AtomicUsize::new(0), limit }
    }

    /// Takes so many bytes; `false`: they are not there, and nothing was taken.
    pub fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok()
    }

    pub fn give_back(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::AcqRel);
        debug_assert!(before >= bytes, "more memory was given back than was taken");
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }
}
