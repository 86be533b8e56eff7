//! Signals between rooms that do not know each other: a reconciler sleeps until one comes or its period ends, so a lost signal costs
//! time, never a page.

use domain::id::IncidentId;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, broadcast, watch};

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
    /// An incident has a new timer, or other rules for them.
    pub timers: Notify,
    /// Somebody else may be on call.
    pub handoff: Notify,
    /// Contacts are to be tried.
    pub contacts: Notify,
    /// Silences or inhibiting sources changed: what they held has to be looked at.
    pub quiet: Bell,
    /// A heartbeat that was missing came, or the configuration changed.
    pub heartbeats: Notify,
    /// An incident changed, and messages about it are to say so.
    pub news: Notify,
    changed: broadcast::Sender<IncidentId>,
}

/// A bell that knows how often it was rung, and what was heard of it: whoever waits can tell rest from a moment before the work begins.
#[derive(Debug, Default)]
pub struct Bell {
    rung: watch::Sender<u64>,
    heard: AtomicU64,
}

impl Bell {
    /// Somebody has to look.
    pub fn ring(&self) {
        self.rung.send_modify(|rung| *rung += 1);
    }

    /// How often it was rung.
    pub fn asked(&self) -> u64 {
        *self.rung.borrow()
    }

    /// Waits until it was rung more often than that.
    pub async fn asked_since(&self, asked: u64) {
        // The sender lives as long as this.
        let _ = self.rung.subscribe().wait_for(|rung| *rung > asked).await;
    }

    /// All that was asked until `asked` is done.
    pub fn done(&self, asked: u64) {
        self.heard.fetch_max(asked, Ordering::AcqRel);
    }

    /// Whether nothing that was asked is left to do.
    pub fn is_quiet(&self) -> bool {
        self.heard.load(Ordering::Acquire) >= self.asked()
    }
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
            timers: Notify::new(),
            handoff: Notify::new(),
            contacts: Notify::new(),
            quiet: Bell::default(),
            heartbeats: Notify::new(),
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
