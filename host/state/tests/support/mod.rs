//! A house with a real store, and commits as the committer makes them.
#![allow(dead_code, clippy::unused_self, reason = "each test file uses a part of it; calls read better on a house")]

pub mod proxy;
pub mod redis;

use domain::id::TeamId;
use domain::incident::Window;
use domain::state::{Generations, StateRow, StateSpace, Touch};
use domain::time::Millis;
use ports::hot::{WindowKey, partitions_written};
use ports::plugin::StateLimits;
use ports::{BoxFuture, Clock, HotState, StateFault, StateSlot, Store};
use state::{Hot, HotParts, HotSettings, RedisSettings};
use std::sync::Arc;
use std::time::Duration;
use store::{SqliteStore, StoreOptions};
use tokio::runtime::Runtime;

pub const NOW: Millis = Millis(1_767_225_600_000);
pub const LIMITS: StateLimits = StateLimits { schema: 1, keys: 1000, bytes: 1 << 20 };

pub fn space(team: &str) -> Arc<StateSpace> {
    Arc::new(StateSpace { plugin: "dedupe-window".into(), schema: 1, team: team.into() })
}

pub fn key(team: &str, key: &str) -> WindowKey {
    (TeamId::from(team), key.to_owned())
}

pub fn window(arrivals: &[i64]) -> Window {
    Window { arrivals: arrivals.iter().map(|at| NOW.plus_millis(*at)).collect() }
}

/// Stands still: nothing here measures time.
#[derive(Debug)]
pub struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Millis {
        NOW
    }
    fn wait_until(&self, _due: Millis) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

pub struct House {
    pub hot: Arc<Hot>,
    pub store: Arc<dyn Store>,
    pub runtime: Runtime,
    settings: HotSettings,
    _folder: tempfile::TempDir,
}

impl House {
    pub fn new() -> Self {
        Self::with(HotSettings::default())
    }

    pub fn with(settings: HotSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path(), StoreOptions::new(Arc::new(Stopped))).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let hot = open(&runtime, &store, &settings);
        Self { hot, store, runtime, settings, _folder: folder }
    }

    pub fn with_redis(redis: RedisSettings) -> Self {
        Self::with(HotSettings { redis: Some(redis), ..HotSettings::default() })
    }

    /// Waits until Redis is asked; `false`: it is not, after a second.
    pub fn connected(&self) -> bool {
        for _ in 0..500 {
            if self.hot.status().degraded.is_none() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// Waits until Redis has everything.
    pub fn flushed(&self) {
        assert!(self.runtime.block_on(self.hot.flush(Duration::from_secs(5))));
    }

    /// Memory is lost, as by a crash.
    pub fn reopen(&mut self) {
        self.hot = open(&self.runtime, &self.store, &self.settings);
    }

    /// Another process on the same store.
    pub fn another(&self) -> Arc<Hot> {
        open(&self.runtime, &self.store, &self.settings)
    }

    /// A call that is kept, unless an operation fails.
    pub fn kept(
        &self,
        slot: &Arc<dyn StateSlot>,
        team: &str,
        call: impl FnOnce(&dyn StateSlot) -> Result<(), StateFault>,
    ) -> Result<Touch, StateFault> {
        slot.open(&space(team), LIMITS, NOW)?;
        match call(&**slot) {
            Ok(()) => Ok(slot.close(true).unwrap()),
            Err(fault) => {
                slot.close(false);
                Err(fault)
            }
        }
    }

    /// The commit alone: a crash follows.
    pub fn store_only(&self, touches: &[Touch], windows: &[(WindowKey, Window)]) -> Generations {
        let (touches, windows) = (touches.to_vec(), windows.to_vec());
        let job = self.store.write(move |tx| {
            for touch in &touches {
                for write in &touch.writes {
                    match &write.entry {
                        Some(entry) => {
                            let (space, key) = (Arc::clone(&touch.space), write.key.clone());
                            tx.put_plugin_state(&StateRow { space, key, entry: entry.clone() })?;
                        }
                        None => tx.delete_plugin_state(&touch.space, &write.key)?,
                    }
                }
            }
            for ((team, key), window) in &windows {
                tx.put_window(team, key, window)?;
            }
            tx.count_generations(partitions_written(&touches, windows.iter().map(|(key, _)| key)))
        });
        self.runtime.block_on(job).unwrap()
    }

    pub fn commit(&self, touches: &[Touch], windows: &[(WindowKey, Window)]) {
        let generations = self.store_only(touches, windows);
        self.hot.committed(touches, windows, &generations);
    }

    /// What the store has.
    pub fn truth(&self, key: &WindowKey) -> Window {
        let (team, key) = key.clone();
        self.runtime.block_on(self.store.view(move |view| view.window(&team, &key))).unwrap().unwrap_or_default()
    }

    pub fn rows(&self, team: &str) -> Vec<StateRow> {
        let space = space(team);
        self.runtime.block_on(self.store.view(move |view| view.plugin_state(&space))).unwrap()
    }

    pub fn versions(&self, team: &str) -> Vec<u64> {
        self.rows(team).into_iter().map(|row| row.entry.version).collect()
    }
}

fn open(runtime: &Runtime, store: &Arc<dyn Store>, settings: &HotSettings) -> Arc<Hot> {
    runtime.block_on(Hot::open(HotParts { store: Arc::clone(store), settings: settings.clone() })).unwrap()
}
