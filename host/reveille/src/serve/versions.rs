//! Swaps one plugin for another version of itself: verify, compile, check the grants, configure, try on past alerts, publish. Whatever step
//! refuses it, what is in force stays in force.

use super::configure::{Configuration, Judged, broke_off, in_one_line, unavailable, version_changes, version_of};
use documents::Bundle;
use domain::alert::Severity;
use domain::command::Notice;
use domain::id::{Revision, TeamId};
use domain::installation::{Installation, PluginVersion};
use pipeline::trial::{self, Report, Sample};
use ports::plugin::{IncidentView, Surroundings};
use ports::store::IncidentFilter;
use ports::{BoxFuture, LoadError, Store, StoreError};
use runtime::{LateAlarm, Package, Sandbox};
use std::collections::BTreeMap;
use std::sync::Arc;
use web::{ConfigureError, PluginFile, PluginVersionRow, Trial, VersionChange, VersionWanted, Versions};

/// Shortest beginning of a digest that names a version.
const DIGEST_HEX_LEAST: usize = 8;
/// Alerts shown to a route plugin with an incident, as the router does.
const ALERTS_LIMIT: u32 = 20;

/// How a candidate is treated.
#[derive(Clone, Copy)]
struct How {
    action: &'static str,
    pinned: bool,
    /// It is tried on past alerts.
    tried: bool,
    /// What fails in the trial is in force all the same.
    force: bool,
    /// It is put in force at all.
    publish: bool,
}

/// A version that passed every step before the trial.
struct Candidate {
    package: Package,
    version: PluginVersion,
    /// It was not kept before.
    fresh: bool,
}

impl Configuration {
    async fn change_version(&self, name: String, wanted: VersionWanted, actor: String) -> Result<VersionChange, ConfigureError> {
        let _turn = self.gate.lock().await;
        let (revision, bundle) = self.stored().await?;
        if revision.0 == 0 {
            return Err(ConfigureError::Unknown("There is no configuration yet.".into()));
        }
        let how = how(&wanted);
        let (sandbox, old, by, now) = (Arc::clone(&self.sandbox), bundle.plugins.get(&name).cloned(), actor.clone(), self.clock.now());
        let (of_plugin, of_change) = (name.clone(), how);
        let verified = move || {
            let package = package(&sandbox, &of_plugin, wanted, old.as_ref())?;
            let mut version = version_of(old.as_ref(), &package, of_change.pinned, now, &by);
            if of_change.action == "plugin.rollback" {
                // Going back twice goes back further.
                version.before.retain(|digest| *digest != version.digest);
                if let Some(old) = old.filter(|old| old.before.contains(&version.digest)) {
                    version.before = old.before.iter().take_while(|digest| **digest != version.digest).cloned().collect();
                }
            }
            sandbox.check_surface(&package).map_err(|error| refused("contract", &error))?;
            sandbox.compile(&package).map_err(|error| refused("compile", &error))?;
            let fresh = sandbox.keep(&package, &by).map_err(|error| ConfigureError::Unavailable(error.to_string()))?;
            Ok(Candidate { package, version, fresh })
        };
        let candidate = tokio::task::spawn_blocking(verified).await.map_err(broke_off)??;
        let (digest, fresh) = (candidate.version.digest.clone(), candidate.fresh);
        let swapped = self.swap(&name, candidate, revision, bundle, how, actor).await;
        if fresh && (swapped.is_err() || !how.publish) {
            let sandbox = Arc::clone(&self.sandbox);
            tokio::task::spawn_blocking(move || sandbox.forget(&name, &digest)).await.map_err(broke_off)?;
        }
        swapped
    }

