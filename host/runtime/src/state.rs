//! What a plugin remembers: the contract's import `state`, handed on to the slot that the caller opened for this call.

use crate::bindings::v1_0::reveille::plugin::state::{self, Entry, StateError};
use crate::cell::Cell;
use domain::state::{STATE_KEY_LIMIT_BYTES, STATE_TTL_LIMIT_SECONDS, STATE_VALUE_LIMIT_BYTES, StateValue};
use ports::hot::{StateFault, StateSlot};
use wasmtime::{Result, format_err};

/// Most operations of one call.
const OPERATIONS_LIMIT: u32 = 128;

/// What an operation gave; the outer error traps.
type Answer<T> = Result<Result<T, StateError>>;

impl Cell {
    /// One operation within the grant and the limits.
    fn remember<T>(&mut self, key: &str, run: impl FnOnce(&dyn StateSlot) -> std::result::Result<T, StateFault>) -> Answer<T> {
        self.granted().state().map_err(|denied| format_err!("{denied}"))?;
        self.state_calls = self.state_calls.saturating_add(1);
        if self.state_calls > OPERATIONS_LIMIT || key.len() > STATE_KEY_LIMIT_BYTES {
            return Ok(Err(StateError::OverLimit));
        }
        Ok(match &self.state {
            Some(slot) => run(&**slot).map_err(StateError::from),
            None => Err(StateError::Unavailable),
        })
    }

    /// [`Self::remember`] for what writes.
    fn write<T>(
        &mut self,
        key: &str,
        value: &[u8],
        ttl_seconds: u32,
        run: impl FnOnce(&dyn StateSlot) -> std::result::Result<T, StateFault>,
    ) -> Answer<T> {
        let fits = value.len() <= STATE_VALUE_LIMIT_BYTES && (1..=STATE_TTL_LIMIT_SECONDS).contains(&ttl_seconds);
        self.remember(key, |slot| if fits { run(slot) } else { Err(StateFault::OverLimit) })
    }
}

impl From<StateFault> for StateError {
    fn from(fault: StateFault) -> Self {
        match fault {
            StateFault::OverLimit => Self::OverLimit,
            StateFault::Conflict(present) => Self::Conflict(present),
            StateFault::Unavailable => Self::Unavailable,
        }
    }
}

impl state::Host for Cell {
    fn get(&mut self, key: String) -> Answer<Option<Entry>> {
        self.remember(&key, |slot| {
            Ok(slot.get(&key)?.and_then(|entry| match entry.value {
                StateValue::Bytes(bytes) => Some(Entry { value: bytes.to_vec(), version: entry.version }),
                StateValue::Counter(_) => None,
            }))
        })
    }

    fn set(&mut self, key: String, value: Vec<u8>, ttl_seconds: u32) -> Answer<u64> {
        self.write(&key, &value, ttl_seconds, |slot| slot.set(&key, &value, ttl_seconds))
    }

    fn replace(&mut self, key: String, expected: Option<u64>, value: Vec<u8>, ttl_seconds: u32) -> Answer<u64> {
        self.write(&key, &value, ttl_seconds, |slot| slot.replace(&key, expected, &value, ttl_seconds))
    }

    fn add(&mut self, counter: String, amount: i32, ttl_seconds: u32) -> Answer<i64> {
        self.write(&counter, &[], ttl_seconds, |slot| slot.add(&counter, amount, ttl_seconds))
    }

    fn count(&mut self, counter: String) -> Answer<i64> {
        self.remember(&counter, |slot| {
            Ok(match slot.get(&counter)?.map(|entry| entry.value) {
                Some(StateValue::Counter(sum)) => sum,
                Some(StateValue::Bytes(_)) | None => 0,
            })
        })
    }

    fn delete(&mut self, key: String) -> Answer<()> {
        self.remember(&key, |slot| slot.delete(&key))
    }
}
