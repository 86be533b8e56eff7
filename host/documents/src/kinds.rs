//! The kinds of documents, literally: these types are the schemas that editors get, the keys that are allowed, and what the store keeps.

use crate::automate::Automate;
use crate::bounds::{RateEntry, StormEntry};
use crate::plugin_use::{Use, is_default};
use crate::text::{Delay, LocalTime, Name, PageTarget, Size, TurnLength, Zone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a document is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Settings,
    User,
    Team,
    Rotation,
    Policy,
    Service,
    Integration,
    Pipeline,
    Channel,
    Grant,
    Table,
}

impl Kind {
    /// All, in the order of exports.
    pub const ALL: [Self; 11] = [
        Self::Settings,
        Self::User,
        Self::Team,
        Self::Rotation,
        Self::Policy,
        Self::Service,
        Self::Integration,
        Self::Pipeline,
        Self::Channel,
        Self::Grant,
        Self::Table,
    ];

    /// As documents spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "Settings",
            Self::User => "User",
            Self::Team => "Team",
            Self::Rotation => "Rotation",
            Self::Policy => "Policy",
            Self::Service => "Service",
            Self::Integration => "Integration",
            Self::Pipeline => "Pipeline",
            Self::Channel => "Channel",
            Self::Grant => "Grant",
            Self::Table => "Table",
        }
    }

    /// In the middle of a sentence.
    pub fn word(self) -> String {
        self.as_str().to_lowercase()
    }

    /// The file that an export writes it to.
    pub fn file(self) -> &'static str {
        match self {
            Self::Settings => "settings.yaml",
            Self::User => "users.yaml",
            Self::Team => "teams.yaml",
            Self::Rotation => "rotations.yaml",
            Self::Policy => "policies.yaml",
            Self::Service => "services.yaml",
            Self::Integration => "integrations.yaml",
            Self::Pipeline => "pipelines.yaml",
            Self::Channel => "channels.yaml",
            Self::Grant => "grants.yaml",
            Self::Table => "tables.yaml",
        }
    }

    /// The kind that a document names.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Document {
    Settings(SettingsDocument),
    User(UserDocument),
    Team(TeamDocument),
    Rotation(RotationDocument),
    Policy(PolicyDocument),
    Service(ServiceDocument),
    Integration(IntegrationDocument),
    Pipeline(PipelineDocument),
    Channel(ChannelDocument),
    Grant(GrantDocument),
    Table(TableDocument),
}

impl Document {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Settings(_) => Kind::Settings,
            Self::User(_) => Kind::User,
            Self::Team(_) => Kind::Team,
            Self::Rotation(_) => Kind::Rotation,
            Self::Policy(_) => Kind::Policy,
            Self::Service(_) => Kind::Service,
            Self::Integration(_) => Kind::Integration,
            Self::Pipeline(_) => Kind::Pipeline,
            Self::Channel(_) => Kind::Channel,
            Self::Grant(_) => Kind::Grant,
            Self::Table(_) => Kind::Table,
        }
    }

    /// Its id; the settings have none.
    pub fn id(&self) -> &str {
        match self {
            Self::Settings(_) => "",
            Self::User(d) => &d.id.0,
            Self::Team(d) => &d.id.0,
            Self::Rotation(d) => &d.id.0,
            Self::Policy(d) => &d.id.0,
            Self::Service(d) => &d.id.0,
            Self::Integration(d) => &d.id.0,
            Self::Pipeline(d) => &d.id.0,
            Self::Channel(d) => &d.id.0,
            Self::Grant(d) => &d.id.0,
            Self::Table(d) => &d.id.0,
        }
    }
}

/// What holds for the whole installation. There is exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsDocument {
    /// The policy for everything that nothing else routes. It must reach at least one user who has a contact.
    pub default_policy: Name,
    /// From where on a team's alerts are a storm, which opens an incident; a team may have its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<StormEntry>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserDocument {
    pub id: Name,
    /// How to call them; default: the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// IANA name, such as `Europe/Rome`; default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Zone>,
    /// BCP 47, such as `en` or `it`; default: `en`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How to reach them, first choice first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<ContactEntry>,
    /// May change configuration and read everything.
    #[serde(default, skip_serializing_if = "is_default")]
    pub admin: bool,
    /// Is paged as the last resort, when a policy ran out unheard.
    #[serde(default, skip_serializing_if = "is_default")]
    pub break_glass: bool,
}

