//! How long a post takes at a given rate, counted from when it was due: a server that stalls for a second pays for every post that was due
//! in that second, where a closed loop would have sent one and waited. The floor gets the same posts on the same schedule.

use crate::Size;
use crate::backing::Backing;
use crate::data::{self, Mix};
use crate::figures::Figures;
use crate::load::{Door, post_all, post_on_schedule};
use crate::stand::Stand;
use crate::{floor, subject};
use anyhow::Result;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Connections: enough that none of them is waited for unless the server stalls for 50 ms at 10,000 a second.
const CONNECTIONS: usize = 512;
/// The rate of the aim.
const AIM: usize = 10_000;

/// Each rate in turn, the floor at the rate of the aim.
pub fn measure(figures: &mut Figures, dir: &Path, backing: Backing, size: Size) -> Result<()> {
    figures.setting(
        "open",
        "single posts of the mix, known entities first; each rate on its own posts",
        "no cache of results",
        &format!("open loop, {CONNECTIONS} connections, schedule looked at every 0.1 ms, time from when a post was due"),
        "axum, JSON parsed, one row a post, group commit, on the same schedule",
    );
    let mut mix = Mix::new(size.known);
    let known = data::bodies(&mix.known(), 64);
    let stand = Stand::open(dir, "open", backing)?;
    let door = stand.door();
    post_all(&door, &known, 4)?;
    stand.drained(Duration::from_secs(120))?;
    let mut by_rate = Vec::new();
    for rate in size.rates {
        let bodies = posts(&mut mix, rate * size.rate_seconds);
        let round = post_on_schedule(&door, &bodies, CONNECTIONS, *rate as f64)?;
        figures.round(&format!("open_{rate}"), &round);
        by_rate.push((*rate as f64, round.latencies.ms(99.0)));
        stand.drained(Duration::from_secs(240))?;
    }
    figures.curve("open_p99_by_rate", by_rate);
    drop(stand);

    let floor = Door { address: floor::start(dir, "open-floor.db")?, path: "/api/v2/alerts".into() };
    let bodies = posts(&mut mix, AIM * size.rate_seconds);
    let round = post_on_schedule(&floor, &bodies, CONNECTIONS, AIM as f64)?;
    figures.round(&format!("floor_open_{AIM}"), &round);

    // The same server and posts in a closed loop, to be read beside it.
    let stand = Stand::open(dir, "closed", backing)?;
    post_all(&stand.door(), &known, 4)?;
    stand.drained(Duration::from_secs(120))?;
    let round = post_all(&stand.door(), &posts(&mut mix, AIM * size.rate_seconds), subject::CONNECTIONS)?;
    figures.round("closed", &round);
    stand.drained(Duration::from_secs(240))
}

fn posts(mix: &mut Mix, count: usize) -> Vec<Vec<u8>> {
    let alerts: Vec<Value> = (0..count).map(|_| mix.next_alert()).collect();
    data::bodies(&alerts, 1)
}
