//! The lines that tell an incident's story. Each names its cause.

use crate::command::Actor;
use crate::decision::{PluginRef, Stage};
use crate::id::Revision;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Why a line stands there: plugin, version digest, pipeline revision; the reason is in the line's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub stage: Stage,
    pub plugin: Arc<PluginRef>,
    pub revision: Revision,
    pub reason: String,
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    Opened,
    Joined,
    Edited,
    Grouped,
    Suppressed,
    SeverityChanged,
    AlertResolved,
    AlertExpired,
    Acknowledged,
    Unacknowledged,
    Resolved,
    Noted,
    PrioritySet,
    Routed,
    Escalated,
    StepSkipped,
    Paged,
    Delivered,
    DeliveryFailed,
    PageCancelled,
    StageFailed,
    Exhausted,
    ActionProposed,
    ActionApproved,
    ActionRefused,
    ActionDone,
    ActionFailed,
    Snoozed,
    Reopened,
    Rerouted,
    ResponderAsked,
    ResponderDeclined,
    RoleSet,
    Informed,
    Linked,
    Merged,
    Split,
    Marked,
}

impl LineKind {
    /// The word that the API shows; the same as serde's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Joined => "joined",
            Self::Edited => "edited",
            Self::Grouped => "grouped",
            Self::Suppressed => "suppressed",
            Self::SeverityChanged => "severity-changed",
            Self::AlertResolved => "alert-resolved",
            Self::AlertExpired => "alert-expired",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Resolved => "resolved",
            Self::Noted => "noted",
            Self::PrioritySet => "priority-set",
            Self::Routed => "routed",
            Self::Escalated => "escalated",
            Self::StepSkipped => "step-skipped",
            Self::Paged => "paged",
            Self::Delivered => "delivered",
            Self::DeliveryFailed => "delivery-failed",
            Self::PageCancelled => "page-cancelled",
            Self::StageFailed => "stage-failed",
            Self::Exhausted => "exhausted",
            Self::ActionProposed => "action-proposed",
            Self::ActionApproved => "action-approved",
            Self::ActionRefused => "action-refused",
            Self::ActionDone => "action-done",
            Self::ActionFailed => "action-failed",
            Self::Snoozed => "snoozed",
            Self::Reopened => "reopened",
            Self::Rerouted => "rerouted",
            Self::ResponderAsked => "responder-asked",
            Self::ResponderDeclined => "responder-declined",
            Self::RoleSet => "role-set",
            Self::Informed => "informed",
            Self::Linked => "linked",
            Self::Merged => "merged",
            Self::Split => "split",
            Self::Marked => "marked",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub at: Millis,
    pub kind: LineKind,
    /// For people: one sentence, plain text.
    pub text: String,
    pub actor: Actor,
    pub cause: Option<Cause>,
}
