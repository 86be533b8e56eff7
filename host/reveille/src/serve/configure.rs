//! Plans, applies and exports the configuration: documents, checked down to their plugins, become the next revision in force.

use documents::server::AllowSection;
use documents::{Bundle, Problem, change, diff};
use domain::contact::Contact;
use domain::escalation::Target;
use domain::id::{AuditId, Revision};
use domain::installation::{Installation, PluginVersion};
use ports::store::AuditRow;
use ports::{BoxFuture, Clock, Journal, Live, LoadError, Snapshot, Store, StoreError, Wakes};
use runtime::{LateAlarm, Sandbox};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use web::{Applied, BundleFile, Change, ChangeKind, ConfigProblem, Configure, ConfigureError, Plan};

/// Everything that is needed to judge and to put a configuration in force.
#[derive(Clone)]
pub struct Configuration {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub live: Arc<Live>,
    pub wakes: Arc<Wakes>,
    pub journal: Arc<dyn Journal>,
    pub sandbox: Arc<Sandbox>,
    /// Where it is told that a plugin works again.
    pub alarm: LateAlarm,
    /// One change at a time.
    pub gate: Arc<tokio::sync::Mutex<()>>,
    /// What the egress may reach, and whether there is a mail relay: contacts that lie beyond are warned of.
    pub reach: Vec<AllowSection>,
    pub mails: bool,
    /// Names of the server's secrets and keys, which grants may name.
    pub secrets: Vec<String>,
    pub keys: Vec<String>,
}

/// Versions of a plugin that are kept.
const VERSIONS_KEPT: usize = 10;

/// A configuration that could be put in force.
pub(super) struct Judged {
    pub bundle: Bundle,
    pub snapshot: Snapshot,
    /// The revision it was compared with.
    pub revision: Revision,
    pub changes: Vec<Change>,
    pub warnings: Vec<String>,
}

impl Configuration {
    /// `keep`: the versions that it takes from the plugins' folder are kept, so that they can be put in force.
    async fn judge(&self, files: Vec<(String, String)>, actor: &str, keep: bool) -> Result<Judged, ConfigureError> {
        let mut bundle = Bundle::from_files(&files);
        let mut installation = bundle.check().map_err(|problems| ConfigureError::Problems(problems.iter().map(problem).collect()))?;
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        let ungranted = bundle.check_grants(&secrets, &keys);
        if !ungranted.is_empty() {
            return Err(ConfigureError::Problems(ungranted.iter().map(problem).collect()));
        }
        let (revision, old) = self.stored().await?;
        bundle.plugins = self.versions_for(&installation, old.plugins.clone(), actor, keep).await?;
        installation.plugins.clone_from(&bundle.plugins);
        let mut warnings = warnings(&installation);
        let snapshot = self.build(installation).await?;
        warnings.extend(self.unreachable(&snapshot));
        let mut changes: Vec<Change> = diff(&old, &bundle).iter().map(change_shape).collect();
        changes.extend(version_changes(&old.plugins, &bundle.plugins));
        Ok(Judged { bundle, snapshot, revision, changes, warnings })
    }

    /// What is stored as in force; revision 0 and nothing, if there is nothing yet.
    pub(super) async fn stored(&self) -> Result<(Revision, Bundle), ConfigureError> {
        let stored = self.store.view(|view| view.configuration()).await.map_err(unavailable)?;
        Ok(stored.map_or_else(|| (Revision(0), Bundle::default()), |(revision, text)| (revision, Bundle::from_json(&text))))
    }

    /// Which version of each plugin that is used is meant: one that is pinned stays, of the others it is what lies in the folder.
    async fn versions_for(
        &self,
        installation: &Installation,
        old: BTreeMap<String, PluginVersion>,
        actor: &str,
        keep: bool,
    ) -> Result<BTreeMap<String, PluginVersion>, ConfigureError> {
        let (sandbox, now, actor) = (Arc::clone(&self.sandbox), self.clock.now(), actor.to_owned());
        let used = installation.plugin_names();
        let find = move || -> Result<_, LoadError> {
            let mut versions: BTreeMap<_, _> =
                old.iter().filter(|(_, version)| version.pinned).map(|(n, v)| (n.clone(), v.clone())).collect();
            for name in used {
                // What cannot be read is told by whoever prepares it for its place.
                let Some(package) = (!versions.contains_key(&name)).then(|| sandbox.installed_package(&name).ok()).flatten() else {
                    continue;
                };
                if keep {
                    sandbox.keep(&package, &actor)?;
                }
                versions.insert(name.clone(), version_of(old.get(&name), &package, false, now, &actor));
            }
            Ok(versions)
        };
        let found = tokio::task::spawn_blocking(find).await.map_err(broke_off)?;
        found.map_err(|error| ConfigureError::Unavailable(error.to_string()))
    }