    async fn swap(
        &self,
        name: &str,
        candidate: Candidate,
        revision: Revision,
        mut bundle: Bundle,
        how: How,
        actor: String,
    ) -> Result<VersionChange, ConfigureError> {
        let Candidate { package, version, .. } = candidate;
        let in_force =
            bundle.check().map_err(|_| ConfigureError::Unavailable("the stored configuration does not fit this version".into()))?;
        let places = in_force.places_of(name);
        if !places.is_empty() {
            let grant = in_force.grants.get(name).cloned().unwrap_or_default();
            let checked = self.sandbox.check_grant(&package, &grant, &surroundings(&in_force));
            checked.map_err(|error| refused("grants", &error))?;
        }
        let old_plugins = bundle.plugins.clone();
        bundle.plugins.insert(name.to_owned(), version.clone());
        let installation = Installation { plugins: bundle.plugins.clone(), ..in_force.clone() };
        let snapshot = self.build(installation.clone()).await.map_err(as_configure_step)?;
        let report = if how.tried && !places.is_empty() { Some(self.tried(name, in_force, installation).await?) } else { None };
        if let Some(report) = report.as_ref().filter(|report| report.fails > 0 && how.publish && !how.force) {
            let asked = report.bodies + report.alerts + report.incidents;
            let reason = format!("it fails on {} of {asked} that the version in force handles", report.fails);
            return Err(ConfigureError::Refused { step: "trial", reason, examples: report.examples.clone() });
        }
        let changes = version_changes(&old_plugins, &bundle.plugins);
        let mut said = VersionChange {
            revision,
            name: name.to_owned(),
            version: version.version,
            digest: version.digest,
            in_force: how.publish,
            warnings: warnings(&places, report.as_ref()),
            places,
            trial: report.map(trial_shape),
        };
        if how.publish && !changes.is_empty() {
            let details = changes.iter().map(in_one_line).collect::<Vec<_>>().join("; ");
            let judged = Judged { bundle, snapshot, revision, changes, warnings: Vec::new() };
            said.revision = self.put_in_force(judged, how.action, details, actor).await?;
        }
        Ok(said)
    }

    /// Both versions on what really came.
    async fn tried(&self, name: &str, in_force: Installation, candidate: Installation) -> Result<Report, ConfigureError> {
        let users = in_force.clone();
        let job = move |view: &dyn ports::View| {
            let newest = view.incidents(&IncidentFilter { limit: trial::INCIDENTS, ..IncidentFilter::default() })?;
            newest.into_iter().map(|incident| incident_view(view, incident, &users)).collect::<Result<Vec<_>, StoreError>>()
        };
        let incidents = self.store.view(job).await.map_err(unavailable)?;
        let (journal, sandbox, clock, name) =
            (Arc::clone(&self.journal), Arc::clone(&self.sandbox), Arc::clone(&self.clock), name.to_owned());
        let compared = move || {
            let sample = Sample { incidents, ..Sample::newest(&*journal)? };
            let in_force = pipeline::snapshot::build_for_trial(in_force, &*sandbox);
            let candidate = pipeline::snapshot::build_for_trial(candidate, &*sandbox);
            Ok(trial::compare(&name, in_force, candidate, &sample, &*clock))
        };
        let compared = tokio::task::spawn_blocking(compared).await.map_err(broke_off)?;
        compared.map_err(|error: ports::JournalError| ConfigureError::Unavailable(error.to_string()))
    }

    async fn version_rows(&self, name: String) -> Result<Vec<PluginVersionRow>, ConfigureError> {
        let (_, bundle) = self.stored().await?;
        let in_force = bundle.plugins.get(&name).cloned();
        let (sandbox, of_plugin) = (Arc::clone(&self.sandbox), name.clone());
        let kept = tokio::task::spawn_blocking(move || sandbox.kept_versions(&of_plugin)).await.map_err(broke_off)?;
        if kept.is_empty() && in_force.is_none() {
            return Err(ConfigureError::Unknown(format!("No version of a plugin {name} is kept: none was put in force yet.")));
        }
        let places = self.live.load().installation.places_of(&name);
        let row = |kept: runtime::KeptVersion| {
            let now = in_force.as_ref().filter(|now| now.digest == kept.digest);
            PluginVersionRow {
                in_force: now.is_some(),
                since: now.map(|now| now.since.rfc3339()),
                by: now.map(|now| now.by.clone()),
                pinned: now.is_some_and(|now| now.pinned),
                places: if now.is_some() { places.clone() } else { Vec::new() },
                digest: kept.digest,
                version: kept.version,
                kept_at: kept.at.rfc3339(),
                kept_by: kept.by,
            }
        };
        let mut rows: Vec<PluginVersionRow> = kept.into_iter().map(row).collect();
        rows.sort_by_key(|row| !row.in_force);
        Ok(rows)
    }
}

