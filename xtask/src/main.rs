//! `cargo xtask run | test | plugins | guests | bench | soak`: everything that a fresh machine needs, in one command each.

mod bench;
mod check;
mod demo;
mod plugins;
mod tools;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask run                      build everything and start the demo on 127.0.0.1:8080
cargo xtask test [-- TEST ARGS]      build everything and run all tests
cargo xtask plugins                  build the bundled plugins into plugins/dist
cargo xtask bench [--quick] [--only PART]... [--store sqlite|postgres] [--redis] [--json FILE]
cargo xtask bench --plots JSON...    draw docs/performance/*.svg from the JSON of runs
cargo xtask bench --peers            one rule set in Rust, as a plugin, in VRL, CEL and Rhai
cargo xtask soak [--rounds N]        run the promises' tests N times as long (10) and print their counts";

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    match args.first().map(String::as_str) {
        Some("run") => demo::run(),
        Some("test") => check::test(rest),
        Some("plugins") => plugins::build().map(drop),
        Some("guests") => plugins::build_guests(),
        Some("bench") => bench::run(rest),
        Some("soak") => check::soak(rest),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command {:?}\n\n{USAGE}", other.unwrap_or("(none)")),
    }
}