    /// Contacts that no channel serves, or that the server's own file does not let out.
    fn unreachable(&self, snapshot: &Snapshot) -> Vec<String> {
        let served: Vec<&str> = snapshot.notify.keys().map(String::as_str).collect();
        let mut warnings = Vec::new();
        for (whose, contact) in addressed(&snapshot.installation) {
            if !snapshot.notify.contains_key(&contact.kind) {
                let kinds =
                    if served.is_empty() { "there is no channel".to_owned() } else { format!("channels serve {}", served.join(", ")) };
                warnings
                    .push(format!("{whose}: no channel serves contacts of kind {}, so pages go out as plain text ({kinds})", contact.kind));
            }
            if let Some(host) = web_host(&contact.address).filter(|host| !self.reaches(host)) {
                warnings.push(format!(
                    "{whose}: pages to {host} are not allowed out: add [[egress.allow]] with host = \"{host}\" to reveille.toml"
                ));
            }
            if contact.kind == "mail" && !self.mails {
                warnings.push(format!("{whose}: mail cannot be sent: reveille.toml has no [smtp]"));
            }
        }
        warnings
    }

    fn reaches(&self, host: &str) -> bool {
        self.reach.iter().any(|allow| match allow.host.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|front| front.ends_with('.')),
            None => allow.host == host,
        })
    }

    pub(super) async fn build(&self, installation: Installation) -> Result<Snapshot, ConfigureError> {
        let sandbox = Arc::clone(&self.sandbox);
        let built = tokio::task::spawn_blocking(move || pipeline::snapshot::build(installation, &*sandbox)).await.map_err(broke_off)?;
        built.map_err(|errors| ConfigureError::Problems(errors.iter().map(load_problem).collect()))
    }

    /// [`Configure::apply`] on names and texts.
    pub async fn apply_documents(
        &self,
        files: Vec<(String, String)>,
        expected: Option<Revision>,
        actor: String,
    ) -> Result<Applied, ConfigureError> {
        let _turn = self.gate.lock().await;
        let mut judged = self.judge(files, &actor, true).await?;
        let revision = judged.revision;
        if let Some(expected) = expected.filter(|expected| *expected != revision) {
            return Err(ConfigureError::Conflict { expected, current: revision });
        }
        let (changes, warnings) = (judged.changes.clone(), std::mem::take(&mut judged.warnings));
        if changes.is_empty() && revision.0 > 0 {
            // Nothing differs, so the revision stays; a plugin that could not be loaded may be whole again, though.
            set_revision(&mut judged.snapshot, revision);
            self.publish(judged.snapshot, &BTreeSet::new()).await;
            return Ok(Applied { revision, changes, warnings });
        }
        let details = changes.iter().map(in_one_line).collect::<Vec<_>>().join("; ");
        let revision = self.put_in_force(judged, "config.apply", details, actor).await?;
        Ok(Applied { revision, changes, warnings })
    }

    /// Stores it as the next revision, and publishes it.
    pub(super) async fn put_in_force(
        &self,
        judged: Judged,
        action: &str,
        details: String,
        actor: String,
    ) -> Result<Revision, ConfigureError> {
        let Judged { bundle, mut snapshot, revision, .. } = judged;
        let next = Revision(revision.0 + 1);
        let document = bundle.to_json();
        let at = self.clock.now();
        let audit = AuditRow {
            id: AuditId(0),
            at,
            actor,
            action: action.to_owned(),
            subject: format!("revision {next}"),
            details: domain::alert::cut(&details, 16 * 1024),
        };
        let current = self
            .store
            .write(move |tx| {
                let newest = tx.configuration()?.map_or(Revision(0), |(revision, _)| revision);
                if newest == revision {
                    tx.add_configuration(next, &document, at)?;
                    tx.add_audit(&audit)?;
                }
                Ok(newest)
            })
            .await
            .map_err(unavailable)?;
        if current != revision {
            return Err(ConfigureError::Conflict { expected: revision, current });
        }
        set_revision(&mut snapshot, next);
        let before = self.live.load();
        let changed: BTreeSet<String> = bundle
            .plugins
            .iter()
            .filter(|(name, version)| before.installation.plugins.get(*name).is_none_or(|old| old.digest != version.digest))
            .map(|(name, _)| name.clone())
            .collect();
        drop(before);
        self.publish(snapshot, &changed).await;
        for name in &changed {
            let needed = bundle.plugins.get(name).map(|version| version.digest.as_str()).into_iter().collect();
            self.sandbox.prune(name, &needed, VERSIONS_KEPT);
        }
        tracing::info!(revision = next.0, action, "a new configuration is in force");
        Ok(next)
    }

    /// Puts a snapshot in force whose plugins all load; incidents about those that did not are over.
    async fn publish(&self, snapshot: Snapshot, changed: &BTreeSet<String>) {
        let used = snapshot.installation.plugin_names();
        self.live.publish(snapshot);
        // Maintenance windows, heartbeats and rotations stand in it.
        self.wakes.quiet.ring();
        self.wakes.heartbeats.notify_one();
        self.wakes.handoff.notify_one();
        for name in used {
            super::versions::works_again(&self.store, &self.alarm, &name, changed.contains(&name)).await;
        }
    }
}

