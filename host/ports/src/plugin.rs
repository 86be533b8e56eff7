//! Plugins as the middle of the house sees them: prepared once, called on warm instances, failing in a few known ways.

use crate::hot::StateSlot;
use domain::action::{Action, Change};
use domain::alert::Alert;
use domain::decision::{Grouping, Patch, PluginRef, Stage, Verdict};
use domain::escalation::Destination;
use domain::inbound::{Inbound, Normalized, Refusal, Reply};
use domain::incident::Incident;
use domain::installation::{Grant, PluginUse, Table, User};
use domain::interaction::{Came, Interaction};
use domain::page::{Choice, Delivery, Purpose, Request, Response};
use domain::{contact::Contact, time::Millis};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// Why a plugin cannot be used: said to the operator before anything is swapped.
#[derive(Debug, Error)]
#[error("plugin {plugin}: {reason}")]
pub struct LoadError {
    pub plugin: String,
    /// One sentence with the fix.
    pub reason: String,
}

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallFailure {
    /// The plugin cannot handle this input; not its fault.
    #[error("rejected: {0}")]
    Rejected(String),
    /// The plugin says that it is at fault.
    #[error("failed: {0}")]
    Internal(String),
    /// Something that it cannot do without is not to be had now; not its fault.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It trapped, or broke a limit.
    #[error("trapped: {0}")]
    Trapped(String),
    /// It passed its deadline.
    #[error("took longer than its deadline of {0} ms")]
    Deadline(u64),
    /// It failed so often in a row that it is not asked for a while.
    #[error("switched off after {0} failures in a row")]
    SwitchedOff(u32),
}

/// What a plugin needs besides its own files.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Lookup tables by name.
    pub tables: Arc<BTreeMap<String, Arc<Table>>>,
    /// Which version of a plugin is meant, as the digest over its files; one without an entry is taken from the plugins' folder.
    pub versions: Arc<BTreeMap<String, String>>,
    /// It is only tried: it has a breaker of its own that tells nobody, and is shared with nothing that is in force.
    pub trial: bool,
}

/// What the host knows of an incident when it asks a plugin about it.
#[derive(Debug, Clone)]
pub struct IncidentView {
    pub incident: Incident,
    /// Its page for people.
    pub url: Option<String>,
    pub responders: Vec<User>,
    /// The newest first, at most 20.
    pub alerts: Vec<Alert>,
}

/// A message to render.
#[derive(Debug, Clone)]
pub struct Page {
    /// At most 64 bytes.
    pub id: String,
    pub at: Millis,
    pub purpose: Purpose,
    pub contact: Contact,
    pub recipient: Option<User>,
    pub incidents: Vec<IncidentView>,
    pub choices: Vec<Choice>,
    pub previous: Option<String>,
}

/// Something that happened to an incident, for automation plugins.
#[derive(Debug, Clone)]
pub struct IncidentEvent {
    /// The time to reckon with.
    pub at: Millis,
    pub change: Change,
    pub incident: IncidentView,
}

/// A contact kind that a notify plugin serves, from its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactKind {
    pub kind: String,
    pub label: String,
    /// A regular expression that addresses must match.
    pub pattern: Option<String>,
    /// Purposes it can render, such as `escalation`.
    pub purposes: Vec<String>,
}

/// The bounds of one name space of plugin state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateLimits {
    /// `state-schema` of the manifest: another number begins anew.
    pub schema: u32,
    /// Most keys.
    pub keys: usize,
    /// Most bytes, keys included.
    pub bytes: usize,
}

