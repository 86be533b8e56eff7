//! Doubles for the neighbours: the pipeline that does commands, configuration, links, plugins and the clock.

use domain::alert::Status;
use domain::command::{Actor, Command, Operation, Subject};
use domain::decision::{PluginRef, Stage};
use domain::id::{DeadLetterId, IncidentId, JournalId, Revision, UserId};
use domain::installation::{Grant, PluginUse};
use domain::time::Millis;
use domain::timeline::{Line, LineKind};
use parking_lot::Mutex;
use ports::plugin::{Instance, LoadError, Plugin, PluginHost, PluginInfo, Surroundings};
use ports::store::DeadLetterState;
use ports::{BoxFuture, Clock, Journal, Store, Wakes};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use web::{
    Applied, Backlog, BundleFile, Change, ChangeKind, CommandFailure, CommandOutcome, Commands, ConfigProblem, Configure, ConfigureError,
    LinkFailure, PageLink, PageLinks, Plan, PluginVersionRow, Trial, VersionChange, VersionWanted, Versions,
};

/// Stands still until it is set.
#[derive(Debug)]
pub struct DoubleClock {
    now: Mutex<Millis>,
    moved: Arc<Notify>,
}

impl DoubleClock {
    pub fn at(now: Millis) -> Arc<Self> {
        Arc::new(Self { now: Mutex::new(now), moved: Arc::new(Notify::new()) })
    }

    pub fn set(&self, now: Millis) {
        *self.now.lock() = now;
        self.moved.notify_waiters();
    }
}

impl Clock for DoubleClock {
    fn now(&self) -> Millis {
        *self.now.lock()
    }

    /// Short waits are real, so that a stream's pause passes; the others never end unless the clock is set.
    fn wait_until(&self, due: Millis) -> BoxFuture<'static, ()> {
        let left = due.since(self.now());
        let moved = self.moved.clone();
        Box::pin(async move {
            if left <= 0 {
                return;
            }
            if left <= 1_000 {
                return tokio::time::sleep(Duration::from_millis(10)).await;
            }
            moved.notified().await;
        })
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// Does to the stored incident what the pipeline's commit would.
pub struct DoubleCommands {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub wakes: Arc<Wakes>,
    pub journal: Arc<dyn Journal>,
}

impl Commands for DoubleCommands {
    fn command(&self, command: Command) -> BoxFuture<'static, Result<CommandOutcome, CommandFailure>> {
        let (store, wakes, now) = (self.store.clone(), self.wakes.clone(), self.clock.now());
        Box::pin(async move {
            let Subject::Incident(id) = command.subject else { return Ok(CommandOutcome::Refused("no incident".into())) };
            let outcome = store.write(move |tx| apply(tx, id, &command, now)).await;
            wakes.incident_changed(id);
            outcome.map_err(|error| CommandFailure::NotStored(error.to_string()))
        })
    }

    fn replay(&self, letter: DeadLetterId) -> BoxFuture<'static, Result<CommandOutcome, CommandFailure>> {
        settle(self.store.clone(), letter, DeadLetterState::Replayed)
    }

    fn discard(&self, letter: DeadLetterId) -> BoxFuture<'static, Result<CommandOutcome, CommandFailure>> {
        settle(self.store.clone(), letter, DeadLetterState::Discarded)
    }

    fn backlog(&self) -> Backlog {
        Backlog { journal_head: self.journal.head(), cursor: self.journal.head(), queued: 0 }
    }

    fn overload(&self) -> Option<String> {
        None
    }
}

