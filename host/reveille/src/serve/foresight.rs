//! Who would be paged differently in the coming week, for `config plan`.

use super::configure::{Configuration, Judged, broke_off, unavailable};
use domain::simulation::{compare, home_zone};
use domain::time::Millis;
use std::sync::Arc;
use web::ConfigureError;

/// How far ahead a plan looks, in milliseconds: a week.
const AHEAD_MS: i64 = 7 * 86_400_000;

/// The differences in words, and the zone that they are written in. What was never in force is compared with nothing, so it tells gaps alone.
pub(super) async fn pages(configuration: &Configuration, judged: &Judged) -> Result<(Vec<String>, String), ConfigureError> {
    let now = configuration.clock.now();
    let overrides = configuration.store.view(move |view| view.overrides(None, now)).await.map_err(unavailable)?;
    // Whole minutes: nobody reads a plan by the second.
    let from = Millis(now.0.div_euclid(60_000) * 60_000);
    let old = Arc::clone(&configuration.live.load().installation);
    let new = Arc::clone(&judged.snapshot.installation);
    let look = move || {
        let zone = home_zone(&new);
        (compare(&old, &new, &overrides, from, from.plus_millis(AHEAD_MS)).words(&zone), zone)
    };
    tokio::task::spawn_blocking(look).await.map_err(broke_off)
}