/// What a manifest and its component say, for lists and checks.
#[derive(Debug, Clone)]
pub struct PluginInfo {
    pub plugin: Arc<PluginRef>,
    /// Hooks by name, as exported: `normalize`, `enrich`, …
    pub hooks: Vec<String>,
    pub reads: Vec<String>,
    pub lookups: Vec<String>,
    /// Keys that it may sign or verify with, by name.
    pub keys: Vec<String>,
    /// Request headers that a normalizer wants.
    pub headers: Vec<String>,
    pub contacts: Vec<ContactKind>,
    /// What it may remember, if it may; a call without a grant of `state` has none.
    pub state: Option<StateLimits>,
    /// JSON Schema of its settings.
    pub settings_schema: String,
    /// The file it was read from.
    pub path: String,
    /// Bytes of the component.
    pub size_bytes: u64,
}

/// Finds, verifies, compiles and configures plugins. Blocking: call it outside the async runtime.
pub trait PluginHost: Send + Sync {
    /// The plugins that are installed, whether used or not; those that cannot be read are errors beside the others.
    fn installed(&self) -> Vec<Result<PluginInfo, LoadError>>;

    /// Prepares a plugin for one place: verifies, compiles (or loads the native cache), checks imports against the grant, and
    /// configures a scratch instance with the settings.
    fn prepare(&self, used: &PluginUse, stage: Stage, grant: &Grant, around: &Surroundings) -> Result<Arc<dyn Plugin>, LoadError>;
}

/// A prepared plugin: immutable, shared; makes instances for threads.
pub trait Plugin: Send + Sync {
    /// What it is.
    fn info(&self) -> &PluginInfo;

    /// Name, version and digest, as decisions cite it.
    fn cite(&self) -> &Arc<PluginRef> {
        &self.info().plugin
    }

    /// A warm instance for one thread; made lazily at its first call, replaced by itself after a trap, a time-out, a high-water mark
    /// of memory or so many calls. Every call of any instance counts towards the plugin's one breaker.
    fn instance(&self) -> Box<dyn Instance>;

    /// When one call tries it again, while it is switched off after failures in a row; `None`: it is asked.
    fn off_until(&self) -> Option<Millis> {
        None
    }

    /// Makes instances ahead, off the path, so that so many threads find theirs ready.
    fn warm_up(&self, _instances: usize) {}

    /// [`Plugin::instance`] for a plugin that may remember: what its calls read and write goes to `state`, which the caller opens and closes
    /// around each call.
    fn stateful(&self, _state: Arc<dyn StateSlot>) -> Box<dyn Instance> {
        self.instance()
    }

    /// The headers that a front door passes to it, lower case.
    fn headers(&self) -> &[String] {
        &self.info().headers
    }
}

/// A warm instance. Calls block for at most the plugin's deadline. A hook that the plugin lacks is an internal failure.
pub trait Instance: Send {
    fn normalize(&mut self, inbound: &Inbound) -> Result<Result<Normalized, Refusal>, CallFailure>;
    fn enrich(&mut self, alert: &Alert) -> Result<Patch, CallFailure>;
    fn filter(&mut self, alert: &Alert) -> Result<Verdict, CallFailure>;
    fn dedupe(&mut self, alert: &Alert) -> Result<Option<Grouping>, CallFailure>;
    fn route(&mut self, incident: &IncidentView) -> Result<Vec<Destination>, CallFailure>;
    fn render(&mut self, page: &Page) -> Result<Request, CallFailure>;
    /// `step` is 0 for what `render` gave.
    fn interpret(&mut self, page: &Page, step: u32, response: &Response) -> Result<Delivery, CallFailure>;
    fn automate(&mut self, _event: &IncidentEvent) -> Result<Vec<Action>, CallFailure> {
        Err(lacks("automate"))
    }
    /// What a request from outside asks for.
    fn read(&mut self, _inbound: &Inbound) -> Result<Interaction, CallFailure> {
        Err(lacks("interact"))
    }
    /// The reply; `results` stand in the order of the commands. `None`: an empty 200.
    fn answer(&mut self, _inbound: &Inbound, _results: &[Came]) -> Result<Option<Reply>, CallFailure> {
        Err(lacks("interact"))
    }
}

fn lacks(hook: &str) -> CallFailure {
    CallFailure::Internal(format!("was prepared for another hook and is asked for `{hook}`"))
}
