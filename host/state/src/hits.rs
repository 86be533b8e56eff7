//! Who answered: memory, the server behind it, or the store.

use metrics::Counter;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Memory,
    Redis,
    Store,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Window,
    Space,
}

/// Counts, for status and metrics.
pub(crate) struct Hits {
    counts: [AtomicU64; 3],
    metrics: [[Counter; 3]; 2],
}

impl Hits {
    pub fn new() -> Self {
        let of = |kind: &'static str| {
            ["memory", "redis", "store"].map(|from| metrics::counter!("reveille_hot_answers_total", "kind" => kind, "from" => from))
        };
        Self { counts: Default::default(), metrics: [of("window"), of("state")] }
    }

    pub fn count(&self, asked: Asked, from: From, answers: u64) {
        if answers > 0 {
            self.counts[from as usize].fetch_add(answers, Ordering::Relaxed);
            self.metrics[asked as usize][from as usize].increment(answers);
        }
    }

    pub fn all(&self) -> [u64; 3] {
        [0, 1, 2].map(|from: usize| self.counts[from].load(Ordering::Relaxed))
    }
}