impl Versions for Configuration {
    fn change(&self, plugin: String, wanted: VersionWanted, actor: String) -> BoxFuture<'static, Result<VersionChange, ConfigureError>> {
        let this = self.clone();
        Box::pin(async move { this.change_version(plugin, wanted, actor).await })
    }

    fn list(&self, plugin: String) -> BoxFuture<'static, Result<Vec<PluginVersionRow>, ConfigureError>> {
        let this = self.clone();
        Box::pin(async move { this.version_rows(plugin).await })
    }
}

fn how(wanted: &VersionWanted) -> How {
    let usual = How { action: "plugin.push", pinned: true, tried: true, force: false, publish: true };
    match wanted {
        VersionWanted::Sent { force, .. } => How { force: *force, ..usual },
        VersionWanted::Tried { .. } => How { publish: false, ..usual },
        // It was in force before, and whoever goes back is in a hurry.
        VersionWanted::Before { .. } => How { action: "plugin.rollback", tried: false, ..usual },
        VersionWanted::Installed => How { action: "plugin.install", pinned: false, ..usual },
    }
}

/// The files that are wanted.
fn package(sandbox: &Sandbox, name: &str, wanted: VersionWanted, old: Option<&PluginVersion>) -> Result<Package, ConfigureError> {
    let read = match wanted {
        VersionWanted::Sent { files, .. } | VersionWanted::Tried { files } => sandbox.unpack(name, by_path(files)?),
        VersionWanted::Before { digest } => {
            let digest = wanted_before(sandbox, name, digest.as_deref(), old)?;
            sandbox.kept_package(name, &digest)
        }
        VersionWanted::Installed => sandbox.installed_package(name),
    };
    read.map_err(|error| refused("verify", &error))
}

fn by_path(files: Vec<PluginFile>) -> Result<BTreeMap<String, Vec<u8>>, ConfigureError> {
    let mut all = BTreeMap::new();
    for file in files {
        let path = file.path.trim_start_matches("./").to_owned();
        if all.insert(path.clone(), file.content).is_some() {
            return Err(ConfigureError::Refused { step: "verify", reason: format!("{path} was sent twice"), examples: Vec::new() });
        }
    }
    Ok(all)
}

/// The digest of the version to go back to.
fn wanted_before(sandbox: &Sandbox, name: &str, digest: Option<&str>, old: Option<&PluginVersion>) -> Result<String, ConfigureError> {
    let kept = sandbox.kept_versions(name);
    let Some(wanted) = digest else {
        let before = old.map_or(&[][..], |old| &old.before);
        let newest = before.iter().rev().find(|digest| kept.iter().any(|kept| kept.digest == **digest));
        return newest
            .cloned()
            .ok_or_else(|| ConfigureError::Unknown(format!("No version of {name} was in force before the present one.")));
    };
    let mut named = kept.iter().filter(|kept| wanted.len() >= DIGEST_HEX_LEAST && kept.digest.starts_with(wanted));
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(one.digest.clone()),
        (None, _) => Err(ConfigureError::Unknown(format!(
            "No version {wanted} of {name} is kept: `reveille plugin versions {name}` lists them, and 8 digits name one."
        ))),
        (Some(_), Some(_)) => Err(ConfigureError::Unknown(format!("Several versions of {name} begin with {wanted}: give more digits."))),
    }
}

