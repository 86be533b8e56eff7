//! What the path costs per alert; run by hand: `cargo test --release -p pipeline --test cost -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use futures_util::future::join_all;
use pipeline::EngineSettings;
use std::collections::BTreeMap;
use std::time::Duration;
use support::House;

/// Bodies of 64 alerts, nine of ten repeats; the plugins are native and do nothing, so what is left is the host's own part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
#[allow(clippy::print_stdout, reason = "a measurement")]
async fn decided_per_second() {
    const BODIES: usize = 2000;
    const ALERTS: usize = 64;
    let dir = tempfile::tempdir().unwrap();
    let settings = EngineSettings { partition_threads: 2, normalizer_threads: 1, ..EngineSettings::default() };
    let house = House::open_with(dir.path(), domain::installation::OnFailure::Skip, settings, |store| store);
    let body = |round: usize| {
        let line = |n: usize| format!("firing host-{} key-{} critical", (round * 7 + n * 13) % 6400, (round * 7 + n * 13) % 1000);
        (0..ALERTS).map(line).collect::<Vec<_>>().join("\n")
    };
    let bodies: Vec<String> = (0..BODIES).map(body).collect();
    let began = house.clock().elapsed();
    let before = cpu();
    for chunk in bodies.chunks(16) {
        join_all(chunk.iter().map(|body| house.post(body))).await;
    }
    let answered = house.clock().elapsed().saturating_sub(began);
    house.settle().await;
    let decided = house.clock().elapsed().saturating_sub(began);
    let alerts = (BODIES * ALERTS) as f64;
    println!("answered {:.0}/s, decided {:.0}/s", alerts / answered.as_secs_f64(), alerts / decided.as_secs_f64());
    for (thread, time) in cpu() {
        let spent = time.saturating_sub(before.get(&thread).copied().unwrap_or_default());
        println!("{thread:16} {:.2} µs of CPU per alert", spent.as_secs_f64() * 1e6 / alerts);
    }
}

/// The CPU time of each thread so far by name, from the operating system.
fn cpu() -> BTreeMap<String, Duration> {
    let mut times = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        let name = std::fs::read_to_string(task.join("comm")).unwrap().trim().to_owned();
        let stat = std::fs::read_to_string(task.join("stat")).unwrap();
        let fields: Vec<i64> = stat.rsplit(')').next().unwrap().split_whitespace().filter_map(|field| field.parse().ok()).collect();
        // utime and stime, in ticks of 10 ms; the state, a letter, is left out by the parse.
        *times.entry(name).or_default() += Duration::from_millis((fields[10] + fields[11]) as u64 * 10);
    }
    times
}
