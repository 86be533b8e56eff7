//! Warm plugin instances on threads of their own: plugin calls block, and the async runtime must not.

use domain::id::Revision;
use ports::{HotState, Instance, Plugin, StateSlot};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

/// Most jobs that wait for a thread; more are refused.
const WAITING_LIMIT: usize = 4096;

type Job = Box<dyn FnOnce(&mut Instances) + Send>;

/// A thread's instances, made at their first use and dropped when a configuration is in force that has no use for them.
#[derive(Default)]
pub struct Instances {
    revision: Revision,
    /// By the plugin's address.
    warm: HashMap<usize, Warm>,
}

struct Warm {
    /// Keeps its address from being given to another, and tells when it is out of force.
    plugin: Weak<dyn Plugin>,
    instance: Box<dyn Instance>,
    slot: Option<Arc<dyn StateSlot>>,
}

impl Instances {
    /// This thread's instance of a plugin.
    pub fn of(&mut self, revision: Revision, plugin: &Arc<dyn Plugin>) -> &mut dyn Instance {
        let make = || Warm { plugin: Arc::downgrade(plugin), instance: plugin.instance(), slot: None };
        self.warm(revision, plugin, make).instance.as_mut()
    }

    /// [`Instances::of`] for a plugin that may remember, with the slot to open and close around each call; `None`: it may not, or there is
    /// no hot state.
    pub fn stateful(
        &mut self,
        revision: Revision,
        plugin: &Arc<dyn Plugin>,
        hot: Option<&Arc<dyn HotState>>,
    ) -> (&mut dyn Instance, Option<Arc<dyn StateSlot>>) {
        let make = || {
            let slot = hot.filter(|_| plugin.info().state.is_some()).map(|hot| hot.slot());
            let instance = slot.as_ref().map_or_else(|| plugin.instance(), |slot| plugin.stateful(Arc::clone(slot)));
            Warm { plugin: Arc::downgrade(plugin), instance, slot }
        };
        let warm = self.warm(revision, plugin, make);
        (warm.instance.as_mut(), warm.slot.clone())
    }

    fn warm(&mut self, revision: Revision, plugin: &Arc<dyn Plugin>, make: impl FnOnce() -> Warm) -> &mut Warm {
        if self.revision != revision {
            self.warm.retain(|_, held| held.plugin.strong_count() > 0);
            self.revision = revision;
        }
        let address = Arc::as_ptr(plugin).cast::<()>() as usize;
        self.warm.entry(address).or_insert_with(make)
    }
}

/// A bounded pool of threads with instances. Its threads end once it is dropped.
pub struct Threads {
    jobs: crossbeam_channel::Sender<Job>,
}

impl Threads {
    /// `count` threads called `name`. A thread that cannot be started is logged; with none, every job is refused.
    pub fn start(name: &str, count: usize) -> Self {
        let (jobs, waiting) = crossbeam_channel::bounded::<Job>(WAITING_LIMIT);
        for _ in 0..count {
            let waiting = waiting.clone();
            let serve = move || {
                let mut instances = Instances::default();
                for job in waiting {
                    // The job's answer is dropped with it, which tells the one who waits.
                    if catch_unwind(AssertUnwindSafe(|| job(&mut instances))).is_err() {
                        instances = Instances::default();
                    }
                }
            };
            if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(serve) {
                tracing::error!(%error, name, "cannot start a thread for plugins");
            }
        }
        Self { jobs }
    }

    /// Runs `job` on one of the threads; `None`: they are overloaded, or it panicked.
    pub async fn run<R: Send + 'static>(&self, job: impl FnOnce(&mut Instances) -> R + Send + 'static) -> Option<R> {
        let (told, answer) = tokio::sync::oneshot::channel();
        let job: Job = Box::new(move |instances| drop(told.send(job(instances))));
        self.jobs.try_send(job).ok()?;
        answer.await.ok()
    }
}
