//! How keys are called in Redis. All of a partition share a hash tag, so that a script may touch them in a cluster.

use domain::state::StateSpace;
use ports::hot::WindowKey;

/// The header of a partition: epoch, lineage, base and generation.
pub(super) fn header(prefix: &str, partition: u8) -> String {
    format!("{prefix}:{{{partition}}}:header")
}

/// A key of the copy with this base; another base is another copy.
pub(super) fn data(prefix: &str, partition: u8, base: u64, name: &str) -> String {
    format!("{prefix}:{{{partition}}}:{base:016x}:{name}")
}

/// The lengths are there so that no two windows share a name.
pub(super) fn window(key: &WindowKey) -> String {
    format!("w:{}:{}:{}", key.0.0.len(), key.0, key.1)
}

pub(super) fn space(space: &StateSpace) -> String {
    format!("s:{}:{}:{}:{}", space.plugin.len(), space.plugin, space.schema, space.team)
}
