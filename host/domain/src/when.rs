//! Conditions of time and weight: at which hours of which days, and for how bad an incident, something holds.
//!
//! Hours are of the wall clock in a zone, read at the instant in question, so they need no rule for the days on which clocks change. Hours
//! that pass midnight belong to the day on which they begin: Friday's 22:00-06:00 ends on Saturday morning.

use crate::alert::Severity;
use crate::command::Priority;
use crate::time::Millis;
use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

/// A condition; each part that is empty holds always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    pub severities: Vec<Severity>,
    /// An incident without a priority meets none.
    pub priorities: Vec<Priority>,
    pub weekdays: Vec<Weekday>,
    pub hours: Option<Hours>,
    /// IANA name; `None`: that of whoever asks.
    pub time_zone: Option<String>,
}

/// Hours of a day, by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// First instant.
    pub from: Time,
    /// First instant after; at or before `from`: on the next day.
    pub until: Time,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    pub severity: Severity,
    pub priority: Option<Priority>,
}

impl When {
    /// Whether it holds at `now`. A zone that is not known any more counts as UTC.
    pub fn holds(&self, weight: Weight, now: Millis, zone: &str) -> bool {
        let severity = self.severities.is_empty() || self.severities.contains(&weight.severity);
        let priority = self.priorities.is_empty() || weight.priority.is_some_and(|priority| self.priorities.contains(&priority));
        severity && priority && self.holds_at(now, zone)
    }

    fn holds_at(&self, now: Millis, zone: &str) -> bool {
        if self.weekdays.is_empty() && self.hours.is_none() {
            return true;
        }
        let zone = TimeZone::get(self.time_zone.as_deref().unwrap_or(zone)).unwrap_or(TimeZone::UTC);
        let instant = Timestamp::from_millisecond(now.0).unwrap_or(if now.0 < 0 { Timestamp::MIN } else { Timestamp::MAX });
        let local = zone.to_datetime(instant);
        let is_day = |day: Weekday| self.weekdays.is_empty() || self.weekdays.contains(&day);
        let today = local.weekday();
        match self.hours {
            None => is_day(today),
            Some(Hours { from, until }) if from < until => is_day(today) && from <= local.time() && local.time() < until,
            Some(Hours { from, until }) => {
                (local.time() >= from && is_day(today)) || (local.time() < until && is_day(today.wrapping_sub(1)))
            }
        }
    }

    /// For people, such as `critical, Sat, Sun, 22:00-06:00`.
    pub fn words(&self) -> String {
        let mut words: Vec<String> = self.severities.iter().map(|severity| severity.as_str().to_owned()).collect();
        words.extend(self.priorities.iter().map(|priority| priority.as_str().to_uppercase()));
        words.extend(self.weekdays.iter().map(|day| day_word(*day).to_owned()));
        words.extend(self.hours.map(|hours| hours.to_string()));
        words.join(", ")
    }
}

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))
    }
}

fn day_word(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    const BAD: Weight = Weight { severity: Severity::Critical, priority: None };

    fn hours(from: i8, until: i8) -> Hours {
        Hours { from: jiff::civil::time(from, 0, 0, 0), until: jiff::civil::time(until, 0, 0, 0) }
    }

    /// Planted bug that this finds: the early morning counted to its own day, so that a Friday night ended at midnight.
    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let nights = When { weekdays: vec![Weekday::Friday], hours: Some(hours(22, 6)), ..When::default() };
        // Friday, 6 March 2026; Rome is at +1.
        for (time, holds) in [
            ("2026-03-06T20:59:59Z", false),
            ("2026-03-06T21:00:00Z", true),
            ("2026-03-07T04:59:59Z", true),
            ("2026-03-07T05:00:00Z", false),
            ("2026-03-07T21:00:00Z", false),
            ("2026-03-06T03:00:00Z", false),
        ] {
            assert_eq!(nights.holds(BAD, at(time), "Europe/Rome"), holds, "{time}");
        }
    }

    #[test]
    fn hours_follow_the_wall_clock_over_a_change_of_it() {
        let office = When { hours: Some(hours(9, 17)), ..When::default() };
        // The clocks of Rome go forward on 29 March 2026.
        assert!(!office.holds(BAD, at("2026-03-28T07:59:59Z"), "Europe/Rome"));
        assert!(office.holds(BAD, at("2026-03-28T08:00:00Z"), "Europe/Rome"));
        assert!(office.holds(BAD, at("2026-03-30T07:00:00Z"), "Europe/Rome"));
        assert!(!office.holds(BAD, at("2026-03-30T15:00:00Z"), "Europe/Rome"));
        let own = When { time_zone: Some("UTC".into()), ..office };
        assert!(own.holds(BAD, at("2026-03-30T16:59:59Z"), "Europe/Rome"), "its own zone wins");
    }

    #[test]
    fn weight_counts_and_the_same_hour_twice_is_the_whole_day() {
        let heavy = When { severities: vec![Severity::Critical], priorities: vec![Priority::P1, Priority::P2], ..When::default() };
        assert!(!heavy.holds(BAD, at("2026-03-06T20:00:00Z"), "UTC"), "no priority is none of these");
        assert!(heavy.holds(Weight { priority: Some(Priority::P2), ..BAD }, at("2026-03-06T20:00:00Z"), "UTC"));
        assert!(!heavy.holds(Weight { severity: Severity::Error, priority: Some(Priority::P1) }, at("2026-03-06T20:00:00Z"), "UTC"));
        assert_eq!(heavy.words(), "critical, P1, P2");
        let always = When { hours: Some(hours(8, 8)), ..When::default() };
        assert!(always.holds(BAD, at("2026-03-06T07:59:00Z"), "UTC") && always.holds(BAD, at("2026-03-06T08:00:00Z"), "UTC"));
    }
}
