//! Hot state of this process.

use crate::copy::{Behind, Lineage};
use crate::error::OpenError;
use crate::hits::{Asked, From, Hits};
use crate::settings::HotSettings;
use crate::slot::Slot;
use crate::source::Source;
use crate::spaces::Spaces;
use crate::windows::Windows;
use domain::incident::Window;
use domain::state::{Generations, StateSpace, Touch};
use domain::time::Millis;
use ports::hot::{HotStatus, WindowKey};
use ports::{HotState, StateSlot, Store};
use std::sync::Arc;
use std::time::Duration;

/// What it is built from.
pub struct HotParts {
    pub store: Arc<dyn Store>,
    pub settings: HotSettings,
}

/// Memory, and Redis behind it if there is one.
pub struct Hot {
    spaces: Arc<Spaces>,
    windows: Windows,
    behind: Option<Arc<Behind>>,
    hits: Arc<Hits>,
}

/// Under which the store keeps the name of the owner of hot state.
const LINEAGE: &str = "hot-state";

impl Hot {
    /// Begins an epoch in the store, which fences every owner before this one. Redis is connected to in the background: nothing waits for it.
    pub async fn open(parts: HotParts) -> Result<Arc<Self>, OpenError> {
        let HotParts { store, settings } = parts;
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(|error| OpenError::Random(error.to_string()))?;
        let (own, seed) = (random[..16].to_vec(), random.last_chunk().map_or(0, |seed| u64::from_le_bytes(*seed)));
        let name = own.clone();
        let begin = store.write(move |tx| {
            let before = tx.host_secret(LINEAGE)?.unwrap_or_default();
            // Also without Redis: a copy that is older than this process must not be taken for its own later.
            tx.put_host_secret(LINEAGE, &name)?;
            Ok((tx.next_epoch()?, before, tx.generations()?))
        });
        let (epoch, before, generations) = begin.await.map_err(OpenError::Epoch)?;
        let lineage = Lineage { epoch, own: hex::encode(own), before: hex::encode(before) };
        let start = |redis| Behind::start(redis, lineage, &generations, seed).map(Arc::new).map_err(OpenError::Thread);
        let behind = settings.redis.map(start).transpose()?;
        let hits = Arc::new(Hits::new());
        let source = Source { store, limit: settings.load_limit };
        let spaces = Arc::new(Spaces::new(source, behind.clone(), Arc::clone(&hits), epoch, settings.state_bytes));
        Ok(Arc::new(Self { spaces, windows: Windows::new(settings.window_bytes), behind, hits }))
    }

    /// Waits until Redis has everything that is committed, so that the next process finds a copy that counts; `false`: it took longer.
    pub async fn flush(&self, limit: Duration) -> bool {
        match &self.behind {
            Some(behind) => behind.flush(limit).await,
            None => true,
        }
    }
}

impl HotState for Hot {
    fn slot(&self) -> Arc<dyn StateSlot> {
        Arc::new(Slot::new(Arc::clone(&self.spaces)))
    }

    fn committed_order(&self, space: &StateSpace) -> u64 {
        self.spaces.committed_order(space)
    }

    fn windows(&self, keys: &[WindowKey]) -> Vec<Option<Window>> {
        let mut known: Vec<Option<Window>> = keys.iter().map(|key| self.windows.get(key)).collect();
        let in_memory = known.iter().flatten().count();
        if let Some(behind) = self.behind.as_ref().filter(|_| in_memory < keys.len()) {
            let missing: Vec<usize> = (0..keys.len()).filter(|index| known[*index].is_none()).collect();
            let asked: Vec<&WindowKey> = missing.iter().map(|index| &keys[*index]).collect();
            for (index, window) in missing.into_iter().zip(behind.windows(&asked)) {
                if let Some(window) = window {
                    self.windows.put(&keys[index], &window);
                    known[index] = Some(window);
                }
            }
        }
        let hits = known.iter().flatten().count();
        self.hits.count(Asked::Window, From::Memory, in_memory as u64);
        self.hits.count(Asked::Window, From::Redis, (hits - in_memory) as u64);
        self.hits.count(Asked::Window, From::Store, (known.len() - hits) as u64);
        known
    }

    fn learned(&self, windows: &[(WindowKey, Window)]) {
        for (key, window) in windows {
            self.windows.put(key, window);
        }
        if let Some(behind) = &self.behind {
            behind.learned(windows);
        }
    }

    fn committed(&self, touches: &[Touch], windows: &[(WindowKey, Window)], generations: &Generations) {
        for (key, window) in windows {
            self.windows.put(key, window);
        }
        // Before the touches count as committed: a name space that is dropped then is never read from a copy without them.
        if let Some(behind) = &self.behind {
            behind.committed(touches, windows, generations);
        }
        for touch in touches {
            self.spaces.commit(&touch.space, touch.order);
        }
    }

    fn expire(&self, now: Millis) {
        self.spaces.expire(now);
        self.windows.report();
        if let Some(behind) = &self.behind {
            metrics::gauge!("reveille_hot_queue_items").set(behind.waiting() as f64);
        }
    }

    fn status(&self) -> HotStatus {
        let behind = self.behind.as_ref();
        let degraded = behind.and_then(|behind| behind.why_degraded());
        HotStatus { degraded, waiting: behind.map_or(0, |behind| behind.waiting()), hits: self.hits.all() }
    }
}
