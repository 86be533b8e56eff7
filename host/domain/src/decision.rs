//! What the stages decided about one alert, and why: the record that a timeline cites.

use crate::alert::{Alert, Edit};
use crate::id::{DecisionId, IntegrationId, Revision, TeamId};
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A plugin as a decision names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PluginRef {
    pub name: String,
    pub version: String,
    /// Lower-case hex SHA-256 of the component file.
    pub digest: String,
}

/// The places of the path where a plugin decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Normalize,
    Enrich,
    Filter,
    Dedupe,
    Route,
    Notify,
    Automate,
    Interact,
}

impl Stage {
    /// The word that timeline, metrics and configuration use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normalize => "normalize",
            Self::Enrich => "enrich",
            Self::Filter => "filter",
            Self::Dedupe => "dedupe",
            Self::Route => "route",
            Self::Notify => "notify",
            Self::Automate => "automate",
            Self::Interact => "interact",
        }
    }
}

/// Edits and the reason for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// At most 64, made in order.
    pub edits: Vec<Edit>,
    pub reason: String,
}

/// Whether a human needs an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    Keep,
    /// Grouped and shown, but pages nobody. If it still fires at `until`, it goes on as if kept; `None`: for good.
    Suppress {
        reason: String,
        until: Option<Millis>,
    },
    /// Journal only.
    Drop {
        reason: String,
    },
}

/// So many alerts within so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    pub count: u32,
    pub within_seconds: u32,
}

/// Which incident an alert belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouping {
    /// Alerts of a team with one key share an open incident.
    pub incident_key: String,
    /// Replaces the alert's entity at the commit.
    pub entity: Option<String>,
    /// Join only if the incident had an alert within so many seconds.
    pub window_seconds: Option<u32>,
    pub threshold: Option<Threshold>,
    pub title: Option<String>,
    /// Keys of other incidents to show beside it. At most 8.
    pub related: Vec<String>,
    pub reason: String,
}

/// What one plugin did at one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoteKind {
    Edited(Vec<Edit>),
    Suppressed,
    Dropped,
    Grouped,
    /// The stage was skipped; the reason says what failed.
    Skipped,
    /// The stage failed and its policy sends the alert to the default route.
    DefaultRoute,
}

/// One stage's part in a decision. A plugin that had no opinion leaves none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageNote {
    pub stage: Stage,
    pub plugin: Arc<PluginRef>,
    pub kind: NoteKind,
    pub reason: String,
}

/// What the stages decided about one alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub id: DecisionId,
    /// 0 to 63.
    pub partition: u8,
    /// The configuration it was decided under.
    pub revision: Revision,
    pub team: TeamId,
    /// `None` for what the host says about itself.
    pub integration: Option<IntegrationId>,
    /// After all edits; its entity is the one that pairs at the commit.
    pub alert: Arc<Alert>,
    pub verdict: Verdict,
    /// `None`: no plugin had an opinion; the entity is the key.
    pub grouping: Option<Grouping>,
    /// A stage failed whose policy is `default-route`: the route plugins are not asked.
    pub default_route: bool,
    pub notes: Vec<StageNote>,
}

impl Decision {
    /// The key of the incident it belongs to.
    pub fn incident_key(&self) -> &str {
        self.grouping.as_ref().map_or(&self.alert.entity, |g| &g.incident_key)
    }
}

/// What came of a decision at the commit: what an operator reads in the list of decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Opened,
    Joined,
    Repeated,
    /// `waiting k of N`.
    Waiting {
        have: u32,
        need: u32,
    },
    Suppressed,
    Dropped,
    Acknowledged,
    Resolved,
    /// Nothing open was there to follow, or severity `info` without an open incident.
    Recorded,
    /// The decision could not be committed and is a dead letter.
    Parked,
}

impl Outcome {
    /// The word that the API shows.
    pub fn words(&self) -> String {
        match self {
            Self::Opened => "opened".into(),
            Self::Joined => "joined".into(),
            Self::Repeated => "repeated".into(),
            Self::Waiting { have, need } => format!("waiting {have} of {need}"),
            Self::Suppressed => "suppressed".into(),
            Self::Dropped => "dropped".into(),
            Self::Acknowledged => "acknowledged".into(),
            Self::Resolved => "resolved".into(),
            Self::Recorded => "recorded".into(),
            Self::Parked => "parked".into(),
        }
    }
}
