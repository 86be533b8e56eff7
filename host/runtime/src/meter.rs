//! What calls of one plugin at one hook cost, as metrics. Time is taken on one call of 64, because asking for it costs as much as a tenth
//! of a call.

use metrics::{Counter, Gauge, Histogram};
use ports::CallFailure;
use std::time::Duration;

/// One call in so many is timed; a power of two.
pub(crate) const SAMPLE: u64 = 64;

/// The metrics of one prepared plugin.
pub(crate) struct Meter {
    plugin: String,
    hook: &'static str,
    calls: Counter,
    instances: Counter,
    held: Gauge,
    seconds: Histogram,
}

impl Meter {
    pub(crate) fn new(plugin: &str, hook: &'static str) -> Self {
        let labels = [("plugin", plugin.to_owned()), ("hook", hook.to_owned())];
        Self {
            plugin: plugin.to_owned(),
            hook,
            calls: metrics::counter!("reveille_runtime_calls_total", &labels),
            instances: metrics::counter!("reveille_runtime_instances_total", &labels),
            held: metrics::gauge!("reveille_runtime_instances_held", &labels),
            seconds: metrics::histogram!("reveille_runtime_call_seconds", &labels),
        }
    }

    pub(crate) fn called(&self) {
        self.calls.increment(1);
    }

    pub(crate) fn took(&self, time: Duration) {
        self.seconds.record(time.as_secs_f64());
    }

    pub(crate) fn failed(&self, failure: &CallFailure) {
        let kind = match failure {
            CallFailure::Rejected(_) => "rejected",
            CallFailure::Internal(_) => "internal",
            CallFailure::Unavailable(_) => "unavailable",
            CallFailure::Trapped(_) => "trapped",
            CallFailure::Deadline(_) => "deadline",
            CallFailure::SwitchedOff(_) => "switched-off",
        };
        let labels = [("plugin", self.plugin.clone()), ("hook", self.hook.to_owned()), ("kind", kind.to_owned())];
        metrics::counter!("reveille_runtime_failures_total", &labels).increment(1);
    }

    /// A fresh instance was made: what a trap, a high-water mark or isolation per call costs. It is held until the mark is dropped.
    pub(crate) fn made(&self) -> Held {
        self.instances.increment(1);
        self.held.increment(1.0);
        Held(self.held.clone())
    }
}

/// Counts one instance as held.
pub(crate) struct Held(Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
