//! The one task that writes to Redis: connects, takes the partitions over, writes what was committed, and begins anew after every failure.

use super::chain::{Chains, Lineage};
use super::connect::Line;
use super::item::{Change, Item, Run};
use super::link::Link;
use super::names;
use super::queue::Queue;
use super::script::{Scripts, number};
use crate::redis_settings::RedisSettings;
use domain::state::STATE_PARTITIONS;
use futures_util::future::join_all;
use redis::{RedisError, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thiserror::Error;

/// About how many bytes are written at once.
const FLUSH_BYTES: usize = 256 << 10;
/// Most fields of a name space's copy.
const SPACE_FIELDS: u64 = 100_000;
/// How often Redis is asked for a sign of life when there is nothing to write.
const IDLE: Duration = Duration::from_secs(1);
/// So many rounds without failure, and the next failure is the first of a new row.
const STEADY_ROUNDS: u32 = 16;

/// Everything that readers, writers and the flusher share.
pub(super) struct Shared {
    pub settings: RedisSettings,
    pub lineage: Lineage,
    pub chains: Chains,
    pub link: Link,
    pub queue: Queue,
    pub scripts: Scripts,
    pub stopping: AtomicBool,
}

#[derive(Debug, Error)]
enum Trouble {
    #[error("redis: {0}")]
    Redis(#[from] RedisError),
    #[error("redis did not answer within {0:?}")]
    Slow(Duration),
    #[error("redis answered something else than was asked")]
    Strange,
    #[error("another process has begun epoch {0}: this one owns hot state no more")]
    Fenced(u64),
    #[error("{0}")]
    Reader(String),
}

pub(super) struct Flusher {
    pub shared: Arc<Shared>,
    /// What the copy of each partition has; `None`: it does not count.
    pub written: [Option<u64>; STATE_PARTITIONS as usize],
    pub failures: u32,
}

impl Flusher {
    /// Works until it is told to stop, or another process owns hot state.
    pub async fn run(mut self) {
        while !self.shared.stopping.load(Ordering::Acquire) {
            let trouble = match self.work().await {
                Ok(()) => return,
                Err(trouble) => trouble,
            };
            self.written = [None; STATE_PARTITIONS as usize];
            for partition in 0..STATE_PARTITIONS {
                self.shared.chains.set_base(partition, None);
            }
            self.shared.link.fail(&trouble.to_string());
            self.shared.queue.clear();
            if matches!(trouble, Trouble::Fenced(_)) {
                tracing::error!("{trouble}");
                return;
            }
            self.failures = self.failures.saturating_add(1);
            tokio::time::sleep(self.pause()).await;
        }
    }

    /// Between two tries: longer each time, and never the same for two processes.
    fn pause(&self) -> Duration {
        let (least, most) = self.shared.settings.retry;
        let full = least.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(most);
        let mut random = [0];
        // Without random bytes the pause is the longest of its row.
        let part = getrandom::fill(&mut random).map_or(255, |()| u32::from(random[0]));
        full / 2 + full * part / 512
    }

    /// From a new connection to its failure; `Ok`: told to stop.
    async fn work(&mut self) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        let settings = &shared.settings;
        let connecting = settings.connect_limit * 2;
        let line = tokio::time::timeout(connecting, Line::connect(settings)).await.map_err(|_| Trouble::Slow(connecting))??;
        let line = Arc::new(line);
        self.take_over(&line).await?;
        // A failure that was told before is of the line before.
        let _ = tokio::time::timeout(Duration::ZERO, shared.link.lost.notified()).await;
        shared.link.up(Arc::clone(&line));
        let mut rounds = 0;
        loop {
            let items = shared.queue.take(FLUSH_BYTES);
            if !items.is_empty() {
                self.write(&line, items).await?;
                shared.queue.written();
                rounds += 1;
                if rounds == STEADY_ROUNDS {
                    self.failures = 0;
                }
                continue;
            }
            if shared.stopping.load(Ordering::Acquire) {
                return Ok(());
            }
            tokio::select! {
                () = shared.queue.woken.notified() => {}
                () = shared.link.lost.notified() => {
                    return Err(Trouble::Reader(shared.link.why_down().unwrap_or_default()));
                }
                () = tokio::time::sleep(IDLE) => {
                    let limit = settings.write_limit;
                    tokio::time::timeout(limit, line.ask(&redis::cmd("PING"))).await.map_err(|_| Trouble::Slow(limit))??;
                    rounds += 1;
                }
            }
        }
    }

    /// Makes all partitions this epoch's, in one round trip.
    async fn take_over(&mut self, line: &Line) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        let limit = shared.settings.write_limit;
        let asked = (0..STATE_PARTITIONS).map(|partition| {
            let shared = &shared;
            let generation = shared.chains.generation(partition);
            let base = shared.chains.fresh_base();
            async move {
                let keys = [names::header(&shared.settings.prefix, partition)];
                let arguments = [
                    number(shared.lineage.epoch),
                    shared.lineage.own.clone().into_bytes(),
                    shared.lineage.before.clone().into_bytes(),
                    number(generation),
                    format!("{base:016x}").into_bytes(),
                    number(shared.settings.ttl_ms()),
                ];
                (partition, generation, shared.scripts.take_over.run(line, &keys, &arguments).await)
            }
        });
        let answers = tokio::time::timeout(limit, join_all(asked)).await.map_err(|_| Trouble::Slow(limit))?;
        let mut rebuilt = 0;
        for (partition, generation, answer) in answers {
            let (base, kept) = match &answer?[..] {
                [Value::Int(1), Value::BulkString(base), Value::Int(kept)] => (base_of(base).ok_or(Trouble::Strange)?, *kept == 1),
                [Value::Int(-1), Value::BulkString(epoch)] => return Err(fenced(epoch)),
                _ => return Err(Trouble::Strange),
            };
            rebuilt += u64::from(!kept);
            self.written[usize::from(partition)] = Some(generation);
            shared.chains.set_base(partition, Some(base));
        }
        metrics::counter!("reveille_hot_rebuilds_total").increment(rebuilt);
        Ok(())
    }

    async fn write(&mut self, line: &Line, items: Vec<Item>) -> Result<(), Trouble> {
        let mut runs: BTreeMap<u8, Run> = BTreeMap::new();
        for item in items {
            let written = self.written[usize::from(item.partition)];
            runs.entry(item.partition).or_insert_with(|| Run::after(written)).add(item);
        }
        runs.retain(|_, run| !run.is_empty());
        let behind = self.send(line, runs).await?;
        // Those whose copy was flushed, or lost its last writes: what is being written now begins a new one.
        let behind = self.send(line, behind).await?;
        if behind.is_empty() { Ok(()) } else { Err(Trouble::Strange) }
    }

    /// Writes all runs in one round trip; those whose copy turned out not to count come back, to begin a new one.
    async fn send(&mut self, line: &Line, runs: BTreeMap<u8, Run>) -> Result<BTreeMap<u8, Run>, Trouble> {
        let shared = Arc::clone(&self.shared);
        let limit = shared.settings.write_limit;
        let asked = runs.into_iter().map(|(partition, run)| {
            let shared = &shared;
            let base = if run.begin { None } else { shared.chains.base(partition) };
            let begin = base.is_none();
            let base = base.unwrap_or_else(|| shared.chains.fresh_base());
            async move {
                let (keys, arguments) = command(shared, partition, base, begin, &run);
                (partition, base, begin, shared.scripts.write.run(line, &keys, &arguments).await, run)
            }
        });
        let answers = tokio::time::timeout(limit, join_all(asked)).await.map_err(|_| Trouble::Slow(limit))?;
        let mut behind = BTreeMap::new();
        for (partition, base, begin, answer, run) in answers {
            match &answer?[..] {
                [Value::Int(1)] => {
                    self.written[usize::from(partition)] = Some(run.generation);
                    shared.chains.set_base(partition, Some(base));
                    metrics::counter!("reveille_hot_rebuilds_total").increment(u64::from(begin));
                }
                [Value::Int(0)] => {
                    self.written[usize::from(partition)] = None;
                    shared.chains.set_base(partition, None);
                    behind.insert(partition, Run { begin: true, ..run });
                }
                [Value::Int(-1), Value::BulkString(epoch)] => return Err(fenced(epoch)),
                _ => return Err(Trouble::Strange),
            }
        }
        Ok(behind)
    }
}

