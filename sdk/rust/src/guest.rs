//! A configured plugin as the host sees it: values of the boundary in, values of the boundary out. The sandbox and the mocks both go
//! through here, so a test meets the same rules.

use std::cell::OnceCell;
use std::rc::Rc;
use std::thread::LocalKey;

use crate::alert::Alert;
use crate::error::{Error, Result};
use crate::hooks::{Automate, Dedupe, Enrich, Filter, Interact, Normalize, Notify, Plugin, Route};
use crate::inbound::Inbound;
use crate::incident::{Incident, IncidentEvent};
use crate::manifest::Manifest;
use crate::page::Page;
use crate::reads::Ceiling;
use crate::types::{CommandResult, Problem, Response};
use crate::wire::{automate, dedupe, enrich, filter, interact, lifecycle, normalize, notify, types};

/// What `#[plugin]` adds to a plugin: its manifest and the place of its one instance.
pub trait Installed: Plugin {
    /// What `plugin.toml` says.
    const MANIFEST: &'static Manifest;
    /// Where the instance lives. A guest has one thread.
    fn slot() -> &'static LocalKey<OnceCell<Loaded<Self>>>;
}

/// A plugin with its settings and its ceiling.
#[derive(Debug)]
pub struct Loaded<P> {
    plugin: P,
    ceiling: Rc<Ceiling>,
}

impl<P: Plugin> Loaded<P> {
    /// Reads the settings and makes the plugin. Gives the narrowed fields too.
    pub(crate) fn configure(manifest: &'static Manifest, settings: &str) -> Result<(Self, Vec<String>), Vec<Problem>> {
        let settings = parse_settings(if settings.is_empty() { "{}" } else { settings })?;
        let plugin = P::new(settings).map_err(Error::into_problems)?;
        let reads = plugin.reads();
        let ceiling = Ceiling::new(manifest, &reads).map_err(|message| Error::internal(message).into_problems())?;
        Ok((Self { plugin, ceiling: Rc::new(ceiling) }, reads))
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn ceiling(&self) -> &Rc<Ceiling> {
        &self.ceiling
    }

    #[allow(clippy::unnecessary_wraps, reason = "what an alert takes: one made by a test has no ceiling")]
    fn with_ceiling(&self) -> Option<Rc<Ceiling>> {
        Some(Rc::clone(&self.ceiling))
    }

    /// Runs a hook; an undeclared read outweighs whatever it gave.
    fn call<T>(&self, hook: impl FnOnce(&P) -> Result<T>) -> Result<T, types::Error> {
        self.ceiling.begin();
        let result = hook(&self.plugin);
        match self.ceiling.violation() {
            Some(message) => Err(types::Error::Internal(message)),
            None => result.map_err(Into::into),
        }
    }

    /// # Panics
    /// When a header was read that the manifest does not declare: a refusal would blame the sender, a trap parks the body.
    pub(crate) fn normalize(&self, request: types::Inbound) -> Result<normalize::Normalized, normalize::Refusal>
    where
        P: Normalize,
    {
        self.ceiling.begin();
        let result = self.plugin.normalize(&Inbound::new(request, &self.ceiling));
        let violation = self.ceiling.violation();
        assert!(violation.is_none(), "{}", violation.unwrap_or_default());
        result
    }

    pub(crate) fn enrich(&self, alert: types::Alert) -> Result<enrich::Patch, types::Error>
    where
        P: Enrich,
    {
        self.call(|plugin| plugin.enrich(&Alert::new(alert, self.with_ceiling())))
    }

    pub(crate) fn filter(&self, alert: types::Alert) -> Result<filter::Verdict, types::Error>
    where
        P: Filter,
    {
        self.call(|plugin| plugin.filter(&Alert::new(alert, self.with_ceiling())))
    }

    pub(crate) fn dedupe(&self, alert: types::Alert) -> Result<Option<dedupe::Grouping>, types::Error>
    where
        P: Dedupe,
    {
        self.call(|plugin| plugin.dedupe(&Alert::new(alert, self.with_ceiling())))
    }

    pub(crate) fn route(&self, incident: types::Incident) -> Result<Vec<types::Destination>, types::Error>
    where
        P: Route,
    {
        self.call(|plugin| plugin.route(&Incident::new(incident, self.with_ceiling())))
    }

    pub(crate) fn automate(&self, event: automate::IncidentEvent) -> Result<Vec<automate::Action>, types::Error>
    where
        P: Automate,
    {
        let automate::IncidentEvent { at, change, incident } = event;
        let incident = Incident::new(incident, self.with_ceiling());
        self.call(|plugin| plugin.automate(&IncidentEvent { at, change, incident }))
    }

    pub(crate) fn render(&self, page: notify::Page) -> Result<notify::Request, types::Error>
    where
        P: Notify,
    {
        self.call(|plugin| plugin.render(&Page::new(page, self.with_ceiling())))
    }

    pub(crate) fn interpret(&self, page: notify::Page, step: u32, response: &Response) -> Result<notify::Outcome, types::Error>
    where
        P: Notify,
    {
        self.call(|plugin| plugin.interpret(&Page::new(page, self.with_ceiling()), step, response))
    }

    pub(crate) fn read(&self, request: types::Inbound) -> Result<interact::Interaction, types::Error>
    where
        P: Interact,
    {
        self.call(|plugin| plugin.read(&Inbound::new(request, &self.ceiling)))
    }

    pub(crate) fn answer(&self, request: types::Inbound, results: &[CommandResult]) -> Result<Option<types::Reply>, types::Error>
    where
        P: Interact,
    {
        self.call(|plugin| plugin.answer(&Inbound::new(request, &self.ceiling), results))
    }
}

/// Settings as their type, or where they do not fit.
fn parse_settings<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, Vec<Problem>> {
    // Straight from the text: a `serde_json::Value` between would hash, and so make every plugin ask the host for a random seed.
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        let error = error.into_inner();
        // The host wrote this JSON, so a line and column in it tell the operator nothing.
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let message = message.strip_suffix(&place).unwrap_or(&message).into();
        vec![Problem { pointer, message }]
    })
}