impl Configure for Configuration {
    fn plan(&self, files: Vec<BundleFile>) -> BoxFuture<'static, Result<Plan, ConfigureError>> {
        let this = self.clone();
        Box::pin(async move {
            let judged = this.judge(pairs(files), "plan", false).await?;
            let (pages, time_zone) = super::foresight::pages(&this, &judged).await?;
            Ok(Plan { revision: judged.revision, changes: judged.changes, pages, time_zone, warnings: judged.warnings })
        })
    }

    fn apply(
        &self,
        files: Vec<BundleFile>,
        expected: Option<Revision>,
        actor: String,
    ) -> BoxFuture<'static, Result<Applied, ConfigureError>> {
        let this = self.clone();
        Box::pin(async move { this.apply_documents(pairs(files), expected, actor).await })
    }

    fn export(&self) -> BoxFuture<'static, Result<(Revision, Vec<BundleFile>), ConfigureError>> {
        let this = self.clone();
        Box::pin(async move {
            let stored = this.store.view(|view| view.configuration()).await.map_err(unavailable)?;
            let Some((revision, text)) = stored else { return Ok((Revision(0), Vec::new())) };
            let files = Bundle::from_json(&text).to_yaml().map_err(|e| ConfigureError::Unavailable(e.to_string()))?;
            Ok((revision, files.into_iter().map(|(path, text)| BundleFile { path, text }).collect()))
        })
    }
}

