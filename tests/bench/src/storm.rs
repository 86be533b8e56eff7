//! A storm of duplicates: the same alert again and again, and a hundred of them, in bodies of 64.

use crate::Size;
use crate::backing::Backing;
use crate::data::{self, Mix};
use crate::figures::Figures;
use crate::load::post_all;
use crate::stand::Stand;
use crate::subject::BATCH_CONNECTIONS;
use anyhow::{Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// One entity, then a hundred; every alert is a decision that has to be there afterwards.
pub fn measure(figures: &mut Figures, dir: &Path, backing: Backing, size: Size) -> Result<()> {
    figures.setting(
        "storm",
        &format!("{} bodies of 64 equal alerts, and of 64 out of 100 entities", size.storm),
        "no cache of results",
        &format!("closed loop, {BATCH_CONNECTIONS} connections; a post that is told 503 comes back after 20 ms"),
        "ack_batch64 and decided_per_s of the honest mix (--only throughput)",
    );
    for entities in [1, 100] {
        let stand = Stand::open(dir, &format!("storm-{entities}"), backing)?;
        let known = Mix::new(entities).known();
        let alerts: Vec<Value> = known.iter().cycle().take(64 * entities.max(2)).cloned().collect();
        let distinct = data::bodies(&alerts, 64);
        let bodies: Vec<Vec<u8>> = distinct.iter().cycle().take(size.storm).cloned().collect();
        post_all(&stand.door(), &distinct[..1], 1)?;
        stand.drained(Duration::from_secs(10))?;
        let began = Instant::now();
        let round = post_all(&stand.door(), &bodies, BATCH_CONNECTIONS)?;
        let taken = round.per_second() * 64.0;
        stand.drained(Duration::from_secs(600))?;
        let decided = (bodies.len() * 64) as f64 / began.elapsed().as_secs_f64();
        figures.round(&format!("storm_{entities}_posts"), &round);
        figures.add(&format!("storm_{entities}_taken_per_s"), taken, "alerts/s answered 2xx");
        figures.add(&format!("storm_{entities}_decided_per_s"), decided, "alerts/s, from the first post to the last commit");
        let counted = stand.all_decided((bodies.len() + 1) * 64)?;
        let incidents = stand.count("SELECT count(*) FROM incident WHERE team = 'bench'")?;
        ensure!(incidents == entities.div_ceil(10), "{entities} entities belong to {} incidents, not {incidents}", entities.div_ceil(10));
        figures.add(&format!("storm_{entities}_decisions"), counted as f64, "rows, equal to the alerts posted");
    }
    Ok(())
}
