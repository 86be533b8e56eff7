//! Everything that configuration says, as one immutable value with a revision.

use crate::action::Risk;
use crate::alert::Label;
use crate::care::CareRules;
use crate::contact::Contact;
use crate::decision::Stage;
use crate::escalation::Policy;
use crate::heartbeat::{self, Heartbeat};
use crate::id::{IntegrationId, PipelineId, PolicyId, Revision, RotationId, ServiceId, TeamId, UserId};
use crate::inhibition::Inhibition;
use crate::paging::Paging;
use crate::schedule::Rotation;
use crate::silence::Silence;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A member of the installation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    pub id: UserId,
    pub name: String,
    /// IANA.
    pub time_zone: String,
    /// BCP 47.
    pub language: String,
    /// How to reach them, first choice first.
    pub contacts: Vec<ContactMethod>,
    /// May change configuration and read everything.
    pub admin: bool,
    /// Paged as the last resort.
    pub break_glass: bool,
    /// How they want to be paged.
    pub paging: Paging,
}

/// One way to reach a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactMethod {
    pub contact: Contact,
    /// So long after the page is due; 0: at once. When an earlier contact fails, the next is used at once.
    pub delay_seconds: u32,
}

/// Users who share services and incidents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Team {
    pub id: TeamId,
    pub name: String,
    pub members: Vec<UserId>,
    /// Where its incidents go when nothing else says so.
    pub default_policy: Option<PolicyId>,
    /// `None`: the installation's.
    pub storm: Option<StormBounds>,
    /// What the host does about its incidents by itself.
    pub care: CareRules,
    /// Whether one person's pages about several incidents become one message a minute.
    pub aggregate: bool,
}

/// A row of the service catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: ServiceId,
    pub name: String,
    pub team: Option<TeamId>,
    pub runbook: Option<String>,
    pub tier: Option<String>,
    /// Further columns, by name.
    pub extra: Vec<Label>,
}

/// A configured sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    pub id: IntegrationId,
    pub team: TeamId,
    /// Which plugin reads what comes in.
    pub door: Door,
    pub pipeline: PipelineId,
    pub default_policy: Option<PolicyId>,
    /// In bytes, at most 5 MiB.
    pub body_limit_bytes: usize,
    /// When a sender's alert says nothing of it: take it as resolved so long after its last report.
    pub expire_after_seconds: Option<u32>,
    /// How much it may bring; more is refused for the moment. `None`: as much as there is room for.
    pub rate: Option<Rate>,
}

/// How many events may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// From 1 on.
    pub per_second: u32,
    /// At once, after a pause; from 1 on.
    pub burst: u32,
}

/// From where on a team's alerts are a storm. It is told, and nothing is refused for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StormBounds {
    pub alerts_per_minute: u32,
    /// Those that are new.
    pub incidents_per_minute: u32,
}

impl Default for StormBounds {
    /// A hundred alerts a second, one new incident a second.
    fn default() -> Self {
        Self { alerts_per_minute: 6000, incidents_per_minute: 60 }
    }
}

/// Which plugin stands at an integration's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// Reports come in.
    Normalize(PluginUse),
    /// People answer.
    Interact(PluginUse),
}

impl Door {
    /// The plugin, whichever it is.
    pub fn used(&self) -> &PluginUse {
        match self {
            Self::Normalize(used) | Self::Interact(used) => used,
        }
    }

    /// What it is asked there.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Normalize(_) => Stage::Normalize,
            Self::Interact(_) => Stage::Interact,
        }
    }
}

/// A plugin with its settings at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginUse {
    /// Its name, as in its manifest.
    pub plugin: String,
    /// JSON that fits the manifest's schema.
    pub settings: String,
    pub on_failure: OnFailure,
}

/// What a failed stage does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Mark it on the timeline and go on.
    #[default]
    Skip,
    /// Mark it, go on, and page the default policy.
    DefaultRoute,
}

/// The literal stage list, each a list of plugins asked in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    pub id: PipelineId,
    pub enrich: Vec<PluginUse>,
    pub filter: Vec<PluginUse>,
    /// The first with an opinion decides.
    pub dedupe: Vec<PluginUse>,
    /// The first with an opinion decides.
    pub route: Vec<PluginUse>,
    /// All are told what happens to an incident.
    pub automate: Vec<Automation>,
}

/// An automation plugin at its place, and how far it may go on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automation {
    pub used: PluginUse,
    /// Actions of these risks wait until somebody approves them.
    pub approve: Vec<Risk>,
    /// Only show what it would do.
    pub dry_run: bool,
}

/// What the operator grants a plugin, out of what its manifest asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    pub lookups: Vec<String>,
    pub keys: Vec<String>,
    /// Secrets that its requests may name.
    pub secrets: Vec<String>,
    /// Whether it may remember.
    pub state: bool,
}

/// Versions in force before that a rollback can go back to.
pub const VERSIONS_BEFORE: usize = 10;

/// The version of a plugin that a revision uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginVersion {
    /// Lower-case hex SHA-256 over component, manifest and assets.
    pub digest: String,
    /// As its manifest calls it.
    pub version: String,
    /// Somebody put it in force by name, and it stays; else each apply takes what lies in the plugins' folder.
    pub pinned: bool,
    /// Since when it is in force.
    pub since: Millis,
    /// Who put it in force.
    pub by: String,
    /// Digests that were in force before, oldest first; at most [`VERSIONS_BEFORE`].
    pub before: Vec<String>,
}

