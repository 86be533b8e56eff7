//! All name spaces of this process: found, loaded at their first use, dropped when memory is short and nobody misses them.

use crate::budget::Budget;
use crate::cell::{Body, Cell};
use crate::copy::Behind;
use crate::hits::{Asked, From, Hits};
use crate::resident::Resident;
use crate::source::Source;
use domain::state::{StateEntry, StateSpace};
use domain::time::Millis;
use parking_lot::RwLock;
use ports::StateFault;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Spaces {
    cells: RwLock<HashMap<Arc<StateSpace>, Arc<Cell>>>,
    budget: Budget,
    source: Source,
    behind: Option<Arc<Behind>>,
    hits: Arc<Hits>,
    epoch: u64,
    ticks: AtomicU64,
}

impl Spaces {
    pub fn new(source: Source, behind: Option<Arc<Behind>>, hits: Arc<Hits>, epoch: u64, limit_bytes: usize) -> Self {
        Self { cells: RwLock::default(), budget: Budget::new(limit_bytes), source, behind, hits, epoch, ticks: AtomicU64::new(0) }
    }

    /// The cell of a name space, pinned, and loaded as far as that can be done now.
    pub fn open(&self, space: &Arc<StateSpace>, last: Option<&Arc<Cell>>, now: Millis) -> Result<Arc<Cell>, StateFault> {
        let cell = match last.filter(|cell| cell.space == *space) {
            Some(cell) => Arc::clone(cell),
            None => self.cell(space),
        };
        cell.pin(self.ticks.fetch_add(1, Ordering::Relaxed));
        if cell.is_loaded() {
            self.hits.count(Asked::Space, From::Memory, 1);
            return Ok(cell);
        }
        let loaded = self.load(&cell, &mut cell.hold(), now);
        loaded.inspect_err(|_| cell.unpin())?;
        Ok(cell)
    }

    fn cell(&self, space: &Arc<StateSpace>) -> Arc<Cell> {
        if let Some(cell) = self.cells.read().get(space) {
            return Arc::clone(cell);
        }
        let mut cells = self.cells.write();
        Arc::clone(cells.entry(Arc::clone(space)).or_insert_with(|| Arc::new(Cell::new(Arc::clone(space), self.epoch))))
    }

    /// Loads what is committed, unless that was done already.
    pub fn load(&self, cell: &Cell, body: &mut Body, now: Millis) -> Result<(), StateFault> {
        if body.resident.is_some() {
            return Ok(());
        }
        // Without a resident body there is no touch that waits for its commit, so what is stored now is all there is.
        let copied = self.behind.as_ref().and_then(|behind| behind.space(&cell.space));
        let from = if copied.is_some() { From::Redis } else { From::Store };
        let rows = match copied {
            Some(rows) => rows,
            None => self.stored(&cell.space)?,
        };
        self.hits.count(Asked::Space, from, 1);
        let resident = Resident::new(rows, now);
        self.take(resident.size().weight())?;
        cell.put(body, resident);
        Ok(())
    }

    fn stored(&self, space: &Arc<StateSpace>) -> Result<Vec<(String, StateEntry)>, StateFault> {
        let rows = self.source.space(space).map_err(|error| {
            metrics::counter!("reveille_hot_load_failures_total").increment(1);
            tracing::warn!(%space, %error, "plugin state cannot be read: the call goes without");
            StateFault::Unavailable
        })?;
        if let Some(behind) = &self.behind {
            behind.loaded(space, &rows);
        }
        Ok(rows)
    }

    /// Takes memory, from idle name spaces if it must.
    pub fn take(&self, bytes: usize) -> Result<(), StateFault> {
        if self.budget.take(bytes) {
            return Ok(());
        }
        let mut idle: Vec<Arc<Cell>> = self.cells.read().values().filter(|cell| cell.is_loaded()).cloned().collect();
        idle.sort_by_key(|cell| cell.used());
        for cell in idle {
            if let Some(dropped) = cell.drop_idle() {
                metrics::counter!("reveille_hot_spaces_dropped_total").increment(1);
                self.budget.give_back(dropped.size().weight());
                if self.budget.take(bytes) {
                    return Ok(());
                }
            }
        }
        metrics::counter!("reveille_hot_over_limit_total").increment(1);
        Err(StateFault::OverLimit)
    }

    pub fn give_back(&self, bytes: usize) {
        self.budget.give_back(bytes);
    }

    /// A version for a write of a call that holds `body`.
    pub fn version(&self, body: &mut Body) -> Result<u64, StateFault> {
        if let Some(version) = body.versions.next() {
            return Ok(version);
        }
        body.versions.begin(self.source.next_epoch().map_err(|_| StateFault::Unavailable)?);
        body.versions.next().ok_or(StateFault::Unavailable)
    }

    pub fn commit(&self, space: &Arc<StateSpace>, order: u64) {
        self.cell(space).commit(order);
    }

    pub fn committed_order(&self, space: &StateSpace) -> u64 {
        self.cells.read().get(space).map_or(0, |cell| cell.committed())
    }

    /// Forgets what has expired; name spaces in use are left for the next time.
    pub fn expire(&self, now: Millis) {
        let loaded: Vec<Arc<Cell>> = self.cells.read().values().filter(|cell| cell.is_loaded()).cloned().collect();
        for cell in &loaded {
            if let Some(mut body) = cell.try_hold() {
                self.expire_in(&cell.space, &mut body, now, |_| false);
            }
        }
        metrics::gauge!("reveille_hot_state_bytes").set(self.budget.used() as f64);
        metrics::gauge!("reveille_hot_spaces").set(loaded.len() as f64);
    }

    /// Forgets what has expired in a name space whose body is held, but for what `wrote` says.
    pub fn expire_in(&self, space: &StateSpace, body: &mut Body, now: Millis, wrote: impl Fn(&str) -> bool) {
        let Some(resident) = &mut body.resident else { return };
        let before = resident.size();
        let expired = resident.expire(now, wrote);
        self.budget.give_back(before.weight() - resident.size().weight());
        if let Some(behind) = &self.behind {
            behind.expired(space, expired);
        }
    }
}
