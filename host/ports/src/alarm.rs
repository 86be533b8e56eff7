//! Where the house reports trouble of its own, so that it becomes an incident.

use domain::command::Notice;

/// Takes notices about the host itself: a breaker that opened, deliveries that fail, dead letters.
pub trait Alarm: Send + Sync {
    /// Journals the notice; it opens (or, if `over`, resolves) one incident per cause. Never blocks, and never fails towards the
    /// caller: what cannot be stored is logged and counted.
    fn raise(&self, notice: Notice);
}