impl PluginVersion {
    /// Another version in this one's place; this one becomes the newest of those before.
    #[must_use]
    pub fn followed_by(&self, digest: String, version: String, since: Millis, by: String) -> Self {
        let mut before: Vec<String> = self.before.iter().filter(|old| **old != digest).cloned().collect();
        before.push(self.digest.clone());
        let surplus = before.len().saturating_sub(VERSIONS_BEFORE);
        before.drain(..surplus);
        Self { digest, version, pinned: self.pinned, since, by, before }
    }
}

/// A static lookup table: key → row.
pub type Table = BTreeMap<String, Vec<Label>>;

/// Everything that configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Installation {
    pub revision: Revision,
    pub users: BTreeMap<UserId, User>,
    pub teams: BTreeMap<TeamId, Team>,
    pub rotations: BTreeMap<RotationId, Rotation>,
    pub policies: BTreeMap<PolicyId, Policy>,
    pub services: BTreeMap<ServiceId, Service>,
    pub integrations: BTreeMap<IntegrationId, Integration>,
    pub pipelines: BTreeMap<PipelineId, Pipeline>,
    /// Notify plugins, asked for the contact kinds that their manifests declare.
    pub notify: Vec<PluginUse>,
    /// Notify plugins whose messages are told when their incident is answered, by whomever, or fires again.
    pub followers: std::collections::BTreeSet<String>,
    pub grants: BTreeMap<String, Grant>,
    /// Lookup tables beside the service catalog, which is always there as `catalog`.
    pub tables: BTreeMap<String, Table>,
    /// Which version of each plugin is meant, by name; one without an entry is taken from the plugins' folder.
    pub plugins: BTreeMap<String, PluginVersion>,
    /// Where everything goes that nothing else routes; always set once a configuration was applied.
    pub default_policy: PolicyId,
    /// For teams that have no bounds of their own.
    pub storm: StormBounds,
    /// Plugins of channels that report what arrived, and how soon they have to, in seconds.
    pub receipts: BTreeMap<String, u32>,
    /// Whether every contact is tried once a month.
    pub self_test: bool,
    /// Maintenance windows, by the document's id.
    pub maintenance: BTreeMap<String, Silence>,
    pub inhibitions: BTreeMap<String, Inhibition>,
    pub heartbeats: BTreeMap<String, Heartbeat>,
    /// Fetched every minute while the auditor finds nothing wrong.
    pub audit_ping: Option<String>,
}

impl Installation {
    /// From where on a team's alerts are a storm.
    pub fn storm_bounds(&self, team: &TeamId) -> StormBounds {
        self.teams.get(team).and_then(|team| team.storm).unwrap_or(self.storm)
    }

    /// The policy for what has no route: the integration's, then the team's, then the installation's.
    pub fn default_policy_for(&self, integration: Option<&IntegrationId>, team: Option<&TeamId>) -> &PolicyId {
        let heartbeat = || integration.and_then(heartbeat::of_sender).and_then(|id| self.heartbeats.get(id));
        integration
            .and_then(|id| self.integrations.get(id))
            .and_then(|i| i.default_policy.as_ref())
            .or_else(|| heartbeat().and_then(|heartbeat| heartbeat.policy.as_ref()))
            .or_else(|| team.and_then(|id| self.teams.get(id)).and_then(|t| t.default_policy.as_ref()))
            .unwrap_or(&self.default_policy)
    }

    /// The plugins that are used anywhere, by name.
    pub fn plugin_names(&self) -> std::collections::BTreeSet<String> {
        let stages = self.pipelines.values().flat_map(|p| [&p.enrich, &p.filter, &p.dedupe, &p.route]).flatten();
        let doors = self.integrations.values().map(|i| i.door.used());
        let automation = self.pipelines.values().flat_map(|p| &p.automate).map(|a| &a.used);
        stages.chain(doors).chain(automation).chain(&self.notify).map(|used| used.plugin.clone()).collect()
    }

    /// Where a plugin is used, such as `dedupe of pipeline default`.
    pub fn places_of(&self, plugin: &str) -> Vec<String> {
        let mut places = Vec::new();
        for integration in self.integrations.values().filter(|integration| integration.door.used().plugin == plugin) {
            places.push(format!("{} of integration {}", integration.door.stage().as_str(), integration.id));
        }
        for pipeline in self.pipelines.values() {
            let stages =
                [("enrich", &pipeline.enrich), ("filter", &pipeline.filter), ("dedupe", &pipeline.dedupe), ("route", &pipeline.route)];
            let using = stages.into_iter().filter(|(_, uses)| uses.iter().any(|used| used.plugin == plugin));
            places.extend(using.map(|(stage, _)| format!("{stage} of pipeline {}", pipeline.id)));
            if pipeline.automate.iter().any(|automate| automate.used.plugin == plugin) {
                places.push(format!("automate of pipeline {}", pipeline.id));
            }
        }
        if self.notify.iter().any(|used| used.plugin == plugin) {
            places.push("channel".to_owned());
        }
        places
    }

    /// The service catalog as the lookup table `catalog`: columns `id`, `name`, `team`, `runbook`, `tier` and the extra ones, sorted.
    pub fn catalog(&self) -> Table {
        self.services
            .values()
            .map(|service| {
                let fixed = [
                    ("id", Some(service.id.0.clone())),
                    ("name", Some(service.name.clone())),
                    ("team", service.team.as_ref().map(|t| t.0.clone())),
                    ("runbook", service.runbook.clone()),
                    ("tier", service.tier.clone()),
                ];
                let mut row: Vec<Label> = fixed.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
                row.extend(service.extra.iter().cloned());
                row.sort();
                row.dedup_by(|a, b| a.0 == b.0);
                (service.id.0.clone(), row)
            })
            .collect()
    }
}
