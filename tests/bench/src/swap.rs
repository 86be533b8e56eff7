//! Plugins swapped under load: one version and another in turn, while alerts come on a schedule. The server tells how long its partitions
//! paused; the senders tell how long they waited.

use crate::Size;
use crate::backing::Backing;
use crate::data::{self, Mix};
use crate::figures::Figures;
use crate::load::{post_all, post_on_schedule};
use crate::stand::Stand;
use anyhow::{Context, Result, ensure};
use reveille_tests::place::plugins;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Alerts a second.
const RATE: f64 = 1000.0;
const CONNECTIONS: usize = 128;
/// What the server tells of the longest pause, in seconds, over all its partition threads.
const LONGEST: &str = "reveille_pipeline_longest_swap_seconds";

/// Quiet first, then under swaps.
pub fn measure(figures: &mut Figures, dir: &Path, backing: Backing, size: Size) -> Result<()> {
    figures.setting(
        "swap",
        "single posts of the mix; `rules` in two versions that differ in a custom section, pushed in turn without pause",
        "native images cached after the first two pushes",
        &format!("open loop at {RATE} a second, {CONNECTIONS} connections"),
        "the same schedule without swaps",
    );
    let stand = Stand::open(dir, "swap", backing)?;
    let mut mix = Mix::new(size.known);
    let known = data::bodies(&mix.known(), 64);
    post_all(&stand.door(), &known, 4)?;
    stand.drained(Duration::from_secs(120))?;
    let seconds = size.swap_seconds;
    let mut posts = || -> Vec<Vec<u8>> {
        let alerts: Vec<Value> = (0..seconds * RATE as usize).map(|_| mix.next_alert()).collect();
        data::bodies(&alerts, 1)
    };
    let quiet = post_on_schedule(&stand.door(), &posts(), CONNECTIONS, RATE)?;
    figures.round("swap_quiet", &quiet);

    let versions = [version(dir, "a")?, version(dir, "b")?];
    let (door, bodies) = (stand.door(), posts());
    let load = std::thread::spawn(move || post_on_schedule(&door, &bodies, CONNECTIONS, RATE));
    let (began, mut swaps) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(seconds as u64) {
        let folder = versions[swaps % 2].display().to_string();
        let (said, well) = stand.server.cli(&["plugin", "push", &folder]);
        ensure!(well, "push {}: {said}", swaps + 1);
        swaps += 1;
    }
    let took = began.elapsed().as_secs_f64();
    let swapped = load.join().map_err(|_| anyhow::anyhow!("the load's thread panicked"))??;
    figures.round("swap_under", &swapped);
    figures.add("swaps", swaps as f64, &format!("swaps in {took:.1} s, each verified, compiled, configured and tried on past alerts"));
    let longest = stand.metric(LONGEST)?.context("the server tells its longest pause")?;
    figures.add("swap_longest_pause_ms", longest * 1000.0, "ms: longest pause of a partition");
    stand.drained(Duration::from_secs(120))?;
    let counted = stand.all_decided(size.known + 2 * seconds * RATE as usize)?;
    figures.add("swap_decisions", counted as f64, "rows, equal to the alerts posted");
    Ok(())
}

/// The bundled rules engine with one more custom section, so that its digest is another.
fn version(dir: &Path, name: &str) -> Result<PathBuf> {
    let folder = dir.join(format!("version-{name}")).join("rules");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(plugins().join("rules/plugin.toml"), folder.join("plugin.toml"))?;
    let mut component = std::fs::read(plugins().join("rules/plugin.wasm"))?;
    // A custom section: its size, the length of its name, the name, the content.
    component.extend_from_slice(&[0, 7, 5]);
    component.extend_from_slice(b"bench");
    component.extend_from_slice(name.as_bytes());
    std::fs::write(folder.join("plugin.wasm"), component)?;
    Ok(folder)
}
