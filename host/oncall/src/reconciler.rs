//! The loop that all reconcilers run in: it ends only when told, whatever the store or a bug does.

use crate::house::House;
use domain::time::Millis;
use ports::{BoxFuture, StoreError, Wakes};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How long a loop sleeps at most when nothing is due and nobody wakes it, in milliseconds.
const PERIOD_MS: i64 = 5000;
/// The pause after the first failure; doubled with each further one, up to the longest. Of real time: a store comes back by no clock of ours.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One reconciler.
pub trait Work: Send + Sync + 'static {
    /// For logs.
    fn name(&self) -> &'static str;

    /// What wakes it.
    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a Notify;

    /// Does what is due, from stored rows, and says when the next is due. Safe to be done again after any failure.
    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>>;
}

/// Runs passes until `stop`.
pub async fn keep(work: Arc<dyn Work>, house: Arc<House>, mut stop: watch::Receiver<bool>) {
    let mut failures = 0u32;
    while !*stop.borrow() {
        let began = house.parts.clock.elapsed();
        let due = match one_pass(&work, &house).await {
            Ok(due) => {
                failures = 0;
                due
            }
            Err(error) => {
                failures += 1;
                metrics::counter!("reveille_oncall_failed_passes_total", "loop" => work.name()).increment(1);
                tracing::error!(name = work.name(), error, failures, "a pass failed and will be tried again");
                None
            }
        };
        let took = house.parts.clock.elapsed().saturating_sub(began);
        metrics::histogram!("reveille_oncall_pass_seconds", "loop" => work.name()).record(took);
        let now = house.now();
        if failures > 0 {
            let pause = FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST_PAUSE);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => return,
            }
        } else if due.is_some_and(|due| due <= now) {
            tokio::task::yield_now().await;
        } else {
            let until = due.unwrap_or(Millis(i64::MAX)).min(now.plus_millis(PERIOD_MS));
            tokio::select! {
                () = work.signal(&house.parts.wakes).notified() => {}
                () = house.parts.clock.wait_until(until) => {}
                _ = stop.changed() => return,
            }
        }
    }
}

/// One pass in a task of its own, so that a panic ends the pass and not the loop.
async fn one_pass(work: &Arc<dyn Work>, house: &Arc<House>) -> Result<Option<Millis>, String> {
    let (work, house) = (Arc::clone(work), Arc::clone(house));
    let pass = tokio::spawn(async move {
        let _busy = house.activity.begin();
        work.pass().await
    });
    match pass.await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(panic.to_string()),
    }
}
