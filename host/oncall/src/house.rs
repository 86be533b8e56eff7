//! What the reconcilers share: the parts, and a count of what is being done at the moment.

use crate::channels::Channels;
use crate::delivery::Recorded;
use crate::oncall::Parts;
use domain::command::Actor;
use domain::decision::{PluginRef, Stage};
use domain::id::{IncidentId, Revision};
use domain::installation::Installation;
use domain::page::Outbox;
use domain::time::Millis;
use domain::timeline::{Cause, Line, LineKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Longest text of a line, in bytes.
const TEXT_LIMIT_BYTES: usize = 2048;

/// The parts and the activity.
pub struct House {
    pub parts: Parts,
    pub activity: Activity,
    pub channels: Channels,
}

impl House {
    /// Now.
    pub fn now(&self) -> Millis {
        self.parts.clock.now()
    }

    /// Takes in what a message tells of its channel.
    pub async fn note_of_channel(&self, row: &Outbox, recorded: &Recorded, installation: &Installation) {
        let (store, alarm) = (&self.parts.store, &*self.parts.alarm);
        self.channels.note(row, recorded, installation, store, alarm, self.now()).await;
    }

    /// Tells live pages of the incidents, each once.
    pub fn changed(&self, mut incidents: Vec<IncidentId>) {
        incidents.sort_unstable();
        incidents.dedup();
        for incident in incidents {
            self.parts.wakes.incident_changed(incident);
        }
    }
}

/// A line of the host.
pub fn line(at: Millis, kind: LineKind, text: impl AsRef<str>, cause: Option<Cause>) -> Line {
    Line { at, kind, text: domain::alert::cut(text.as_ref(), TEXT_LIMIT_BYTES), actor: Actor::Host, cause }
}

/// What a plugin has to do with a line.
pub fn cause(stage: Stage, plugin: &Arc<PluginRef>, revision: Revision, reason: impl Into<String>) -> Cause {
    Cause { stage, plugin: Arc::clone(plugin), revision, reason: reason.into() }
}

/// Counts what is being done, so that [`crate::OnCall::settled`] can tell rest from a moment between two reads.
#[derive(Default)]
pub struct Activity {
    busy: AtomicUsize,
    begun: AtomicU64,
}

impl Activity {
    /// Something begins, and lasts as long as the guard.
    pub fn begin(self: &Activity) -> Busy<'_> {
        self.enter();
        Busy(self)
    }

    /// [`Activity::begin`] for what another task ends, with [`Activity::leave`].
    pub fn enter(&self) {
        self.busy.fetch_add(1, Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    pub fn leave(&self) {
        self.busy.fetch_sub(1, Ordering::SeqCst);
    }

    /// How much was begun until now, if nothing goes on.
    pub fn rest(&self) -> Option<u64> {
        let begun = self.begun.load(Ordering::SeqCst);
        (self.busy.load(Ordering::SeqCst) == 0).then_some(begun)
    }
}

/// Something is being done.
pub struct Busy<'a>(&'a Activity);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}
