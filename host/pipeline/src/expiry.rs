//! Wakes alerts whose own time has come, and keeps record of when the host could take alerts in.

use crate::shared::{Shared, instant_or_never, put_availability};
use domain::expiry::Availability;
use domain::id::JournalId;
use domain::incident::AlertState;
use domain::journal::{Entry, Record};
use domain::time::Millis;
use ports::StoreError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Alerts woken in one go.
const WAKES: u32 = 256;
/// How long the loop waits for the commit of what it woke, and after an error.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);
/// How often the host notes that it is alive, in seconds.
pub const BEAT_SECONDS: u32 = 10;

/// Journals a wake for every alert that is due; sleeps until the next one is, or a commit brings an earlier one.
pub async fn wake_alerts(shared: Arc<Shared>) {
    loop {
        match wake_due(&shared).await {
            Ok(Some(last)) => committed(&shared, last).await,
            Ok(None) => {
                let next = Millis(shared.next_wake.load(Ordering::Acquire));
                tokio::select! {
                    () = shared.clock.wait_until(next) => {}
                    () = shared.wakes.expiry.notified() => {}
                }
            }
            Err(error) => {
                tracing::warn!(error, "alerts that are due could not be woken; tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The last record that it journaled; `None`: nothing is due, and [`Shared::next_wake`] says until when.
async fn wake_due(shared: &Shared) -> Result<Option<JournalId>, String> {
    let now = shared.clock.now();
    // Until the next time is known, every commit that has one rings.
    shared.next_wake.store(i64::MAX, Ordering::Release);
    let look = move |view: &dyn ports::View| -> Result<(Vec<AlertState>, Option<Millis>), StoreError> {
        Ok((view.alerts_to_wake(now, WAKES)?, view.next_wake()?))
    };
    let (due, next) = shared.store.view(look).await.map_err(|error| error.to_string())?;
    shared.next_wake.store(instant_or_never(next).0, Ordering::Release);
    let mut last = None;
    for state in due {
        let due = instant_or_never(state.wake_at());
        let entry = Entry::Wake { team: state.team, entity: state.entity, due };
        let record = Record { received_at: now, entry };
        last = Some(shared.journal.appended(record).await.map_err(|error| error.to_string())?);
    }
    Ok(last)
}

/// Waits until `record` is committed, so that what it wakes is not woken twice.
async fn committed(shared: &Shared, record: JournalId) {
    let mut cursor = shared.cursor.subscribe();
    // It is only patience: waking an alert twice changes nothing.
    let _ = tokio::time::timeout(PATIENCE, cursor.wait_for(|cursor| *cursor >= record)).await;
}

/// Expired entries of plugin state that one beat deletes at most.
const FORGOTTEN_AT_ONCE: u32 = 2000;

/// Notes every few seconds that the host is alive, and whether it could take alerts in.
pub async fn beat(shared: Arc<Shared>) {
    loop {
        let next = shared.clock.now().plus_seconds(BEAT_SECONDS);
        shared.clock.wait_until(next).await;
        beat_once(&shared).await;
    }
}

/// Notes that the host is alive now.
pub async fn beat_once(shared: &Shared) {
    let now = shared.clock.now();
    for over in shared.storms.calmed(now) {
        shared.raise(over);
    }
    let refused = shared.refused.swap(false, Ordering::AcqRel);
    let mut availability = Availability::clone(&shared.availability.load());
    availability.beat(now, refused);
    shared.availability.store(Arc::new(availability.clone()));
    shared.hot.expire(now);
    let noted = shared.store.write(move |tx| {
        put_availability(tx, &availability)?;
        tx.delete_expired_plugin_state(now, FORGOTTEN_AT_ONCE).map(drop)
    });
    if let Err(error) = noted.await {
        tracing::warn!(error = %error, "the store does not note that the host is alive");
    }
}
