//! A folder of examples: each sub-folder is a case, and its `expected.json` says what must come out.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::alert::Alert;
use crate::error::Result;
use crate::guest::Installed;
use crate::hooks::{Automate, Dedupe, Enrich, Filter, Interact, Normalize, Notify, Route};
use crate::incident::{Incident, IncidentEvent};
use crate::mock::{self, Instance, json};
use crate::page::Page;
use crate::state;
use crate::types::CommandResult;
use crate::wire::{automate, types as wire};

/// How long what stands in `state.json` is remembered, in seconds.
const STATE_TTL_SECONDS: u32 = 3600;

/// One folder. Which files it needs stands with each function; every case may have `settings.json` (else `{}`), `lookups.json`
/// (`{table: {key: {column: value}}}`, or `{table: "why it cannot be read"}`), `state.json` (`{key: text}`, or a number for a counter; or
/// `"unavailable"`) and `keys.json` (`{name: secret}`).
#[derive(Debug)]
pub struct Case {
    folder: PathBuf,
}

/// Runs `hook` on each folder in `folder` (relative to the crate), and compares with its `expected.json`.
///
/// ```no_run
/// # use reveille_sdk::prelude::*;
/// # struct Team;
/// # #[plugin(manifest = "examples/team.toml")]
/// # impl Enrich for Team {
/// #     type Settings = serde_json::Value;
/// #     fn new(_: Self::Settings) -> Result<Self> { Ok(Self) }
/// #     fn enrich(&self, _: &Alert) -> Result<Patch> { Ok(Patch::none()) }
/// # }
/// mock::cases("fixtures", |case| case.enrich::<Team>());
/// ```
///
/// # Panics
/// With every difference, or when there is no case at all.
pub fn cases(folder: &str, hook: impl Fn(&Case) -> Value) {
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("read {folder}: {error}"))
        .filter_map(|entry| entry.ok().map(|entry| entry.path()).filter(|path| path.is_dir()))
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "{folder} holds no case");
    let mut differences = String::new();
    for folder in folders {
        mock::forget();
        let case = Case { folder };
        case.put_lookups();
        case.put_state();
        case.put_keys();
        let (expected, actual) = (case.json::<Value>("expected.json"), hook(&case));
        if expected != actual {
            let name = case.folder.display();
            differences.push_str(&format!("\n{name}\nexpected {expected:#}\nactual   {actual:#}\n"));
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

impl Case {
    fn json<T: DeserializeOwned>(&self, file: &str) -> T {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
    }

    fn has(&self, file: &str) -> bool {
        Path::exists(&self.folder.join(file))
    }

    fn put_lookups(&self) {
        if !self.has("lookups.json") {
            return;
        }
        for (table, rows) in self.json::<serde_json::Map<String, Value>>("lookups.json") {
            if let Value::String(reason) = &rows {
                mock::lookup_unavailable(&table, reason);
            }
            for (key, row) in rows.as_object().into_iter().flatten() {
                let row: Vec<_> =
                    row.as_object().into_iter().flatten().filter_map(|(name, value)| Some((&**name, value.as_str()?))).collect();
                mock::lookup(&table, key, &row);
            }
        }
    }

    fn put_state(&self) {
        if !self.has("state.json") {
            return;
        }
        let remembered = self.json::<Value>("state.json");
        mock::state_unavailable(remembered.is_string());
        for (key, value) in remembered.as_object().into_iter().flatten() {
            let put = match (value.as_str(), value.as_i64()) {
                (Some(text), _) => state::set(key, text.as_bytes(), STATE_TTL_SECONDS).map(drop),
                (_, Some(sum)) => state::add(key, i32::try_from(sum).unwrap_or(i32::MAX), STATE_TTL_SECONDS).map(drop),
                _ => panic!("`{key}` in state.json is neither a text nor a number"),
            };
            put.unwrap_or_else(|error| panic!("remember `{key}` of state.json: {error}"));
        }
    }

    fn put_keys(&self) {
        if self.has("keys.json") {
            for (name, secret) in self.json::<std::collections::BTreeMap<String, String>>("keys.json") {
                mock::key(&name, secret.as_bytes());
            }
        }
    }

    fn request(&self) -> wire::Inbound {
        let raw = self.has("body").then(|| fs::read(self.folder.join("body")).expect("it is there"));
        self.json::<json::RequestJson>("request.json").into_wire(raw)
    }

    /// The configured plugin, or its problems as JSON: `{"problems": [{"pointer": …, "message": …}]}`.
    fn run<P: Installed>(&self, hook: impl FnOnce(&Instance<P>) -> Result<Value>) -> Value {
        let settings = if self.has("settings.json") { self.json("settings.json") } else { json!({}) };
        match Instance::configure(&settings) {
            Ok(instance) => hook(&instance).unwrap_or_else(|error| json!({ "error": error.to_string() })),
            Err(problems) => {
                let problem = |problem: &crate::types::Problem| json!({ "pointer": problem.pointer, "message": problem.message });
                json!({ "problems": problems.iter().map(problem).collect::<Value>() })
            }
        }
    }

    /// The alert of `alert.json`.
    pub fn alert(&self) -> Alert {
        Alert::new(self.json::<json::AlertJson>("alert.json").into(), None)
    }

    /// The page of `page.json`.
    pub fn page(&self) -> Page {
        Page::new(self.json::<json::PageJson>("page.json").into(), None)
    }

    /// The incident of `incident.json`.
    pub fn incident(&self) -> Incident {
        Incident::new(self.json::<json::IncidentJson>("incident.json").into(), None)
    }

    /// `request.json`, whose body may stand in a file `body` beside it.
    pub fn normalize<P: Installed + Normalize>(&self) -> Value {
        self.run::<P>(|plugin| {
            Ok(match plugin.normalize(self.request()) {
                Ok(normalized) => json::normalized(&normalized),
                Err(refusal) => json::refusal(&refusal),
            })
        })
    }

    /// `alert.json`.
    pub fn enrich<P: Installed + Enrich>(&self) -> Value {
        self.run::<P>(|plugin| Ok(json::patch(&plugin.enrich(self.alert())?)))
    }

    /// `alert.json`.
    pub fn filter<P: Installed + Filter>(&self) -> Value {
        self.run::<P>(|plugin| Ok(json::verdict(&plugin.filter(self.alert())?)))
    }

    /// `alert.json`.
    pub fn dedupe<P: Installed + Dedupe>(&self) -> Value {
        self.run::<P>(|plugin| Ok(plugin.dedupe(self.alert())?.as_ref().map_or(Value::Null, json::grouping)))
    }

    /// `incident.json`.
    pub fn route<P: Installed + Route>(&self) -> Value {
        self.run::<P>(|plugin| Ok(plugin.route(self.incident())?.iter().map(json::destination).collect()))
    }

    /// `page.json`; with `response.json` beside it, `interpret`, else `render`.
    pub fn notify<P: Installed + Notify>(&self) -> Value {
        if !self.has("response.json") {
            return self.run::<P>(|plugin| Ok(json::request(&plugin.render(self.page())?)));
        }
        let response = self.json::<json::ResponseJson>("response.json");
        let (step, response) = (response.step, response.into());
        self.run::<P>(|plugin| Ok(json::outcome(&plugin.interpret(self.page(), step, &response)?)))
    }

    /// The incident's event of `event.json`.
    pub fn event(&self) -> IncidentEvent {
        let automate::IncidentEvent { at, change, incident } = self.json::<json::EventJson>("event.json").into();
        IncidentEvent { at, change, incident: Incident::new(incident, None) }
    }

    /// `event.json`: `{"at": 0, "change": "opened", "incident": {…}}`; other changes are `{"severity_changed": "critical"}`,
    /// `{"acknowledged": {"id": …, "name": …}}`, `{"escalated": 2}`, `{"action_finished": {"key": …, "ok": true}}` and so on.
    pub fn automate<P: Installed + Automate>(&self) -> Value {
        self.run::<P>(|plugin| Ok(plugin.automate(self.event())?.iter().map(json::action).collect()))
    }

    /// `request.json`; with `results.json` beside it, `answer`, else `read`.
    pub fn interact<P: Installed + Interact>(&self) -> Value {
        if !self.has("results.json") {
            return self.run::<P>(|plugin| Ok(json::interaction(&plugin.read(self.request())?)));
        }
        let results = self.json::<Vec<json::CommandResultJson>>("results.json");
        let results: Vec<CommandResult> = results.into_iter().map(Into::into).collect();
        self.run::<P>(|plugin| Ok(plugin.answer(self.request(), &results)?.as_ref().map_or(Value::Null, json::reply)))
    }
}
