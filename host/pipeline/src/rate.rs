//! How much an integration may bring: a token bucket, in events.

use domain::installation::Rate;
use domain::time::Millis;

/// A token in the bucket's unit: so it fills by `per_second` of them in a millisecond.
const TOKEN: i64 = 1000;

/// Full at first. A body takes one token before it is read and owes the rest of its events once they are known.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    level: i64,
    at: Millis,
}

impl Bucket {
    pub fn full(rate: Rate, now: Millis) -> Self {
        Self { level: i64::from(rate.burst) * TOKEN, at: now }
    }

    /// Takes a token; else how long until there is one, in seconds, at least one.
    pub fn take(&mut self, rate: Rate, now: Millis) -> Result<(), u32> {
        let filled = now.since(self.at).max(0).saturating_mul(i64::from(rate.per_second));
        self.level = self.level.saturating_add(filled).min(i64::from(rate.burst) * TOKEN);
        self.at = self.at.max(now);
        if self.level >= TOKEN {
            self.level -= TOKEN;
            return Ok(());
        }
        let missing = (TOKEN - self.level).unsigned_abs();
        let seconds = missing.div_ceil(u64::from(rate.per_second.max(1)) * 1000);
        Err(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Takes what the events of a body cost beyond its first, though it be more than there is.
    pub fn owe(&mut self, events: usize) {
        self.level -= i64::try_from(events).unwrap_or(i64::MAX / TOKEN).saturating_mul(TOKEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { per_second: 2, burst: 3 };

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = Bucket::full(RATE, Millis(0));
        let taken = |bucket: &mut Bucket, at| (0..10).take_while(|_| bucket.take(RATE, Millis(at)).is_ok()).count();
        assert_eq!(taken(&mut bucket, 0), 3);
        assert_eq!(taken(&mut bucket, 499), 0);
        assert_eq!(taken(&mut bucket, 500), 1);
        assert_eq!(taken(&mut bucket, 60_000), 3, "it holds no more than the burst");
    }

    #[test]
    fn what_is_owed_is_paid_off_and_the_wait_is_told_truly() {
        let mut bucket = Bucket::full(RATE, Millis(0));
        assert_eq!(bucket.take(RATE, Millis(0)), Ok(()));
        bucket.owe(22);
        // 3 - 1 - 22 = -20: 21 tokens are missing, at two a second.
        assert_eq!(bucket.take(RATE, Millis(0)), Err(11));
        assert_eq!(bucket.take(RATE, Millis(10_499)), Err(1));
        assert_eq!(bucket.take(RATE, Millis(10_500)), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut bucket = Bucket::full(Rate { per_second: 1, burst: 1 }, Millis(5000));
        assert!(bucket.take(RATE, Millis(5000)).is_ok());
        assert!(bucket.take(RATE, Millis(0)).is_err());
        assert!(bucket.take(RATE, Millis(5000)).is_err());
    }

    proptest! {
        /// Over any span no more comes through than the burst and the rate allow, and who waits as told gets through.
        #[test]
        fn never_more_than_burst_and_rate(per_second in 1..50_u32, burst in 1..50_u32, pauses in prop::collection::vec(0..700_i64, 1..200)) {
            let rate = Rate { per_second, burst };
            let mut bucket = Bucket::full(rate, Millis(0));
            let (mut now, mut taken) = (0, 0);
            for pause in pauses {
                now += pause;
                match bucket.take(rate, Millis(now)) {
                    Ok(()) => taken += 1,
                    Err(seconds) => {
                        let mut later = bucket;
                        prop_assert!(later.take(rate, Millis(now + i64::from(seconds) * 1000)).is_ok());
                    }
                }
                prop_assert!(taken * 1000 <= i64::from(burst) * 1000 + now * i64::from(per_second));
            }
        }
    }
}
