//! What keeps alerts quiet, or makes silence loud, ready to be asked at every alert: silences, inhibition rules, heartbeats that alerts feed.

use crate::object::{self, Kind, Object};
use crate::snapshot::Live;
use crate::store::{Store, StoreError};
use domain::heartbeat::{Beat, Watchdogs};
use domain::inhibition::Inhibitions;
use domain::installation::Installation;
use domain::silence::Silence;
use domain::silence::Silences;
use domain::time::Millis;
use std::sync::Arc;

impl Object for Silence {
    const KIND: Kind = Kind::Silence;

    fn id(&self) -> String {
        self.id.clone()
    }

    fn due_at(&self) -> Option<Millis> {
        self.over_at()
    }
}

impl Object for Beat {
    const KIND: Kind = Kind::Heartbeat;

    fn id(&self) -> String {
        self.id.clone()
    }

    fn due_at(&self) -> Option<Millis> {
        self.due_at
    }
}

/// What the documents in force say, made ready once.
#[derive(Debug, Default)]
pub struct Standing {
    pub inhibitions: Inhibitions,
    pub watchdogs: Watchdogs,
}

impl Standing {
    /// Makes it ready.
    pub fn of(installation: &Installation) -> Self {
        Self { inhibitions: Inhibitions::of(installation.inhibitions.values()), watchdogs: Watchdogs::of(installation.heartbeats.values()) }
    }
}

/// Puts the stored silences and those of the documents in force; `true`: something changed. Call it after a silence was written, before
/// anybody is told that it holds.
pub async fn refresh(store: &Arc<dyn Store>, live: &Live, now: Millis) -> Result<bool, StoreError> {
    let stored = store.view(|view| object::all::<Silence>(view)).await?;
    Ok(put_in_force(stored, live, now))
}

/// [`refresh`] with what is stored.
pub fn put_in_force(stored: Vec<Silence>, live: &Live, now: Millis) -> bool {
    let mut list: Vec<Silence> = live.load().installation.maintenance.values().cloned().collect();
    list.extend(stored);
    if live.silences().are_of(&list, now) {
        return false;
    }
    live.hush(Silences::of(list, now));
    true
}
