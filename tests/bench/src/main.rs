//! Benchmarks that print every figure beside a peer or a floor of the same run.
//!
//! Closed loop on loopback, bounded in count. The data set is in `data.rs`; the peers get the very same bytes.

mod calls;
mod data;
mod figures;
mod floor;
mod load;
mod peer;
mod subject;

use anyhow::Result;
use clap::Parser;
use figures::Figures;
use std::path::PathBuf;

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

fn main() -> Result<()> {
    let options = Options::parse();
    let size = if options.quick {
        Size { singles: 60_000, batches: 4_000, known: 5_000, calls: 300_000 }
    } else {
        Size { singles: 400_000, batches: 20_000, known: 20_000, calls: 3_000_000 }
    };
    let dir = tempfile::tempdir()?;
    let mut figures = Figures::default();
    figures.note("mix", "90 % repeats (Zipf), 9 % new entities of open incidents, 1 % new incidents; 1,000 services; 20 rules over 8 fields; 1 KB an alert");
    figures.add("fdatasync_4k_ms", floor::fdatasync_4k_ms(dir.path())?, "ms, median of 200");
    calls::measure(&mut figures, size)?;
    let bodies = subject::Bodies::make(size);
    floor_round(&mut figures, dir.path(), &bodies)?;
    peer::measure(&mut figures, dir.path(), &bodies)?;
    subject::measure(&mut figures, dir.path(), &bodies)?;
    figures.ratios();
    figures.print();
    if let Some(path) = options.json {
        std::fs::write(path, figures.to_json())?;
    }
    Ok(())
}

fn floor_round(figures: &mut Figures, dir: &std::path::Path, bodies: &subject::Bodies) -> Result<()> {
    let address = floor::start(dir)?;
    let round = load::post_all(address, "/api/v2/alerts", &bodies.singles, subject::CONNECTIONS)?;
    figures.round("floor_single", round);
    Ok(())
}
