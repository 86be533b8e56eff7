//! Small values that outlive a call, in the plugin's own name space. They may be gone any time: decide safely without them.
//!
//! Keys at most 256 bytes, values at most 16 KiB, time to live 1 to 2,592,000 seconds from the last write; at most 128 operations a call.
//! The manifest says `state = true`. There is no state while a plugin takes its settings.

pub use crate::wire::state::{Entry, StateError};

#[cfg(not(target_arch = "wasm32"))]
use crate::mock::state as host;
#[cfg(target_arch = "wasm32")]
use crate::wire::state as host;

/// A value and its version; `None`: not there, gone, or a counter.
///
/// ```
/// use reveille_sdk::state::{self, StateError};
///
/// let version = state::set("last", b"up", 60)?;
/// assert_eq!(state::get("last")?.unwrap().value, b"up");
/// assert_eq!(state::replace("last", None, b"down", 60), Err(StateError::Conflict(Some(version))));
/// assert_eq!(state::add("seen", 2, 60)?, 2);
/// assert_eq!(state::add("seen", 1, 60)?, 3);
/// assert_eq!(state::count("seen")?, 3);
/// state::delete("last")?;
/// assert_eq!(state::get("last")?, None);
/// # Ok::<(), StateError>(())
/// ```
///
/// # Errors
/// The state is unavailable.
pub fn get(key: &str) -> Result<Option<Entry>, StateError> {
    host::get(key)
}

/// Writes a value and gives its version.
///
/// # Errors
/// Over a limit, or unavailable.
pub fn set(key: &str, value: &[u8], ttl_seconds: u32) -> Result<u64, StateError> {
    host::set(key, value, ttl_seconds)
}

/// Writes only over the `expected` version; `None`: only where there is no value.
///
/// # Errors
/// A conflict with the present version, over a limit, or unavailable.
pub fn replace(key: &str, expected: Option<u64>, value: &[u8], ttl_seconds: u32) -> Result<u64, StateError> {
    host::replace(key, expected, value, ttl_seconds)
}

/// Adds to a counter, from 0, and gives the sum. Counters and values do not mix.
///
/// # Errors
/// Over a limit, or unavailable.
pub fn add(counter: &str, amount: i32, ttl_seconds: u32) -> Result<i64, StateError> {
    host::add(counter, amount, ttl_seconds)
}

/// What a counter stands at; 0 where there is none. Does not make it live longer.
///
/// # Errors
/// Unavailable.
pub fn count(counter: &str) -> Result<i64, StateError> {
    host::count(counter)
}

/// No error if it is not there.
///
/// # Errors
/// Unavailable.
pub fn delete(key: &str) -> Result<(), StateError> {
    host::delete(key)
}
