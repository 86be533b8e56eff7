//! The contestants of the house: the rule set as a library, and as the bundled plugin in the real sandbox, warm and per call.

use crate::contest::Contest;
use crate::rule::{Rule, data};
use anyhow::{Context, Result, anyhow, ensure};
use domain::alert::{Alert, Edit};
use domain::decision::Stage;
use domain::inbound::{Event, Inbound, Method};
use domain::installation::{Grant, OnFailure, PluginUse};
use domain::time::Millis;
use ports::plugin::Surroundings;
use ports::{BoxFuture, Clock, Instance, PluginHost};
use runtime::{LateAlarm, RuntimeSettings, Sandbox};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug)]
struct Running(Instant);

impl Clock for Running {
    fn now(&self) -> Millis {
        Millis(i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
    fn wait_until(&self, _: Millis) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The settings of the rule set; every rule sets its label.
fn settings(rules: &[Rule]) -> Value {
    let one = |rule: &Rule| {
        let pattern = if rule.is_prefix { format!("{}*", rule.text) } else { rule.text.clone() };
        let label = format!("labels.{}", rule.label);
        json!({ "name": rule.label, "when": { "field": rule.field, "wildcard": pattern }, "set": { label: "matched" } })
    };
    json!({ "rules": rules.iter().map(one).collect::<Vec<_>>() })
}

/// Where `cargo xtask plugins` puts the plugins.
fn dist() -> PathBuf {
    std::env::var_os("REVEILLE_PLUGINS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/dist"), PathBuf::from)
}

fn sandbox(dir: &Path, plugins: &Path) -> Result<Sandbox> {
    let settings = RuntimeSettings::new(plugins, dir.join("cache"));
    Ok(Sandbox::new(settings, Arc::new(Running(Instant::now())), LateAlarm::default())?)
}

fn instance(sandbox: &Sandbox, plugin: &str, stage: Stage, settings: &str) -> Result<Box<dyn Instance>> {
    let used = PluginUse { plugin: plugin.into(), settings: settings.into(), on_failure: OnFailure::Skip };
    Ok(sandbox.prepare(&used, stage, &Grant::default(), &Surroundings::default())?.instance())
}

/// The first alert of the benchmark's mix, as the bundled normalizer makes it.
pub fn alert(dir: &Path) -> Result<Alert> {
    let sandbox = sandbox(dir, &dist())?;
    let mut normalizer = instance(&sandbox, "alertmanager", Stage::Normalize, "{}")?;
    let body = data::bodies(&[data::Mix::new(10).next_alert()], 1).pop().context("the mix has an alert")?;
    let post = Inbound {
        id: "peers".into(),
        received_at: Millis(1_772_420_400_000),
        method: Method::Post,
        url: "http://127.0.0.1/am/***/api/v2/alerts".into(),
        path: ["api", "v2", "alerts"].map(str::to_owned).into(),
        query: Vec::new(),
        headers: Vec::new(),
        body,
    };
    match normalizer.normalize(&post)?.map_err(|refusal| anyhow!("{refusal:?}"))?.events.into_iter().next() {
        Some(Event::Alert(alert)) => Ok(*alert),
        other => Err(anyhow!("a post of the set is an alert, not {other:?}")),
    }
}

/// The plugin's own code, as a library.
pub fn native(contest: &mut Contest, rules: &[Rule], alert: &Alert) -> Result<()> {
    let settings: rules::Settings = serde_json::from_value(settings(rules))?;
    let rules = rules::RuleSet::compile(&settings).map_err(|error| anyhow!("{error:?}"))?;
    let report = reveille_sdk::Report::firing(reveille_sdk::types::Severity::Critical)
        .service(alert.service.clone().unwrap_or_default())
        .summary(alert.summary.clone().unwrap_or_default())
        .source(alert.source.clone().unwrap_or_default())
        .labels(alert.labels.clone());
    let alert: reveille_sdk::Alert = report.into();
    let label = |edit: reveille_sdk::types::Edit| match edit {
        reveille_sdk::types::Edit::SetLabel((name, _)) => name,
        other => format!("{other:?}"),
    };
    contest.time(
        "native",
        "the rules engine as a Rust library",
        || Ok(rules.edit(&alert)),
        |patch| patch.edits.into_iter().map(label).collect(),
    )
}

/// The bundled plugin in the sandbox: its input crosses the wall in every call.
pub fn plugin(contest: &mut Contest, dir: &Path, rules: &[Rule], alert: &Alert, per_call: bool) -> Result<()> {
    let (key, words) = if per_call {
        ("plugin_per_call", "the same component, a fresh instance for each call")
    } else {
        ("plugin_warm", "the same code as a WebAssembly component, warm")
    };
    let plugins = dir.join(key);
    let folder = plugins.join("rules");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(dist().join("rules/plugin.wasm"), folder.join("plugin.wasm")).context("run `cargo xtask plugins` first")?;
    let manifest = std::fs::read_to_string(dist().join("rules/plugin.toml"))?;
    let (warm, fresh) = ("isolation = \"warm\"", "isolation = \"per-call\"");
    ensure!(manifest.contains(warm), "the rules engine's manifest says {warm}");
    std::fs::write(folder.join("plugin.toml"), if per_call { manifest.replace(warm, fresh) } else { manifest })?;
    let sandbox = sandbox(dir, &plugins)?;
    let mut instance = instance(&sandbox, "rules", Stage::Enrich, &settings(rules).to_string())?;
    let label = |edit: Edit| match edit {
        Edit::SetLabel(name, _) => name,
        other => format!("{other:?}"),
    };
    contest.time(key, words, || Ok(instance.enrich(alert)?), |patch| patch.edits.into_iter().map(label).collect())
}