/// Keys and arguments of the script that writes a run.
fn command(shared: &Shared, partition: u8, base: u64, begin: bool, run: &Run) -> (Vec<String>, Vec<Vec<u8>>) {
    let prefix = &shared.settings.prefix;
    let mut keys = vec![names::header(prefix, partition)];
    let mut arguments = vec![
        number(shared.lineage.epoch),
        shared.lineage.own.clone().into_bytes(),
        format!("{base:016x}").into_bytes(),
        if begin { b"begin".to_vec() } else { b"next".to_vec() },
        number(run.before),
        number(run.generation),
        number(shared.settings.ttl_ms()),
        number(SPACE_FIELDS),
    ];
    for change in &run.changes {
        keys.push(names::data(prefix, partition, base, change.name()));
        let key = number(keys.len() as u64);
        let (op, fields) = match change {
            Change::Window { value, .. } => {
                arguments.extend([b"w".to_vec(), key, value.clone()]);
                continue;
            }
            Change::Whole { fields, .. } => (b"f", fields),
            Change::Part { fields, .. } => (b"t", fields),
        };
        arguments.extend([op.to_vec(), key, number(fields.len() as u64)]);
        for (field, entry) in fields {
            // The mark of a whole copy has no such beginning.
            arguments.extend([format!("k{field}").into_bytes(), entry.clone()]);
        }
    }
    (keys, arguments)
}

fn base_of(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok().filter(|base| *base != 0)
}

fn fenced(epoch: &[u8]) -> Trouble {
    Trouble::Fenced(std::str::from_utf8(epoch).ok().and_then(|epoch| epoch.parse().ok()).unwrap_or_default())
}
