//! What people arranged about an incident: until when it rests, where it was sent, who was asked to help, what it turned out to be.

use crate::alert::{Severity, Status};
use crate::command::Mark;
use crate::escalation::{Run, Target};
use crate::id::{IncidentId, UserId};
use crate::incident::Incident;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most people and policies that are asked to help with one incident.
pub const ASKED_LIMIT: usize = 50;
/// Most targets of one reroute, and of one call for help.
pub const TARGETS_LIMIT: usize = 16;
/// Most roles of one incident.
pub const ROLES_LIMIT: usize = 16;
/// Longest name of a role, in bytes.
pub const ROLE_LIMIT_BYTES: usize = 40;
/// Most links that people put on one incident.
pub const RELATED_LIMIT: usize = 32;
/// Most alerts that one merge or split moves.
pub const MOVED_LIMIT: u32 = 1000;
/// Most further keys whose alerts join an incident because others were merged into it.
pub const KEYS_LIMIT: usize = 100;
/// How far off a snooze may end: 366 days, in seconds.
pub const SNOOZE_LIMIT_SECONDS: u32 = 366 * 24 * 3600;
/// Longest stakeholder update, in bytes.
pub const UPDATE_LIMIT_BYTES: usize = 4096;
/// Most recipients of one stakeholder update.
pub const RECIPIENTS_LIMIT: usize = 50;
/// Longest reason of a resolution, in bytes.
pub const REASON_LIMIT_BYTES: usize = 1024;

/// What people arranged. Every field may be missing in what is stored, so that later ones can be added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Care {
    /// How often its paging has begun anew: escalations of an earlier count page nobody any more.
    #[serde(skip_serializing_if = "is_default")]
    pub epoch: u32,
    /// Rests until then; then it fires again.
    #[serde(skip_serializing_if = "is_default")]
    pub snoozed_until: Option<Millis>,
    /// When somebody last said that they are on it.
    #[serde(skip_serializing_if = "is_default")]
    pub confirmed_at: Option<Millis>,
    /// Where somebody sent it, in place of what the route plugins say.
    #[serde(skip_serializing_if = "is_default")]
    pub destination: Option<Destination>,
    /// Who was asked to help, in the order of asking.
    #[serde(skip_serializing_if = "is_default")]
    pub asked: Vec<Asked>,
    /// What it turned out to be.
    #[serde(skip_serializing_if = "is_default")]
    pub closing: Option<Closing>,
    /// Who does what, by the role's name.
    #[serde(skip_serializing_if = "is_default")]
    pub roles: BTreeMap<String, UserId>,
    /// How many updates were sent to stakeholders.
    #[serde(skip_serializing_if = "is_default")]
    pub updates: u32,
    /// The latest update: where it stands, for those who do not work on it.
    #[serde(skip_serializing_if = "is_default")]
    pub update: Option<Update>,
    /// What has to do with it.
    #[serde(skip_serializing_if = "is_default")]
    pub related: Vec<Related>,
    /// The incident that has its alerts now.
    #[serde(skip_serializing_if = "is_default")]
    pub merged_into: Option<IncidentId>,
    /// The incident that its alerts came from.
    #[serde(skip_serializing_if = "is_default")]
    pub split_from: Option<IncidentId>,
    /// Keys of incidents that were merged into this one: their new alerts join it.
    #[serde(skip_serializing_if = "is_default")]
    pub keys: Vec<String>,
    /// The timers that stand beside it in the store.
    #[serde(skip_serializing_if = "is_default")]
    pub timers: BTreeMap<Purpose, Millis>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Where somebody sent an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    pub targets: Vec<Target>,
    /// Who did, for the timeline.
    pub by: String,
    /// [`Care::epoch`] from then on: what was stopped before does not begin again.
    pub epoch: u32,
}

/// Somebody who was asked to help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// From 1, within the incident.
    pub number: u32,
    pub target: Target,
    /// Who asked, for the timeline.
    pub by: String,
    pub at: Millis,
    pub answer: Answer,
    /// Who answered.
    #[serde(default)]
    pub user: Option<UserId>,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// None yet: they are paged, whoever else is on it.
    Open,
    Accepted,
    Declined,
    /// The incident was over before.
    Over,
}

