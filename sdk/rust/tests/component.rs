//! A plugin becomes a component that exports its own hook and imports what it uses, and the contract itself is valid.

use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldItem, WorldKey};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds the example guest and gives the component's bytes.
fn build_guest() -> Vec<u8> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2"])
        .current_dir(here().join("tests/guest"))
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "build the guest: {status}");
    std::fs::read(target.join("wasm32-wasip2/release/guest.wasm")).expect("the component was built")
}

/// The names of a world's interfaces.
fn names<'a>(resolve: &Resolve, items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>) -> Vec<String> {
    let mut names: Vec<String> = items.map(|(key, _)| resolve.name_world_key(key)).collect();
    names.sort();
    names
}

#[test]
fn a_component_has_the_exports_and_imports_of_its_hook() {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&build_guest()).expect("it is a component") else {
        panic!("it is a package, not a component");
    };
    let world = &resolve.worlds[world];
    let exports = names(&resolve, world.exports.iter());
    assert_eq!(exports, ["reveille:plugin/enrich@1.0.0", "reveille:plugin/lifecycle@1.0.0"]);

    let imports = names(&resolve, world.imports.iter());
    let (ours, others): (Vec<_>, Vec<_>) = imports.into_iter().partition(|name| name.starts_with("reveille:"));
    // It logs and looks up; `assets`, which it could use too, is not among them.
    assert_eq!(ours, ["reveille:plugin/log@1.0.0", "reveille:plugin/lookup@1.0.0", "reveille:plugin/types@1.0.0"]);
    // What Rust's standard library asks for, whether or not it is used; the host answers it from a closed world.
    let closed = ["wasi:cli/", "wasi:io/"];
    let open: Vec<_> = others.iter().filter(|name| !closed.iter().any(|prefix| name.starts_with(prefix))).collect();
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_contract_is_valid() {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(here().join("../../wit/v1.0")).expect("it resolves");
    assert_eq!(resolve.packages[package].name.to_string(), "reveille:plugin@1.0.0");
    let mut worlds: Vec<_> = resolve.packages[package].worlds.keys().map(String::as_str).collect();
    worlds.sort_unstable();
    assert_eq!(
        worlds,
        [
            "automate-plugin",
            "base",
            "dedupe-plugin",
            "enrich-plugin",
            "filter-plugin",
            "interact-plugin",
            "normalize-plugin",
            "notify-plugin",
            "plugin",
            "route-plugin"
        ]
    );
    let plugin = &resolve.worlds[resolve.packages[package].worlds["plugin"]];
    assert_eq!(plugin.exports.len(), 9, "eight hooks and lifecycle");
}
