//! Which copy counts: what the store has counted, and which base holds the copy of it.

use domain::state::{Generations, STATE_PARTITIONS};
use std::sync::atomic::{AtomicU64, Ordering};

/// Who owns hot state: an epoch, and names of this owner and the one before that a restored store or another installation cannot have.
#[derive(Debug, Clone)]
pub(crate) struct Lineage {
    pub epoch: u64,
    pub own: String,
    pub before: String,
}

/// Per partition.
pub(super) struct Chains {
    /// As committed, as far as this process was told.
    generations: [AtomicU64; STATE_PARTITIONS as usize],
    /// 0: none.
    bases: [AtomicU64; STATE_PARTITIONS as usize],
    fresh: AtomicU64,
}

impl Chains {
    /// `seed` is random: bases of different processes never meet.
    pub fn new(committed: &Generations, seed: u64) -> Self {
        Self {
            generations: committed.0.map(AtomicU64::new),
            bases: std::array::from_fn(|_| AtomicU64::new(0)),
            fresh: AtomicU64::new(seed | 1),
        }
    }

    pub fn generation(&self, partition: u8) -> u64 {
        self.generations[usize::from(partition)].load(Ordering::Acquire)
    }

    /// Tells of a commit; gives the generation before.
    pub fn commit(&self, partition: u8, generation: u64) -> u64 {
        self.generations[usize::from(partition)].swap(generation, Ordering::AcqRel)
    }

    pub fn base(&self, partition: u8) -> Option<u64> {
        Some(self.bases[usize::from(partition)].load(Ordering::Acquire)).filter(|base| *base != 0)
    }

    pub fn set_base(&self, partition: u8, base: Option<u64>) {
        self.bases[usize::from(partition)].store(base.unwrap_or(0), Ordering::Release);
    }

    pub fn fresh_base(&self) -> u64 {
        self.fresh.fetch_add(2, Ordering::AcqRel)
    }
}
