//! Committed correlation windows in memory, and that there is none where there is none.

use domain::incident::Window;
use moka::sync::Cache;
use ports::hot::WindowKey;
use std::sync::Arc;

/// What an entry takes beside its key and its arrivals, in bytes.
const ENTRY_BYTES: usize = 192;

pub(crate) struct Windows {
    cache: Cache<Arc<WindowKey>, Arc<Window>>,
}

impl Windows {
    pub fn new(limit_bytes: u64) -> Self {
        let weight = |key: &Arc<WindowKey>, window: &Arc<Window>| {
            let bytes = ENTRY_BYTES + key.0.0.len() + key.1.len() + window.arrivals.len() * 8;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self { cache: Cache::builder().max_capacity(limit_bytes).weigher(weight).build() }
    }

    pub fn get(&self, key: &WindowKey) -> Option<Window> {
        self.cache.get(key).map(|window| (*window).clone())
    }

    pub fn put(&self, key: &WindowKey, window: &Window) {
        self.cache.insert(Arc::new(key.clone()), Arc::new(window.clone()));
    }

    pub fn report(&self) {
        metrics::gauge!("reveille_hot_window_bytes").set(self.cache.weighted_size() as f64);
    }
}