/// The error as the command line prints it.
pub fn in_words(error: &ConfigureError) -> String {
    let ConfigureError::Problems(problems) = error else { return error.to_string() };
    let lines = problems.iter().map(|p| match (&p.file, p.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: {}", p.message),
        _ => p.message.clone(),
    });
    format!("the configuration cannot be used:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

fn pairs(files: Vec<BundleFile>) -> Vec<(String, String)> {
    files.into_iter().map(|f| (f.path, f.text)).collect()
}

fn set_revision(snapshot: &mut Snapshot, revision: Revision) {
    snapshot.revision = revision;
    Arc::make_mut(&mut snapshot.installation).revision = revision;
}

fn problem(problem: &Problem) -> ConfigProblem {
    let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    ConfigProblem {
        file: (!problem.file.is_empty()).then(|| problem.file.clone()),
        line: (problem.line > 0).then_some(problem.line),
        message: format!("{path}{}", problem.message),
    }
}

fn load_problem(error: &LoadError) -> ConfigProblem {
    ConfigProblem { file: None, line: None, message: error.to_string() }
}

fn change_shape(change: &documents::Change) -> Change {
    let (kind, name) = change.subject.split_once(' ').unwrap_or((change.subject.as_str(), ""));
    let kind_of_change = match change.action {
        change::Action::Added => ChangeKind::Added,
        change::Action::Changed => ChangeKind::Changed,
        change::Action::Removed => ChangeKind::Removed,
    };
    Change { change: kind_of_change, kind: kind.to_owned(), name: name.to_owned(), details: change.words.clone() }
}

pub(super) fn in_one_line(change: &Change) -> String {
    let action = match change.change {
        ChangeKind::Added => "added",
        ChangeKind::Changed => "changed",
        ChangeKind::Removed => "removed",
    };
    format!("{action} {} {} {}", change.kind, change.name, change.details)
}

/// The host of a web address, in lower case; `None`: no web address, or one that holds a secret.
fn web_host(address: &str) -> Option<String> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    (!host.contains('{')).then(|| host.trim_start_matches('[').trim_end_matches(']').to_lowercase())
}

/// A version with what came before it; the same as before keeps since when it is in force.
pub(super) fn version_of(
    old: Option<&PluginVersion>,
    package: &runtime::Package,
    pinned: bool,
    now: domain::time::Millis,
    by: &str,
) -> PluginVersion {
    let (digest, version) = (package.digest().to_owned(), package.version().to_owned());
    match old {
        Some(old) if old.digest == digest => PluginVersion { pinned, ..old.clone() },
        Some(old) => PluginVersion { pinned, ..old.followed_by(digest, version, now, by.to_owned()) },
        None => PluginVersion { digest, version, pinned, since: now, by: by.to_owned(), before: Vec::new() },
    }
}

/// The versions that differ, as changes.
pub(super) fn version_changes(old: &BTreeMap<String, PluginVersion>, new: &BTreeMap<String, PluginVersion>) -> Vec<Change> {
    let words = |version: &PluginVersion| {
        let pinned = if version.pinned { ", pinned" } else { "" };
        format!("version {} ({}{pinned})", version.version, version.digest.get(..12).unwrap_or_default())
    };
    let change = |name: &String, change, details| Change { change, kind: "plugin".into(), name: name.clone(), details };
    let mut changes = Vec::new();
    for (name, version) in new {
        match old.get(name) {
            None => changes.push(change(name, ChangeKind::Added, words(version))),
            Some(old) if (&old.digest, old.pinned) == (&version.digest, version.pinned) => {}
            Some(old) => changes.push(change(name, ChangeKind::Changed, format!("{} instead of {}", words(version), words(old)))),
        }
    }
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    changes.extend(gone.map(|(name, version)| change(name, ChangeKind::Removed, words(version))));
    changes
}

/// Every contact that may be paged, and whose it is.
fn addressed(installation: &Installation) -> Vec<(String, &Contact)> {
    let users = installation.users.values();
    let people = users.flat_map(|user| user.contacts.iter().map(move |method| (format!("user {}", user.id), &method.contact)));
    let policies = installation.policies.values().flat_map(|policy| policy.steps.iter().map(move |step| (policy, step)));
    let addresses = policies.flat_map(|(policy, step)| {
        step.targets.iter().filter_map(move |target| match target {
            Target::Address(contact) => Some((format!("policy {}", policy.id), contact)),
            _ => None,
        })
    });
    people.chain(addresses).collect()
}

/// What works but is probably not meant.
fn warnings(installation: &Installation) -> Vec<String> {
    let unreachable = installation
        .users
        .values()
        .filter(|u| u.contacts.is_empty())
        .map(|u| format!("user {} has no contact: nobody can page them", u.id));
    let empty = installation
        .rotations
        .values()
        .filter(|r| r.members().is_empty())
        .map(|r| format!("rotation {} has no members: its steps are skipped", r.id));
    unreachable.chain(empty).collect()
}

pub(super) fn broke_off(error: tokio::task::JoinError) -> ConfigureError {
    ConfigureError::Unavailable(format!("loading the plugins broke off: {error}"))
}

pub(super) fn unavailable(error: StoreError) -> ConfigureError {
    ConfigureError::Unavailable(error.to_string())
}
