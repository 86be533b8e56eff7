//! The bounded pool that runs normalizers at the front door.

use crate::shared::LOOK_UP;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use domain::inbound::{Inbound, Normalized, Refusal};
use ports::{CallFailure, Instance, Plugin};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::oneshot;

/// What came of a body.
pub type Outcome = Result<Result<Normalized, Refusal>, CallFailure>;

/// Instances that a thread keeps warm; past this it starts anew.
const WARM_LIMIT: usize = 64;

/// One body for one plugin. The body comes back with the outcome, because it is journaled either way.
pub struct Job {
    plugin: Arc<dyn Plugin>,
    inbound: Box<Inbound>,
    told: oneshot::Sender<(Box<Inbound>, Outcome)>,
}

/// The way into the pool.
#[derive(Clone)]
pub struct Normalizers(Sender<Job>);

/// A queue into the pool and what its threads read.
pub fn queue(limit: usize) -> (Normalizers, Receiver<Job>) {
    let (jobs, inbox) = crossbeam_channel::bounded(limit);
    (Normalizers(jobs), inbox)
}

/// Why a body was not looked at.
#[derive(Debug, PartialEq, Eq)]
pub enum Busy {
    QueueFull,
    Stopped,
}

impl Normalizers {
    /// Runs `plugin` on a body.
    pub async fn run(&self, plugin: Arc<dyn Plugin>, inbound: Box<Inbound>) -> Result<(Box<Inbound>, Outcome), Busy> {
        let (told, wait) = oneshot::channel();
        self.0.try_send(Job { plugin, inbound, told }).map_err(|error| match error {
            TrySendError::Full(_) => Busy::QueueFull,
            TrySendError::Disconnected(_) => Busy::Stopped,
        })?;
        wait.await.map_err(|_| Busy::Stopped)
    }

    /// How many bodies wait.
    pub fn depth(&self) -> usize {
        self.0.len()
    }
}

/// A plugin and its instance. A reference beside it keeps the plugin's address, which is the key, its own, and tells when it is out of force.
struct Warm {
    plugin: Weak<dyn Plugin>,
    instance: Box<dyn Instance>,
}

/// A thread of the pool; runs until it has to stop.
pub fn work(jobs: &Receiver<Job>, stopping: &AtomicBool) {
    let mut warm: HashMap<*const (), Warm> = HashMap::new();
    loop {
        let Job { plugin, inbound, told } = match jobs.recv_timeout(LOOK_UP) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) if !stopping.load(Ordering::Acquire) => {
                warm.retain(|_, held| held.plugin.strong_count() > 0);
                continue;
            }
            Err(_) => return,
        };
        if told.is_closed() {
            continue;
        }
        let key = Arc::as_ptr(&plugin).cast::<()>();
        if !warm.contains_key(&key) {
            // Another plugin or version: those out of force go.
            warm.retain(|_, held| held.plugin.strong_count() > 0);
            if warm.len() >= WARM_LIMIT {
                warm.clear();
            }
        }
        let held = warm.entry(key).or_insert_with(|| Warm { instance: plugin.instance(), plugin: Arc::downgrade(&plugin) });
        let outcome = catch_unwind(AssertUnwindSafe(|| held.instance.normalize(&inbound)));
        let outcome = outcome.unwrap_or_else(|_| {
            warm.remove(&key);
            Err(CallFailure::Trapped("the host panicked while it called the plugin".to_owned()))
        });
        // The sender may have gone; then nothing was promised to it.
        let _ = told.send((inbound, outcome));
    }
}
