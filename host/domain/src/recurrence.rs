//! What comes again: an RFC 5545 rule, reckoned in civil time and turned into instants of a zone, so that nine in the morning stays nine in
//! the morning when the clocks change.

use crate::time::Millis;
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};
use rrule::{RRuleSet, Tz};
use serde::{Deserialize, Serialize};

/// Longest rule, in bytes.
pub const RULE_LIMIT_BYTES: usize = 512;
/// How many occurrences are looked at to find those that are asked for.
const LOOKED_AT_LIMIT: u16 = u16::MAX;

/// Civil time stands in the rule as if it were UTC. A zone is never further from UTC than a day and some hours; in milliseconds.
const SLACK_MS: i64 = 2 * 86_400_000;

/// A wall-clock time in a zone, and a rule by which it comes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// As after `RRULE:`, such as `FREQ=WEEKLY;BYDAY=SU`.
    pub rule: String,
    /// Wall-clock date and time of the first.
    pub starts: civil::DateTime,
    /// IANA.
    pub time_zone: String,
}

impl Recurrence {
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.rule.len() > RULE_LIMIT_BYTES {
            return Err(format!("the rule is longer than {RULE_LIMIT_BYTES} bytes"));
        }
        let often = ["FREQ=SECONDLY", "FREQ=MINUTELY"];
        if often.iter().any(|word| self.rule.to_uppercase().contains(word)) {
            return Err("it would come again too often: FREQ is HOURLY at least".to_owned());
        }
        TimeZone::get(&self.time_zone).map_err(|_| format!("there is no time zone `{}`", self.time_zone))?;
        self.set().map(drop)
    }

    /// The first instants of those that begin in `[from, until)`, in order, at most `limit`. Where the clocks jump over the time, it is the
    /// first instant after the gap; where they show it twice, the first. Nothing for a rule that [`Self::check`] refuses.
    pub fn occurrences(&self, from: Millis, until: Millis, limit: usize) -> Vec<Millis> {
        let (Ok(set), Ok(zone)) = (self.set(), TimeZone::get(&self.time_zone)) else { return Vec::new() };
        let (Some(after), Some(before)) = (chrono_of(from.plus_millis(-SLACK_MS)), chrono_of(until.plus_millis(SLACK_MS))) else {
            return Vec::new();
        };
        let found = set.after(after).before(before).all(LOOKED_AT_LIMIT).dates;
        let instants = found.into_iter().filter_map(|date| instant(date.timestamp(), &zone));
        instants.filter(|at| from <= *at && *at < until).take(limit).collect()
    }

    fn set(&self) -> Result<RRuleSet, String> {
        let text = format!("DTSTART:{}Z\nRRULE:{}", self.starts.strftime("%Y%m%dT%H%M%S"), self.rule.trim());
        text.parse::<RRuleSet>().map_err(|error| format!("`{}` is no RRULE: {error}", self.rule))
    }
}

fn chrono_of(at: Millis) -> Option<chrono::DateTime<Tz>> {
    chrono::DateTime::from_timestamp_millis(at.0).map(|at| at.with_timezone(&Tz::UTC))
}

/// The instant of a civil time that is given as seconds as if it were UTC.
fn instant(civil_seconds: i64, zone: &TimeZone) -> Option<Millis> {
    let civil = TimeZone::UTC.to_datetime(jiff::Timestamp::from_second(civil_seconds).ok()?);
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let at = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok()?,
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the later offset, a time in the gap lies before the jump: the next change to that offset is the jump.
            let before_jump = after.to_timestamp(civil).ok()?;
            let jump = zone.following(before_jump).take(4).find(|change| change.offset() == after);
            jump.map(|change| change.timestamp()).or_else(|| ambiguous.later().ok())?
        }
    };
    Some(Millis(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weekly(rule: &str, starts: &str, zone: &str) -> Recurrence {
        Recurrence { rule: rule.into(), starts: starts.parse().unwrap(), time_zone: zone.into() }
    }

    fn utc(text: &str) -> Millis {
        Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn between(recurrence: &Recurrence, from: &str, until: &str) -> Vec<String> {
        recurrence.occurrences(utc(from), utc(until), 100).into_iter().map(Millis::rfc3339).collect()
    }

    /// Clocks in Rome go forward on 29 March 2026 and back on 25 October 2026.
    #[test]
    fn it_stays_at_its_time_of_day_when_the_clocks_change() {
        let rule = weekly("FREQ=WEEKLY;BYDAY=SU", "2026-03-15T03:30:00", "Europe/Rome");
        let found = between(&rule, "2026-03-10T00:00:00Z", "2026-04-06T00:00:00Z");
        assert_eq!(found, ["2026-03-15T02:30:00Z", "2026-03-22T02:30:00Z", "2026-03-29T01:30:00Z", "2026-04-05T01:30:00Z"]);
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_the_first_after_and_one_shown_twice_the_first() {
        let rule = weekly("FREQ=WEEKLY;BYDAY=SU", "2026-03-22T02:30:00", "Europe/Rome");
        assert_eq!(between(&rule, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"), ["2026-03-29T01:00:00Z"]);
        assert_eq!(between(&rule, "2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z"), ["2026-10-25T00:30:00Z"]);
    }

    #[test]
    fn the_last_friday_of_a_month_and_a_count() {
        let rule = weekly("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", "2026-01-30T22:00:00", "UTC");
        assert_eq!(between(&rule, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), ["2026-01-30T22:00:00Z", "2026-02-27T22:00:00Z"]);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for (rule, zone) in [("FREQ=NEVER", "UTC"), ("", "UTC"), ("FREQ=SECONDLY", "UTC"), ("FREQ=DAILY", "Europe/Roma")] {
            let recurrence = weekly(rule, "2026-01-01T00:00:00", zone);
            assert!(recurrence.check().is_err(), "{rule} {zone}");
        }
        assert_eq!(weekly("FREQ=DAILY", "2026-01-01T00:00:00", "Europe/Rome").check(), Ok(()));
    }
}
