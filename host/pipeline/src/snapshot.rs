//! Makes a snapshot of an installation: every plugin prepared at its place, or every reason why not.

use crate::broken::Broken;
use crate::settings::EngineSettings;
use domain::decision::Stage;
use domain::id::PipelineId;
use domain::installation::{Automation, Door, Grant, Installation, PluginUse};
use ports::plugin::Surroundings;
use ports::{Automated, LoadError, Placed, Plugin, PluginHost, Snapshot, Stages};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Prepares all plugins of an installation. Blocking (it may compile): call it outside the async runtime.
pub fn build(installation: Installation, host: &dyn PluginHost) -> Result<Snapshot, Vec<LoadError>> {
    let (snapshot, errors) = build_with_what_loads(installation, host);
    if errors.is_empty() { Ok(snapshot) } else { Err(errors) }
}

/// [`build`] for a trial: plugins of its own that nothing in force knows of. One that cannot be loaded fails at each call.
pub fn build_for_trial(installation: Installation, host: &dyn PluginHost) -> Snapshot {
    prepare_all(installation, host, true).0
}

/// The route plugins alone, at their places: enough to ask where an incident would go. Blocking.
pub fn build_routes(installation: Installation, host: &dyn PluginHost) -> Result<Snapshot, Vec<LoadError>> {
    let mut routes = installation.clone();
    routes.integrations.clear();
    routes.notify.clear();
    for pipeline in routes.pipelines.values_mut() {
        [&mut pipeline.enrich, &mut pipeline.filter, &mut pipeline.dedupe].into_iter().for_each(Vec::clear);
        pipeline.automate.clear();
    }
    let (snapshot, errors) = prepare_all(routes, host, true);
    let snapshot = Snapshot { installation: Arc::new(installation), ..snapshot };
    if errors.is_empty() { Ok(snapshot) } else { Err(errors) }
}

/// Instances for every thread that may ask, so that none is made on the path after the snapshot is in force.
fn warm_up(snapshot: &Snapshot) {
    let threads = EngineSettings::default();
    let stages = snapshot.pipelines.values().flat_map(ports::Stages::named);
    for (stage, placed) in stages {
        let asked_by = if stage == Stage::Route { 1 } else { threads.partition_threads };
        for placed in placed {
            placed.plugin.warm_up(asked_by);
        }
    }
    snapshot.normalizers.values().for_each(|plugin| plugin.warm_up(threads.normalizer_threads));
    snapshot.notify.values().for_each(|plugin| plugin.warm_up(1));
}

/// [`build`] for a configuration that was in force before: a plugin that cannot be loaded any more fails at each call, so that alerts go on
/// without it, as its stage's failure policy says.
pub fn build_with_what_loads(installation: Installation, host: &dyn PluginHost) -> (Snapshot, Vec<LoadError>) {
    let (snapshot, errors) = prepare_all(installation, host, false);
    warm_up(&snapshot);
    (snapshot, errors)
}

