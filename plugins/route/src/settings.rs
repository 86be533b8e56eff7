//! Routes as the operator writes them.

use std::collections::BTreeMap;

use reveille_sdk::types::{Priority, Severity, Target, Urgency};
use serde::Deserialize;

use crate::hours::HoursSettings;

/// The table, in order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The first one is asked first.
    pub routes: Vec<RouteSettings>,
}

/// One route: what is given must hold, and of a list one entry. Nothing given: every incident.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSettings {
    /// What reasons call it; none: its number, from 1.
    pub name: Option<String>,
    /// Services, with `*`.
    #[serde(default)]
    pub service: Vec<String>,
    /// Ids of teams in charge, with `*`.
    #[serde(default)]
    pub team: Vec<String>,
    /// Severities.
    #[serde(default)]
    pub severity: Vec<Severity>,
    /// Priorities.
    #[serde(default)]
    pub priority: Vec<Priority>,
    /// Routing keys, with `*`, in any letter case.
    #[serde(default)]
    pub routing_key: Vec<String>,
    /// Labels that all of its alerts have in common, with `*`.
    #[serde(default)]
    pub labels: BTreeMap<String, Vec<String>>,
    /// When the incident opened.
    pub hours: Option<HoursSettings>,
    /// Who has to know.
    pub to: Vec<Target>,
    /// Interrupt, put on the work list, or only record.
    #[serde(default = "page")]
    pub urgency: Urgency,
    /// Why, for the timeline.
    pub reason: Option<String>,
    /// Whether later routes are asked too.
    #[serde(default, rename = "continue")]
    pub goes_on: bool,
}

fn page() -> Urgency {
    Urgency::Page
}
