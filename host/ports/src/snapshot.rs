//! What is in force: one immutable value with the configuration and its prepared plugins, swapped whole.

use crate::plugin::Plugin;
use crate::quiet::Standing;
use arc_swap::ArcSwap;
use domain::action::Risk;
use domain::decision::Stage;
use domain::id::{IntegrationId, PipelineId, Revision};
use domain::incident::Incident;
use domain::installation::{Installation, OnFailure};
use domain::silence::Silences;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One plugin at one place of a pipeline.
#[derive(Clone)]
pub struct Placed {
    pub plugin: Arc<dyn Plugin>,
    pub on_failure: OnFailure,
}

/// One automation plugin at one place of a pipeline.
#[derive(Clone)]
pub struct Automated {
    pub plugin: Arc<dyn Plugin>,
    /// Actions of these risks wait until somebody approves them.
    pub approve: Vec<Risk>,
    /// Only show what it would do.
    pub dry_run: bool,
}

/// The prepared stages of one pipeline, in the order of the path.
#[derive(Clone, Default)]
pub struct Stages {
    pub enrich: Vec<Placed>,
    pub filter: Vec<Placed>,
    pub dedupe: Vec<Placed>,
    pub route: Vec<Placed>,
    pub automate: Vec<Automated>,
}

impl Stages {
    /// The stages that alerts and incidents pass by name, in the order of the path; automation hears of them and stops none.
    pub fn named(&self) -> [(Stage, &[Placed]); 4] {
        [(Stage::Enrich, &self.enrich), (Stage::Filter, &self.filter), (Stage::Dedupe, &self.dedupe), (Stage::Route, &self.route)]
    }
}

/// Configuration and plugins under one revision.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub revision: Revision,
    pub installation: Arc<Installation>,
    pub normalizers: BTreeMap<IntegrationId, Arc<dyn Plugin>>,
    /// The integrations at which people answer.
    pub interactors: BTreeMap<IntegrationId, Arc<dyn Plugin>>,
    pub pipelines: BTreeMap<PipelineId, Stages>,
    /// By contact kind.
    pub notify: BTreeMap<String, Arc<dyn Plugin>>,
}

impl Snapshot {
    /// The contact kinds whose messages follow their incident: those of channels that say so and whose plugin can tell news.
    pub fn followed(&self) -> BTreeSet<&str> {
        let follows = |plugin: &Arc<dyn Plugin>| self.installation.followers.contains(&plugin.cite().name);
        let tells = |kind: &str, plugin: &Arc<dyn Plugin>| {
            plugin.info().contacts.iter().any(|contact| contact.kind == kind && contact.purposes.iter().any(|purpose| purpose == "update"))
        };
        self.notify.iter().filter(|(kind, plugin)| follows(plugin) && tells(kind, plugin)).map(|(kind, _)| kind.as_str()).collect()
    }

    /// The automation plugins that are told of an incident: those of its integration's pipeline. Of what is about the host itself, none is.
    pub fn automation(&self, incident: &Incident) -> &[Automated] {
        if incident.own {
            return &[];
        }
        let integration = incident.integration.as_ref().and_then(|id| self.installation.integrations.get(id));
        integration.and_then(|i| self.pipelines.get(&i.pipeline)).map_or(&[], |stages| &stages.automate)
    }
}

/// The snapshot in force. Readers load it at the start of a piece of work and keep it to the end.
#[derive(Default)]
pub struct Live {
    snapshot: ArcSwap<Snapshot>,
    standing: ArcSwap<Standing>,
    silences: ArcSwap<Silences>,
}

impl Live {
    /// Starts with `snapshot`.
    pub fn new(snapshot: Snapshot) -> Self {
        let standing = ArcSwap::from_pointee(Standing::of(&snapshot.installation));
        Self { snapshot: ArcSwap::from_pointee(snapshot), standing, silences: ArcSwap::default() }
    }

    /// What is in force now.
    pub fn load(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts a snapshot in force.
    pub fn publish(&self, snapshot: Snapshot) {
        self.standing.store(Arc::new(Standing::of(&snapshot.installation)));
        self.snapshot.store(Arc::new(snapshot));
    }

    /// What its documents say of inhibition and heartbeats, ready to be asked.
    pub fn standing(&self) -> Arc<Standing> {
        self.standing.load_full()
    }

    /// The silences, those of documents among them.
    pub fn silences(&self) -> Arc<Silences> {
        self.silences.load_full()
    }

    /// Puts silences in force; [`crate::quiet::refresh`] reads them.
    pub fn hush(&self, silences: Silences) {
        self.silences.store(Arc::new(silences));
    }
}
