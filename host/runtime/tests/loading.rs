//! What is refused before it runs, in words that name the fix, and what is kept between starts.

mod house;

use domain::decision::Stage;
use house::{House, MISCHIEF_ASKS, MISCHIEF_HOOKS, doing, full_alert, said};
use ports::PluginHost;
use std::fs;

fn refusal(guest: &str, hooks: &str, stage: Stage, more: &str) -> String {
    let house = House::new();
    house.install("a-plugin", guest, hooks, more);
    house.refused("a-plugin", stage, "{}")
}

#[test]
fn an_unknown_plugin_is_told_with_the_nearest_and_all_that_are_there() {
    let house = House::new();
    house.install("rules", "quick", r#""filter", "enrich""#, "");
    house.install("route", "quick", r#""filter", "enrich""#, "");
    let why = house.refused("ruels", Stage::Filter, "{}");
    assert!(why.contains("did you mean `rules`?") && why.ends_with("Installed: route, rules"), "{why}");
    assert!(house.refused("../rules", Stage::Filter, "{}").contains("is not installed"));
}

#[test]
fn imports_beyond_the_contract_are_refused() {
    let why = refusal("stranger", r#""filter""#, Stage::Filter, "");
    assert!(why.starts_with("imports `test:stranger/network`, which no plugin gets"), "{why}");
    let why = refusal("nosy", r#""notify""#, Stage::Notify, "lookups = [\"hosts\"]");
    assert_eq!(why, "imports `lookup`, which the hook notify may not have");
}

#[test]
fn imports_that_the_manifest_does_not_ask_for_are_refused() {
    let why = refusal("mischief", MISCHIEF_HOOKS, Stage::Filter, "keys = [\"*\"]");
    assert_eq!(why, "imports `lookup`, and plugin.toml names none: add `lookups = [\"catalog\"]` to plugin.toml");
}

#[test]
fn what_is_not_granted_or_not_there_is_refused() {
    let asks =
        |lookups: &str, keys: &str| refusal("mischief", MISCHIEF_HOOKS, Stage::Filter, &format!("lookups = [{lookups}]\nkeys = [{keys}]"));
    assert_eq!(
        asks(r#""salaries""#, r#""hook""#),
        "asks for the table `salaries`, which is not granted: add `salaries` to grants.a-plugin.lookups"
    );
    assert_eq!(asks(r#""hosts""#, r#""other""#), "asks for the key `other`, which is not granted: add `other` to grants.a-plugin.keys");
}

#[test]
fn manifest_and_component_have_to_agree() {
    let why = refusal("quick", r#""filter", "enrich", "route""#, Stage::Filter, "");
    assert_eq!(why, "plugin.toml lists the hook `route`, and plugin.wasm exports only enrich, filter");
    let why = refusal("quick", r#""filter""#, Stage::Filter, "");
    assert_eq!(why, "plugin.wasm exports the hook `enrich`: add \"enrich\" to `hooks` in plugin.toml");
    let why = refusal("quick", r#""filter", "enrich""#, Stage::Notify, "");
    assert_eq!(why, "is used to notify, and does not answer that; it answers: filter, enrich");
}

#[test]
fn settings_that_the_plugin_does_not_take_are_refused() {
    let house = House::new();
    house.install("mischief", "mischief", MISCHIEF_HOOKS, MISCHIEF_ASKS);
    assert_eq!(house.refused("mischief", Stage::Filter, &doing("refuse")), "does not take its settings: /do: not today");
    assert!(house.refused("mischief", Stage::Filter, &doing("widen")).contains("wants to read `details`"));
}

/// Guards against settings that reach a plugin unchecked: this guest takes anything.
#[test]
fn settings_that_do_not_fit_the_manifests_schema_are_refused() {
    let house = House::new();
    let schema = "[settings]\ntype = \"object\"\nadditionalProperties = false\nproperties.team.type = \"string\"\n";
    house.install("quick", "quick", r#""filter", "enrich""#, schema);
    assert!(house.prepare("quick", Stage::Filter, r#"{"team":"shop"}"#).is_ok());
    assert_eq!(
        house.refused("quick", Stage::Filter, r#"{"team":7}"#),
        "has settings that do not fit its schema: /team: 7 has to be a string"
    );
    house.install("quick", "quick", r#""filter", "enrich""#, "[settings]\ntype = \"objct\"\n");
    assert!(house.refused("quick", Stage::Filter, "{}").starts_with("plugin.toml: [settings] is no JSON Schema"));
}

#[test]
fn broken_components_are_refused() {
    let house = House::new();
    house.install("quick", "quick", r#""filter", "enrich""#, "");
    let path = house.plugin("quick").join("plugin.wasm");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(house.refused("quick", Stage::Filter, "{}").starts_with("plugin.wasm is not valid"));
    fs::remove_file(&path).unwrap();
    assert!(house.refused("quick", Stage::Filter, "{}").starts_with("read "));
}

#[test]
fn the_list_of_plugins_holds_the_broken_ones_too() {
    let house = House::new();
    house.install("quick", "quick", r#""filter", "enrich""#, "reads = [\"summary\"]\n");
    house.install("wrong", "quick", r#""filter""#, "raeds = []\n");
    let installed = house.sandbox.installed();
    let quick = installed[0].as_ref().unwrap();
    assert_eq!((quick.hooks.join(","), quick.reads.join(",")), ("enrich,filter".into(), "summary".into()));
    assert_eq!(quick.plugin.digest, house.sandbox.installed_package("quick").unwrap().digest(), "one version has one digest");
    let wrong = installed[1].as_ref().unwrap_err();
    assert_eq!(wrong.plugin, "wrong");
    assert!(wrong.reason.contains("line 5: `raeds` is no key of plugin.toml, did you mean `reads`?"), "{}", wrong.reason);
}

#[test]
fn a_second_start_compiles_nothing_and_one_digest_has_one_image() {
    let house = House::new();
    house.install("dump", "dump", r#""normalize", "enrich", "filter", "dedupe", "route", "notify", "automate", "interact""#, "");
    let images = || {
        let all = fs::read_dir(house.dir.path().join("cache")).unwrap().map(|entry| entry.unwrap());
        all.filter(|entry| entry.file_name().to_string_lossy().ends_with(".native")).map(|e| e.metadata().unwrap().modified().unwrap())
    };
    let ask = || said(house.prepare("dump", Stage::Filter, "{}").unwrap().instance().filter(&full_alert()).unwrap());
    std::thread::scope(|scope| {
        let both = [scope.spawn(ask), scope.spawn(ask)];
        for one in both {
            assert!(one.join().unwrap().starts_with("status="));
        }
    });
    let written: Vec<_> = images().collect();
    assert_eq!(written.len(), 1);
    assert!(ask().starts_with("status="));
    assert_eq!(images().collect::<Vec<_>>(), written);
}
