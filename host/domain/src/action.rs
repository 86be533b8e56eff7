//! What automation plugins want done about an incident.

use crate::alert::{Label, Severity};
use crate::command::Priority;
use crate::escalation::Destination;
use crate::id::UserId;
use crate::page::HttpRequest;
use serde::{Deserialize, Serialize};

/// Most actions of one event.
pub const ACTIONS_LIMIT: usize = 32;
/// Longest idempotency key of an action, in bytes.
pub const ACTION_KEY_LIMIT_BYTES: usize = 128;
/// How much of an action's output is kept, in bytes.
pub const OUTPUT_LIMIT_BYTES: usize = 4 * 1024;

/// What happened to an incident, as automation plugins are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Opened,
    AlertJoined,
    SeverityChanged(Severity),
    Acknowledged(UserId),
    Unacknowledged,
    Reopened,
    Resolved,
    /// The step of the escalation policy, from 1.
    Escalated(u32),
    /// An action of this plugin is done, or was refused.
    ActionFinished(ActionResult),
}

/// How an action went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionResult {
    pub key: String,
    pub ok: bool,
    /// At most [`OUTPUT_LIMIT_BYTES`].
    pub output: String,
    /// The HTTP status, where it was a call.
    pub response: Option<u16>,
}

/// How much an action can spoil. The operator says which of these need approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Only reads or adds.
    Safe,
    /// Can be changed back.
    Reversible,
    /// Cannot.
    Dangerous,
}

impl Risk {
    /// All, the least first.
    pub const ALL: [Self; 3] = [Self::Safe, Self::Reversible, Self::Dangerous];

    /// The word that documents, API and pages use; the same as serde's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Reversible => "reversible",
            Self::Dangerous => "dangerous",
        }
    }
}

/// Something to do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Within an incident an action with the same key is done once. At most [`ACTION_KEY_LIMIT_BYTES`].
    pub key: String,
    pub step: Step,
    pub risk: Risk,
    pub reason: String,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    Call(HttpRequest),
    RunRunbook(RunbookRun),
    Page(Destination),
    SetPriority(Priority),
    AddNote(String),
    OpenTicket(Thread),
    OpenChannel(Thread),
}

/// A runbook of the installation, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookRun {
    pub runbook: String,
    pub arguments: Vec<Label>,
    pub dry_run: bool,
}

/// What a ticket or a channel starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// A shared contact of the installation, by name.
    pub connection: String,
    pub title: String,
    pub body: String,
    pub fields: Vec<Label>,
}
