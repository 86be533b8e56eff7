//! How often somebody may try to sign in: a bucket per name and sender, and a wider one per name, so that guessing is slow and locking
//! somebody out by guessing is hard.

use domain::time::Millis;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;

/// Tries at once for one name from one address.
const BURST: u32 = 5;
/// Then one more each so many milliseconds.
const REFILL_MS: i64 = 20_000;
/// Tries at once for one name from anywhere.
const BURST_ANYWHERE: u32 = 60;
/// Then one more each so many milliseconds.
const REFILL_ANYWHERE_MS: i64 = 2_000;
/// Most buckets kept; full ones are forgotten first.
const BUCKETS: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When it would be full again: a try pushes this out by one refill.
    full_at: i64,
}

/// Counts tries.
#[derive(Debug, Default)]
pub struct Throttle {
    buckets: Mutex<HashMap<(String, Option<IpAddr>), Bucket>>,
}

impl Throttle {
    /// Counts a try for `name`; `Err` holds how many seconds to wait before the next.
    pub fn count(&self, name: &str, sender: Option<IpAddr>, now: Millis) -> Result<(), u32> {
        let mut buckets = self.buckets.lock();
        if buckets.len() >= BUCKETS {
            buckets.retain(|_, bucket| bucket.full_at > now.0);
        }
        if buckets.len() >= BUCKETS {
            return Err(60);
        }
        // A name is cut, so that a long one costs no memory.
        let name: String = name.chars().take(64).collect();
        take(&mut buckets, (name.clone(), None), BURST_ANYWHERE, REFILL_ANYWHERE_MS, now)?;
        if sender.is_some() { take(&mut buckets, (name, sender), BURST, REFILL_MS, now) } else { Ok(()) }
    }
}

fn take(
    buckets: &mut HashMap<(String, Option<IpAddr>), Bucket>,
    key: (String, Option<IpAddr>),
    burst: u32,
    refill_ms: i64,
    now: Millis,
) -> Result<(), u32> {
    let bucket = buckets.entry(key).or_insert(Bucket { full_at: now.0 });
    let full_at = bucket.full_at.max(now.0) + refill_ms;
    let over_ms = full_at - now.0 - i64::from(burst) * refill_ms;
    if over_ms > 0 {
        return Err(u32::try_from(over_ms / 1000 + 1).unwrap_or(u32::MAX));
    }
    bucket.full_at = full_at;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_tries_then_one_each_twenty_seconds() {
        let throttle = Throttle::default();
        let sender = Some("192.0.2.1".parse().unwrap());
        let now = Millis(1_000_000);
        for _ in 0..5 {
            assert_eq!(throttle.count("alice", sender, now), Ok(()));
        }
        assert!(throttle.count("alice", sender, now).is_err_and(|wait| (20..=21).contains(&wait)));
        assert_eq!(throttle.count("bob", sender, now), Ok(()), "another name has its own bucket");
        assert_eq!(throttle.count("alice", Some("192.0.2.2".parse().unwrap()), now), Ok(()), "and so has another sender");
        assert_eq!(throttle.count("alice", sender, now.plus_seconds(20)), Ok(()));
        assert!(throttle.count("alice", sender, now.plus_seconds(20)).is_err());
    }

    #[test]
    fn many_senders_share_one_wider_bucket_per_name() {
        let throttle = Throttle::default();
        let tries = (0..=255_u8).filter(|n| throttle.count("alice", Some([192, 0, 2, *n].into()), Millis(0)).is_ok()).count();
        assert_eq!(tries, BURST_ANYWHERE as usize);
    }
}
