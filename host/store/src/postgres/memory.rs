//! What the writer remembers between transactions, so that a batch asks the database for what is new only. It is the one writer, which every
//! commit checks, so its memory is right as long as a rollback takes back what the job put here.

use super::link::Link;
use super::rows::read::{count, int};
use crate::heat::{Counter, Counters, Heat};
use domain::id::{DecisionId, IncidentId, TeamId};
use domain::incident::{Incident, Window};
use domain::state::Generations;
use hashlink::LruCache;
use ports::StoreError;
use std::collections::{BTreeSet, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// Most incidents, keys and windows that are remembered, of each.
const ROWS: usize = 20_000;
/// Most done-marks that are remembered.
const MARKS: usize = 200_000;

/// A team and the name of something of it.
pub(crate) type Name = (TeamId, String);

/// Rows of one kind, with what this job changed. The value says also that there is none.
pub(crate) struct Remembered<K: Hash + Eq + Clone, V> {
    rows: LruCache<K, V>,
    touched: Vec<K>,
}

impl<K: Hash + Eq + Clone, V: Clone> Remembered<K, V> {
    fn new() -> Self {
        Self { rows: LruCache::new(ROWS), touched: Vec::new() }
    }
    pub fn get(&mut self, key: &K) -> Option<V> {
        self.rows.get(key).cloned()
    }
    /// As it is in the database.
    pub fn remember(&mut self, key: K, value: V) {
        self.rows.insert(key, value);
    }
    /// As this job wrote it.
    pub fn wrote(&mut self, key: K, value: V) {
        self.touched.push(key.clone());
        self.rows.insert(key, value);
    }
    fn undo(&mut self) {
        for key in self.touched.drain(..) {
            self.rows.remove(&key);
        }
    }
}

/// Which events are marked as done: all from `from` on, so that a new one needs no question.
pub(crate) struct Marks {
    from: DecisionId,
    there: BTreeSet<DecisionId>,
    added: Vec<DecisionId>,
}

impl Marks {
    fn load(link: &Link, sql: &str) -> Result<Self, StoreError> {
        let rows = link.query("read the done-marks", "", sql, &[])?;
        let newest = rows.first().and_then(|row| row.get::<_, Option<i64>>(0));
        let from = DecisionId(newest.map_or(0, |newest| newest.cast_unsigned() + 1));
        Ok(Self { from, there: BTreeSet::new(), added: Vec::new() })
    }

    /// Whether it is marked; `None`: only the database knows.
    pub fn has(&self, id: DecisionId) -> Option<bool> {
        (id >= self.from).then(|| self.there.contains(&id))
    }

    pub fn add(&mut self, id: DecisionId) {
        if id >= self.from {
            self.there.insert(id);
            self.added.push(id);
        }
    }

    fn undo(&mut self) {
        for id in self.added.drain(..) {
            self.there.remove(&id);
        }
    }

    fn begin(&mut self) {
        self.added.clear();
        while self.there.len() > MARKS
            && let Some(oldest) = self.there.pop_first()
        {
            self.from = DecisionId(oldest.0 + 1);
        }
    }
}

/// The numbers that the tables themselves hold.
#[derive(Debug, Clone, Copy)]
struct Tails {
    timeline: i64,
    audit: i64,
    generations: Generations,
}

/// The writer's memory.
pub(crate) struct Memory {
    pub heat: Heat,
    pub incidents: Remembered<IncidentId, Option<Arc<Incident>>>,
    pub open: Remembered<Name, Option<IncidentId>>,
    pub windows: Remembered<Name, Option<Arc<Window>>>,
    pub decided: Marks,
    pub done: Marks,
    /// Entities of which there is no alert; within one job.
    pub no_alert: HashSet<Name>,
    tails: Tails,
    tails_at_job: Tails,
}

impl Memory {
    /// Reads what a writer has to know before its first job.
    pub fn load(link: &Link, heat_bytes: usize) -> Result<Self, StoreError> {
        const DOING: &str = "read the counters";
        let mut counters = Counters::default();
        for row in link.query(DOING, "", "SELECT name, value FROM counter", &[])? {
            let name: &str = row.get(0);
            if let Some(counter) = Counter::ALL.into_iter().find(|counter| counter.name() == name) {
                counters[counter as usize] = row.get::<_, i64>(1).cast_unsigned();
            }
        }
        let mut generations = Generations::default();
        for row in link.query(DOING, "", "SELECT partition, value FROM generation", &[])? {
            if let Some(slot) = usize::try_from(row.get::<_, i64>(0)).ok().and_then(|partition| generations.0.get_mut(partition)) {
                *slot = row.get::<_, i64>(1).cast_unsigned();
            }
        }
        let tails = Tails {
            timeline: int(link, DOING, "SELECT coalesce(max(id), 0) FROM timeline")?,
            audit: int(link, DOING, "SELECT coalesce(max(id), 0) FROM audit")?,
            generations,
        };
        Ok(Self {
            heat: Heat::of(counters, heat_bytes),
            incidents: Remembered::new(),
            open: Remembered::new(),
            windows: Remembered::new(),
            decided: Marks::load(link, "SELECT max(id) FROM decision")?,
            done: Marks::load(link, "SELECT max(id) FROM done")?,
            no_alert: HashSet::new(),
            tails,
            tails_at_job: tails,
        })
    }

    pub fn begin_job(&mut self) {
        self.heat.begin_job();
        self.incidents.touched.clear();
        self.open.touched.clear();
        self.windows.touched.clear();
        self.decided.begin();
        self.done.begin();
        self.no_alert.clear();
        self.tails_at_job = self.tails;
    }

    pub fn undo_job(&mut self) {
        self.heat.undo_job();
        self.incidents.undo();
        self.open.undo();
        self.windows.undo();
        self.decided.undo();
        self.done.undo();
        self.no_alert.clear();
        self.tails = self.tails_at_job;
    }

    pub fn next_line(&mut self) -> i64 {
        count(&mut self.tails.timeline)
    }

    pub fn next_audit(&mut self) -> i64 {
        count(&mut self.tails.audit)
    }

    pub fn generations(&self) -> Generations {
        self.tails.generations
    }

    pub fn generations_mut(&mut self) -> &mut Generations {
        &mut self.tails.generations
    }
}
