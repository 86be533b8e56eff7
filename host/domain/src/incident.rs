//! Incidents and the entities that belong to them, as the store keeps them.

use crate::alert::{Alert, Label, Link, Severity, Status};
use crate::care::Care;
use crate::command::Priority;
use crate::id::{AlertId, DecisionId, IncidentId, IntegrationId, TeamId, UserId};
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One or more alerts that people handle together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    /// The team whose integration opened it; empty for the host's own.
    pub team: TeamId,
    pub key: String,
    pub title: String,
    /// `Firing` until somebody acknowledges it.
    pub status: Status,
    /// The worst of its firing alerts; keeps its last value once all have recovered.
    pub severity: Severity,
    pub priority: Option<Priority>,
    pub service: Option<String>,
    pub routing_key: Option<String>,
    pub opened_at: Millis,
    pub acknowledged_at: Option<Millis>,
    /// Its severity when it was acknowledged: only a higher one re-triggers it.
    pub acknowledged_severity: Option<Severity>,
    pub resolved_at: Option<Millis>,
    pub last_alert_at: Millis,
    /// All alerts, repeats included.
    pub alert_count: u32,
    /// How many entities ever belonged to it.
    pub entity_count: u32,
    /// How many of its entities fire now, by severity (index as [`Severity::ALL`]), suppressed ones not counted.
    pub firing: [u32; 4],
    /// Who acknowledged it.
    pub responders: Vec<UserId>,
    /// What all of its alerts have in common.
    pub labels: Vec<Label>,
    pub links: Vec<Link>,
    /// Keys of other incidents to show beside it.
    pub related: Vec<String>,
    /// The integration of its first alert: its default policy is the first fallback.
    pub integration: Option<IntegrationId>,
    /// A stage failed whose policy is `default-route`: the default policy is paged and no route plugin asked.
    pub default_route: bool,
    /// It is about the host itself: no plugin is asked.
    pub own: bool,
    /// The router has to look at it.
    pub route_due: bool,
    /// The severity when it was last routed.
    pub routed_severity: Option<Severity>,
    /// Changes with every write.
    pub version: u64,
    /// What people arranged about it. Last, so that rows from before it can be read.
    #[serde(default, with = "crate::care::text")]
    pub care: Care,
}

impl Incident {
    /// Whether anybody still has to do something.
    pub fn is_open(&self) -> bool {
        self.status != Status::Resolved
    }

    /// The worst severity that fires now.
    pub fn worst_firing(&self) -> Option<Severity> {
        Severity::ALL.into_iter().rev().find(|s| self.firing[*s as usize] > 0)
    }
}

/// What is known of one entity of one team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertState {
    pub id: AlertId,
    pub team: TeamId,
    /// After all edits: what pairs firing and recovery at the commit.
    pub entity: String,
    pub status: Status,
    pub severity: Severity,
    /// The incident that it is recorded on; recoveries follow this, not a newly computed key.
    pub incident: Option<IncidentId>,
    /// The key that it was last grouped under.
    pub key: String,
    pub integration: Option<IntegrationId>,
    pub first_at: Millis,
    pub last_at: Millis,
    /// How often it was reported since it last began to fire.
    pub count: u32,
    /// Counted among its incident's firing ones: not while suppressed or waiting.
    pub counted: bool,
    /// Suppressed until then ([`Millis`] at `i64::MAX`: for good); `None`: not suppressed.
    pub suppressed_until: Option<Millis>,
    /// When to take it as resolved unless it was reported again.
    pub expires_at: Option<Millis>,
    /// The latest report; shared with its decision.
    pub alert: Arc<Alert>,
    /// The decision that was last made on it.
    pub last_decision: DecisionId,
}

impl AlertState {
    /// When the host has to look at it again on its own: the earlier of expiry and the end of a suppression. Milliseconds.
    pub fn wake_at(&self) -> Option<Millis> {
        if self.status == Status::Resolved {
            return None;
        }
        let suppression = self.suppressed_until.filter(|until| until.0 != i64::MAX);
        [self.expires_at, suppression].into_iter().flatten().min()
    }
}

/// The arrivals that count towards "open after N" for one key of one team.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    /// Newest last, at most the threshold's count.
    pub arrivals: Vec<Millis>,
}
