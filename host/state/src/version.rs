//! Version numbers of one name space: the epoch in the upper bits, a counter in the lower 32, so that none repeats over a restart, not even
//! where the key was deleted in between.

/// Bits of the counter.
const COUNTER_BITS: u32 = 32;
/// Versions are below 2^53, so that every language reads them exactly.
const EPOCH_LIMIT: u64 = 1 << (53 - COUNTER_BITS);

#[derive(Debug)]
pub(crate) struct Versions {
    epoch: u64,
    counter: u64,
}

impl Versions {
    pub fn new(epoch: u64) -> Self {
        Self { epoch, counter: 0 }
    }

    /// The next one; `None`: these are used up, [`Versions::begin`] another epoch.
    pub fn next(&mut self) -> Option<u64> {
        if self.counter >> COUNTER_BITS != 0 || self.epoch >= EPOCH_LIMIT {
            return None;
        }
        let version = (self.epoch << COUNTER_BITS) | self.counter;
        self.counter += 1;
        Some(version)
    }

    pub fn begin(&mut self, epoch: u64) {
        *self = Self::new(epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_grow_and_end_before_they_run_into_the_next_epoch() {
        let mut versions = Versions { epoch: 7, counter: u64::from(u32::MAX) - 1 };
        assert_eq!(versions.next(), Some((7 << 32) | 0xffff_fffe));
        assert_eq!(versions.next(), Some((7 << 32) | 0xffff_ffff));
        assert_eq!(versions.next(), None);
        versions.begin(8);
        assert_eq!(versions.next(), Some(8 << 32));
    }

    #[test]
    fn the_last_epoch_stays_below_two_to_the_53() {
        let mut versions = Versions { epoch: EPOCH_LIMIT - 1, counter: u64::from(u32::MAX) };
        assert!(versions.next().is_some_and(|version| version < 1 << 53));
        versions.begin(EPOCH_LIMIT);
        assert_eq!(versions.next(), None);
    }
}
