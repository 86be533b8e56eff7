//! Escalation policies and how far an incident has come along one.

use crate::contact::Contact;
use crate::id::{IncidentId, PolicyId, RotationId, RunId, TeamId, UserId};
use crate::incident::Incident;
use crate::time::Millis;
use crate::timeline::Cause;
use crate::when::When;
use serde::{Deserialize, Serialize};

mod advance;
mod begin;
#[cfg(test)]
mod laws;
mod plan;
#[cfg(test)]
mod tests;

pub use advance::{Advance, Begun, Said, StepPage, Turned, advance, hurried, waiting};
pub use begin::{Message, RoutedTo, is_outlived, messages, routed_again, to_begin_again};
pub use plan::{DIRECT_DELAY_SECONDS, Duty, Plan, Turns};

/// Most runs of one incident; policies that name each other in a ring end here, and then in the last resort.
pub const RUNS_LIMIT: usize = 64;
/// How long after one round of the last resort the next begins.
pub const LAST_RESORT_SECONDS: u32 = 600;
/// How often at least somebody who was asked to help is paged again; with the time between rounds of a person without a policy, two hours.
pub const ASK_ROUNDS: u32 = 24;
/// The least time between two rounds of a policy, whatever it says.
pub const ROUND_SECONDS_MIN: u32 = 1;
/// How soon a round is done again when nobody in it could be reached.
pub const HURRIED_ROUND_SECONDS: u32 = 30;

/// Who or what in the installation is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    Policy(PolicyId),
    Rotation(RotationId),
    Team(TeamId),
    User(UserId),
    /// Whoever is on call in the rotation after the one who is now.
    Next(RotationId),
    /// Whoever was on call before.
    Previous(RotationId),
    /// Nobody in particular: a message to an address.
    Address(Contact),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policy(id) => write!(f, "policy {id}"),
            Self::Rotation(id) => write!(f, "rotation {id}"),
            Self::Team(id) => write!(f, "team {id}"),
            Self::User(id) => write!(f, "{id}"),
            Self::Next(id) => write!(f, "next of rotation {id}"),
            Self::Previous(id) => write!(f, "previous of rotation {id}"),
            Self::Address(contact) => write!(f, "{} by {}", contact.address, contact.kind),
        }
    }
}

/// Interrupt people now and escalate; put it on the work list and wake nobody; or only keep it for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    Page,
    Ticket,
    Quiet,
}

/// Where an incident goes, and why: a route plugin's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    pub target: Target,
    pub urgency: Urgency,
    pub reason: String,
}

/// Whom to page, step by step, until somebody answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub id: PolicyId,
    pub team: TeamId,
    /// At least one.
    pub steps: Vec<Step>,
    /// How often the whole is done again after its last step; 0: once through.
    pub repeat: u32,
    /// How long after the last step the policy begins again, or is exhausted.
    pub repeat_delay_seconds: u32,
}

/// One step of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// After the previous step; after the incident was routed for the first.
    pub delay_seconds: u32,
    pub targets: Vec<Target>,
    /// Its targets take turns: each time it is taken, the next one that means somebody.
    pub round_robin: bool,
    /// It is skipped while this does not hold; in UTC, unless it has its own zone.
    pub when: When,
    /// People are paged by their primary policies.
    pub ignore_custom_paging: bool,
}

/// How an escalation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Its next step is due at [`Run::next_at`].
    Active,
    /// Somebody answered, or the incident resolved.
    Stopped,
    /// It ran out unheard; another run took over.
    Exhausted,
}

/// One escalation of one incident along one policy, or straight to one target. Its due time is its timer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub incident: IncidentId,
    pub target: Target,
    pub state: RunState,
    /// The step that is due next, from 0.
    pub step: u32,
    /// Which time through, from 0.
    pub repeat: u32,
    /// When the next step is due; `None` unless active.
    pub next_at: Option<Millis>,
    /// Last resort: pages everyone who can be reached, again and again, until somebody answers.
    pub last_resort: bool,
    pub reason: String,
    /// The route plugin's part, if one chose this.
    pub cause: Option<Cause>,
    pub started_at: Millis,
    /// Those whom it pages were asked to help, by this number of [`crate::care::Asked`].
    #[serde(default)]
    pub ask: Option<u32>,
    /// [`crate::care::Care::epoch`] when it began.
    #[serde(default)]
    pub epoch: u32,
}

impl Run {
    /// As people should see it: the run of an answered incident is stopped, though it notices only when its next step is due.
    #[must_use]
    pub fn seen_with(mut self, incident: &Incident) -> Self {
        if self.state == RunState::Active && !incident.wants(&self) {
            self.state = RunState::Stopped;
            self.next_at = None;
        }
        self
    }
}
