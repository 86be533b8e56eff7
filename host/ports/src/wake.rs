//! Signals between rooms that do not know each other: a reconciler sleeps until one comes or its period ends, so a lost signal costs
//! time, never a page.

use domain::id::IncidentId;
use tokio::sync::{Notify, broadcast};

/// Who is to look at the store again.
#[derive(Debug)]
pub struct Wakes {
    /// An incident opened or changed so that it has to be routed.
    pub router: Notify,
    /// A run has a new due time, or was stopped.
    pub escalation: Notify,
    /// The outbox has a new row.
    pub delivery: Notify,
    /// An alert has a new wake time.
    pub expiry: Notify,
    /// A dead letter came, or has to be tried again.
    pub dead_letters: Notify,
    /// An incident event waits to be told to automation plugins.
    pub automation: Notify,
    /// An action is to be done.
    pub actions: Notify,
    /// An incident changed, and messages about it are to say so.
    pub news: Notify,
    changed: broadcast::Sender<IncidentId>,
}

impl Default for Wakes {
    fn default() -> Self {
        // A page's live stream that falls further behind than this reads the whole list again.
        let (changed, _) = broadcast::channel(1024);
        Self {
            router: Notify::new(),
            escalation: Notify::new(),
            delivery: Notify::new(),
            expiry: Notify::new(),
            dead_letters: Notify::new(),
            automation: Notify::new(),
            actions: Notify::new(),
            news: Notify::new(),
            changed,
        }
    }
}

impl Wakes {
    /// Tells live pages that an incident changed. Call it after the commit.
    pub fn incident_changed(&self, incident: IncidentId) {
        // Nobody may be listening; that is no error.
        let _ = self.changed.send(incident);
    }

    /// Incidents that change from now on.
    pub fn changes(&self) -> broadcast::Receiver<IncidentId> {
        self.changed.subscribe()
    }
}