/// A way to reach a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactEntry {
    /// A kind that the plugin of a channel serves, such as `mail` or `ntfy`.
    pub kind: Name,
    /// Mail address, topic address, phone number; `{{secret:NAME}}` for one that must stay out of configuration.
    pub address: String,
    /// So long after the page is due; default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Delay>,
}

/// People who share services and incidents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamDocument {
    pub id: Name,
    /// How to call it; default: the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Name>,
    /// The policy for its incidents when nothing else says so; default: the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_policy: Option<Name>,
    /// From where on its alerts are a storm; default: the installation's bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<StormEntry>,
}

/// People who take turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationDocument {
    pub id: Name,
    pub team: Name,
    /// Users in the order of their turns.
    pub members: Vec<Name>,
    /// IANA name of the zone in which handoffs are; default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Zone>,
    /// How long a turn is: `1d`, `2w`; default: `1w`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnLength>,
    /// Wall-clock time at which the first turn of the first member begins: `2026-01-05T09:00`. Handoffs are at this time of day.
    pub starts: LocalTime,
}

/// Whom to page, step by step, until somebody answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    pub id: Name,
    pub team: Name,
    pub steps: Vec<StepEntry>,
    /// How often all steps are done again; default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub repeat: u32,
    /// How long after the last step it begins again, or gives up and pages the last resort; default: `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_after: Option<Delay>,
}

/// One step of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepEntry {
    /// So long after the step before; default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Delay>,
    /// Whom: `rotation/NAME`, `user/NAME`, `team/NAME`, `policy/NAME`.
    pub page: Vec<PageTarget>,
}

/// A row of the service catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceDocument {
    pub id: Name,
    /// How to call it; default: the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The team that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Name>,
    /// Address of its runbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// How much it matters, in your words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Further columns of its row in the table `catalog`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

/// A sender of alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrationDocument {
    pub id: Name,
    /// The team that owns its alerts.
    pub team: Name,
    /// The plugin that reads the reports it sends. This or `interact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Use")]
    pub normalize: Option<Use>,
    /// The plugin that reads what people answer there, such as a pressed button in a chat. This or `normalize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Use")]
    pub interact: Option<Use>,
    /// The pipeline that its alerts go through; default: `default`, which has no stages unless a document defines them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Name>,
    /// The policy for its incidents when nothing else says so; default: its team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_policy: Option<Name>,
    /// Largest body, at most and by default `5MiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_limit: Option<Size>,
    /// Take an alert as resolved so long after its last report, where the sender says nothing of it; default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<Delay>,
    /// How much it may bring; more is answered 503 until there is room. Default: as much as there is room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateEntry>,
}

/// The plugins that alerts go through, stage by stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineDocument {
    pub id: Name,
    /// Each adds what it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enrich: Vec<Use>,
    /// Each may suppress or drop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<Use>,
    /// The first with an opinion says which incident it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dedupe: Vec<Use>,
    /// The first with an opinion says who has to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub route: Vec<Use>,
    /// All are told what happens to an incident, and say what should be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automate: Vec<Automate>,
}

/// A way out to people: a notify plugin, for the contact kinds that its manifest declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelDocument {
    pub id: Name,
    /// The plugin's name; default: the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Name>,
    /// As the schema in the plugin's manifest says.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub settings: serde_json::Value,
    /// Whether its messages follow their incident: whoever was told is told again when it is acknowledged, given back or resolved, from
    /// wherever that comes. A chat's message is edited; what was forwarded is closed there. Default: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub follow: bool,
}

/// What a plugin may use, out of what its manifest asks. Its id is the plugin's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantDocument {
    pub id: Name,
    /// Tables, and `catalog`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<Name>,
    /// Keys of the server's file that it may sign and verify with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Name>,
    /// Secrets of the server's file that its requests may name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Name>,
    /// Whether it may remember between calls.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub state: bool,
}

/// A lookup table: key, then columns by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableDocument {
    pub id: Name,
    pub rows: BTreeMap<String, BTreeMap<String, String>>,
}
