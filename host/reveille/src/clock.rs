//! The clock of a running server: monotonic, anchored to wall time once at start, so that a jump of the machine's clock moves no timer.

use domain::time::Millis;
use ports::{BoxFuture, Clock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system's time.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
    anchor: Millis,
}

impl SystemClock {
    /// Anchors process time to wall time.
    #[allow(clippy::disallowed_methods)] // This is the one place that asks the system.
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), anchor: Millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        self.anchor.plus_millis(i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn wait_until(&self, due: Millis) -> BoxFuture<'static, ()> {
        // A due time of years ahead is looked at again daily: tokio's timer has an end.
        const DAY_MILLIS: i64 = 86_400_000;
        let wait = u64::try_from(due.since(self.now()).clamp(0, DAY_MILLIS)).unwrap_or(0);
        Box::pin(tokio::time::sleep(Duration::from_millis(wait)))
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
