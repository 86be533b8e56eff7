//! What the operator says about the sandbox.

use crate::keyring::KeyRing;
use std::path::PathBuf;
use std::sync::Arc;

/// Where plugins lie and what they may cost.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// Holds a folder per plugin.
    pub plugins_dir: PathBuf,
    /// Holds native images that this host compiled; made with mode 0700 if it is not there.
    pub cache_dir: PathBuf,
    /// Holds the versions that are or were in force; made with mode 0700 if it is not there.
    pub versions_dir: PathBuf,
    /// Keys that plugins may use by name.
    pub keys: Arc<KeyRing>,
    pub limits: SandboxLimits,
    pub breaker: BreakerSettings,
}

impl RuntimeSettings {
    /// Defaults with no keys; versions are kept beside the cache.
    pub fn new(plugins_dir: impl Into<PathBuf>, cache_dir: impl Into<PathBuf>) -> Self {
        let cache_dir = cache_dir.into();
        Self {
            plugins_dir: plugins_dir.into(),
            versions_dir: cache_dir.with_file_name("plugin-versions"),
            cache_dir,
            keys: Arc::default(),
            limits: SandboxLimits::default(),
            breaker: BreakerSettings::default(),
        }
    }
}

/// Ceilings for every plugin; a manifest that asks for more is refused.
#[derive(Debug, Clone)]
pub struct SandboxLimits {
    /// Most instances at one time: threads × plugins. Address space is set aside for each, memory only once it is used.
    pub instances: u32,
    /// Most memory of one instance, in bytes.
    pub memory_bytes: usize,
    /// Most elements of one table; Python needs 8,000.
    pub table_elements: usize,
    /// Longest deadline of a call, in milliseconds.
    pub deadline_ms: u64,
    /// How long `configure` may take, in milliseconds.
    pub configure_deadline_ms: u64,
    /// How long a compilation may take, in seconds.
    pub compile_seconds: u64,
    /// Largest component, in bytes.
    pub component_bytes: u64,
    /// A warm instance is replaced after so many calls.
    pub calls_per_instance: u64,
    /// A warm instance is replaced once it holds so much of its memory limit, in percent.
    pub memory_high_water_percent: usize,
    /// Most keys of one name space of plugin state.
    pub state_keys: usize,
    /// Most bytes of one name space of plugin state, keys included.
    pub state_bytes: usize,
    /// How finely deadlines are told, in milliseconds: a call is stopped up to this much after its deadline.
    pub tick_ms: u64,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            instances: 512,
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            deadline_ms: 1_000,
            configure_deadline_ms: 2_000,
            compile_seconds: 60,
            component_bytes: 32 << 20,
            calls_per_instance: 1_000_000,
            memory_high_water_percent: 75,
            state_keys: 1_000_000,
            state_bytes: 256 << 20,
            tick_ms: 1,
        }
    }
}

/// When a plugin is left alone.
#[derive(Debug, Clone, Copy)]
pub struct BreakerSettings {
    /// So many failures in a row; at least 1.
    pub failures: u32,
    /// How long it is not asked before one call tries it again, in seconds.
    pub pause_seconds: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 20, pause_seconds: 30 }
    }
}
