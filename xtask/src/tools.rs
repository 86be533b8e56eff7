//! Running other programs, and saying in words what is missing.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_path_buf()
}

/// Where cargo puts the host's programs.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(PathBuf::from(dir)))
}

/// A command that runs in the repository's root.
pub fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// Runs a command to its end; its failure is an error that shows the command.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

/// The cargo that runs us.
pub fn cargo(args: &[&str]) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    command(&cargo, args)
}

/// Whether a program is on the path.
pub fn has(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// Adds the target that plugins are compiled for.
pub fn ensure_wasm_target() -> Result<()> {
    const TARGET: &str = "wasm32-wasip2";
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().context("cannot run rustc")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    if !has("rustup") {
        bail!("plugins need the Rust target {TARGET}: install it with your system's Rust packages, or install rustup and try again");
    }
    eprintln!("xtask: adding the Rust target {TARGET}");
    run(Command::new("rustup").args(["target", "add", TARGET]))
}

/// A Debian package and a program or file that shows that it is there.
pub struct Package {
    pub name: &'static str,
    pub proof: &'static [&'static str],
}

/// Installs Debian packages where this is root on Debian; otherwise says exactly what to install.
pub fn ensure_packages(packages: &[Package]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().filter(|p| !p.proof.iter().any(|proof| is_there(proof))).map(|p| p.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !(is_root() && has("apt-get")) {
        bail!(
            "the tests need these Debian packages, or the same programs from elsewhere: {list}\n    sudo apt-get install --no-install-recommends {list}"
        );
    }
    eprintln!("xtask: installing {list}");
    let quiet = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
        // A server that a package brings is for the tests to start, not for the machine.
        apt.env("RUNLEVEL", "1");
        apt
    };
    run(&mut quiet(&["update", "-q"]))?;
    let mut install = vec!["install", "-y", "-q", "--no-install-recommends"];
    install.extend(&missing);
    run(&mut quiet(&install))
}

fn is_there(proof: &str) -> bool {
    if let Some((dir, file)) = proof.split_once("/*/") {
        return std::fs::read_dir(dir).is_ok_and(|mut entries| entries.any(|e| e.is_ok_and(|e| e.path().join(file).exists())));
    }
    if proof.starts_with('/') { Path::new(proof).exists() } else { has(proof) }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}