impl Answer {
    /// The word that the API uses; the same as serde's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Over => "over",
        }
    }
}

/// What an incident turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    pub mark: Option<Mark>,
    /// Plain text; may be empty.
    pub reason: String,
}

/// What stakeholders were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    pub text: String,
    pub by: String,
    pub at: Millis,
}

/// Something that has to do with an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Related {
    Incident(IncidentId),
    /// An absolute `https` or `http` address, and what to call it.
    Page {
        url: String,
        text: String,
    },
}

impl std::fmt::Display for Related {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Incident(id) => write!(f, "incident {id}"),
            Self::Page { url, text } if text.is_empty() => f.write_str(url),
            Self::Page { url, text } => write!(f, "{text} ({url})"),
        }
    }
}

/// Why the host looks at an incident at a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Its snooze ends.
    Snooze,
    /// It has been acknowledged for so long that it fires again.
    Return,
    /// It has had no alert for so long that it counts as over.
    Resolve,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Snooze, Self::Return, Self::Resolve];

    /// As stored; the same as serde's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snooze => "snooze",
            Self::Return => "return",
            Self::Resolve => "resolve",
        }
    }
}

/// What a team wants of the host, by severity (index as [`Severity::ALL`]), in seconds; `None`: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CareRules {
    /// Acknowledged for so long, it fires again.
    pub return_after_seconds: [Option<u32>; 4],
    /// Without a new alert for so long, it is resolved.
    pub auto_resolve_after_seconds: [Option<u32>; 4],
}

impl CareRules {
    /// Whether any of it is wanted.
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }

    fn returns_after(&self, severity: Severity) -> Option<u32> {
        self.return_after_seconds[severity as usize]
    }

    fn resolves_after(&self, severity: Severity) -> Option<u32> {
        self.auto_resolve_after_seconds[severity as usize]
    }
}

impl Incident {
    /// Whether an escalation still has somebody to find: it fires and the escalation is of its present paging, or those whom it pages were
    /// asked to help and have not answered, whoever else is on it.
    pub fn wants(&self, run: &Run) -> bool {
        match run.ask {
            Some(number) => self.is_open() && self.care.asked.iter().any(|asked| asked.number == number && asked.answer == Answer::Open),
            None => self.status == Status::Firing && run.epoch >= self.care.epoch,
        }
    }

    /// When the host has to look at it for this purpose, if at all, as it stands and by the rules of its team.
    pub fn due(&self, purpose: Purpose, rules: &CareRules) -> Option<Millis> {
        let snoozed = self.care.snoozed_until.filter(|_| self.status == Status::Acknowledged);
        match purpose {
            Purpose::Snooze => snoozed,
            Purpose::Return if self.status == Status::Acknowledged && snoozed.is_none() => {
                let since = self.care.confirmed_at.max(self.acknowledged_at)?;
                Some(since.plus_seconds(rules.returns_after(self.severity)?))
            }
            Purpose::Resolve if self.is_open() && !self.own && snoozed.is_none() => {
                Some(self.last_alert_at.plus_seconds(rules.resolves_after(self.severity)?))
            }
            Purpose::Return | Purpose::Resolve => None,
        }
    }
}

/// How [`Care`] stands in a packed row: JSON text, so that fields can be added; nothing at all where nothing was arranged.
pub mod text {
    use super::Care;
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    /// Writes it.
    ///
    /// # Errors
    /// If the serializer fails.
    pub fn serialize<S: Serializer>(care: &Care, serializer: S) -> Result<S::Ok, S::Error> {
        if *care == Care::default() {
            return serializer.serialize_str("");
        }
        serializer.serialize_str(&serde_json::to_string(care).map_err(ser::Error::custom)?)
    }

    /// Reads it.
    ///
    /// # Errors
    /// If the text is none of [`serialize`]'s.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Care, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(Care::default()) } else { serde_json::from_str(&text).map_err(de::Error::custom) }
    }
}
