//! Expiry: when an alert that nobody reports any more counts as resolved. An outage of ours must not resolve the world.
//!
//! A sender that re-sends what still fires gives each report an end some minutes ahead. Only time in which the host could take reports in
//! counts towards that end: what fell into an outage is added, and a grace on top for the sender to come back.

use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// How long after its own end an alert is kept firing, in seconds, so that a late report still finds it.
pub const GRACE_SECONDS: u32 = 30;
/// How many outages are remembered; beyond them the two oldest count as one, which keeps alerts firing rather than resolving them.
pub const OUTAGES_LIMIT: usize = 64;

/// Time in which no alert could be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    pub from: Millis,
    pub until: Millis,
}

/// Since when, and with which gaps, the host could take alerts in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// When it was last known to take alerts in; `None`: never yet.
    alive: Option<Millis>,
    /// By time; they do not overlap.
    outages: Vec<Outage>,
    grace_seconds: u32,
}

impl Default for Availability {
    fn default() -> Self {
        Self::with_grace(GRACE_SECONDS)
    }
}

impl Availability {
    /// A host that was never up, with a grace of its own.
    pub fn with_grace(grace_seconds: u32) -> Self {
        Self { alive: None, outages: Vec::new(), grace_seconds }
    }

    /// The same record with another grace, as configured now.
    #[must_use]
    pub fn graced(mut self, grace_seconds: u32) -> Self {
        self.grace_seconds = grace_seconds;
        self
    }

    /// It took a record in at `at`, whatever else is known.
    pub fn seen(&mut self, at: Millis) {
        self.alive = self.alive.max(Some(at));
    }

    /// It starts to take alerts in: what lies since it was last alive was an outage.
    pub fn start(&mut self, now: Millis) {
        self.outage_until(now);
        self.alive = self.alive.max(Some(now));
    }

    /// It is alive at `now`. If it had to refuse alerts since the last beat, that time counts as an outage.
    pub fn beat(&mut self, now: Millis, refused: bool) {
        if refused {
            self.outage_until(now);
        }
        self.alive = self.alive.max(Some(now));
    }

    fn outage_until(&mut self, now: Millis) {
        let Some(from) = self.alive.filter(|alive| *alive < now) else { return };
        match self.outages.last_mut() {
            Some(last) if last.until >= from => last.until = now,
            _ => self.outages.push(Outage { from, until: now }),
        }
        if self.outages.len() > OUTAGES_LIMIT {
            let oldest = self.outages.remove(0);
            self.outages[0].from = oldest.from;
        }
    }

    /// When an alert that was last reported at `reported` and ends at `expires` counts as resolved.
    pub fn due(&self, reported: Millis, expires: Millis) -> Millis {
        let mut due = expires.max(reported).plus_seconds(self.grace_seconds);
        for outage in &self.outages {
            if outage.until <= reported {
                continue;
            }
            let from = outage.from.max(reported);
            if from >= due {
                break;
            }
            due = due.plus_millis(outage.until.since(from));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(minutes: i64) -> Millis {
        Millis(minutes * MINUTE)
    }

    #[test]
    fn without_an_outage_only_the_grace_is_added() {
        let mut up = Availability::default();
        up.start(at(0));
        assert_eq!(up.due(at(1), at(5)), at(5).plus_seconds(30));
    }

    #[test]
    fn the_first_start_is_no_outage() {
        let mut up = Availability::with_grace(0);
        up.start(at(100));
        assert_eq!(up.due(at(1), at(5)), at(5));
    }

    #[test]
    fn an_outage_is_added_even_when_it_began_before_the_end_and_outlasted_it() {
        let mut up = Availability::with_grace(0);
        up.start(at(0));
        up.beat(at(3), false);
        up.start(at(63));
        // Reported at 1, ends at 5: two of its four minutes had passed at the outage; the other two count from 63 on.
        assert_eq!(up.due(at(1), at(5)), at(65));
    }

    #[test]
    fn an_outage_before_the_report_or_after_the_end_changes_nothing() {
        let mut up = Availability::with_grace(0);
        up.start(at(0));
        up.beat(at(10), false);
        up.start(at(20));
        assert_eq!(up.due(at(20), at(24)), at(24));
        assert_eq!(up.due(at(1), at(5)), at(5));
    }

    #[test]
    fn several_outages_add_up() {
        let mut up = Availability::with_grace(0);
        up.start(at(0));
        up.beat(at(2), false);
        up.start(at(12));
        up.beat(at(13), false);
        up.start(at(23));
        // Available: 0–2, 12–13, 23–…; four minutes from 0 end at 24.
        assert_eq!(up.due(at(0), at(4)), at(24));
    }

    #[test]
    fn time_of_refusals_is_an_outage_and_adjacent_ones_join() {
        let mut up = Availability::with_grace(0);
        up.start(at(0));
        up.beat(at(1), true);
        up.beat(at(2), true);
        up.beat(at(3), false);
        assert_eq!(up.outages, [Outage { from: at(0), until: at(2) }]);
        assert_eq!(up.due(at(0), at(1)), at(3));
    }

    #[test]
    fn a_newer_record_narrows_the_outage() {
        let mut up = Availability::with_grace(0);
        up.start(at(0));
        up.seen(at(9));
        up.start(at(10));
        assert_eq!(up.outages, [Outage { from: at(9), until: at(10) }]);
    }

    #[test]
    fn the_list_of_outages_is_bounded_and_errs_towards_firing() {
        let mut up = Availability::with_grace(0);
        up.start(at(0));
        let rounds = OUTAGES_LIMIT as i64 + 10;
        for round in 0..rounds {
            up.beat(at(round * 10 + 5), false);
            up.start(at(round * 10 + 10));
        }
        assert_eq!(up.outages.len(), OUTAGES_LIMIT);
        assert!(up.due(at(0), at(6)) >= at(11));
    }
}
