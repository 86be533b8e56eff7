//! The example guest in a wasmtime sandbox: what the mocks promise holds there too.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, Store};

mod host {
    //! The host's side of the contract, as far as the guest uses it.
    #![allow(clippy::pedantic, missing_docs)]
    wasmtime::component::bindgen!({ path: "../../wit/v1.0", world: "enrich-plugin" });
}

use host::reveille::plugin::{assets, log, lookup, types};

/// What a guest can call here.
#[derive(Default)]
struct Imports {
    lines: Vec<String>,
}

impl types::Host for Imports {}

impl log::Host for Imports {
    fn write(&mut self, _: log::Level, message: String, _: Vec<(String, String)>) {
        self.lines.push(message);
    }
}

impl assets::Host for Imports {
    fn names(&mut self) -> Vec<assets::Asset> {
        Vec::new()
    }

    fn read(&mut self, _: String, _: u32, _: u32) -> Option<Vec<u8>> {
        None
    }
}

impl lookup::Host for Imports {
    fn find(&mut self, table: String, key: String) -> Result<Option<Vec<(String, String)>>, String> {
        match (table.as_str(), key.as_str()) {
            ("catalog", "checkout") => Ok(Some(vec![("team".into(), "payments".into())])),
            ("catalog", "slow") => Err("still loading".into()),
            _ => Ok(None),
        }
    }
}

struct Sandbox {
    store: Store<Imports>,
    plugin: host::EnrichPlugin,
}

impl Sandbox {
    fn new() -> Self {
        let mut config = Config::new();
        config.concurrency_support(false);
        let engine = Engine::new(&config).expect("the engine starts");
        let component = Component::new(&engine, build_guest()).expect("the component compiles");
        let mut linker = Linker::new(&engine);
        host::EnrichPlugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |imports| imports).expect("the imports are defined");
        // The standard library's imports: nothing here may need them.
        linker.define_unknown_imports_as_traps(&component).expect("the rest traps");
        let mut store = Store::new(&engine, Imports::default());
        let plugin = host::EnrichPlugin::instantiate(&mut store, &component, &linker).expect("it instantiates");
        Self { store, plugin }
    }

    fn configure(&mut self, settings: &str) -> Result<Vec<String>, Vec<(String, String)>> {
        let result = self.plugin.reveille_plugin_lifecycle().call_configure(&mut self.store, settings).expect("it does not trap");
        result.map_err(|problems| problems.into_iter().map(|problem| (problem.pointer, problem.message)).collect())
    }

    fn enrich(&mut self, alert: &types::Alert) -> Result<(usize, String), String> {
        let result = self.plugin.reveille_plugin_enrich().call_run(&mut self.store, alert).expect("it does not trap");
        match result {
            Ok(patch) => match &patch.edits[..] {
                [types::Edit::SetLabel((name, value))] if name == "team" => Ok((patch.edits.len(), value.clone())),
                edits => panic!("one label was expected, not {edits:?}"),
            },
            Err(types::Error::Internal(message)) => Err(message),
            Err(types::Error::Rejected(message)) => Err(format!("rejected: {message}")),
            Err(types::Error::Unavailable(message)) => Err(format!("unavailable: {message}")),
        }
    }
}

fn build_guest() -> Vec<u8> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2"])
        .current_dir(here.join("tests/guest"))
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "build the guest: {status}");
    std::fs::read(target.join("wasm32-wasip2/release/guest.wasm")).expect("the component was built")
}

/// With the three fields that the guest's manifest declares.
fn alert(service: &str) -> types::Alert {
    types::Alert {
        entity: None,
        status: types::Status::Firing,
        severity: types::Severity::Error,
        summary: Some("disk almost full on db1".into()),
        details: None,
        source: None,
        service: Some(service.into()),
        routing_key: None,
        group: None,
        started_at: None,
        received_at: None,
        expires_at: None,
        labels: vec![("team".into(), "unknown".into())],
        annotations: Vec::new(),
        links: Vec::new(),
    }
}

#[test]
fn a_call_gives_what_the_mocks_give() {
    let mut sandbox = Sandbox::new();
    assert_eq!(sandbox.enrich(&alert("checkout")), Err("called before it was configured".into()));
    assert_eq!(sandbox.configure(r#"{"fallback_team":"ops"}"#), Ok(vec![]));
    assert_eq!(sandbox.enrich(&alert("checkout")), Ok((1, "payments".into())));
    assert_eq!(sandbox.enrich(&alert("other")), Ok((1, "ops".into())));
    assert_eq!(sandbox.enrich(&alert("slow")), Err("unavailable: look up in `catalog`: still loading".into()));
    // Many calls on one instance: the arena starts over after each.
    for _ in 0..10_000 {
        assert_eq!(sandbox.enrich(&alert("checkout")), Ok((1, "payments".into())));
    }
}

#[test]
fn an_undeclared_read_names_the_manifest_line() {
    let mut sandbox = Sandbox::new();
    assert_eq!(sandbox.configure(r#"{"fallback_team":"ops","is_curious":true}"#), Ok(vec![]));
    let message = "`details` is used but not declared: add \"details\" to `reads` (plugin.toml, line 5)";
    assert_eq!(sandbox.enrich(&alert("checkout")), Err(message.into()));
    assert_eq!(sandbox.store.data().lines, ["nothing to see"]);
}

#[test]
fn wrong_settings_are_pointed_at() {
    let mut sandbox = Sandbox::new();
    let problems = sandbox.configure(r#"{"fallback_team":7}"#).unwrap_err();
    assert_eq!(problems, [("/fallback_team".into(), "invalid type: integer `7`, expected a string".into())]);
}
