//! What this room asks of its neighbours, as small traits: the binary hands in the real ones, tests hand in doubles.

use domain::command::Command;
use domain::id::{DeadLetterId, IncidentId, JournalId, Revision, UserId};
use domain::time::Millis;
use ports::hot::HotStatus;
use ports::{BoxFuture, Clock, Journal, Live, PluginHost, Store, Wakes};
use serde::Serialize;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::watch;
use utoipa::ToSchema;

/// Everything that [`crate::router`] is built from.
pub struct WebParts {
    pub store: Arc<dyn Store>,
    pub journal: Arc<dyn Journal>,
    pub clock: Arc<dyn Clock>,
    pub live: Arc<Live>,
    pub wakes: Arc<Wakes>,
    pub plugin_host: Arc<dyn PluginHost>,
    pub commands: Arc<dyn Commands>,
    pub configure: Arc<dyn Configure>,
    pub versions: Arc<dyn Versions>,
    pub links: Arc<dyn PageLinks>,
    /// How people reach this server, without a slash at its end, such as `https://reveille.example.org`.
    pub public_url: String,
    /// By which browsers let this server wake them: its public key, an uncompressed point of P-256 in base64url.
    pub push_key: String,
    /// Turns true when the server drains: live streams end then.
    pub stopping: watch::Receiver<bool>,
    /// Writes the metrics in Prometheus' text format; `None`: `/metrics` is not served here.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// How hot state is.
    pub hot: Arc<dyn Fn() -> HotStatus + Send + Sync>,
}

/// What became of a command that was journaled and committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOutcome {
    /// Done; one sentence for the person.
    Done(String),
    /// Not done, and why; nothing changed.
    Refused(String),
}

/// Why nobody can say what became of a command.
#[derive(Debug, Clone, Error)]
pub enum CommandFailure {
    /// The journal did not take it: nothing happened.
    #[error("it could not be stored: {0}")]
    NotStored(String),
    /// It is on disk and will be done, but not yet.
    #[error("it is stored and will be done, but that takes longer than usual")]
    Slow,
}

/// How far the pipeline has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The last durable record.
    pub journal_head: JournalId,
    /// Everything up to here is decided and committed.
    pub cursor: JournalId,
    /// Events that wait for a decision or its commit.
    pub queued: u64,
}

/// Commands to the pipeline. Each is journaled, and answered once its effect is committed.
pub trait Commands: Send + Sync {
    fn command(&self, command: Command) -> BoxFuture<'static, Result<CommandOutcome, CommandFailure>>;
    /// Takes a dead letter in again, with the plugins that are in force now.
    fn replay(&self, letter: DeadLetterId) -> BoxFuture<'static, Result<CommandOutcome, CommandFailure>>;
    /// Puts a dead letter aside; its record stays.
    fn discard(&self, letter: DeadLetterId) -> BoxFuture<'static, Result<CommandOutcome, CommandFailure>>;
    fn backlog(&self) -> Backlog;
    /// Why senders are answered 503 at the moment; `None`: they are not.
    fn overload(&self) -> Option<String>;
    /// Every queue of the alert path: its name, its depth and its bound.
    fn queues(&self) -> Vec<(&'static str, u64, u64)> {
        Vec::new()
    }
}

/// A document of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
pub struct BundleFile {
    /// Its name, for messages; ends in `.yaml`, `.yml` or `.json`.
    pub path: String,
    pub text: String,
}

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfigProblem {
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// What is wrong and how to put it right, such as `unknown rotation "nihgts", did you mean "nights"?`.
    pub message: String,
}

/// What happens to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

/// One difference between the configuration in force and another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    pub change: ChangeKind,
    /// Such as `rotation`.
    pub kind: String,
    pub name: String,
    /// What of it, in words; may be empty.
    pub details: String,
}

/// What applying would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Plan {
    /// The revision in force.
    #[schema(value_type = u64)]
    pub revision: Revision,
    pub changes: Vec<Change>,
    /// Who would be paged instead of whom in the next seven days, a sentence each, gaps first; at most 50, then how many more there are.
    pub pages: Vec<String>,
    /// The IANA zone that the times of `pages` are written in.
    pub time_zone: String,
    /// What works but is probably not meant.
    pub warnings: Vec<String>,
}

/// What was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Applied {
    /// The revision in force now.
    #[schema(value_type = u64)]
    pub revision: Revision,
    pub changes: Vec<Change>,
    pub warnings: Vec<String>,
}

