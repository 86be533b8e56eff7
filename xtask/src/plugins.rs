//! Builds the bundled plugins and lays them out as a server reads them: `plugins/dist/<name>/plugin.wasm` beside its manifest.

use crate::tools::{cargo, ensure_wasm_target, root, run};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Builds every plugin once and gives the folder of the results.
pub fn build() -> Result<PathBuf> {
    ensure_wasm_target()?;
    let source = root().join("plugins");
    let target = workspace_target("REVEILLE_PLUGINS_TARGET", &source);
    eprintln!("xtask: building the plugins");
    let mut build = cargo(&["build", "--release", "--locked", "--target", "wasm32-wasip2"]);
    run(build.current_dir(&source).env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS"))?;
    let dist = source.join("dist");
    for name in names(&source)? {
        let component = target.join("wasm32-wasip2/release").join(format!("{}.wasm", name.replace('-', "_")));
        let place = dist.join(&name);
        std::fs::create_dir_all(&place)?;
        copy(&component, &place.join("plugin.wasm"))?;
        copy(&source.join(&name).join("plugin.toml"), &place.join("plugin.toml"))?;
    }
    Ok(dist)
}

/// Builds the raw components that the sandbox's own tests call.
pub fn build_guests() -> Result<()> {
    ensure_wasm_target()?;
    let source = root().join("tests/guests");
    let target = workspace_target("REVEILLE_GUESTS_TARGET", &source);
    eprintln!("xtask: building the test guests");
    let mut build = cargo(&["build", "--release", "--locked", "--target", "wasm32-wasip2"]);
    run(build.current_dir(&source).env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS"))
}

/// Where a workspace of components is built: as the variable says, or in its own folder.
pub fn workspace_target(variable: &str, source: &Path) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| source.join("target"), PathBuf::from)
}

/// Folders with a manifest are plugins; the others are libraries that plugins share.
fn names(source: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(source)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("plugin.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // Written beside and renamed, so that a running server never reads half a component.
    let beside = to.with_extension("new");
    std::fs::copy(from, &beside).with_context(|| format!("cannot copy {} to {}", from.display(), beside.display()))?;
    std::fs::rename(&beside, to).with_context(|| format!("cannot put {} in place", to.display()))
}
