//! `cargo xtask bench`: builds the program as it ships and hands over to the benchmark, which prints every figure beside its floor.
//! With `--peers` to the comparison of rule languages instead, which is a workspace of its own.

use crate::plugins;
use crate::tools::{self, Package, cargo, ensure_packages, root, target_dir};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

const PEERS: &[Package] = &[
    Package { name: "prometheus-alertmanager", proof: &["prometheus-alertmanager"] },
    Package { name: "postgresql", proof: &["/usr/lib/postgresql/*/bin/initdb"] },
    Package { name: "redis-server", proof: &["redis-server"] },
];

/// Passes its arguments on: `--quick`, `--only PART`, `--store`, `--redis`, `--json FILE`, `--plots JSON…`.
pub fn run(args: &[String]) -> Result<()> {
    let plots = args.iter().any(|argument| argument == "--plots");
    if !plots {
        ensure_packages(PEERS)?;
    }
    let dist = plugins::build()?;
    if args.iter().any(|argument| argument == "--peers") {
        let rest: Vec<&String> = args.iter().filter(|argument| *argument != "--peers").collect();
        return languages(&rest, &dist);
    }
    // The shipped program: without the feature that lets tests steer it.
    tools::run(&mut cargo(&["build", "--release", "--locked", "-p", "reveille", "-p", "reveille-bench"]))?;
    let programs = target_dir().join("release");
    tools::run(
        Command::new(programs.join("reveille-bench"))
            .args(args)
            .current_dir(root())
            .env("REVEILLE_TARGET", &programs)
            .env("REVEILLE_PLUGINS", dist),
    )
}

/// Native Rust, plugin, VRL, CEL and Rhai: `--quick`, `--json FILE`.
fn languages(args: &[&String], dist: &Path) -> Result<()> {
    let folder = root().join("tests/peers");
    let target = plugins::workspace_target("REVEILLE_PEERS_TARGET", &folder);
    // Not locked: the host's own dependencies move without this workspace being built.
    tools::run(cargo(&["build", "--release"]).current_dir(&folder).env("CARGO_TARGET_DIR", &target))?;
    tools::run(Command::new(target.join("release/reveille-peers")).args(args).current_dir(root()).env("REVEILLE_PLUGINS", dist))
}
