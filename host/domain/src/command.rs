//! What somebody wants done to an incident: by link, page, API, CLI or a sender.

use crate::alert::Severity;
use crate::contact::Contact;
use crate::id::{IncidentId, IntegrationId, UserId};
use serde::{Deserialize, Serialize};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// A member of the installation, and by which way, such as `page link` or `API`.
    User(UserId, String),
    /// A sender.
    Integration(IntegrationId),
    /// Somebody known only by an address outside.
    Outside(Contact),
    /// The host itself.
    Host,
}

/// Which incident is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    Incident(IncidentId),
    /// The open one that this entity of the sender's team belongs to.
    Entity(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    Acknowledge,
    Unacknowledge,
    Resolve,
    AddNote(String),
    SetPriority(Priority),
}

/// What people decided about importance; `P1` comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    P1,
    P2,
    P3,
    P4,
    P5,
}

impl Priority {
    /// The word that API and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P1 => "p1",
            Self::P2 => "p2",
            Self::P3 => "p3",
            Self::P4 => "p4",
            Self::P5 => "p5",
        }
    }
}

/// A command as it is journaled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub subject: Subject,
    pub actor: Actor,
    pub operation: Operation,
}

/// What the host has to say about itself: opens an incident without asking any plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// One open incident per cause, such as `breaker/rules` or `dead-letters/shop-prometheus`.
    pub cause: String,
    pub summary: String,
    pub details: String,
    pub severity: Severity,
    /// The integration whose default policy is paged; `None`: the installation's default policy.
    pub integration: Option<IntegrationId>,
    /// The cause is gone: resolve its incident.
    pub over: bool,
}
