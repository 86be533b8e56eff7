//! Everything that configuration says, as one immutable value with a revision.

use crate::alert::Label;
use crate::contact::Contact;
use crate::escalation::Policy;
use crate::id::{IntegrationId, PipelineId, PolicyId, Revision, RotationId, ServiceId, TeamId, UserId};
use crate::schedule::Rotation;
use std::collections::BTreeMap;

/// A member of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// One way to reach a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactMethod {
    pub contact: Contact,
    /// So long after the page is due; 0: at once. When an earlier contact fails, the next is used at once.
    pub delay_seconds: u32,
}

/// Users who share services and incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    pub id: TeamId,
    pub name: String,
    pub members: Vec<UserId>,
    /// Where its incidents go when nothing else says so.
    pub default_policy: Option<PolicyId>,
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
    /// Its normalizer.
    pub normalize: PluginUse,
    pub pipeline: PipelineId,
    pub default_policy: Option<PolicyId>,
    /// In bytes, at most 5 MiB.
    pub body_limit_bytes: usize,
    /// When a sender's alert says nothing of it: take it as resolved so long after its last report.
    pub expire_after_seconds: Option<u32>,
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
    pub grants: BTreeMap<String, Grant>,
    /// Lookup tables beside the service catalog, which is always there as `catalog`.
    pub tables: BTreeMap<String, Table>,
    /// Where everything goes that nothing else routes; always set once a configuration was applied.
    pub default_policy: PolicyId,
}

impl Installation {
    /// The policy for what has no route: the integration's, then the team's, then the installation's.
    pub fn default_policy_for(&self, integration: Option<&IntegrationId>, team: Option<&TeamId>) -> &PolicyId {
        integration
            .and_then(|id| self.integrations.get(id))
            .and_then(|i| i.default_policy.as_ref())
            .or_else(|| team.and_then(|id| self.teams.get(id)).and_then(|t| t.default_policy.as_ref()))
            .unwrap_or(&self.default_policy)
    }

    /// The plugins that are used anywhere, by name.
    pub fn plugin_names(&self) -> std::collections::BTreeSet<String> {
        let stages = self.pipelines.values().flat_map(|p| [&p.enrich, &p.filter, &p.dedupe, &p.route]).flatten();
        let normalizers = self.integrations.values().map(|i| &i.normalize);
        stages.chain(normalizers).chain(&self.notify).map(|used| used.plugin.clone()).collect()
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