fn prepare_all(installation: Installation, host: &dyn PluginHost, trial: bool) -> (Snapshot, Vec<LoadError>) {
    let mut tables: BTreeMap<_, _> = installation.tables.iter().map(|(name, table)| (name.clone(), Arc::new(table.clone()))).collect();
    tables.insert("catalog".to_owned(), Arc::new(installation.catalog()));
    let versions = installation.plugins.iter().map(|(name, version)| (name.clone(), version.digest.clone())).collect();
    let mut builder = Builder {
        installation: &installation,
        host,
        around: Surroundings { tables: Arc::new(tables), versions: Arc::new(versions), trial },
        prepared: Vec::new(),
        errors: Vec::new(),
    };
    let mut normalizers = BTreeMap::new();
    let mut interactors = BTreeMap::new();
    for (id, integration) in &installation.integrations {
        let place = format!("integration {id}");
        match &integration.door {
            Door::Normalize(used) => drop(normalizers.insert(id.clone(), builder.prepare(used, Stage::Normalize, &place))),
            Door::Interact(used) => drop(interactors.insert(id.clone(), builder.prepare(used, Stage::Interact, &place))),
        }
    }
    let mut pipelines = BTreeMap::new();
    for (id, pipeline) in &installation.pipelines {
        let stages = Stages {
            enrich: builder.place(&pipeline.enrich, Stage::Enrich, id),
            filter: builder.place(&pipeline.filter, Stage::Filter, id),
            dedupe: builder.place(&pipeline.dedupe, Stage::Dedupe, id),
            route: builder.place(&pipeline.route, Stage::Route, id),
            automate: builder.automation(&pipeline.automate, id),
        };
        pipelines.insert(id.clone(), stages);
    }
    let notify = builder.notify();
    let errors = builder.errors;
    let revision = installation.revision;
    (Snapshot { revision, normalizers, interactors, pipelines, notify, installation: Arc::new(installation) }, errors)
}

struct Builder<'a> {
    installation: &'a Installation,
    host: &'a dyn PluginHost,
    around: Surroundings,
    /// The same plugin with the same settings at the same stage is prepared once.
    prepared: Vec<(PluginUse, Stage, Arc<dyn Plugin>)>,
    errors: Vec<LoadError>,
}

impl Builder<'_> {
    fn prepare(&mut self, used: &PluginUse, stage: Stage, place: &str) -> Arc<dyn Plugin> {
        let same = |(u, s, _): &&(PluginUse, Stage, Arc<dyn Plugin>)| *s == stage && u.plugin == used.plugin && u.settings == used.settings;
        if let Some((_, _, plugin)) = self.prepared.iter().find(same) {
            return Arc::clone(plugin);
        }
        let ungranted = Grant::default();
        let grant = self.installation.grants.get(&used.plugin).unwrap_or(&ungranted);
        match self.host.prepare(used, stage, grant, &self.around) {
            Ok(plugin) => {
                self.prepared.push((used.clone(), stage, Arc::clone(&plugin)));
                plugin
            }
            Err(error) => {
                let broken = Arc::new(Broken::because(&error));
                self.errors.push(LoadError { reason: format!("{place}: {}", error.reason), ..error });
                broken
            }
        }
    }

    fn place(&mut self, uses: &[PluginUse], stage: Stage, pipeline: &PipelineId) -> Vec<Placed> {
        let place = format!("{} of pipeline {pipeline}", stage.as_str());
        uses.iter().map(|used| Placed { plugin: self.prepare(used, stage, &place), on_failure: used.on_failure }).collect()
    }

    fn automation(&mut self, uses: &[Automation], pipeline: &PipelineId) -> Vec<Automated> {
        let place = format!("{} of pipeline {pipeline}", Stage::Automate.as_str());
        let mut automated = |each: &Automation| Automated {
            plugin: self.prepare(&each.used, Stage::Automate, &place),
            approve: each.approve.clone(),
            dry_run: each.dry_run,
        };
        uses.iter().map(&mut automated).collect()
    }

    /// Notify plugins by the contact kinds that they serve; two for one kind are a mistake, not a choice.
    fn notify(&mut self) -> BTreeMap<String, Arc<dyn Plugin>> {
        let mut by_kind: BTreeMap<String, Arc<dyn Plugin>> = BTreeMap::new();
        for used in &self.installation.notify {
            let plugin = self.prepare(used, Stage::Notify, "channel");
            for contact in &plugin.info().contacts {
                if let Some(other) = by_kind.get(&contact.kind) {
                    let reason =
                        format!("contact kind \"{}\" is already served by {}; remove one of them", contact.kind, other.cite().name);
                    self.errors.push(LoadError { plugin: used.plugin.clone(), reason });
                } else {
                    by_kind.insert(contact.kind.clone(), Arc::clone(&plugin));
                }
            }
        }
        by_kind
    }
}