/// Why a configuration was not applied; the one in force stays.
#[derive(Debug, Clone, Error)]
pub enum ConfigureError {
    #[error("the configuration has {} problems", .0.len())]
    Problems(Vec<ConfigProblem>),
    /// A version of a plugin was refused at this step, and why, with the fix.
    #[error("refused at the step `{step}`: {reason}")]
    Refused { step: &'static str, reason: String, examples: Vec<String> },
    /// There is no such plugin, or no such version of it.
    #[error("{0}")]
    Unknown(String),
    /// Somebody else applied another one meanwhile.
    #[error("the configuration in force is revision {current}, not {expected}")]
    Conflict { expected: Revision, current: Revision },
    #[error("{0}")]
    Unavailable(String),
}

/// Configuration as code.
pub trait Configure: Send + Sync {
    /// Checks the documents, down to loading their plugins, and says what would change.
    fn plan(&self, files: Vec<BundleFile>) -> BoxFuture<'static, Result<Plan, ConfigureError>>;
    /// Puts the documents in force as a whole: what they do not name is gone. Writes its own audit row, by `actor`, in the same transaction.
    fn apply(
        &self,
        files: Vec<BundleFile>,
        expected: Option<Revision>,
        actor: String,
    ) -> BoxFuture<'static, Result<Applied, ConfigureError>>;
    /// The documents in force.
    fn export(&self) -> BoxFuture<'static, Result<(Revision, Vec<BundleFile>), ConfigureError>>;
}

/// A file of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFile {
    /// `/` between folders, such as `plugin.toml` or `rules/a.yml`.
    pub path: String,
    pub content: Vec<u8>,
}

/// Which version of a plugin to put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionWanted {
    /// The one that was sent. `force`: even if it fails on alerts that the one in force handles.
    Sent { files: Vec<PluginFile>, force: bool },
    /// As [`VersionWanted::Sent`], and nothing is put in force.
    Tried { files: Vec<PluginFile> },
    /// The one before, or the one with this digest, of which the first 8 digits or more are enough.
    Before { digest: Option<String> },
    /// What lies in the plugins' folder, now and at each apply to come.
    Installed,
}

/// What a candidate would do otherwise, on alerts and incidents that really came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Trial {
    /// Bodies on which a normalizer was tried.
    pub bodies: usize,
    /// Alerts on which the stages before the commit were tried.
    pub alerts: usize,
    /// Incidents on which the route was tried.
    pub incidents: usize,
    /// Bodies of which other events would be made.
    pub other_events: usize,
    /// Bodies whose alerts would have other entities: recoveries of what is open would not find it.
    pub other_entities: usize,
    /// Alerts that would be kept, suppressed or dropped otherwise.
    pub other_verdicts: usize,
    /// Alerts that would belong to another incident.
    pub other_incidents: usize,
    /// Alerts that would be edited otherwise.
    pub other_edits: usize,
    /// Incidents that would be routed otherwise.
    pub other_routes: usize,
    /// Fails where the version in force answers.
    pub fails: usize,
    /// Answers where the version in force fails.
    pub mends: usize,
    /// There was no time for the whole sample.
    pub cut_short: bool,
    /// Up to ten differences in words, failures first.
    pub examples: Vec<String>,
}

/// What came of a wanted version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VersionChange {
    /// The revision in force now.
    #[schema(value_type = u64)]
    pub revision: Revision,
    pub name: String,
    /// As its manifest calls it.
    pub version: String,
    /// Hex SHA-256 over component, manifest and assets.
    pub digest: String,
    /// Whether it is in force now.
    pub in_force: bool,
    /// Where it is used, such as `dedupe of pipeline default`.
    pub places: Vec<String>,
    /// What works but is probably not meant.
    pub warnings: Vec<String>,
    pub trial: Option<Trial>,
}

/// A version of a plugin that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PluginVersionRow {
    /// Hex SHA-256 over component, manifest and assets.
    pub digest: String,
    pub version: String,
    /// When it came, and who brought it.
    pub kept_at: String,
    pub kept_by: String,
    pub in_force: bool,
    /// Since when it is in force, and by whom; `null` where it is not.
    pub since: Option<String>,
    pub by: Option<String>,
    /// It stays although another lies in the plugins' folder.
    pub pinned: bool,
    /// Where it is used, such as `dedupe of pipeline default`.
    pub places: Vec<String>,
}

/// Versions of plugins, put in force one plugin at a time.
pub trait Versions: Send + Sync {
    /// Verifies, compiles, configures and tries a version, and puts it in force as a new revision. Writes its own audit row, by `actor`.
    fn change(&self, plugin: String, wanted: VersionWanted, actor: String) -> BoxFuture<'static, Result<VersionChange, ConfigureError>>;
    /// The versions of a plugin that are kept, the one in force first, then the newest.
    fn list(&self, plugin: String) -> BoxFuture<'static, Result<Vec<PluginVersionRow>, ConfigureError>>;
}

/// What a link in a page stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageLink {
    pub incident: IncidentId,
    /// Whom it was sent to: acts as them.
    pub user: UserId,
    pub expires_at: Millis,
    /// The message about several incidents that it stood in.
    pub message: Option<u64>,
}

/// Why a page link does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LinkFailure {
    #[error("the link is broken: part of it is missing, or it was never ours")]
    Broken,
    #[error("the link has expired")]
    Expired,
}

/// Checks the links in pages.
pub trait PageLinks: Send + Sync {
    fn verify(&self, token: &str, now: Millis) -> Result<PageLink, LinkFailure>;
}