fn apply(tx: &mut dyn ports::Tx, id: IncidentId, command: &Command, now: Millis) -> Result<CommandOutcome, ports::StoreError> {
    let Some(mut incident) = tx.incident(id)? else { return Ok(CommandOutcome::Refused("there is no such incident".into())) };
    let (who, user) = match &command.actor {
        Actor::User(user, by) => (format!("{user} by {by}"), Some(user.clone())),
        Actor::Outside(contact) => (format!("{} {}", contact.kind, contact.address), None),
        other => (format!("{other:?}"), None),
    };
    let (kind, text) = match &command.operation {
        _ if !incident.is_open() && !matches!(command.operation, Operation::AddNote(_)) => {
            return Ok(CommandOutcome::Refused("The incident is resolved.".into()));
        }
        Operation::Acknowledge => {
            incident.status = Status::Acknowledged;
            incident.acknowledged_at = Some(now);
            incident.responders.extend(user.filter(|user| !incident.responders.contains(user)));
            (LineKind::Acknowledged, format!("{who} acknowledged"))
        }
        Operation::Unacknowledge => {
            incident.status = Status::Firing;
            incident.responders.clear();
            (LineKind::Unacknowledged, format!("{who} gave it back"))
        }
        Operation::Resolve => {
            incident.status = Status::Resolved;
            incident.resolved_at = Some(now);
            (LineKind::Resolved, format!("{who} resolved it"))
        }
        Operation::AddNote(text) => (LineKind::Noted, format!("{who}: {text}")),
        Operation::Snooze(until) => {
            incident.status = Status::Acknowledged;
            incident.care.snoozed_until = Some(*until);
            (LineKind::Snoozed, format!("{who} snoozed it"))
        }
        Operation::SetPriority(priority) => {
            incident.priority = Some(*priority);
            (LineKind::PrioritySet, format!("{who} set {}", priority.as_str()))
        }
        // What these do is the domain's business and told by the stories: here only that they arrive.
        other => (LineKind::Noted, format!("{who}: {}", other.as_str())),
    };
    incident.version += 1;
    tx.put_incident(&incident)?;
    tx.add_line(id, &Line { at: now, kind, text: text.clone(), actor: command.actor.clone(), cause: None })?;
    Ok(CommandOutcome::Done(text))
}

fn settle(store: Arc<dyn Store>, id: DeadLetterId, state: DeadLetterState) -> BoxFuture<'static, Result<CommandOutcome, CommandFailure>> {
    Box::pin(async move {
        let job = move |tx: &mut dyn ports::Tx| {
            let Some(mut letter) = tx.dead_letter(id)?.filter(|letter| letter.state == DeadLetterState::Waiting) else {
                return Ok(CommandOutcome::Refused("It was already decided.".into()));
            };
            letter.state = state;
            tx.put_dead_letter(&letter)?;
            Ok(CommandOutcome::Done("done".into()))
        };
        store.write(job).await.map_err(|error| CommandFailure::NotStored(error.to_string()))
    })
}

/// Knows one document, and finds fault with any that says `wrong`.
pub struct DoubleConfigure;

fn change() -> Vec<Change> {
    vec![Change { change: ChangeKind::Changed, kind: "rotation".into(), name: "nights".into(), details: String::new() }]
}

fn check(files: &[BundleFile]) -> Result<(), ConfigureError> {
    match files.iter().find(|file| file.text.contains("wrong")) {
        Some(file) => Err(ConfigureError::Problems(vec![ConfigProblem {
            file: Some(file.path.clone()),
            line: Some(3),
            message: "unknown rotation \"nihgts\", did you mean \"nights\"?".into(),
        }])),
        None => Ok(()),
    }
}

impl Configure for DoubleConfigure {
    fn plan(&self, files: Vec<BundleFile>) -> BoxFuture<'static, Result<Plan, ConfigureError>> {
        Box::pin(async move {
            check(&files).map(|()| Plan {
                revision: Revision(3),
                changes: change(),
                pages: vec![],
                time_zone: "UTC".into(),
                warnings: vec![],
            })
        })
    }

    fn apply(&self, files: Vec<BundleFile>, expected: Option<Revision>, _: String) -> BoxFuture<'static, Result<Applied, ConfigureError>> {
        Box::pin(async move {
            check(&files)?;
            match expected.filter(|expected| *expected != Revision(3)) {
                Some(expected) => Err(ConfigureError::Conflict { expected, current: Revision(3) }),
                None => Ok(Applied { revision: Revision(4), changes: change(), warnings: vec![] }),
            }
        })
    }

    fn export(&self) -> BoxFuture<'static, Result<(Revision, Vec<BundleFile>), ConfigureError>> {
        Box::pin(async { Ok((Revision(3), vec![BundleFile { path: "teams.yaml".into(), text: "kind: team\n".into() }])) })
    }
}

/// Has one version of each plugin, and takes what comes.
pub struct DoubleVersions;

