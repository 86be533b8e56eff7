//! Plans, applies and exports the configuration: documents, checked down to their plugins, become the next revision in force.

use documents::server::AllowSection;
use documents::{Bundle, Problem, change, diff};
use domain::id::{AuditId, Revision};
use domain::installation::Installation;
use ports::store::AuditRow;
use ports::{BoxFuture, Clock, Live, LoadError, PluginHost, Snapshot, Store, StoreError};
use std::sync::Arc;
use web::{Applied, BundleFile, Change, ChangeKind, ConfigProblem, Configure, ConfigureError, Plan};

/// Everything that is needed to judge and to put a configuration in force.
#[derive(Clone)]
pub struct Configuration {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub live: Arc<Live>,
    pub plugins: Arc<dyn PluginHost>,
    /// What the egress may reach, and whether there is a mail relay: contacts that lie beyond are warned of.
    pub reach: Vec<AllowSection>,
    pub mails: bool,
    /// Names of the server's secrets and keys, which grants may name.
    pub secrets: Vec<String>,
    pub keys: Vec<String>,
}

/// A configuration that could be put in force.
struct Judged {
    bundle: Bundle,
    snapshot: Snapshot,
    /// The revision it was compared with.
    revision: Revision,
    changes: Vec<Change>,
    warnings: Vec<String>,
}

impl Configuration {
    async fn judge(&self, files: Vec<(String, String)>) -> Result<Judged, ConfigureError> {
        let bundle = Bundle::from_files(&files);
        let installation = bundle.check().map_err(|problems| ConfigureError::Problems(problems.iter().map(problem).collect()))?;
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        let ungranted = bundle.check_grants(&secrets, &keys);
        if !ungranted.is_empty() {
            return Err(ConfigureError::Problems(ungranted.iter().map(problem).collect()));
        }
        let mut warnings = warnings(&installation);
        let snapshot = self.build(installation).await?;
        warnings.extend(self.unreachable(&snapshot));
        let stored = self.store.view(|view| view.configuration()).await.map_err(unavailable)?;
        let (revision, old) =
            stored.map_or_else(|| (Revision(0), Bundle::default()), |(revision, text)| (revision, Bundle::from_json(&text)));
        let changes = diff(&old, &bundle).iter().map(change_shape).collect();
        Ok(Judged { bundle, snapshot, revision, changes, warnings })
    }

    /// Contacts that no channel serves, or that the server's own file does not let out.
    fn unreachable(&self, snapshot: &Snapshot) -> Vec<String> {
        let served: Vec<&str> = snapshot.notify.keys().map(String::as_str).collect();
        let mut warnings = Vec::new();
        for user in snapshot.installation.users.values() {
            for contact in user.contacts.iter().map(|method| &method.contact) {
                if !snapshot.notify.contains_key(&contact.kind) {
                    let kinds =
                        if served.is_empty() { "there is no channel".to_owned() } else { format!("channels serve {}", served.join(", ")) };
                    warnings.push(format!(
                        "user {}: no channel serves contacts of kind {}, so pages go out as plain text ({kinds})",
                        user.id, contact.kind
                    ));
                }
                if let Some(host) = web_host(&contact.address).filter(|host| !self.reaches(host)) {
                    warnings.push(format!(
                        "user {}: pages to {host} are not allowed out: add [[egress.allow]] with host = \"{host}\" to reveille.toml",
                        user.id
                    ));
                }
                if contact.kind == "mail" && !self.mails {
                    warnings.push(format!("user {}: mail cannot be sent: reveille.toml has no [smtp]", user.id));
                }
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

    async fn build(&self, installation: Installation) -> Result<Snapshot, ConfigureError> {
        let plugins = Arc::clone(&self.plugins);
        let built = tokio::task::spawn_blocking(move || pipeline::snapshot::build(installation, &*plugins)).await;
        let built = built.map_err(|e| ConfigureError::Unavailable(format!("loading the plugins broke off: {e}")))?;
        built.map_err(|errors| ConfigureError::Problems(errors.iter().map(load_problem).collect()))
    }

    /// [`Configure::apply`] on names and texts.
    pub async fn apply_documents(
        &self,
        files: Vec<(String, String)>,
        expected: Option<Revision>,
        actor: String,
    ) -> Result<Applied, ConfigureError> {
        let Judged { bundle, mut snapshot, revision, changes, warnings } = self.judge(files).await?;
        if let Some(expected) = expected.filter(|expected| *expected != revision) {
            return Err(ConfigureError::Conflict { expected, current: revision });
        }
        if changes.is_empty() && revision.0 > 0 {
            // Nothing differs, so the revision stays; the plugins' files may have changed, though.
            set_revision(&mut snapshot, revision);
            self.live.publish(snapshot);
            return Ok(Applied { revision, changes, warnings });
        }
        let next = Revision(revision.0 + 1);
        let document = bundle.to_json();
        let at = self.clock.now();
        let details = changes.iter().map(in_one_line).collect::<Vec<_>>().join("; ");
        let audit = AuditRow {
            id: AuditId(0),
            at,
            actor,
            action: "config.apply".into(),
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
        self.live.publish(snapshot);
        tracing::info!(revision = next.0, "a new configuration is in force");
        Ok(Applied { revision: next, changes, warnings })
    }
}

impl Configure for Configuration {
    fn plan(&self, files: Vec<BundleFile>) -> BoxFuture<'static, Result<Plan, ConfigureError>> {
        let this = self.clone();
        Box::pin(async move {
            let judged = this.judge(pairs(files)).await?;
            Ok(Plan { revision: judged.revision, changes: judged.changes, warnings: judged.warnings })
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

fn in_one_line(change: &Change) -> String {
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
        .filter(|r| r.members.is_empty())
        .map(|r| format!("rotation {} has no members: its steps are skipped", r.id));
    unreachable.chain(empty).collect()
}

fn unavailable(error: StoreError) -> ConfigureError {
    ConfigureError::Unavailable(error.to_string())
}
