//! Typed ids, so that a team is never taken for a user. Configured things carry the name that their document gives them; things that the
//! host makes are numbered in order, because random keys cost the store eight times as much.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! named {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as configured.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl From<&str> for $name { fn from(name: &str) -> Self { Self(name.to_owned()) } }
        impl From<String> for $name { fn from(name: String) -> Self { Self(name) } }
        impl std::borrow::Borrow<str> for $name { fn borrow(&self) -> &str { &self.0 } }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    )*};
}

macro_rules! numbered {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}", self.0) }
        }
    )*};
}

named! {
    /// A team that owns integrations, services and policies.
    TeamId,
    /// A member of the installation.
    UserId,
    /// An escalation policy.
    PolicyId,
    /// A rotation.
    RotationId,
    /// A service of the catalog.
    ServiceId,
    /// A configured sender.
    IntegrationId,
    /// A configured pipeline.
    PipelineId,
}

numbered! {
    /// A record of the journal: from 1, without gaps.
    JournalId,
    /// What was decided on one event of one journal record, see [`DecisionId::new`].
    DecisionId,
    /// An incident: from 1.
    IncidentId,
    /// One escalation of one incident along one policy.
    RunId,
    /// A message to be delivered.
    OutboxId,
    /// The state of one entity of one team.
    AlertId,
    /// Something parked or rejected.
    DeadLetterId,
    /// A scheduled exception from a rotation.
    OverrideId,
    /// A line of the audit log.
    AuditId,
    /// Something that happened to an incident and that an automation plugin is to be told.
    EventId,
    /// Something that an automation plugin wants done.
    ActionId,
    /// A published version of the configuration.
    Revision,
}

/// A journal record holds fewer events than this.
pub const EVENTS_PER_RECORD_LIMIT: usize = 1024;

impl DecisionId {
    /// The id of event `index` (below [`EVENTS_PER_RECORD_LIMIT`]) of a record: ordered as the events came.
    pub fn new(record: JournalId, index: usize) -> Self {
        debug_assert!(index < EVENTS_PER_RECORD_LIMIT);
        Self(record.0 * EVENTS_PER_RECORD_LIMIT as u64 + index as u64)
    }

    /// The record that the event came in.
    pub fn record(self) -> JournalId {
        JournalId(self.0 / EVENTS_PER_RECORD_LIMIT as u64)
    }

    /// The place of the event in its record.
    pub fn index(self) -> usize {
        (self.0 % EVENTS_PER_RECORD_LIMIT as u64) as usize
    }
}
