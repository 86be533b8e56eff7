//! What a call across the boundary costs: a rule that reads three fields, as a plugin and as native code, in the same run; and each call
//! of the stages that the server is measured with.

use crate::Size;
use crate::figures::Figures;
use crate::ground::{Ground, SystemClock, inbound};
use crate::processor::own_micros;
use crate::subject::Bodies;
use anyhow::{Context, Result, anyhow, ensure};
use domain::alert::Alert;
use domain::decision::Stage;
use domain::inbound::Event;
use domain::installation::{Grant, OnFailure, PluginUse};
use ports::plugin::Surroundings;
use ports::{Instance, Placed, PluginHost};
use reveille_tests::place::plugins;
use runtime::{LateAlarm, RuntimeSettings, Sandbox};
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;

/// Medians are taken over so many rounds, so that one preemption does not count.
const ROUNDS: usize = 15;

/// Measures on one alert of the data set, as the bundled normalizer makes it.
pub fn measure(figures: &mut Figures, dir: &Path, bodies: &Bodies, size: Size) -> Result<()> {
    let ground = Ground::open(&dir.join("calls"))?;
    let alert = an_alert(&ground, bodies)?;
    let calls = size.calls / ROUNDS;

    let mut plugin = three_fields(&ground)?;
    let patch = plugin.enrich(&alert)?;
    anyhow::ensure!(patch.edits.len() == 1, "the rule applies and sets one label, not {:?}", patch.edits);
    let micros = micros_per_call(calls, || drop(black_box(plugin.enrich(black_box(&alert)))))?;
    figures.add("plugin_call_us_3_fields", micros, "µs of CPU: rule that reads 3 fields, applies, sets a label");

    let mut fresh = per_call(&dir.join("calls"))?;
    let micros = micros_per_call(calls / 20, || drop(black_box(fresh.enrich(black_box(&alert)))))?;
    figures.add("plugin_call_us_per_call", micros, "µs of CPU: the same plugin, isolation = \"per-call\"");

    let (rule, native) = natively(&alert)?;
    anyhow::ensure!(rule.edit(&native).edits.len() == 1, "the rule applies natively as well");
    let micros = micros_per_call(calls, || drop(black_box(rule.edit(black_box(&native)))))?;
    figures.add("plugin_call_us_native", micros, "µs of CPU: the same rule called natively");

    all_stages(figures, &ground, &alert, calls)
}

/// The rule's settings.
fn rule() -> Value {
    json!({ "rules": [ {
        "name": "three fields",
        "when": { "all": [
            { "field": "service", "wildcard": "service-*" },
            { "field": "labels.region", "is": "eu-south-1" },
            { "field": "summary", "wildcard": "*symptom*" },
        ] },
        "set": { "labels.seen": "yes" },
    } ] })
}

fn three_fields(ground: &Ground) -> Result<Box<dyn Instance>> {
    instance(&ground.sandbox, &rule())
}

/// The same component with a fresh instance for every call; its sandbox lives as long as the process.
fn per_call(dir: &Path) -> Result<Box<dyn Instance>> {
    let folder = dir.join("per-call/rules");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(plugins().join("rules/plugin.wasm"), folder.join("plugin.wasm"))?;
    let manifest = std::fs::read_to_string(plugins().join("rules/plugin.toml"))?;
    let warm = "isolation = \"warm\"";
    ensure!(manifest.contains(warm), "the rules engine's manifest says {warm}");
    std::fs::write(folder.join("plugin.toml"), manifest.replace(warm, "isolation = \"per-call\""))?;
    let settings = RuntimeSettings::new(dir.join("per-call"), dir.join("native-cache"));
    let sandbox = Box::leak(Box::new(Sandbox::new(settings, SystemClock::start(), LateAlarm::default())?));
    instance(sandbox, &rule())
}

fn instance(sandbox: &Sandbox, settings: &Value) -> Result<Box<dyn Instance>> {
    let used = PluginUse { settings: settings.to_string(), plugin: "rules".into(), on_failure: OnFailure::Skip };
    Ok(sandbox.prepare(&used, Stage::Enrich, &Grant::default(), &Surroundings::default())?.instance())
}

/// The rule as a library, and the alert as it reads it.
fn natively(alert: &Alert) -> Result<(rules::RuleSet, reveille_sdk::Alert)> {
    let settings: rules::Settings = serde_json::from_value(rule())?;
    let rule = rules::RuleSet::compile(&settings).map_err(|error| anyhow!("{error:?}"))?;
    let report = reveille_sdk::Report::firing(reveille_sdk::types::Severity::Critical)
        .service(alert.service.clone().unwrap_or_default())
        .summary(alert.summary.clone().unwrap_or_default())
        .labels(alert.labels.clone());
    Ok((rule, report.into()))
}

/// The first alert of the mix.
fn an_alert(ground: &Ground, bodies: &Bodies) -> Result<Alert> {
    let normalizer = ground.snapshot.normalizers.values().next().context("the integration has a normalizer")?;
    let post = inbound(0, bodies.singles.first().context("there are posts")?, ground.clock.now());
    let normalized = normalizer.instance().normalize(&post)?.map_err(|refusal| anyhow!("{refusal:?}"))?;
    match normalized.events.into_iter().next() {
        Some(Event::Alert(alert)) => Ok(*alert),
        other => Err(anyhow!("a post of the set is an alert, not {other:?}")),
    }
}

/// Each call of the pipeline that the server is measured with, and their sum.
fn all_stages(figures: &mut Figures, ground: &Ground, alert: &Alert, calls: usize) -> Result<()> {
    let stages = ground.snapshot.pipelines.values().find(|stages| !stages.dedupe.is_empty()).context("the pipeline has stages")?;
    let mut sum = 0.0;
    for (stage, placed) in stages.named().into_iter().filter(|(stage, _)| *stage != Stage::Route) {
        for Placed { plugin, .. } in placed {
            let mut instance = plugin.instance();
            let micros = match stage {
                Stage::Enrich => micros_per_call(calls, || drop(black_box(instance.enrich(black_box(alert)))))?,
                Stage::Filter => micros_per_call(calls, || drop(black_box(instance.filter(black_box(alert)))))?,
                _ => micros_per_call(calls, || drop(black_box(instance.dedupe(black_box(alert)))))?,
            };
            figures.add(&format!("call_us_{}_{}", stage.as_str(), plugin.cite().name), micros, "µs of CPU");
            sum += micros;
        }
    }
    figures.add("plugin_call_us_all_stages", sum, "µs of CPU: the sum of these calls");
    Ok(())
}

/// The median over the rounds. A round before them makes the instance.
fn micros_per_call(calls: usize, mut call: impl FnMut()) -> Result<f64> {
    for _ in 0..calls {
        call();
    }
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = own_micros()?;
        for _ in 0..calls {
            call();
        }
        rounds.push((own_micros()? - began) / calls as f64);
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[ROUNDS / 2])
}
