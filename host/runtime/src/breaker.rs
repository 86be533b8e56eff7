//! A plugin that fails again and again is left alone for a while: the rest of the path goes on without waiting for it, and one incident
//! says so.

use crate::LateAlarm;
use crate::settings::BreakerSettings;
use domain::alert::Severity;
use domain::command::Notice;
use domain::time::Millis;
use parking_lot::Mutex;
use ports::{CallFailure, Clock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Of the last failure, so much stands in the summary.
const WHY_LIMIT_BYTES: usize = 240;

/// Counts the failures in a row of one plugin, whichever instance or place they happen in.
pub(crate) struct Breaker {
    name: String,
    settings: BreakerSettings,
    clock: Arc<dyn Clock>,
    alarm: LateAlarm,
    /// At or above the limit: open. Read on every call, written only when something fails or recovers.
    failures: AtomicU32,
    /// When the next trial may begin.
    retry_at: Mutex<Option<Millis>>,
}

impl Breaker {
    pub(crate) fn new(name: &str, settings: BreakerSettings, clock: Arc<dyn Clock>, alarm: LateAlarm) -> Self {
        let settings = BreakerSettings { failures: settings.failures.max(1), ..settings };
        Self { name: name.to_owned(), settings, clock, alarm, failures: AtomicU32::new(0), retry_at: Mutex::new(None) }
    }

    /// Whether the plugin may be asked now. While it is switched off, one call per pause may.
    pub(crate) fn admit(&self) -> Result<(), CallFailure> {
        let failures = self.failures.load(Ordering::Relaxed);
        if failures < self.settings.failures {
            return Ok(());
        }
        let mut retry_at = self.retry_at.lock();
        let now = self.clock.now();
        match *retry_at {
            Some(due) if now < due => Err(CallFailure::SwitchedOff(failures)),
            _ => {
                *retry_at = Some(now.plus_seconds(self.settings.pause_seconds));
                Ok(())
            }
        }
    }

    /// When one call tries it again, while it is switched off.
    pub(crate) fn off_until(&self) -> Option<Millis> {
        let off = self.failures.load(Ordering::Relaxed) >= self.settings.failures;
        off.then(|| self.retry_at.lock().unwrap_or_else(|| self.clock.now()))
    }

    /// A call came back.
    pub(crate) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 && self.failures.swap(0, Ordering::Relaxed) >= self.settings.failures {
            *self.retry_at.lock() = None;
            self.raise(true, format!("Plugin {} works again", self.name), String::new());
        }
    }

    /// A call failed by the plugin's fault.
    pub(crate) fn failed(&self, failure: &CallFailure) {
        let limit = self.settings.failures;
        let before = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_add(1))).unwrap_or(limit);
        if before + 1 < limit {
            return;
        }
        *self.retry_at.lock() = Some(self.clock.now().plus_seconds(self.settings.pause_seconds));
        if before + 1 == limit {
            // The summary is what a page on a phone shows: it has the reason.
            let why = domain::alert::cut(&failure.to_string(), WHY_LIMIT_BYTES);
            let (name, pause) = (&self.name, self.settings.pause_seconds);
            let summary = format!("Plugin {name} is switched off after {limit} failures in a row: {why}");
            let back =
                format!("Every {pause} seconds one call tries it again. Back to the version before: reveille plugin rollback {name}");
            self.raise(false, summary, back);
        }
    }

    fn raise(&self, over: bool, summary: String, details: String) {
        tracing::warn!(plugin = self.name, over, "{summary}. {details}");
        if let Some(alarm) = self.alarm.get() {
            let cause = format!("breaker/{}", self.name);
            alarm.raise(Notice { cause, summary, details, severity: Severity::Error, integration: None, over });
        }
    }
}
