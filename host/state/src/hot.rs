//! Hot state of this process.

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

/// What it is built from.
pub struct HotParts {
    pub store: Arc<dyn Store>,
    pub settings: HotSettings,
}

/// Memory, and Redis behind it if there is one.
pub struct Hot {
    spaces: Arc<Spaces>,
    windows: Windows,
    hits: Arc<Hits>,
}

impl Hot {
    /// Begins an epoch in the store, which fences every owner before this one.
    pub async fn open(parts: HotParts) -> Result<Arc<Self>, OpenError> {
        let HotParts { store, settings } = parts;
        let epoch = store.write(|tx| tx.next_epoch()).await.map_err(OpenError::Epoch)?;
        let hits = Arc::new(Hits::new());
        let source = Source { store, limit: settings.load_limit };
        let spaces = Arc::new(Spaces::new(source, Arc::clone(&hits), epoch, settings.state_bytes));
        Ok(Arc::new(Self { spaces, windows: Windows::new(settings.window_bytes), hits }))
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
        let known: Vec<Option<Window>> = keys.iter().map(|key| self.windows.get(key)).collect();
        let hits = known.iter().flatten().count();
        self.hits.count(Asked::Window, From::Memory, hits as u64);
        self.hits.count(Asked::Window, From::Store, (known.len() - hits) as u64);
        known
    }

    fn learned(&self, windows: &[(WindowKey, Window)]) {
        for (key, window) in windows {
            self.windows.put(key, window);
        }
    }

    fn committed(&self, touches: &[Touch], windows: &[(WindowKey, Window)], _generations: &Generations) {
        for (key, window) in windows {
            self.windows.put(key, window);
        }
        for touch in touches {
            self.spaces.commit(&touch.space, touch.order);
        }
    }

    fn expire(&self, now: Millis) {
        self.spaces.expire(now);
        self.windows.report();
    }

    fn status(&self) -> HotStatus {
        HotStatus { degraded: None, waiting: 0, hits: self.hits.all() }
    }
}
