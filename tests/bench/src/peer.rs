//! The peer: Debian's Alertmanager, which keeps alerts in memory, on the very same posts.

use crate::figures::Figures;
use crate::load::post_all;
use crate::subject::{Bodies, CONNECTIONS};
use anyhow::Result;
use reveille_tests::peers::Peer;
use reveille_tests::place::free_port;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Measures it at 16 and at 64 connections and keeps the better: a peer is shown at its best.
pub fn measure(figures: &mut Figures, dir: &Path, bodies: &Bodies) -> Result<()> {
    let (_peer, address) = start(dir)?;
    post_all(address, "/api/v2/alerts", &bodies.known, 4)?;
    let half = bodies.singles.len() / 2;
    let few = post_all(address, "/api/v2/alerts", &bodies.singles[..half], 16)?;
    let many = post_all(address, "/api/v2/alerts", &bodies.singles[half..], CONNECTIONS)?;
    figures.round("alertmanager_single", if few.per_second() >= many.per_second() { few } else { many });
    let round = post_all(address, "/api/v2/alerts", &bodies.batches, 16)?;
    figures.round("alertmanager_batch64_posts", round);
    figures.add("alertmanager_batch64_per_s", round.per_second() * 64.0, "alerts/s");
    Ok(())
}

fn start(dir: &Path) -> Result<(Peer, SocketAddr)> {
    let port = free_port();
    let config = dir.join("alertmanager.yml");
    std::fs::write(&config, "route: { receiver: none, group_by: [service] }\nreceivers: [ { name: none } ]\n")?;
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(format!("--config.file={}", config.display())).arg(format!("--storage.path={}", dir.join("am").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--cluster.listen-address=");
    Ok((Peer::start("prometheus-alertmanager", command, port), SocketAddr::from(([127, 0, 0, 1], port))))
}
