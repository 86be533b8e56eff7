//! What one name space holds in memory: everything that is committed, and what kept calls wrote that is not committed yet.

use crate::budget::Size;
use domain::state::{StateEntry, StateWrite};
use domain::time::Millis;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(crate) struct Resident {
    entries: HashMap<String, StateEntry>,
    size: Size,
    /// Nothing expires before.
    earliest: Option<Millis>,
}

impl Resident {
    /// Of what was stored; what has expired at `now` is left out.
    pub fn new(rows: impl IntoIterator<Item = (String, StateEntry)>, now: Millis) -> Self {
        let mut resident = Self::default();
        for (key, entry) in rows {
            if entry.expires_at > now {
                resident.put(key, entry);
            }
        }
        resident
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether or not it has expired.
    pub fn get(&self, key: &str) -> Option<&StateEntry> {
        self.entries.get(key)
    }

    pub fn apply(&mut self, write: &StateWrite) {
        match &write.entry {
            Some(entry) => self.put(write.key.clone(), entry.clone()),
            None => self.remove(&write.key),
        }
    }

    fn put(&mut self, key: String, entry: StateEntry) {
        self.remove(&key);
        self.size = self.size.plus(Size::of(&key, entry.value.size()));
        self.earliest = Some(self.earliest.map_or(entry.expires_at, |earliest| earliest.min(entry.expires_at)));
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &str) {
        if let Some(old) = self.entries.remove(key) {
            self.size = self.size.minus(Size::of(key, old.value.size()));
        }
    }

    /// Forgets what has expired at `now`, but for what `keep` says, and gives the keys.
    pub fn expire(&mut self, now: Millis, keep: impl Fn(&str) -> bool) -> Vec<String> {
        let mut expired = Vec::new();
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return expired;
        }
        let mut size = self.size;
        let mut earliest = None;
        self.entries.retain(|key, entry| {
            if entry.expires_at <= now && !keep(key) {
                size = size.minus(Size::of(key, entry.value.size()));
                expired.push(key.clone());
                return false;
            }
            earliest = Some(earliest.map_or(entry.expires_at, |e: Millis| e.min(entry.expires_at)));
            true
        });
        self.size = size;
        self.earliest = earliest;
        expired
    }
}
