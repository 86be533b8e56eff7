//! The kinds of documents, literally: these types are the schemas that editors get, the keys that are allowed, and what the store keeps.

use crate::automate::Automate;
use crate::bounds::{RateEntry, StormEntry};
pub use crate::calendar::CalendarDocument;
use crate::care::DelayEntry;
use crate::paging::PagingEntry;
use crate::plugin_use::{Use, is_default};
use crate::quiet::{HeartbeatDocument, InhibitionDocument, MaintenanceDocument};
pub use crate::rotation::{LayerEntry, RecurringEntry, RotationDocument, SwapsWord};
use crate::text::{Delay, Name, PageTarget, Size, Zone};
use crate::when::WhenEntry;
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
    Calendar,
    Policy,
    Service,
    Integration,
    Pipeline,
    Channel,
    Grant,
    Table,
    Maintenance,
    Inhibition,
    Heartbeat,
}

impl Kind {
    /// All, in the order of exports.
    pub const ALL: [Self; 15] = [
        Self::Settings,
        Self::User,
        Self::Team,
        Self::Rotation,
        Self::Calendar,
        Self::Policy,
        Self::Service,
        Self::Integration,
        Self::Pipeline,
        Self::Channel,
        Self::Grant,
        Self::Table,
        Self::Maintenance,
        Self::Inhibition,
        Self::Heartbeat,
    ];

    /// As documents spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "Settings",
            Self::User => "User",
            Self::Team => "Team",
            Self::Rotation => "Rotation",
            Self::Calendar => "Calendar",
            Self::Policy => "Policy",
            Self::Service => "Service",
            Self::Integration => "Integration",
            Self::Pipeline => "Pipeline",
            Self::Channel => "Channel",
            Self::Grant => "Grant",
            Self::Table => "Table",
            Self::Maintenance => "Maintenance",
            Self::Inhibition => "Inhibition",
            Self::Heartbeat => "Heartbeat",
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
            Self::Calendar => "calendars.yaml",
            Self::Policy => "policies.yaml",
            Self::Service => "services.yaml",
            Self::Integration => "integrations.yaml",
            Self::Pipeline => "pipelines.yaml",
            Self::Channel => "channels.yaml",
            Self::Grant => "grants.yaml",
            Self::Table => "tables.yaml",
            Self::Maintenance => "maintenance.yaml",
            Self::Inhibition => "inhibitions.yaml",
            Self::Heartbeat => "heartbeats.yaml",
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
    Calendar(CalendarDocument),
    Policy(PolicyDocument),
    Service(ServiceDocument),
    Integration(IntegrationDocument),
    Pipeline(PipelineDocument),
    Channel(ChannelDocument),
    Grant(GrantDocument),
    Table(TableDocument),
    Maintenance(MaintenanceDocument),
    Inhibition(InhibitionDocument),
    Heartbeat(HeartbeatDocument),
}

impl Document {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Settings(_) => Kind::Settings,
            Self::User(_) => Kind::User,
            Self::Team(_) => Kind::Team,
            Self::Rotation(_) => Kind::Rotation,
            Self::Calendar(_) => Kind::Calendar,
            Self::Policy(_) => Kind::Policy,
            Self::Service(_) => Kind::Service,
            Self::Integration(_) => Kind::Integration,
            Self::Pipeline(_) => Kind::Pipeline,
            Self::Channel(_) => Kind::Channel,
            Self::Grant(_) => Kind::Grant,
            Self::Table(_) => Kind::Table,
            Self::Maintenance(_) => Kind::Maintenance,
            Self::Inhibition(_) => Kind::Inhibition,
            Self::Heartbeat(_) => Kind::Heartbeat,
        }
    }

    /// Its id; the settings have none.
    pub fn id(&self) -> &str {
        match self {
            Self::Settings(_) => "",
            Self::User(d) => &d.id.0,
            Self::Team(d) => &d.id.0,
            Self::Rotation(d) => &d.id.0,
            Self::Calendar(d) => &d.id.0,
            Self::Policy(d) => &d.id.0,
            Self::Service(d) => &d.id.0,
            Self::Integration(d) => &d.id.0,
            Self::Pipeline(d) => &d.id.0,
            Self::Channel(d) => &d.id.0,
            Self::Grant(d) => &d.id.0,
            Self::Table(d) => &d.id.0,
            Self::Maintenance(d) => &d.id.0,
            Self::Inhibition(d) => &d.id.0,
            Self::Heartbeat(d) => &d.id.0,
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
    /// Whether every contact is tried once a month, at a daytime hour of the person's; default: `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_test: Option<SelfTest>,
    /// Address that is fetched every minute while everything that has to page can; use a service that tells you when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_ping: Option<String>,
}

/// How often contacts are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SelfTest {
    Off,
    Monthly,
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
    /// How they want to be paged; default: by all contacts, each after its `after`, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paging: Option<PagingEntry>,
    /// Whether to tell them when their shift begins or ends; default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff_notices: Option<bool>,
}

/// A way to reach a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactEntry {
    /// A kind that the plugin of a channel serves, such as `mail` or `ntfy`.
    pub kind: Name,
    /// Mail address, topic address, phone number; `{{secret:NAME}}` for one that must stay out of configuration.
    pub address: String,
    /// How `paging` calls it; default: its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
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
    /// Acknowledged for so long and not resolved, an incident fires again; one delay, or one by severity: `{critical: 1h}`. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DelayEntry")]
    pub return_after: Option<DelayEntry>,
    /// Without a new alert for so long, an incident is resolved; one delay, or one by severity. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DelayEntry")]
    pub auto_resolve_after: Option<DelayEntry>,
    /// Whether a person who is paged for three of its incidents within a minute gets one message a minute about all of them, until all are
    /// answered; default: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub aggregate: bool,
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
    /// Whether people are paged by their primary policies, whatever the hour; default: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignore_custom_paging: bool,
}

/// One step of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepEntry {
    /// So long after the step before; for the first: so long after the incident came, so that it may recover and wake nobody. Default: at
    /// once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Delay>,
    /// Whom: `rotation/NAME` (who is on call), `next/ROTATION`, `previous/ROTATION`, `user/NAME`, `team/NAME`, `policy/NAME`, or a message to
    /// an address: `mail/ops@example.org`, `webhook/https://…`.
    pub page: Vec<PageTarget>,
    /// Whether those of `page` take turns: the next incident goes to the next of them. Default: false, all are paged.
    #[serde(default, skip_serializing_if = "is_default")]
    pub round_robin: bool,
    /// When the step is taken; at other times it is skipped at once. Default: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<WhenEntry>,
    /// Whether people are paged by their primary policies, whatever the hour; default: as the policy says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignore_custom_paging: bool,
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
    /// Where its provider reports what arrived: without such a report in this time, at least `10s`, a page counts as failed and the next
    /// contact is used. Default: a page that was taken counts as good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_within: Option<Delay>,
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
