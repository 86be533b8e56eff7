//! The peer: Debian's Alertmanager, which keeps alerts in memory, on the very same posts.

use crate::figures::Figures;
use crate::load::{Door, Round, post_all};
use crate::processor::Times;
use crate::subject::{BATCH_CONNECTIONS, Bodies, CONNECTIONS};
use anyhow::Result;
use reveille_tests::peers::Peer;
use reveille_tests::place::free_port;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

const PATH: &str = "/api/v2/alerts";

/// Measures it with few and with many connections and keeps the better: a peer is shown at its best.
pub fn measure(figures: &mut Figures, dir: &Path, bodies: &Bodies) -> Result<()> {
    let (peer, address) = start(dir)?;
    let door = Door { address, path: PATH.to_owned() };
    post_all(&door, &bodies.known, 4)?;
    let before = Times::of(peer.id())?;
    figures.round("alertmanager_single", &best(&door, &bodies.singles, [16, CONNECTIONS])?);
    let alerts = bodies.singles.len() as f64;
    figures.add("alertmanager_single_us_per_alert", Times::of(peer.id())?.since(&before).total() / alerts, "µs of CPU, all its threads");
    let before = Times::of(peer.id())?;
    let round = best(&door, &bodies.batches, [4, BATCH_CONNECTIONS])?;
    figures.round("alertmanager_batch64_posts", &round);
    figures.add("alertmanager_batch64_per_s", round.per_second() * 64.0, "alerts/s");
    let alerts = (bodies.batches.len() * 64) as f64;
    figures.add("alertmanager_batch_us_per_alert", Times::of(peer.id())?.since(&before).total() / alerts, "µs of CPU, all its threads");
    Ok(())
}

/// One half of the bodies with each number of connections.
fn best(door: &Door, bodies: &[Vec<u8>], connections: [usize; 2]) -> Result<Round> {
    let (one, other) = bodies.split_at(bodies.len() / 2);
    let few = post_all(door, one, connections[0])?;
    let many = post_all(door, other, connections[1])?;
    Ok(if few.per_second() >= many.per_second() { few } else { many })
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
