//! A clock for tests that measure nothing.

use domain::time::Millis;
use ports::{BoxFuture, Clock};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug)]
struct Real(Instant);

impl Clock for Real {
    fn now(&self) -> Millis {
        Millis(self.0.elapsed().as_millis() as i64)
    }
    fn wait_until(&self, _due: Millis) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Runs from now on.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn real() -> Arc<dyn Clock> {
    Arc::new(Real(Instant::now()))
}
