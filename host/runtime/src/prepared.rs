//! A plugin at one place: verified, compiled, granted, configured. Immutable and shared by all threads.

use crate::breaker::Breaker;
use crate::cell::Identity;
use crate::compiler::Compiled;
use crate::hook::Hook;
use crate::meter::Meter;
use crate::reads::Reads;
use crate::warm::{Asked, Asker, Warm};
use parking_lot::Mutex;
use ports::hot::StateSlot;
use ports::plugin::{PluginInfo, Surroundings};
use ports::{CallFailure, Clock, Instance, Plugin};
use std::sync::Arc;

/// What a call may cost.
pub(crate) struct CallLimits {
    pub(crate) memory_bytes: usize,
    pub(crate) high_water_bytes: usize,
    pub(crate) table_elements: usize,
    pub(crate) deadline_ms: u64,
    pub(crate) configure_deadline_ms: u64,
    pub(crate) tick_ms: u64,
    pub(crate) calls_per_instance: u64,
}

impl CallLimits {
    /// Ticks until a deadline has passed for sure: the tick that runs now does not count.
    pub(crate) fn ticks(&self, deadline_ms: u64) -> u64 {
        deadline_ms.div_ceil(self.tick_ms.max(1)) + 1
    }
}

/// Everything about a plugin at one place.
pub(crate) struct Place {
    pub(crate) info: PluginInfo,
    pub(crate) hook: Hook,
    pub(crate) compiled: Compiled,
    pub(crate) asked: Asked,
    pub(crate) identity: Arc<Identity>,
    /// JSON.
    pub(crate) settings: String,
    /// What crosses the boundary: the manifest's ceiling, narrowed by `configure`.
    pub(crate) reads: Reads,
    pub(crate) limits: CallLimits,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) meter: Meter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stock: Stock,
}

/// Configured instances that wait for a thread: made ahead, or given back by a thread that went on to another snapshot. So a swap costs
/// the path no time for what it can do off it.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "threads hold them boxed: what moves is the box")]
pub(crate) struct Stock(Mutex<Vec<Box<Warm>>>);

impl Stock {
    /// Most that wait; more are dropped.
    const LIMIT: usize = 64;

    pub(crate) fn take(&self) -> Option<Box<Warm>> {
        self.0.lock().pop()
    }

    pub(crate) fn put(&self, warm: Box<Warm>) {
        let mut waiting = self.0.lock();
        if waiting.len() < Self::LIMIT {
            waiting.push(warm);
        }
    }

    fn len(&self) -> usize {
        self.0.lock().len()
    }
}

/// A plugin prepared for one place.
pub(crate) struct Prepared(Arc<Place>);

impl Prepared {
    /// Configures a scratch instance, and narrows the reads to what it gives back.
    ///
    /// # Errors
    /// One sentence: what is wrong with the settings or the plugin.
    pub(crate) fn new(mut place: Place) -> Result<Self, String> {
        let (scratch, narrowed) = Warm::new(&place, None).map_err(|failure| match failure {
            CallFailure::Rejected(problems) => format!("does not take its settings: {problems}"),
            failure => format!("cannot be configured: {failure}"),
        })?;
        if !narrowed.is_empty() {
            let no_field = |name| format!("`configure` gave back `{name}`, which is no field");
            let reads = Reads::parse(narrowed.iter().map(String::as_str)).map_err(no_field)?;
            if let Some(beyond) = narrowed.iter().find(|name| Reads::parse([name.as_str()]).is_ok_and(|one| !place.reads.covers(&one))) {
                return Err(format!(
                    "`configure` wants to read `{beyond}`, which plugin.toml does not declare: add \"{beyond}\" to `reads`"
                ));
            }
            place.reads = reads;
        }
        if !place.identity.per_call {
            place.stock.put(scratch);
        }
        Ok(Self(Arc::new(place)))
    }

    /// Whether it was granted the tables that `around` holds.
    pub(crate) fn has_tables_of(&self, around: &Surroundings) -> bool {
        self.0.identity.granted.has_tables_of(around)
    }
}

impl Plugin for Prepared {
    fn info(&self) -> &PluginInfo {
        &self.0.info
    }

    fn off_until(&self) -> Option<domain::time::Millis> {
        self.0.breaker.off_until()
    }

    fn warm_up(&self, instances: usize) {
        let place = &self.0;
        while !place.identity.per_call && place.stock.len() < instances.min(Stock::LIMIT) {
            match Warm::new(place, None) {
                Ok((warm, _)) => place.stock.put(warm),
                // The thread that asks first makes its own, or learns why not.
                Err(failure) => return tracing::warn!(plugin = place.info.plugin.name, %failure, "an instance cannot be made ahead"),
            }
        }
    }

    fn instance(&self) -> Box<dyn Instance> {
        Box::new(Asker::new(Arc::clone(&self.0), None))
    }

    fn stateful(&self, state: Arc<dyn StateSlot>) -> Box<dyn Instance> {
        Box::new(Asker::new(Arc::clone(&self.0), Some(state)))
    }
}
