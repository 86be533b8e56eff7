//! What the writer remembers between transactions: the counters, and the states of the alerts that it saw last. It is the only writer, so
//! its memory is right as long as a rollback takes back what the job put here.

use crate::rows::alert::AlertRow;
use crate::rows::decision::Core;
use crate::statement;
use domain::alert::Alert;
use domain::id::{DecisionId, TeamId};
use hashlink::LruCache;
use ports::StoreError;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::Arc;

/// The numbers that the store keeps beside its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    Cursor,
    Decisions,
    Alert,
    Incident,
    Run,
    Outbox,
    DeadLetter,
    Override,
    Epoch,
    Event,
    Action,
}

impl Counter {
    pub(crate) const ALL: [Self; 11] = [
        Self::Cursor,
        Self::Decisions,
        Self::Alert,
        Self::Incident,
        Self::Run,
        Self::Outbox,
        Self::DeadLetter,
        Self::Override,
        Self::Epoch,
        Self::Event,
        Self::Action,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cursor => "cursor",
            Self::Decisions => "decisions",
            Self::Alert => "alert",
            Self::Incident => "incident",
            Self::Run => "run",
            Self::Outbox => "outbox",
            Self::DeadLetter => "dead-letter",
            Self::Override => "override",
            Self::Epoch => "epoch",
            Self::Event => "event",
            Self::Action => "action",
        }
    }

    /// What is committed.
    pub fn read(self, on: &Connection) -> Result<u64, StoreError> {
        let stored = statement::optional(on, "read a counter", "SELECT value FROM counter WHERE name = ?1", [self.name()], |row| {
            row.get::<_, i64>(0)
        })?;
        Ok(stored.unwrap_or(0).cast_unsigned())
    }
}

pub(crate) type Counters = [u64; Counter::ALL.len()];

/// The writer's memory.
pub(crate) struct Heat {
    counters: Counters,
    /// As they are in the file.
    stored: Counters,
    /// As they were when the job began.
    at_job: Counters,
    alerts: LruCache<u64, Arc<AlertRow>>,
    names: HashMap<String, HashMap<String, u64>>,
    bytes: usize,
    limit_bytes: usize,
    /// Alerts that this job wrote.
    touched: Vec<u64>,
    /// The decisions that this job added.
    fresh: HashMap<u64, Fresh>,
}

/// What a decision that was just added holds.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub alert: Arc<Alert>,
    /// Where its content stands: in its own row, or in the one that it repeats.
    pub content: Content,
}

/// The row in which a decision's content stands, and what that is but for the alert.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub decision: DecisionId,
    pub core: Arc<Core>,
}

impl Heat {
    /// Cold, but for the counters.
    pub fn load(on: &Connection, limit_bytes: usize) -> Result<Self, StoreError> {
        let mut counters = Counters::default();
        for counter in Counter::ALL {
            counters[counter as usize] = counter.read(on)?;
        }
        Ok(Self::of(counters, limit_bytes))
    }

    /// Cold, with these counters.
    pub fn of(counters: Counters, limit_bytes: usize) -> Self {
        Self {
            counters,
            stored: counters,
            at_job: counters,
            alerts: LruCache::new_unbounded(),
            names: HashMap::new(),
            bytes: 0,
            limit_bytes,
            touched: Vec::new(),
            fresh: HashMap::new(),
        }
    }

    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters[counter as usize]
    }

    pub fn set(&mut self, counter: Counter, value: u64) {
        self.counters[counter as usize] = value;
    }

    /// Counts one further and gives the new value.
    pub fn next(&mut self, counter: Counter) -> u64 {
        self.counters[counter as usize] += 1;
        self.counters[counter as usize]
    }

    /// A job begins.
    pub fn begin_job(&mut self) {
        self.at_job = self.counters;
        self.touched.clear();
        self.fresh.clear();
    }

    /// The job was rolled back.
    pub fn undo_job(&mut self) {
        self.counters = self.at_job;
        for id in std::mem::take(&mut self.touched) {
            self.forget(id);
        }
        self.fresh.clear();
    }

    /// Writes the counters that changed, as the last part of a transaction.
    pub fn store_counters(&self, on: &Connection) -> Result<(), StoreError> {
        for (name, value) in self.changed_counters() {
            statement::execute(
                on,
                "count",
                "INSERT INTO counter (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value.cast_signed()),
            )?;
        }
        Ok(())
    }

    /// The counters that this transaction changed, by name.
    pub fn changed_counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let changed = Counter::ALL.into_iter().filter(|counter| self.counters[*counter as usize] != self.stored[*counter as usize]);
        changed.map(|counter| (counter.name(), self.counters[counter as usize]))
    }

    /// The transaction is durable.
    pub fn committed(&mut self) {
        self.stored = self.counters;
    }

    /// The whole transaction was rolled back: nothing is remembered but what is in the file.
    pub fn undo_all(&mut self) {
        self.counters = self.stored;
        self.alerts.clear();
        self.names.clear();
        self.bytes = 0;
        self.touched.clear();
        self.fresh.clear();
    }

    /// A decision was added by this job.
    pub fn decided(&mut self, id: DecisionId, fresh: Fresh) {
        self.fresh.insert(id.0, fresh);
    }

    /// A decision that this job added.
    pub fn fresh(&self, id: DecisionId) -> Option<&Fresh> {
        self.fresh.get(&id.0)
    }

    pub fn alert(&mut self, team: &TeamId, entity: &str) -> Option<Arc<AlertRow>> {
        let id = *self.names.get(team.as_str())?.get(entity)?;
        self.alerts.get(&id).cloned()
    }

    pub fn alert_by_id(&mut self, id: u64) -> Option<Arc<AlertRow>> {
        self.alerts.get(&id).cloned()
    }

    /// Remembers a row as it is in the file.
    pub fn remember(&mut self, row: Arc<AlertRow>) {
        let same_name = self.alerts.peek(&row.id).is_some_and(|old| old.entity == row.entity && old.team == row.team);
        if !same_name {
            self.forget(row.id);
            self.names.entry(row.team.0.clone()).or_default().insert(row.entity.clone(), row.id);
        }
        self.bytes += row.weight();
        if let Some(old) = self.alerts.insert(row.id, row) {
            self.bytes -= old.weight();
        }
        while self.bytes > self.limit_bytes {
            let Some((_, old)) = self.alerts.remove_lru() else { break };
            self.bytes -= old.weight();
            self.forget_name(&old);
        }
    }

    /// Remembers a row that this job wrote.
    pub fn wrote(&mut self, row: Arc<AlertRow>) {
        self.touched.push(row.id);
        self.remember(row);
    }

    fn forget(&mut self, id: u64) {
        if let Some(old) = self.alerts.remove(&id) {
            self.bytes -= old.weight();
            self.forget_name(&old);
        }
    }

    fn forget_name(&mut self, row: &AlertRow) {
        if let Some(entities) = self.names.get_mut(row.team.as_str()) {
            entities.remove(&row.entity);
            if entities.is_empty() {
                self.names.remove(row.team.as_str());
            }
        }
    }
}
