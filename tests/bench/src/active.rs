//! Many active alerts: what the server holds and how fast it still is as they grow, and how long it takes to be ready again after a kill,
//! with nothing to do and with a backlog.

use crate::Size;
use crate::backing::Backing;
use crate::data::{self, Mix};
use crate::figures::Figures;
use crate::load::{Door, post_all};
use crate::stand::Stand;
use anyhow::{Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};

/// Alerts a body: the most that a normalizer may make of one.
const BATCH: usize = 1000;
/// Looks at memory and speed on the way.
const STEPS: usize = 10;
const CONNECTIONS: usize = 4;

/// Distinct firing alerts, ten an incident, in steps; then kills.
pub fn measure(figures: &mut Figures, dir: &Path, backing: Backing, size: Size) -> Result<()> {
    figures.setting(
        "active",
        &format!("{} distinct firing alerts, ten an incident, bodies of {BATCH}", size.active),
        "caches as they ship, bounded",
        &format!("closed loop, {CONNECTIONS} connections, each step waits until all is decided"),
        "none",
    );
    let mut stand = Stand::open(dir, "active", backing)?;
    let before = stand.resident_mib()?;
    figures.add("active_rss_empty_mib", before, "MiB resident before the first alert");
    let bodies = data::bodies(&Mix::new(size.active).known(), BATCH);
    let (mut memory, mut speed, began) = (vec![(0.0, before)], Vec::new(), Instant::now());
    let mut so_far = 0.0;
    for part in bodies.chunks(bodies.len().div_ceil(STEPS)) {
        let step_began = Instant::now();
        post_all(&stand.door(), part, CONNECTIONS)?;
        stand.drained(Duration::from_secs(600))?;
        let alerts = (part.len() * BATCH) as f64;
        so_far += alerts;
        speed.push((so_far, alerts / step_began.elapsed().as_secs_f64()));
        memory.push((so_far, stand.resident_mib()?));
    }
    figures.add("active_seconds", began.elapsed().as_secs_f64(), &format!("s until {} new alerts are decided", size.active));
    figures.add("active_first_step_per_s", speed.first().map_or(0.0, |step| step.1), "alerts/s in the first tenth");
    figures.add("active_last_step_per_s", speed.last().map_or(0.0, |step| step.1), "alerts/s in the last tenth");
    figures.add("active_rss_mib", stand.resident_mib()?, "MiB resident with all of them active");
    figures.curve("active_rss_mib_by_alerts", memory);
    figures.curve("active_per_s_by_alerts", speed);
    let counted = stand.all_decided(size.active)?;
    figures.add("active_decisions", counted as f64, "rows, equal to the alerts posted");

    let seconds = restarted(&mut stand)?;
    figures.add("recovery_seconds", seconds, &format!("s from the start to ready, {} alerts active, nothing to do", size.active));
    figures.add("recovery_rss_mib", stand.resident_mib()?, "MiB resident when it is ready again");
    recovery_with_backlog(figures, &mut stand, size)?;
    ensure!(stand.server.stop(), "the server stops well:\n{}", stand.server.log());
    Ok(())
}

/// Kills it while it still has to decide what it answered 2xx.
fn recovery_with_backlog(figures: &mut Figures, stand: &mut Stand, size: Size) -> Result<()> {
    let mut mix = Mix::new(size.active.min(20_000));
    let alerts: Vec<_> = (0..size.backlog).map(|_| mix.next_alert()).collect();
    let bodies = data::bodies(&alerts, 64);
    let Door { address, path } = stand.door();
    post_all(&Door { address, path }, &bodies, CONNECTIONS)?;
    let decided = stand.count("SELECT count(*) FROM decision")?;
    let seconds = restarted(stand)?;
    figures.add(
        "recovery_backlog_alerts",
        (size.active + size.backlog).saturating_sub(decided) as f64,
        "alerts answered and not decided at the kill",
    );
    figures.add("recovery_backlog_seconds", seconds, "s from the start to ready");
    let began = Instant::now();
    stand.drained(Duration::from_secs(600))?;
    figures.add("recovery_backlog_decided_seconds", began.elapsed().as_secs_f64(), "s from ready until all is decided");
    stand.all_decided(size.active + size.backlog).map(drop)
}

/// Kills the server, starts it again, and gives how long that took; ready is looked at every 10 ms.
fn restarted(stand: &mut Stand) -> Result<f64> {
    stand.server.kill();
    let began = Instant::now();
    stand.server.try_start().map_err(anyhow::Error::msg)?;
    Ok(began.elapsed().as_secs_f64())
}
