//! One open call: what it wrote so far, and whether that fits.

use crate::budget::Size;
use crate::cell::{Body, Cell, Held};
use crate::resident::Resident;
use crate::spaces::Spaces;
use domain::state::{STATE_KEY_LIMIT_BYTES, STATE_TTL_LIMIT_SECONDS, STATE_VALUE_LIMIT_BYTES, StateEntry, StateValue, StateWrite, Touch};
use domain::time::Millis;
use ports::StateFault;
use ports::plugin::StateLimits;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) struct Call {
    cell: Arc<Cell>,
    limits: StateLimits,
    now: Millis,
    /// From the first operation on.
    held: Option<Held>,
    writes: BTreeMap<String, Option<StateEntry>>,
    /// What the name space will be once this is kept.
    size: Size,
    /// Memory that was taken for it so far.
    taken: usize,
}

impl Call {
    /// `cell` is pinned; [`Call::end`] takes the pin off.
    pub fn new(cell: Arc<Cell>, limits: StateLimits, now: Millis) -> Self {
        Self { cell, limits, now, held: None, writes: BTreeMap::new(), size: Size::default(), taken: 0 }
    }

    /// Locks the name space, if that was not done yet.
    pub fn hold(&mut self, spaces: &Spaces) -> Result<(), StateFault> {
        if self.held.is_none() {
            let mut held = self.cell.hold();
            spaces.load(&self.cell, &mut held, self.now)?;
            self.size = size_of(&held);
            self.held = Some(held);
        }
        Ok(())
    }

    /// What the key holds, whether or not it has expired.
    fn raw(&self, key: &str) -> Option<&StateEntry> {
        match self.writes.get(key) {
            Some(written) => written.as_ref(),
            None => self.held.as_ref()?.resident.as_ref()?.get(key),
        }
    }

    pub fn get(&self, key: &str) -> Result<Option<&StateEntry>, StateFault> {
        if key.len() > STATE_KEY_LIMIT_BYTES {
            return Err(StateFault::OverLimit);
        }
        Ok(self.raw(key).filter(|entry| entry.expires_at > self.now))
    }

    /// Writes over `expected`, if that is asked; the new version.
    pub fn set(
        &mut self,
        spaces: &Spaces,
        key: &str,
        expected: Option<Option<u64>>,
        value: &[u8],
        ttl_seconds: u32,
    ) -> Result<u64, StateFault> {
        if value.len() > STATE_VALUE_LIMIT_BYTES {
            return Err(StateFault::OverLimit);
        }
        let old = self.get(key)?;
        let version = old.map(|entry| entry.version);
        let counts = matches!(old, Some(StateEntry { value: StateValue::Counter(_), .. }));
        if counts || expected.is_some_and(|expected| expected != version) {
            return Err(StateFault::Conflict(version));
        }
        self.write(spaces, key, StateValue::Bytes(value.into()), ttl_seconds)
    }

    pub fn add(&mut self, spaces: &Spaces, key: &str, amount: i32, ttl_seconds: u32) -> Result<i64, StateFault> {
        let sum = match self.get(key)? {
            None => i64::from(amount),
            Some(StateEntry { value: StateValue::Counter(sum), .. }) => sum.saturating_add(i64::from(amount)),
            Some(entry) => return Err(StateFault::Conflict(Some(entry.version))),
        };
        self.write(spaces, key, StateValue::Counter(sum), ttl_seconds)?;
        Ok(sum)
    }

    pub fn delete(&mut self, key: &str) -> Result<(), StateFault> {
        if key.len() > STATE_KEY_LIMIT_BYTES {
            return Err(StateFault::OverLimit);
        }
        if let Some(old) = self.raw(key) {
            self.size = self.size.minus(Size::of(key, old.value.size()));
            self.writes.insert(key.to_owned(), None);
        }
        Ok(())
    }

    fn write(&mut self, spaces: &Spaces, key: &str, value: StateValue, ttl_seconds: u32) -> Result<u64, StateFault> {
        if !(1..=STATE_TTL_LIMIT_SECONDS).contains(&ttl_seconds) {
            return Err(StateFault::OverLimit);
        }
        let size = self.room(spaces, key, value.size())?;
        let held = self.held.as_mut().ok_or(StateFault::Unavailable)?;
        let version = spaces.version(held)?;
        let before = size_of(held).weight();
        let growth = size.weight().saturating_sub(before + self.taken);
        if growth > 0 {
            spaces.take(growth)?;
            self.taken += growth;
        }
        self.size = size;
        let entry = StateEntry { value, version, expires_at: self.now.plus_seconds(ttl_seconds) };
        self.writes.insert(key.to_owned(), Some(entry));
        Ok(version)
    }

    /// The size of the name space with this write, if that is within its limits.
    fn room(&mut self, spaces: &Spaces, key: &str, value_bytes: usize) -> Result<Size, StateFault> {
        let new = Size::of(key, value_bytes);
        for expired_are_gone in [false, true] {
            let old = self.raw(key).map(|entry| Size::of(key, entry.value.size())).unwrap_or_default();
            let size = self.size.plus(new).minus(old);
            let more_keys = size.keys > self.limits.keys && new.keys > old.keys;
            let more_bytes = size.bytes > self.limits.bytes && new.bytes > old.bytes;
            if !more_keys && !more_bytes {
                return Ok(size);
            }
            if !expired_are_gone {
                self.expire(spaces);
            }
        }
        Err(StateFault::OverLimit)
    }

    fn expire(&mut self, spaces: &Spaces) {
        let Some(held) = &mut self.held else { return };
        let before = size_of(held);
        let writes = &self.writes;
        spaces.expire_in(&self.cell.space, held, self.now, |key| writes.contains_key(key));
        self.size = self.size.minus(before.minus(size_of(held)));
    }

    /// Keeps or forgets what the call did.
    pub fn end(self, spaces: &Spaces, keep: bool) -> Option<Touch> {
        let Self { cell, held, writes, taken, .. } = self;
        let touch = held.and_then(|mut held| {
            let body = &mut *held;
            let resident = body.resident.as_mut().filter(|_| keep);
            let Some(resident) = resident else {
                spaces.give_back(taken);
                return None;
            };
            let before = resident.size().weight() + taken;
            let writes: Vec<StateWrite> = writes.into_iter().map(|(key, entry)| StateWrite { key, entry }).collect();
            for write in &writes {
                resident.apply(write);
            }
            spaces.give_back(before - resident.size().weight());
            body.order += 1;
            Some(Touch { space: Arc::clone(&cell.space), order: body.order, writes })
        });
        cell.unpin();
        touch
    }
}

fn size_of(body: &Body) -> Size {
    body.resident.as_ref().map(Resident::size).unwrap_or_default()
}
