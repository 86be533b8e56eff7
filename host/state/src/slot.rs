//! Where one thread's calls of one plugin read and write.

use crate::call::Call;
use crate::cell::Cell;
use crate::spaces::Spaces;
use domain::state::{StateEntry, StateSpace, Touch};
use domain::time::Millis;
use parking_lot::Mutex;
use ports::plugin::StateLimits;
use ports::{StateFault, StateSlot};
use std::sync::Arc;

pub(crate) struct Slot {
    spaces: Arc<Spaces>,
    at: Mutex<At>,
}

#[derive(Default)]
struct At {
    call: Option<Call>,
    /// Of the call before: the next one is often about the same name space.
    last: Option<Arc<Cell>>,
}

impl Slot {
    pub fn new(spaces: Arc<Spaces>) -> Self {
        Self { spaces, at: Mutex::default() }
    }

    fn operate<R>(&self, operation: impl FnOnce(&mut Call, &Spaces) -> Result<R, StateFault>) -> Result<R, StateFault> {
        let mut at = self.at.lock();
        let call = at.call.as_mut().ok_or(StateFault::Unavailable)?;
        call.hold(&self.spaces)?;
        operation(call, &self.spaces)
    }
}

impl StateSlot for Slot {
    fn open(&self, space: &Arc<StateSpace>, limits: StateLimits, now: Millis) -> Result<(), StateFault> {
        self.close(false);
        let mut at = self.at.lock();
        let cell = self.spaces.open(space, at.last.as_ref(), now)?;
        at.last = Some(Arc::clone(&cell));
        at.call = Some(Call::new(cell, limits, now));
        Ok(())
    }

    fn get(&self, key: &str) -> Result<Option<StateEntry>, StateFault> {
        self.operate(|call, _| Ok(call.get(key)?.cloned()))
    }

    fn set(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<u64, StateFault> {
        self.operate(|call, spaces| call.set(spaces, key, None, value, ttl_seconds))
    }

    fn replace(&self, key: &str, expected: Option<u64>, value: &[u8], ttl_seconds: u32) -> Result<u64, StateFault> {
        self.operate(|call, spaces| call.set(spaces, key, Some(expected), value, ttl_seconds))
    }

    fn add(&self, counter: &str, amount: i32, ttl_seconds: u32) -> Result<i64, StateFault> {
        self.operate(|call, spaces| call.add(spaces, counter, amount, ttl_seconds))
    }

    fn delete(&self, key: &str) -> Result<(), StateFault> {
        self.operate(|call, _| call.delete(key))
    }

    fn close(&self, keep: bool) -> Option<Touch> {
        let call = self.at.lock().call.take()?;
        call.end(&self.spaces, keep)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.close(false);
    }
}
