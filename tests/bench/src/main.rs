//! Benchmarks that print every figure beside a peer or a floor of the same run.
//!
//! Loopback only, bounded in count and time. The data set is in `data.rs`; peers and floors get the very same bytes. What is measured is
//! the program as it ships, on the store that the command line names.
#![allow(clippy::disallowed_methods, reason = "a benchmark asks the machine's clock")]

mod active;
mod backing;
mod calls;
mod data;
mod figures;
mod floor;
mod ground;
mod latency;
mod load;
mod neighbours;
mod open;
mod path;
mod peer;
mod people;
mod plots;
mod processor;
mod sink;
mod stand;
mod storm;
mod subject;
mod svg;
mod swap;

use anyhow::Result;
use backing::{Backing, Store};
use clap::Parser;
use figures::Figures;
use std::path::{Path, PathBuf};

/// As in the server; the floor has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Measures the path from a post to a committed decision beside its floor and Debian's Alertmanager")]
struct Options {
    /// Fewer posts, and without `active`, `swap` and `people`: ends within two minutes.
    #[arg(long)]
    quick: bool,
    /// Only this part; may be given again.
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Where the server keeps its journal and decisions.
    #[arg(long, default_value = "sqlite")]
    store: Store,
    /// With Redis behind the memory.
    #[arg(long)]
    redis: bool,
    /// Write the figures there as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure nothing: draw plots from the JSON of these runs.
    #[arg(long, value_name = "JSON", num_args = 1.., conflicts_with_all = ["quick", "only", "json"])]
    plots: Vec<PathBuf>,
    /// Where plots go.
    #[arg(long, value_name = "FOLDER", default_value = "docs/performance")]
    plots_to: PathBuf,
}

/// The parts, in the order that they run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// What a call of a plugin costs, warm and per call.
    Calls,
    /// The way of an alert in one process, by thread.
    Path,
    /// The least that a server could do.
    Floor,
    /// Debian's Alertmanager.
    Peer,
    /// Closed loop: single posts, batches, committed decisions.
    Throughput,
    /// Open loop at several rates, beside floor and closed loop.
    Open,
    /// The same alerts again and again.
    Storm,
    /// Hostile plugins and their neighbour.
    Hostile,
    /// Plugins swapped under load.
    Swap,
    /// A million active alerts, and recovery.
    Active,
    /// A night with very many open incidents.
    People,
}

impl Part {
    const ALL: [Self; 11] = [
        Self::Calls,
        Self::Path,
        Self::Floor,
        Self::Peer,
        Self::Throughput,
        Self::Open,
        Self::Storm,
        Self::Hostile,
        Self::Swap,
        Self::Active,
        Self::People,
    ];
    const QUICK: [Self; 8] = [Self::Calls, Self::Path, Self::Floor, Self::Peer, Self::Throughput, Self::Open, Self::Storm, Self::Hostile];

    fn measure(self, run: &mut Run) -> Result<()> {
        let Run { figures, dir, bodies, size, backing } = run;
        let (dir, size, backing) = (dir.path(), *size, *backing);
        match self {
            Self::Calls => calls::measure(figures, dir, bodies, size),
            Self::Path => path::measure(figures, dir, bodies),
            Self::Floor => floor_round(figures, dir, bodies),
            Self::Peer => peer::measure(figures, dir, bodies),
            Self::Throughput => subject::measure(figures, dir, backing, bodies),
            Self::Open => open::measure(figures, dir, backing, size),
            Self::Storm => storm::measure(figures, dir, backing, size),
            Self::Hostile => neighbours::measure(figures, size),
            Self::Swap => swap::measure(figures, dir, backing, size),
            Self::Active => active::measure(figures, dir, backing, size),
            Self::People => people::measure(figures, dir, backing, size),
        }
    }
}

/// How much each measurement does.
#[derive(Clone, Copy)]
pub struct Size {
    pub singles: usize,
    pub batches: usize,
    /// Entities that are known before the mix begins.
    pub known: usize,
    pub calls: usize,
    /// Posts a second in an open loop.
    pub rates: &'static [usize],
    pub rate_seconds: usize,
    /// Bodies of 64 in a storm.
    pub storm: usize,
    /// Distinct alerts that stay active.
    pub active: usize,
    /// Alerts that are taken before a kill.
    pub backlog: usize,
    pub swap_seconds: usize,
    pub neighbour_calls: usize,
    /// Open incidents whose escalations run.
    pub incidents: usize,
    /// Of these, as many get due in one instant.
    pub due: usize,
}

impl Size {
    const QUICK: Self = Self {
        singles: 40_000,
        batches: 2_000,
        known: 5_000,
        calls: 300_000,
        rates: &[10_000],
        rate_seconds: 4,
        storm: 4_000,
        active: 50_000,
        backlog: 20_000,
        swap_seconds: 10,
        neighbour_calls: 5_000,
        incidents: 10_000,
        due: 1_000,
    };
    const FULL: Self = Self {
        singles: 150_000,
        batches: 10_000,
        known: 20_000,
        calls: 3_000_000,
        rates: &[2_000, 5_000, 10_000, 15_000],
        rate_seconds: 10,
        storm: 30_000,
        active: 1_000_000,
        backlog: 300_000,
        swap_seconds: 60,
        neighbour_calls: 100_000,
        incidents: 100_000,
        due: 5_000,
    };
}

/// One run.
struct Run {
    figures: Figures,
    dir: tempfile::TempDir,
    bodies: subject::Bodies,
    size: Size,
    backing: Backing,
}

const MIX: &str =
    "90 % repeats (Zipf), 9 % new entities of open incidents, 1 % new incidents; 1,000 services; 20 rules over 8 fields; 1 KB an alert";

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    let options = Options::parse();
    if !options.plots.is_empty() {
        for path in plots::draw(&options.plots, &options.plots_to)? {
            println!("{}", path.display());
        }
        return Ok(());
    }
    let size = if options.quick { Size::QUICK } else { Size::FULL };
    let parts: &[Part] = match (options.only.is_empty(), options.quick) {
        (false, _) => &options.only,
        (true, true) => &Part::QUICK,
        (true, false) => &Part::ALL,
    };
    // As in the server: counting costs something.
    let _metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
    let backing = Backing { store: options.store, redis: options.redis };
    let dir = tempfile::tempdir()?;
    let mut run = Run { figures: Figures::default(), bodies: subject::Bodies::make(size), dir, size, backing };
    run.figures.note("mix", MIX);
    run.figures.note("machine", machine());
    run.figures.note("backing", backing.words());
    run.figures.add("fdatasync_4k_ms", floor::fdatasync_4k_ms(run.dir.path())?, "ms, median of 200");
    let mut outcome = Ok(());
    for part in parts {
        outcome = part.measure(&mut run);
        if outcome.is_err() {
            break;
        }
    }
    run.figures.ratios();
    // What was measured before a part failed is kept.
    if let Some(path) = options.json {
        std::fs::write(path, run.figures.to_json())?;
    }
    outcome
}

/// What else the machine does is part of every figure.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("{cores} cores, load average {} when the run began", load.split(' ').next().unwrap_or("unknown"))
}

fn floor_round(figures: &mut Figures, dir: &Path, bodies: &subject::Bodies) -> Result<()> {
    let door = load::Door { address: floor::start(dir, "floor.db")?, path: "/api/v2/alerts".into() };
    let round = load::post_all(&door, &bodies.singles, subject::CONNECTIONS)?;
    figures.round("floor_single", &round);
    Ok(())
}
