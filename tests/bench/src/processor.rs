//! Processor time by thread, as the kernel counts it: other work on the machine does not count.

use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// Processor time by the name of the thread, in microseconds. Linux cuts names after 15 bytes.
#[derive(Debug, Clone, Default)]
pub struct Times(BTreeMap<String, f64>);

impl Times {
    /// Of all threads that a process has now.
    pub fn of(process: u32) -> Result<Self> {
        let mut times = BTreeMap::new();
        for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
            let task = task?.path();
            // A thread may end while it is looked at.
            let Ok(name) = std::fs::read_to_string(task.join("comm")) else { continue };
            *times.entry(name.trim().to_owned()).or_default() += scheduled_micros(&task).unwrap_or_default();
        }
        Ok(Self(times))
    }

    /// What has been spent since, by thread.
    pub fn since(&self, before: &Self) -> Self {
        let spent = |(name, time): (&String, &f64)| (name.clone(), time - before.0.get(name).copied().unwrap_or_default());
        Self(self.0.iter().map(spent).collect())
    }

    /// What the threads whose names begin so have spent together.
    pub fn spent(&self, names: &[&str]) -> f64 {
        self.0.iter().filter(|(name, _)| names.iter().any(|wanted| name.starts_with(wanted))).map(|(_, time)| time).sum()
    }

    /// All of it.
    pub fn total(&self) -> f64 {
        self.0.values().sum()
    }
}

/// Processor time that the calling thread has had, in microseconds, to the nanosecond: what `/proc` tells of a running thread moves only with
/// the scheduler's tick.
#[allow(unsafe_code)]
pub fn own_micros() -> Result<f64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime only writes into the struct that it is given.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    anyhow::ensure!(failed == 0, "the kernel tells no thread's time: {}", std::io::Error::last_os_error());
    Ok(time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3)
}

fn scheduled_micros(task: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(task.join("schedstat"))?;
    let nanos: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanos / 1e3)
}

/// Who works on an alert: the figure's name, the threads, in words.
const SHARES: [(&str, &[&str], &str); 6] = [
    ("door", &["door", "tokio"], "HTTP and the front door"),
    ("normalize", &["normalizer"], "the normalizer's threads"),
    ("journal", &["journal"], "the journal's writer and its checkpoints"),
    ("feeder", &["feeder"], "the thread that hands records to partitions"),
    ("pipeline", &["partition"], "all stages: enrich rules and catalog, filter, dedupe"),
    ("commit", &["committer", "store-writer", "store-checkpoin"], "the committer, the store's writer and its checkpoints"),
];

/// The shares of an alert in what was spent.
pub fn shares(spent: &Times, alerts: f64) -> impl Iterator<Item = (&'static str, f64, String)> {
    SHARES.into_iter().map(move |(name, threads, words)| (name, spent.spent(threads) / alerts, format!("µs of CPU: {words}")))
}
