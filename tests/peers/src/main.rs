//! One rule set in native Rust, as a plugin, and in three rule languages that run in process: what a call costs in each.
//!
//! The rule set is the benchmark's: 20 rules over 8 fields, of which three match and set a label each. Every contestant gets the same
//! alert, is prepared once, and has to give the same three labels before it is timed. A language is timed twice: with its input made
//! before the clock runs, which is more than it gets in a real pipeline, and from the host's alert, as the plugin is.
#![allow(clippy::disallowed_methods, reason = "a benchmark asks the machine's clock")]

mod contest;
mod ground;
mod languages;
mod rule;

use anyhow::Result;
use contest::Contest;
use std::path::PathBuf;

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "reveille-peers [--quick] [--json FILE]";

fn main() -> Result<()> {
    let (mut quick, mut json) = (false, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--json" => json = arguments.next().map(PathBuf::from),
            other => anyhow::bail!("unknown argument {other}\n{USAGE}"),
        }
    }
    let dir = tempfile::tempdir()?;
    let alert = ground::alert(dir.path())?;
    let rules = rule::rules();
    let mut contest = Contest::new(if quick { 100_000 } else { 1_000_000 });
    ground::native(&mut contest, &rules, &alert)?;
    ground::plugin(&mut contest, dir.path(), &rules, &alert, false)?;
    ground::plugin(&mut contest, dir.path(), &rules, &alert, true)?;
    languages::vrl(&mut contest, &rules, &alert)?;
    languages::cel(&mut contest, &rules, &alert)?;
    languages::rhai(&mut contest, &rules, &alert)?;
    contest.print();
    if let Some(path) = json {
        std::fs::write(path, contest.to_json())?;
    }
    Ok(())
}
