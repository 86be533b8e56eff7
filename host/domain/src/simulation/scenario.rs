//! What is supposed to happen: incidents that open, people who answer, turns that are taken over.

use crate::alert::Severity;
use crate::command::Operation;
use crate::escalation::{Target, Urgency};
use crate::id::{IntegrationId, TeamId, UserId};
use crate::schedule::Override;
use crate::time::Millis;

/// A story to be played through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    pub starts: Millis,
    /// First instant that is not played any more.
    pub until: Millis,
    pub incidents: Vec<Arrival>,
    /// In any order; those of one instant happen in this one.
    pub answers: Vec<Answer>,
    pub overrides: Vec<Override>,
}

/// An incident that opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub at: Millis,
    pub team: TeamId,
    pub integration: Option<IntegrationId>,
    pub title: String,
    pub severity: Severity,
    pub service: Option<String>,
    pub routing_key: Option<String>,
    /// Where it goes; empty: to the default policy, as if no route plugin had an opinion.
    pub routes: Vec<Route>,
}

/// A destination of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub target: Target,
    pub urgency: Urgency,
    /// For people, after the destination, such as `by route: platform work`.
    pub why: String,
}

/// Somebody answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub at: Millis,
    /// The place in [`Scenario::incidents`].
    pub incident: usize,
    pub who: UserId,
    pub does: Operation,
}
