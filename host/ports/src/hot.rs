//! Hot state: what is asked at every alert, kept in memory and, where the operator has one, in a cache server behind it. It can be lost at any
//! time: the store is truth.

use crate::plugin::StateLimits;
use domain::id::TeamId;
use domain::incident::Window;
use domain::state::{Generations, StateEntry, StateSpace, Touch};
use domain::time::Millis;
use std::sync::Arc;
use thiserror::Error;

/// Why an operation on plugin state was not done; the contract's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StateFault {
    #[error("too many keys, or a key or value that is too large")]
    OverLimit,
    /// Holds the present version, if there is a value.
    #[error("the value has another version")]
    Conflict(Option<u64>),
    #[error("state cannot be read now")]
    Unavailable,
}

/// Where one thread's calls of one plugin read and write state. Writes are buffered and visible to later reads of the same call; at the first
/// operation of a call its name space is locked for others until the call is closed, so that calls see each other's effects whole.
///
/// Counters and values do not mix: [`StateSlot::set`] and [`StateSlot::replace`] over a counter, and [`StateSlot::add`] to a value, are
/// conflicts with the present version. [`StateSlot::get`] gives both, [`StateSlot::delete`] takes both. A key or value that is too large, and
/// a time to live outside 1 to [`domain::state::STATE_TTL_LIMIT_SECONDS`], are over the limit. An operation that failed changed nothing.
pub trait StateSlot: Send + Sync {
    /// Makes ready for a call about `space` at `now`; loads the space at its first use, which may block for a read of the store. An error says
    /// that the call has no state: its operations answer [`StateFault::Unavailable`].
    fn open(&self, space: &Arc<StateSpace>, limits: StateLimits, now: Millis) -> Result<(), StateFault>;
    fn get(&self, key: &str) -> Result<Option<StateEntry>, StateFault>;
    /// The new version.
    fn set(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<u64, StateFault>;
    /// [`StateSlot::set`] over the `expected` version only; `None`: only where there is no value.
    fn replace(&self, key: &str, expected: Option<u64>, value: &[u8], ttl_seconds: u32) -> Result<u64, StateFault>;
    /// The sum.
    fn add(&self, counter: &str, amount: i32, ttl_seconds: u32) -> Result<i64, StateFault>;
    fn delete(&self, key: &str) -> Result<(), StateFault>;
    /// Ends the call. `keep`: its writes count from now on, and the touch has to be committed with the decision (`None`: the call used no
    /// state). Otherwise nothing of it happened.
    fn close(&self, keep: bool) -> Option<Touch>;
}

/// How hot state is, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HotStatus {
    /// `Some`: the server behind the memory is asked nothing at the moment, and why.
    pub degraded: Option<String>,
    /// Writes that wait for the server behind.
    pub waiting: usize,
    /// Answered by memory, by the server behind, by the store.
    pub hits: [u64; 3],
}

/// A correlation window's key.
pub type WindowKey = (TeamId, String);
/// A window and its key.
pub type WindowRow = (WindowKey, Window);

/// Hot state of one process, which owns all partitions.
pub trait HotState: Send + Sync {
    /// A slot for one thread and plugin.
    fn slot(&self) -> Arc<dyn StateSlot>;

    /// The order up to which touches of a space are committed; a touch may be committed together with or after all before it.
    fn committed_order(&self, space: &StateSpace) -> u64;

    /// The windows of these keys as committed; one round trip for all at most. `None`: ask the store, and tell with
    /// [`HotState::learned`]. `Some` of an empty window: there is none.
    fn windows(&self, keys: &[WindowKey]) -> Vec<Option<Window>>;

    /// What the store had for windows that were not known here.
    fn learned(&self, windows: &[WindowRow]);

    /// After a commit: what it touched and wrote, and the numbers that [`crate::Tx::count_generations`] gave in it for the partitions that
    /// [`partitions_written`] names. Told in the order of the commits, from the thread that asks for windows. Never blocks.
    fn committed(&self, touches: &[Touch], windows: &[WindowRow], generations: &Generations);

    /// Forgets what has expired at `now` in memory.
    fn expire(&self, now: Millis);

    fn status(&self) -> HotStatus;
}

/// The partition of a name in parts, 0 to 63, for alerts as for hot state. FNV-1a: stable over restarts and versions.
pub fn partition_of(parts: &[&str]) -> u8 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = parts.iter().enumerate().flat_map(|(place, part)| (place > 0).then_some(0xff).into_iter().chain(part.bytes()));
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    // The low bits of FNV mix least: fold the high half in.
    ((hash ^ (hash >> 32)) % u64::from(domain::state::STATE_PARTITIONS)) as u8
}

/// The partitions of what a commit writes, a bit each: what [`crate::Tx::count_generations`] has to count in it.
pub fn partitions_written<'a>(touches: &[Touch], windows: impl IntoIterator<Item = &'a WindowKey>) -> u64 {
    let spaces = touches.iter().filter(|touch| !touch.writes.is_empty()).map(|touch| partition_of_space(&touch.space));
    let windows = windows.into_iter().map(partition_of_window);
    spaces.chain(windows).fold(0, |bits, partition| bits | 1 << partition)
}

/// The partition of a name space.
pub fn partition_of_space(space: &StateSpace) -> u8 {
    partition_of(&[&space.plugin, space.team.as_str()])
}

/// The partition of a window.
pub fn partition_of_window(key: &WindowKey) -> u8 {
    partition_of(&[key.0.as_str(), &key.1])
}