fn refused(step: &'static str, error: &LoadError) -> ConfigureError {
    ConfigureError::Refused { step, reason: error.to_string(), examples: Vec::new() }
}

/// What cannot be prepared for its place is refused by the step that configures it there.
fn as_configure_step(error: ConfigureError) -> ConfigureError {
    match error {
        ConfigureError::Problems(problems) => {
            let reasons: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
            ConfigureError::Refused { step: "configure", reason: reasons.join("; "), examples: Vec::new() }
        }
        other => other,
    }
}

fn surroundings(installation: &Installation) -> Surroundings {
    let mut tables: BTreeMap<_, _> = installation.tables.iter().map(|(name, table)| (name.clone(), Arc::new(table.clone()))).collect();
    tables.insert("catalog".to_owned(), Arc::new(installation.catalog()));
    Surroundings { tables: Arc::new(tables), ..Surroundings::default() }
}

fn incident_view(
    view: &dyn ports::View,
    incident: domain::incident::Incident,
    installation: &Installation,
) -> Result<IncidentView, StoreError> {
    let alerts = view.alerts_of(incident.id, ALERTS_LIMIT)?.into_iter().map(|state| Arc::unwrap_or_clone(state.alert)).collect();
    let responders = incident.responders.iter().filter_map(|id| installation.users.get(id).cloned()).collect();
    Ok(IncidentView { incident, url: None, responders, alerts })
}

fn warnings(places: &[String], report: Option<&Report>) -> Vec<String> {
    let mut warnings = Vec::new();
    if places.is_empty() {
        warnings
            .push("it is used nowhere, so it was neither configured nor tried; the configuration that uses it takes this version".into());
    }
    if let Some(report) = report {
        if report.entities > 0 {
            warnings.push(format!(
                "{} of {} bodies would give other entities: a recovery finds its alert by entity, so what is open now has to be resolved by hand or expires",
                report.entities, report.bodies
            ));
        }
        if report.fails > 0 {
            warnings.push(format!("it fails on {} that the version in force handles", report.fails));
        }
    }
    warnings
}

fn trial_shape(report: Report) -> Trial {
    Trial {
        bodies: report.bodies,
        alerts: report.alerts,
        incidents: report.incidents,
        other_events: report.events,
        other_entities: report.entities,
        other_verdicts: report.verdicts,
        other_incidents: report.groupings,
        other_edits: report.edits,
        other_routes: report.routes,
        fails: report.fails,
        mends: report.mends,
        cut_short: report.cut_short,
        examples: report.examples,
    }
}

/// What is said about a plugin that cannot be loaded.
pub fn not_loaded(name: &str, details: String, over: bool) -> Notice {
    Notice {
        cause: format!("plugin/{name}"),
        summary: format!("Plugin {name} cannot be loaded: alerts go on without it"),
        details,
        severity: Severity::Error,
        integration: None,
        over,
    }
}

/// Ends the incident about a plugin that could not be loaded, and, for another version, the one about a plugin that was switched off.
pub async fn works_again(store: &Arc<dyn Store>, alarm: &LateAlarm, name: &str, other_version: bool) {
    let Some(alarm) = alarm.get() else { return };
    let is_open = async |cause: &str| {
        let key = format!("reveille/{cause}/{name}");
        match store.view(move |view| view.open_incident(&TeamId::default(), &key)).await {
            Ok(found) => found.is_some(),
            Err(error) => {
                tracing::warn!(plugin = name, %error, "cannot look for incidents about a plugin");
                false
            }
        }
    };
    if is_open("plugin").await {
        alarm.raise(not_loaded(name, "It loads again.".into(), true));
    }
    if other_version && is_open("breaker").await {
        let summary = format!("Plugin {name} has another version");
        let details = "It starts with a clean sheet.".to_owned();
        alarm.raise(Notice {
            cause: format!("breaker/{name}"),
            summary,
            details,
            severity: Severity::Error,
            integration: None,
            over: true,
        });
    }
}
