//! What plugins remember between calls: written with the decision that it belongs to.

use crate::id::TeamId;
use crate::time::Millis;
use std::fmt;
use std::sync::Arc;

/// How many partitions hot state has, as many as the alert path.
pub const STATE_PARTITIONS: u8 = 64;
/// Longest key, in bytes.
pub const STATE_KEY_LIMIT_BYTES: usize = 256;
/// Largest value, in bytes.
pub const STATE_VALUE_LIMIT_BYTES: usize = 16 * 1024;
/// Longest life of an entry after its last write, in seconds: 30 days.
pub const STATE_TTL_LIMIT_SECONDS: u32 = 2_592_000;

/// A name space: what a plugin remembers for one team. It belongs to the plugin's name and the version of its state's schema, so it survives
/// a swap of the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateSpace {
    pub plugin: String,
    /// `state-schema` of the manifest.
    pub schema: u32,
    pub team: TeamId,
}

impl fmt::Display for StateSpace {
    /// As it is stored: `plugin/schema/team`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.plugin, self.schema, self.team)
    }
}

/// What is remembered under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateValue {
    Bytes(Arc<[u8]>),
    Counter(i64),
}

impl StateValue {
    /// What it takes, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Counter(_) => 8,
        }
    }
}

/// One remembered value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEntry {
    pub value: StateValue,
    /// Changes with every write; below 2^53.
    pub version: u64,
    /// Gone from then on.
    pub expires_at: Millis,
}

/// A row of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    pub space: Arc<StateSpace>,
    pub key: String,
    pub entry: StateEntry,
}

/// One write: what a key holds from now on; `None`: nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateWrite {
    pub key: String,
    pub entry: Option<StateEntry>,
}

/// That a call used a name space. Touches of one space are numbered without gaps in the order in which the calls saw each other's writes, so a
/// decision may be committed only together with, or after, every one that touched the same space before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    pub space: Arc<StateSpace>,
    /// From 1, anew in every process.
    pub order: u64,
    /// Empty: it only read.
    pub writes: Vec<StateWrite>,
}

/// How often each partition of the hot state was committed to: a copy with another number is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generations(pub [u64; STATE_PARTITIONS as usize]);

impl Default for Generations {
    fn default() -> Self {
        Self([0; STATE_PARTITIONS as usize])
    }
}
