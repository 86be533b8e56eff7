//! The way of an alert in this process, and the processor time of each thread on it: bodies of 64 from the data set through the engine with
//! the shipped plugins, store and journal. One partition thread, so that what it takes is what all stages take on one core.

use crate::figures::Figures;
use crate::ground::{Ground, inbound};
use crate::processor::{Times, shares};
use crate::subject::Bodies;
use anyhow::{Context, Result, ensure};
use pipeline::{Answer, Engine, EngineParts, EngineSettings};
use ports::{Journal, Live, Store, Wakes};
use state::{Hot, HotParts, HotSettings};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use store::{JournalOptions, SqliteJournal, SqliteStore, StoreOptions};

/// Bodies under way at once.
const UNDER_WAY: usize = 16;
/// Known entities first, then the mix; only the mix is measured.
pub fn measure(figures: &mut Figures, dir: &Path, bodies: &Bodies) -> Result<()> {
    let dir = dir.join("path");
    std::fs::create_dir_all(&dir)?;
    // The sandbox lives on: it tells plugins' deadlines.
    let Ground { clock, sandbox: _sandbox, snapshot } = Ground::open(&dir)?;
    let installation = Arc::clone(&snapshot.installation);
    let integration = installation.integrations.values().find(|i| i.id.as_str() == "bench").context("the integration")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("door").enable_all().build()?;
    runtime.block_on(async {
        let journal = Arc::new(SqliteJournal::open(&dir, JournalOptions::new(Arc::clone(&clock)))?);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&dir, StoreOptions::new(Arc::clone(&clock)))?);
        let engine = Engine::start(EngineParts {
            hot: Hot::open(HotParts { store: Arc::clone(&store), settings: HotSettings::default() }).await?,
            store,
            journal: Arc::clone(&journal) as Arc<dyn Journal>,
            clock: Arc::clone(&clock),
            live: Arc::new(Live::new(snapshot)),
            wakes: Arc::new(Wakes::default()),
            settings: EngineSettings { partition_threads: 1, normalizer_threads: 1, ..EngineSettings::default() },
        })?;
        take_all(&engine, integration, &bodies.known, &*clock).await?;
        let before = Times::of(std::process::id())?;
        let began = clock.elapsed();
        take_all(&engine, integration, &bodies.batches, &*clock).await?;
        let seconds = (clock.elapsed().saturating_sub(began)).as_secs_f64();
        let spent = Times::of(std::process::id())?.since(&before);
        let alerts = (bodies.batches.len() * 64) as f64;
        for (name, micros, words) in shares(&spent, alerts).filter(|(name, ..)| *name != "door") {
            figures.add(&format!("{name}_us_per_alert"), micros, &words);
        }
        figures.add("in_process_decided_per_s", alerts / seconds, "alerts/s through the engine in one process, bodies of 64");
        ensure!(engine.drain().await, "the engine ends with nothing left to decide");
        Ok(())
    })
}

/// Takes all bodies in, some at once, and waits until all is committed.
async fn take_all(
    engine: &Arc<Engine>,
    integration: &domain::installation::Integration,
    bodies: &[Vec<u8>],
    clock: &dyn ports::Clock,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let sender = async || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(body) = bodies.get(at) else { return Ok(()) };
            let answer = engine.take(integration, inbound(at, body, clock.now())).await;
            // Parked: the normalizer was preempted past its deadline. It is durable, and decided later.
            ensure!(matches!(answer, Answer::Accepted { .. } | Answer::Parked { .. }), "body {at} was answered {answer:?}");
        }
    };
    let senders: Vec<_> = (0..UNDER_WAY).map(|_| sender()).collect();
    for ended in futures_util::future::join_all(senders).await {
        ended?;
    }
    loop {
        let backlog = engine.backlog();
        if backlog.cursor == backlog.journal_head {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