impl Versions for DoubleVersions {
    fn change(&self, name: String, wanted: VersionWanted, _: String) -> BoxFuture<'static, Result<VersionChange, ConfigureError>> {
        Box::pin(async move {
            match wanted {
                VersionWanted::Sent { files, force: false } if files.iter().any(|file| file.content == b"trap") => {
                    let reason = "fails on 2 of 9 alerts that the version in force handles".to_owned();
                    Err(ConfigureError::Refused { step: "trial", reason, examples: vec!["alert db: trapped".into()] })
                }
                VersionWanted::Before { digest: Some(digest) } => Err(ConfigureError::Unknown(format!("No version {digest} is kept."))),
                wanted => Ok(VersionChange {
                    revision: Revision(4),
                    name,
                    version: "0.2.0".into(),
                    digest: "b".repeat(64),
                    in_force: !matches!(wanted, VersionWanted::Tried { .. }),
                    places: vec!["enrich of pipeline default".into()],
                    warnings: Vec::new(),
                    trial: Some(Trial::default()),
                }),
            }
        })
    }

    fn list(&self, _: String) -> BoxFuture<'static, Result<Vec<PluginVersionRow>, ConfigureError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Tokens in clear: `INCIDENT-USER-EXPIRY`, and `-MESSAGE` where it stood in one about several incidents.
pub struct DoubleLinks;

/// A link for a user to an incident, until `expires_at`.
pub fn link(incident: u64, user: &str, expires_at: Millis) -> String {
    format!("{incident}-{user}-{}", expires_at.0)
}

impl PageLinks for DoubleLinks {
    fn verify(&self, token: &str, now: Millis) -> Result<PageLink, LinkFailure> {
        let parts: Vec<&str> = token.split('-').collect();
        let [incident, user, expires_at, ref rest @ ..] = parts[..] else { return Err(LinkFailure::Broken) };
        let message = rest.first().map(|number| number.parse()).transpose().map_err(|_| LinkFailure::Broken)?;
        let incident = IncidentId(incident.parse().map_err(|_| LinkFailure::Broken)?);
        let expires_at = Millis(expires_at.parse().map_err(|_| LinkFailure::Broken)?);
        if expires_at <= now {
            return Err(LinkFailure::Expired);
        }
        Ok(PageLink { incident, user: UserId::from(user), expires_at, message })
    }
}

/// A plugin that is only ever cited.
pub struct DoublePlugin(PluginInfo, Option<Millis>);

impl DoublePlugin {
    pub fn named(name: &str) -> Arc<dyn Plugin> {
        Arc::new(Self(info(name), None))
    }

    /// One that is switched off, and tried again then.
    pub fn off(name: &str, until: Millis) -> Arc<dyn Plugin> {
        Arc::new(Self(info(name), Some(until)))
    }
}

impl Plugin for DoublePlugin {
    fn info(&self) -> &PluginInfo {
        &self.0
    }

    fn off_until(&self) -> Option<Millis> {
        self.1
    }

    fn instance(&self) -> Box<dyn Instance> {
        unreachable!("pages never call plugins")
    }
}

/// As decisions cite it: the digest is made of the name, so that it looks like one.
pub fn cited(name: &str) -> Arc<PluginRef> {
    let digest = Secret::of(name);
    Arc::new(PluginRef { name: name.into(), version: "0.1.0".into(), digest })
}

struct Secret;
impl Secret {
    fn of(name: &str) -> String {
        web::Secret::presented(name).id()
    }
}

fn info(name: &str) -> PluginInfo {
    PluginInfo {
        plugin: cited(name),
        hooks: vec!["enrich".into()],
        reads: vec!["severity".into()],
        lookups: vec![],
        keys: vec![],
        headers: vec![],
        contacts: vec![],
        state: None,
        settings_schema: "{}".into(),
        path: format!("plugins/{name}.wasm"),
        size_bytes: 120_000,
    }
}

/// Two installed plugins, and one that cannot be read.
pub struct DoublePlugins;

impl PluginHost for DoublePlugins {
    fn installed(&self) -> Vec<Result<PluginInfo, LoadError>> {
        let broken =
            LoadError { plugin: "weather".into(), reason: "plugin.toml: line 3: unknown key `reeds`, did you mean `reads`?".into() };
        vec![Ok(info("rules")), Ok(info("siem-filter")), Err(broken)]
    }

    fn prepare(&self, used: &PluginUse, _: Stage, _: &Grant, _: &Surroundings) -> Result<Arc<dyn Plugin>, LoadError> {
        Ok(DoublePlugin::named(&used.plugin))
    }
}

/// The first record's id, for fixtures that point at one.
pub const FIRST: JournalId = JournalId(1);