/// A JSON pointer (RFC 6901) from serde's path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { variant } => pointer.push_str(&format!("/{variant}")),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// `lifecycle.configure` of the sandbox.
pub fn configure<P: Installed>(settings: &str) -> Result<Vec<String>, Vec<lifecycle::Problem>> {
    let (loaded, reads) = Loaded::<P>::configure(P::MANIFEST, settings)?;
    if P::slot().with(|slot| slot.set(loaded)).is_err() {
        return Err(Error::internal("configured already: the host makes a new instance for new settings").into_problems());
    }
    #[cfg(target_arch = "wasm32")]
    crate::arena::open();
    Ok(reads)
}

/// The hooks of the sandbox: each finds the instance and calls it.
macro_rules! sandbox {
    ($($name:ident: $hook:ident($($argument:ident: $type:ty => $pass:expr),*) -> $result:ty;)*) => {$(
        #[doc = concat!("`", stringify!($name), "` of the sandbox.")]
        pub fn $name<P: Installed + $hook>($($argument: $type),*) -> Result<$result, types::Error> {
            P::slot().with(|slot| match slot.get() {
                Some(loaded) => loaded.$name($($pass),*),
                None => Err(types::Error::Internal("called before it was configured".into())),
            })
        }
    )*};
}

sandbox! {
    enrich: Enrich(alert: types::Alert => alert) -> enrich::Patch;
    filter: Filter(alert: types::Alert => alert) -> filter::Verdict;
    dedupe: Dedupe(alert: types::Alert => alert) -> Option<dedupe::Grouping>;
    route: Route(incident: types::Incident => incident) -> Vec<types::Destination>;
    automate: Automate(event: automate::IncidentEvent => event) -> Vec<automate::Action>;
    render: Notify(page: notify::Page => page) -> notify::Request;
    interpret: Notify(page: notify::Page => page, step: u32 => step, response: notify::Response => &response) -> notify::Outcome;
    read: Interact(request: types::Inbound => request) -> interact::Interaction;
    answer: Interact(request: types::Inbound => request, results: Vec<interact::CommandResult> => &results) -> Option<types::Reply>;
}

/// `normalize` of the sandbox. It has no internal error to return, so a call before `configure` traps.
///
/// # Panics
/// When called before it was configured.
pub fn normalize<P: Installed + Normalize>(request: types::Inbound) -> Result<normalize::Normalized, normalize::Refusal> {
    P::slot().with(|slot| match slot.get() {
        Some(loaded) => loaded.normalize(request),
        None => panic!("called before it was configured"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Rule {
        #[serde(rename = "a/b")]
        _limit: u32,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Settings {
        #[serde(rename = "rules")]
        _rules: Vec<Rule>,
    }

    #[test]
    fn a_wrong_setting_is_pointed_at() {
        let problems = parse_settings::<Settings>(r#"{"rules":[{"a/b":1},{"a/b":"x"}]}"#).unwrap_err();
        assert_eq!(problems[0].pointer, "/rules/1/a~1b");
        assert_eq!(problems[0].message, "invalid type: string \"x\", expected u32");
    }
}
