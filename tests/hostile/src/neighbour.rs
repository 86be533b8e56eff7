//! What a hostile plugin costs the one beside it: the same calls, timed one by one on a thread of their own, alone and while the hostile
//! one is called without pause on another thread.

use crate::case::Case;
use crate::house::{House, alert, known_noise};
use anyhow::{Result, ensure};
use ports::Instance;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The neighbour's calls alone and beside a case, in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Beside {
    pub alone_p50_us: f64,
    pub alone_p99_us: f64,
    pub beside_p50_us: f64,
    pub beside_p99_us: f64,
    /// How often the hostile plugin was called meanwhile.
    pub hostile_calls: u64,
}

/// Times `calls` calls of the neighbour beside each case, in `rounds` alternating rounds, of which the median is kept: other work on the
/// machine then falls on both sides. `None` for a case that is not loaded.
pub fn beside(house: &mut House, case: &Case, calls: usize, rounds: usize) -> Result<Option<Beside>> {
    let Ok(plugin) = house.load(case)? else { return Ok(None) };
    let mut neighbour = house.neighbour()?;
    let (mut alone, mut with, mut hostile_calls) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        alone.push(timed(&mut *neighbour, calls)?);
        let (over, ready) = (AtomicBool::new(false), Barrier::new(2));
        let (times, made) = std::thread::scope(|scope| {
            let mut caller = house.caller(&*plugin, case.stage);
            let (over, ready) = (&over, &ready);
            let hostile = scope.spawn(move || {
                ready.wait();
                let mut made = 0;
                while !over.load(Ordering::Relaxed) {
                    caller.call();
                    made += 1;
                }
                made
            });
            ready.wait();
            let times = timed(&mut *neighbour, calls);
            over.store(true, Ordering::Relaxed);
            (times, hostile.join())
        });
        with.push(times?);
        hostile_calls += made.map_err(|_| anyhow::anyhow!("{}: the thread that called it panicked", case.name))?;
    }
    let median = |rounds: &[(f64, f64)], which: fn(&(f64, f64)) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(which).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Ok(Some(Beside {
        alone_p50_us: median(&alone, |r| r.0),
        alone_p99_us: median(&alone, |r| r.1),
        beside_p50_us: median(&with, |r| r.0),
        beside_p99_us: median(&with, |r| r.1),
        hostile_calls,
    }))
}

/// The median and the 99th percentile of so many calls, in microseconds.
fn timed(neighbour: &mut dyn Instance, calls: usize) -> Result<(f64, f64)> {
    let (alert, right) = (alert(), known_noise());
    let mut times: Vec<Duration> = Vec::with_capacity(calls);
    for _ in 0..calls {
        let began = Instant::now();
        let verdict = neighbour.filter(&alert)?;
        times.push(began.elapsed());
        ensure!(verdict == right, "the neighbour says {verdict:?}");
    }
    times.sort_unstable();
    let at = |share: usize| times.get(calls * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    Ok((at(50), at(99)))
}
