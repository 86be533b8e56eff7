//! What is on disk before a sender is answered: the record from which the pipeline, a restart, replay and audit read.

use crate::command::{Command, Notice};
use crate::decision::PluginRef;
use crate::id::{IntegrationId, TeamId};
use crate::inbound::{Event, Inbound};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// The version of [`Record`] that this host writes; the store keeps it beside each row.
pub const RECORD_VERSION: u16 = 1;

/// One posted body, one command or one notice of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub received_at: Millis,
    pub entry: Entry,
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A body that was normalized.
    Taken { from: Sender, raw: Inbound, events: Vec<Event>, plugin: PluginRef },
    /// A body on which the normalizer failed: kept raw, retried behind the door.
    Parked { from: Sender, raw: Inbound, reason: String },
    /// A body that the normalizer refused, or that was too large (then `raw.body` is empty).
    Rejected { from: Sender, raw: Inbound, reason: String },
    /// What somebody wants done.
    Command(Command),
    /// What the host says about itself.
    Notice(Notice),
    /// An alert's own time has come: it expired, or its suppression ended. Decided again from the stored state.
    Wake { team: TeamId, entity: String, due: Millis },
    /// What somebody wants done, once: by a message from outside (`from`: its integration) or an automation plugin.
    Once { from: Option<Sender>, command: Command, key: String },
}

/// Whose body it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    pub integration: IntegrationId,
    pub team: TeamId,
}
