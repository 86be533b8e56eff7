//! What comes again: an RFC 5545 rule, reckoned in civil time and turned into instants of a zone, so that nine in the morning stays nine in
//! the morning when the clocks change.

use crate::schedule::{RecurrenceError, Rule, Wall};
use crate::time::Millis;
use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Longest rule, in bytes.
pub const RULE_LIMIT_BYTES: usize = 512;
/// A zone is never further from UTC than a day and some hours; in milliseconds.
const MARGIN_MS: i64 = 2 * 86_400_000;

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
        TimeZone::get(&self.time_zone).map_err(|_| format!("there is no time zone `{}`", self.time_zone))?;
        Rule::read(&self.rule, self.starts).map(drop).map_err(|error| match error {
            RecurrenceError::Rule(error) => format!("`{}` is no RRULE: {error}", self.rule),
            RecurrenceError::TooFine => "it would come again too often: FREQ is HOURLY at least".to_owned(),
            error => error.to_string(),
        })
    }

    /// The first instants of those that begin in `[from, until)`, in order, at most `limit`. Where the clocks jump over the time, it is the
    /// first instant after the gap; where they show it twice, the first. Nothing for a rule that [`Self::check`] refuses.
    pub fn occurrences(&self, from: Millis, until: Millis, limit: usize) -> Vec<Millis> {
        // An unknown zone is no zone here: what mutes must not guess.
        let (Ok(rule), Ok(_)) = (Rule::read(&self.rule, self.starts), TimeZone::get(&self.time_zone)) else { return Vec::new() };
        let (wall, utc) = (Wall::of(&self.time_zone), Wall::of("UTC"));
        let found = rule.between(utc.shows(from.plus_millis(-MARGIN_MS)), utc.shows(until.plus_millis(MARGIN_MS)));
        let instants = found.into_iter().filter_map(|time| wall.instant(time));
        instants.filter(|at| from <= *at && *at < until).take(limit).collect()
    }
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

    /// As in rotations: `UNTIL` is wall-clock time, with or without `Z`, and a mere date means its end.
    #[test]
    fn an_until_means_the_same_as_in_rotations() {
        for until in ["20260118T033000", "20260118T033000Z", "20260118"] {
            let rule = weekly(&format!("FREQ=WEEKLY;BYDAY=SU;UNTIL={until}"), "2026-01-11T03:30:00", "Europe/Rome");
            assert_eq!(rule.check(), Ok(()), "{until}");
            assert_eq!(between(&rule, "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"), ["2026-01-11T02:30:00Z", "2026-01-18T02:30:00Z"]);
        }
        let over = weekly("FREQ=DAILY;UNTIL=20260104", "2026-01-05T09:00:00", "UTC");
        assert_eq!(over.check().unwrap_err(), "the rule never happens");
    }

    /// It is expanded as far as it is asked for, so it may come as often as it likes, also without an end and in the next century.
    #[test]
    fn an_hourly_rule_needs_no_end() {
        let rule = weekly("FREQ=HOURLY", "2026-01-01T00:00:00", "UTC");
        assert_eq!(rule.check(), Ok(()));
        assert_eq!(between(&rule, "2026-06-01T00:00:00Z", "2026-06-01T02:00:00Z"), ["2026-06-01T00:00:00Z", "2026-06-01T01:00:00Z"]);
        let yearly = weekly("FREQ=YEARLY", "2026-01-01T00:00:00", "UTC");
        assert_eq!(between(&yearly, "2150-01-01T00:00:00Z", "2150-02-01T00:00:00Z"), ["2150-01-01T00:00:00Z"]);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for (rule, zone) in [("FREQ=NEVER", "UTC"), ("", "UTC"), ("FREQ=SECONDLY", "UTC"), ("FREQ=DAILY", "Europe/Roma")] {
            let recurrence = weekly(rule, "2026-01-01T00:00:00", zone);
            assert!(recurrence.check().is_err(), "{rule} {zone}");
            assert_eq!(between(&recurrence, "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"), [""; 0], "{rule} {zone}");
        }
        let words = |rule: &str| weekly(rule, "2026-01-01T00:00:00", "UTC").check().unwrap_err();
        assert!(words("FREQ=NEVER").starts_with("`FREQ=NEVER` is no RRULE: "), "{}", words("FREQ=NEVER"));
        assert_eq!(words("FREQ=MINUTELY"), "it would come again too often: FREQ is HOURLY at least");
        assert_eq!(words(&"X".repeat(513)), "the rule is longer than 512 bytes");
        assert_eq!(weekly("FREQ=DAILY", "2026-01-01T00:00:00", "Europe/Rome").check(), Ok(()));
    }
}
