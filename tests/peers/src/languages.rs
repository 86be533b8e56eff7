//! The rule set in three languages, each as its own manual would write it, compiled once.

use crate::contest::Contest;
use crate::rule::Rule;
use anyhow::{Context as _, Result, anyhow};
use domain::alert::Alert;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// VRL at its best: it is told that every field is there and is text, so that no condition needs a fallback, and the event is only read.
pub fn vrl(contest: &mut Contest, rules: &[Rule], alert: &Alert) -> Result<()> {
    use vrl::compiler::state::{ExternalEnv, LocalEnv, RuntimeState, TypeState};
    use vrl::compiler::{CompileConfig, Context, TargetValue, TimeZone, compile_with_state};
    use vrl::value::kind::{Collection, Field};
    use vrl::value::{Kind, ObjectMap, Secrets, Value};

    let mut source = "out = {}\n".to_owned();
    for Rule { field, text, is_prefix, label } in rules {
        let holds = if *is_prefix { format!("starts_with(.{field}, {text:?})") } else { format!(".{field} == {text:?}") };
        source.push_str(&format!("if {holds} {{ out.{label} = \"matched\" }}\n"));
    }
    source.push_str("out\n");
    let labels: BTreeMap<Field, Kind> = alert.labels.iter().map(|(name, _)| (name.as_str().into(), Kind::bytes())).collect();
    let event: BTreeMap<Field, Kind> = [("labels".into(), Kind::object(Collection::from(labels))), ("source".into(), Kind::bytes())].into();
    let state = TypeState {
        local: LocalEnv::default(),
        external: ExternalEnv::new_with_kind(Kind::object(Collection::from(event)), Kind::object(Collection::any())),
    };
    let compiled = compile_with_state(&source, &vrl::stdlib::all(), &state, CompileConfig::default());
    let program = compiled.map_err(|problems| anyhow!("{problems:?}\n{source}"))?.program;
    let target = |alert: &Alert| {
        let labels: ObjectMap = alert.labels.iter().map(|(name, value)| (name.as_str().into(), Value::from(value.as_str()))).collect();
        let source = Value::from(alert.source.as_deref().unwrap_or_default());
        let value = Value::Object([("labels".into(), Value::Object(labels)), ("source".into(), source)].into());
        TargetValue { value, metadata: Value::Object(ObjectMap::new()), secrets: Secrets::new() }
    };
    let (zone, mut runtime) = (TimeZone::default(), RuntimeState::default());
    let mut run = |target: &mut TargetValue| {
        runtime.clear();
        program.resolve(&mut Context::new(target, &mut runtime, &zone)).map_err(|error| anyhow!("{error:?}"))
    };
    let given = |value: Value| match value {
        Value::Object(out) => out.into_keys().map(|name| name.to_string()).collect(),
        other => vec![other.to_string()],
    };
    let mut prepared = target(alert);
    contest.time("vrl", "VRL, its event made beforehand", || run(&mut prepared), given)?;
    contest.time("vrl_from_alert", "VRL, from the host's alert", || run(&mut target(alert)), given)
}

/// CEL has expressions only: the result is the list of labels to set, empty where a rule does not hold.
pub fn cel(contest: &mut Contest, rules: &[Rule], alert: &Alert) -> Result<()> {
    use cel::{Context, Env, Value};

    let holds = |Rule { field, text, is_prefix, label }: &Rule| {
        let holds = if *is_prefix { format!("{field}.startsWith({text:?})") } else { format!("{field} == {text:?}") };
        format!("{holds} ? {label:?} : \"\"")
    };
    let source = format!("[{}]", rules.iter().map(holds).collect::<Vec<_>>().join(",\n"));
    let env = Arc::new(Env::stdlib());
    let program = env.compile(&source).map_err(|error| anyhow!("{error}\n{source}"))?;
    let context = |alert: &Alert| {
        let mut context = Context::with_env(Arc::clone(&env));
        let labels: HashMap<String, String> = alert.labels.iter().cloned().collect();
        context.add_variable("labels", labels).map_err(|error| anyhow!("{error}"))?;
        context.add_variable("source", alert.source.clone().unwrap_or_default()).map_err(|error| anyhow!("{error}"))?;
        Ok::<_, anyhow::Error>(context)
    };
    let given = |value: Value| match value {
        Value::List(labels) => labels
            .iter()
            .filter_map(|label| match label {
                Value::String(label) if !label.is_empty() => Some(label.to_string()),
                _ => None,
            })
            .collect(),
        other => vec![format!("{other:?}")],
    };
    let prepared = context(alert)?;
    contest.time("cel", "CEL, its variables made beforehand", || Ok(program.execute(&prepared)?), given)?;
    contest.time("cel_from_alert", "CEL, from the host's alert", || Ok(program.execute(&context(alert)?)?), given)
}

/// Rhai with its usual engine and optimizer.
pub fn rhai(contest: &mut Contest, rules: &[Rule], alert: &Alert) -> Result<()> {
    use rhai::{Dynamic, Engine, Map, Scope};

    let mut source = "let out = #{};\n".to_owned();
    for Rule { field, text, is_prefix, label } in rules {
        let holds = if *is_prefix { format!("{field}.starts_with({text:?})") } else { format!("{field} == {text:?}") };
        source.push_str(&format!("if {holds} {{ out.{label} = \"matched\"; }}\n"));
    }
    source.push_str("out");
    let engine = Engine::new();
    let ast = engine.compile(&source).context("compile the rules as Rhai")?;
    let scope = |alert: &Alert| {
        let mut scope = Scope::new();
        let labels: Map = alert.labels.iter().map(|(name, value)| (name.as_str().into(), Dynamic::from(value.clone()))).collect();
        scope.push_constant("labels", labels).push_constant("source", alert.source.clone().unwrap_or_default());
        scope
    };
    let run = |scope: &mut Scope<'_>| {
        let held = scope.len();
        let out = engine.eval_ast_with_scope::<Map>(scope, &ast).map_err(|error| anyhow!("{error}"))?;
        scope.rewind(held);
        Ok(out)
    };
    let given = |out: Map| out.into_keys().map(|name| name.to_string()).collect();
    let mut prepared = scope(alert);
    contest.time("rhai", "Rhai, its variables made beforehand", || run(&mut prepared), given)?;
    contest.time("rhai_from_alert", "Rhai, from the host's alert", || run(&mut scope(alert)), given)
}
