//! Benchmarks that print every figure beside a peer or a floor of the same run.
//!
//! Closed loop on loopback, bounded in count. The data set is in `data.rs`; the peers get the very same bytes.
#![allow(clippy::disallowed_methods, reason = "a benchmark asks the machine's clock")]

mod calls;
mod data;
mod figures;
mod floor;
mod ground;
mod load;
mod path;
mod peer;
mod processor;
mod subject;

use anyhow::Result;
use clap::Parser;
use figures::Figures;
use std::path::PathBuf;

/// As in the server; the floor has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Measures the path from a post to a committed decision beside its floor and Debian's Alertmanager")]
struct Options {
    /// Fewer posts: ends within five minutes.
    #[arg(long)]
    quick: bool,
    /// Write the figures there as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// How many posts each measurement makes.
#[derive(Clone, Copy)]
pub struct Size {
    pub singles: usize,
    pub batches: usize,
    /// Entities that are known before the mix begins.
    pub known: usize,
    pub calls: usize,
}

const MIX: &str =
    "90 % repeats (Zipf), 9 % new entities of open incidents, 1 % new incidents; 1,000 services; 20 rules over 8 fields; 1 KB an alert";

fn main() -> Result<()> {
    let options = Options::parse();
    let size = if options.quick {
        Size { singles: 60_000, batches: 4_000, known: 5_000, calls: 300_000 }
    } else {
        Size { singles: 150_000, batches: 10_000, known: 20_000, calls: 3_000_000 }
    };
    // As in the server: counting costs something.
    let _metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
    let dir = tempfile::tempdir()?;
    let mut figures = Figures::default();
    figures.note("mix", MIX);
    figures.note("machine", machine());
    figures.add("fdatasync_4k_ms", floor::fdatasync_4k_ms(dir.path())?, "ms, median of 200");
    let bodies = subject::Bodies::make(size);
    calls::measure(&mut figures, dir.path(), &bodies, size)?;
    path::measure(&mut figures, dir.path(), &bodies)?;
    floor_round(&mut figures, dir.path(), &bodies)?;
    peer::measure(&mut figures, dir.path(), &bodies)?;
    subject::measure(&mut figures, dir.path(), &bodies)?;
    figures.ratios();
    if let Some(path) = options.json {
        std::fs::write(path, figures.to_json())?;
    }
    Ok(())
}

/// What else the machine does is part of every figure.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("{cores} cores, load average {} when the run began", load.split(' ').next().unwrap_or("unknown"))
}

fn floor_round(figures: &mut Figures, dir: &std::path::Path, bodies: &subject::Bodies) -> Result<()> {
    let address = floor::start(dir)?;
    let round = load::post_all(address, "/api/v2/alerts", &bodies.singles, subject::CONNECTIONS)?;
    figures.round("floor_single", round);
    Ok(())
}
