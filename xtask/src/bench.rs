//! `cargo xtask bench`: builds the program as it ships and hands over to the benchmark, which prints every figure beside its floor.

use crate::plugins;
use crate::tools::{self, Package, cargo, ensure_packages, target_dir};
use anyhow::Result;
use std::process::Command;

/// Passes its arguments on: `--quick`, `--json FILE`.
pub fn run(args: &[String]) -> Result<()> {
    ensure_packages(&[Package { name: "prometheus-alertmanager", proof: &["prometheus-alertmanager"] }])?;
    let dist = plugins::build()?;
    // The shipped program: without the feature that lets tests steer it.
    tools::run(&mut cargo(&["build", "--release", "--locked", "-p", "reveille", "-p", "reveille-bench"]))?;
    let programs = target_dir().join("release");
    tools::run(Command::new(programs.join("reveille-bench")).args(args).env("REVEILLE_TARGET", &programs).env("REVEILLE_PLUGINS", dist))
}
