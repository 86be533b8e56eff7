//! Whether Redis is asked at the moment. One failure is enough to leave it alone; only the flusher, in the background, finds out whether it
//! answers again.

use super::connect::Line;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use tokio::sync::Notify;

pub(super) struct Link {
    line: RwLock<Option<Arc<Line>>>,
    /// Why there is no line.
    down: Mutex<Option<String>>,
    /// A line was given up.
    pub lost: Notify,
}

impl Link {
    pub fn new() -> Self {
        Self { line: RwLock::new(None), down: Mutex::new(Some("is being connected".into())), lost: Notify::new() }
    }

    pub fn line(&self) -> Option<Arc<Line>> {
        self.line.read().clone()
    }

    pub fn is_up(&self) -> bool {
        self.line.read().is_some()
    }

    pub fn up(&self, line: Arc<Line>) {
        *self.line.write() = Some(line);
        if self.down.lock().take().is_some() {
            tracing::info!("redis answers: hot state is copied to it");
        }
        metrics::gauge!("reveille_hot_degraded").set(0.0);
    }

    /// Gives the line up. The reason that is told first is kept until Redis answers again.
    pub fn fail(&self, why: &str) {
        let was_up = self.line.write().take().is_some();
        let mut down = self.down.lock();
        if was_up || down.is_none() {
            tracing::warn!(why, "hot state: degraded: redis is left alone until it answers again");
            metrics::counter!("reveille_hot_redis_failures_total").increment(1);
        }
        *down = Some(why.to_owned());
        metrics::gauge!("reveille_hot_degraded").set(1.0);
        drop(down);
        self.lost.notify_one();
    }

    pub fn why_down(&self) -> Option<String> {
        self.down.lock().clone()
    }
}
