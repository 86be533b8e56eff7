//! The bounds of hot state in one place. Their defaults suit one machine.

use crate::redis_settings::RedisSettings;
use std::time::Duration;

/// The bounds.
#[derive(Debug, Clone)]
pub struct HotSettings {
    /// Most memory for committed windows, in bytes.
    pub window_bytes: u64,
    /// Most memory for plugin state of all name spaces, in bytes. What does not fit is refused to plugins as over their limit.
    pub state_bytes: usize,
    /// How long a call waits for its name space to be read from the store at the first use, before it goes without state.
    pub load_limit: Duration,
    /// `None`: memory alone.
    pub redis: Option<RedisSettings>,
}

impl Default for HotSettings {
    fn default() -> Self {
        Self { window_bytes: 64 << 20, state_bytes: 256 << 20, load_limit: Duration::from_secs(2), redis: None }
    }
}
