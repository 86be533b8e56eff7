//! Plugin state in a map, for asking what reaches it.

use domain::state::{StateEntry, StateSpace, StateValue, Touch};
use domain::time::Millis;
use ports::hot::{StateFault, StateSlot};
use ports::plugin::StateLimits;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A slot over a map: version counts writes, nothing expires. `None`: unavailable.
pub struct Kept(Mutex<Option<BTreeMap<String, StateEntry>>>);

impl Kept {
    /// Empty.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(BTreeMap::new()))))
    }

    /// One whose store is away.
    pub fn unavailable() -> Arc<Self> {
        Arc::new(Self(Mutex::new(None)))
    }

    fn with<T>(&self, run: impl FnOnce(&mut BTreeMap<String, StateEntry>) -> Result<T, StateFault>) -> Result<T, StateFault> {
        self.0.lock().expect("no test panics while it holds this").as_mut().map_or(Err(StateFault::Unavailable), run)
    }

    fn write(&self, key: &str, value: StateValue) -> Result<u64, StateFault> {
        self.with(|kept| {
            let version = kept.values().map(|entry| entry.version).max().unwrap_or(0) + 1;
            kept.insert(key.to_owned(), StateEntry { value, version, expires_at: Millis(i64::MAX) });
            Ok(version)
        })
    }
}

impl StateSlot for Kept {
    fn open(&self, _: &Arc<StateSpace>, _: StateLimits, _: Millis) -> Result<(), StateFault> {
        Ok(())
    }
    fn get(&self, key: &str) -> Result<Option<StateEntry>, StateFault> {
        self.with(|kept| Ok(kept.get(key).cloned()))
    }
    fn set(&self, key: &str, value: &[u8], _: u32) -> Result<u64, StateFault> {
        self.write(key, StateValue::Bytes(value.into()))
    }
    fn replace(&self, key: &str, expected: Option<u64>, value: &[u8], ttl_seconds: u32) -> Result<u64, StateFault> {
        let present = self.get(key)?.map(|entry| entry.version);
        if present == expected { self.set(key, value, ttl_seconds) } else { Err(StateFault::Conflict(present)) }
    }
    fn add(&self, counter: &str, amount: i32, _: u32) -> Result<i64, StateFault> {
        let before = match self.get(counter)?.map(|entry| entry.value) {
            Some(StateValue::Counter(sum)) => sum,
            _ => 0,
        };
        self.write(counter, StateValue::Counter(before + i64::from(amount)))?;
        Ok(before + i64::from(amount))
    }
    fn delete(&self, key: &str) -> Result<(), StateFault> {
        self.with(|kept| {
            kept.remove(key);
            Ok(())
        })
    }
    fn close(&self, _: bool) -> Option<Touch> {
        None
    }
}
