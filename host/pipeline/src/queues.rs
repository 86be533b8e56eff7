//! Every queue of the alert path with its depth and its bound, for metrics and for readiness.

use crate::backlog::AHEAD_EVENTS;
use crate::normalizers::Normalizers;
use crate::shared::Shared;
use std::sync::Arc;
use std::time::Duration;

/// How often the depths become metrics, in real time.
const PERIOD: Duration = Duration::from_secs(1);

/// A queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// Such as `journal_records`.
    pub name: &'static str,
    pub depth: u64,
    /// More than this is never in it.
    pub limit: u64,
}

/// All of them.
pub fn of(shared: &Shared, normalizers: &Normalizers) -> Vec<QueueDepth> {
    let queue = |name, depth: usize, limit: usize| QueueDepth { name, depth: depth as u64, limit: limit as u64 };
    let settings = &shared.settings;
    let (door, in_flight) = (shared.admissions.held(), shared.space.taken());
    vec![
        queue("door_bodies", door.bodies, settings.door_bodies),
        queue("door_bytes", door.bytes, settings.door_bytes),
        queue("normalizer_bodies", normalizers.depth(), settings.normalizer_queue),
        queue("journal_records", shared.journal.depth(), settings.journal_depth_limit),
        QueueDepth { name: "backlog_records", depth: shared.behind(), limit: settings.backlog_limit },
        queue("ahead_events", shared.ahead.load(std::sync::atomic::Ordering::Relaxed), AHEAD_EVENTS),
        queue("in_flight_events", in_flight.events, settings.in_flight_events),
        queue("in_flight_bytes", in_flight.bytes, settings.in_flight_bytes),
    ]
}

/// Keeps the metrics up to date.
pub async fn report(shared: Arc<Shared>, normalizers: Normalizers) {
    loop {
        for QueueDepth { name, depth, limit } in of(&shared, &normalizers) {
            metrics::gauge!("reveille_queue_depth", "queue" => name).set(depth as f64);
            metrics::gauge!("reveille_queue_limit", "queue" => name).set(limit as f64);
        }
        metrics::gauge!("reveille_pipeline_storms").set(shared.storms.raging() as f64);
        tokio::time::sleep(PERIOD).await;
    }
}
