//! The only source of time. Process time is monotonic, re-anchored to wall time at start, so a clock jump moves no timer; tests put a
//! simulated clock in its place.

use crate::BoxFuture;
use domain::time::Millis;
use std::time::Duration;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now.
    fn now(&self) -> Millis;

    /// Completes once [`Clock::now`] is at or past `due`.
    fn wait_until(&self, due: Millis) -> BoxFuture<'static, ()>;

    /// Real elapsed time since the process began, for measuring what things cost; a simulated clock does not stretch it.
    fn elapsed(&self) -> Duration;
}
