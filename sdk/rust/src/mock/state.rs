//! What plugins remember, in memory: with a time that the test gives, so that what has an end ends.

use std::collections::BTreeMap;

use crate::mock::imports::with_state;
use crate::wire::state::{Entry, StateError};

/// Longest key, in bytes.
const KEY_LIMIT_BYTES: usize = 256;
/// Largest value, in bytes.
const VALUE_LIMIT_BYTES: usize = 16 * 1024;
/// Longest life after the last write, in seconds.
const TTL_LIMIT_SECONDS: u32 = 2_592_000;

#[derive(Debug)]
enum Value {
    Bytes(Vec<u8>),
    Counter(i64),
}

#[derive(Debug)]
struct Kept {
    value: Value,
    version: u64,
    /// Milliseconds since 1970.
    expires_at: i64,
}

/// One name space.
#[derive(Debug, Default)]
pub(crate) struct State {
    kept: BTreeMap<String, Kept>,
    version: u64,
    now: i64,
    is_unavailable: bool,
    is_configuring: bool,
}

/// Sets the time of the calls that follow, in milliseconds since 1970; it begins at 0. What has lived its time by then is gone.
///
/// ```
/// use reveille_sdk::{mock, state};
///
/// state::set("seen", b"1", 60)?;
/// mock::at(59_999);
/// assert!(state::get("seen")?.is_some());
/// mock::at(60_000);
/// assert!(state::get("seen")?.is_none());
/// # Ok::<(), state::StateError>(())
/// ```
pub fn at(millis: i64) {
    with_state(|state| state.now = millis);
}

/// Makes `state` unavailable, or available again: a plugin has to decide safely without it.
pub fn state_unavailable(is_unavailable: bool) {
    with_state(|state| state.is_unavailable = is_unavailable);
}

impl State {
    fn find(&self, key: &str) -> Option<&Kept> {
        self.kept.get(key).filter(|kept| kept.expires_at > self.now)
    }

    fn write(&mut self, key: &str, value: Value, ttl_seconds: u32) -> u64 {
        self.version += 1;
        let expires_at = self.now.saturating_add(i64::from(ttl_seconds) * 1000);
        self.kept.insert(key.into(), Kept { value, version: self.version, expires_at });
        self.version
    }
}

/// Runs `f` unless the state is unavailable, as it is while a plugin takes its settings.
fn run<T>(f: impl FnOnce(&mut State) -> Result<T, StateError>) -> Result<T, StateError> {
    with_state(|state| if state.is_unavailable || state.is_configuring { Err(StateError::Unavailable) } else { f(state) })
}

/// Says that a plugin takes its settings now, or that it is done.
pub(crate) fn configuring(is_configuring: bool) {
    with_state(|state| state.is_configuring = is_configuring);
}

/// The limits of the contract.
fn check(key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), StateError> {
    let fits = key.len() <= KEY_LIMIT_BYTES && value.len() <= VALUE_LIMIT_BYTES && (1..=TTL_LIMIT_SECONDS).contains(&ttl_seconds);
    if fits { Ok(()) } else { Err(StateError::OverLimit) }
}

pub(crate) fn get(key: &str) -> Result<Option<Entry>, StateError> {
    run(|state| {
        Ok(match state.find(key) {
            Some(Kept { value: Value::Bytes(value), version, .. }) => Some(Entry { value: value.clone(), version: *version }),
            _ => None,
        })
    })
}

pub(crate) fn count(counter: &str) -> Result<i64, StateError> {
    run(|state| {
        Ok(match state.find(counter) {
            Some(Kept { value: Value::Counter(sum), .. }) => *sum,
            _ => 0,
        })
    })
}

pub(crate) fn set(key: &str, value: &[u8], ttl_seconds: u32) -> Result<u64, StateError> {
    check(key, value, ttl_seconds)?;
    run(|state| Ok(state.write(key, Value::Bytes(value.into()), ttl_seconds)))
}

pub(crate) fn replace(key: &str, expected: Option<u64>, value: &[u8], ttl_seconds: u32) -> Result<u64, StateError> {
    check(key, value, ttl_seconds)?;
    run(|state| {
        let present = state.find(key).map(|kept| kept.version);
        if present != expected {
            return Err(StateError::Conflict(present));
        }
        Ok(state.write(key, Value::Bytes(value.into()), ttl_seconds))
    })
}

pub(crate) fn add(counter: &str, amount: i32, ttl_seconds: u32) -> Result<i64, StateError> {
    check(counter, &[], ttl_seconds)?;
    run(|state| {
        let before = match state.find(counter) {
            Some(Kept { value: Value::Counter(sum), .. }) => *sum,
            _ => 0,
        };
        let sum = before.saturating_add(i64::from(amount));
        state.write(counter, Value::Counter(sum), ttl_seconds);
        Ok(sum)
    })
}

pub(crate) fn delete(key: &str) -> Result<(), StateError> {
    run(|state| {
        state.kept.remove(key);
        Ok(())
    })
}
