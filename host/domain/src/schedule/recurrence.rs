//! Recurrence rules of RFC 5545, expanded in civil time, for rotations and for maintenance. What a civil time means as an instant is decided
//! where all others are.

use jiff::civil::DateTime;
use jiff::{Span, ToSpan as _};
use std::sync::Arc;
use thiserror::Error;

/// Most times of one rule that are known; a rule with more is refused where it was written.
const TIMES_LIMIT: usize = 40_000;
/// Nothing is expanded beyond this year.
const LAST_YEAR: i32 = 2100;
/// A zone may be a day off.
const MARGIN_HOURS: i64 = 36;

/// Why a rule is refused.
#[derive(Debug, Error)]
pub enum RecurrenceError {
    #[error("cannot read the recurrence rule")]
    Rule(#[from] rrule::RRuleError),
    #[error("a rule gives days or hours: FREQ=MINUTELY and FREQ=SECONDLY are too fine")]
    TooFine,
    #[error("the rule never happens")]
    Never,
    #[error("the rule happens more than {TIMES_LIMIT} times before {LAST_YEAR}: give it an UNTIL")]
    TooOften,
}

/// Most times between two that are given.
const BETWEEN_LIMIT: u16 = u16::MAX;

/// A rule that was read, to be expanded as far as somebody asks.
#[derive(Debug, Clone)]
pub struct Rule {
    /// In capitals.
    text: String,
    set: rrule::RRuleSet,
}

impl Rule {
    /// Reads a rule, such as `FREQ=MONTHLY;BYDAY=1MO`, from `starts` on. `starts` is one of its times only if it fits the rule. Its `UNTIL` is
    /// read as wall-clock time, with or without `Z`; a mere date means its end.
    pub fn read(rule: &str, starts: DateTime) -> Result<Self, RecurrenceError> {
        let text = rule.trim().trim_start_matches("RRULE:").to_ascii_uppercase();
        let begin = civil_to_chrono(starts).ok_or(RecurrenceError::Never)?;
        if text.contains("FREQ=MINUTELY") || text.contains("FREQ=SECONDLY") {
            return Err(RecurrenceError::TooFine);
        }
        let whole = with_until_in_utc(&text);
        let until = whole.split(';').find_map(|part| part.strip_prefix("UNTIL="));
        if until.and_then(|text| DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()).is_some_and(|until| until < starts) {
            return Err(RecurrenceError::Never);
        }
        let parsed: rrule::RRule<rrule::Unvalidated> = whole.parse()?;
        Ok(Self { text, set: parsed.build(begin)?.limit() })
    }

    /// Its times in `[from, until]`, in order, at most 65 535.
    pub fn between(self, from: DateTime, until: DateTime) -> Vec<DateTime> {
        let (Some(from), Some(until)) = (civil_to_chrono(from), civil_to_chrono(until)) else { return Vec::new() };
        let found = self.set.after(from).before(until).all(BETWEEN_LIMIT).dates;
        found.iter().filter_map(chrono_to_civil).collect()
    }
}

/// A rule with its times, in wall-clock time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    rule: String,
    starts: DateTime,
    /// In order.
    times: Arc<[DateTime]>,
}

impl Recurrence {
    /// Expands a rule from `starts` on, as [`Rule::read`] reads it, to the year 2100.
    pub fn new(rule: &str, starts: DateTime) -> Result<Self, RecurrenceError> {
        let Rule { text, set } = Rule::read(rule, starts)?;
        let mut times = Vec::new();
        for time in &set {
            let Some(time) = chrono_to_civil(&time) else { break };
            if i32::from(time.year()) >= LAST_YEAR {
                break;
            }
            if times.len() == TIMES_LIMIT {
                return Err(RecurrenceError::TooOften);
            }
            times.push(time);
        }
        if times.is_empty() {
            return Err(RecurrenceError::Never);
        }
        Ok(Self { rule: text, starts, times: times.into() })
    }

    /// The rule, in capitals.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// From when on it was expanded.
    pub fn starts(&self) -> DateTime {
        self.starts
    }

    /// Its times, in order.
    pub fn times(&self) -> &[DateTime] {
        &self.times
    }

    /// How many of its times may have begun when the clock shows `local`: all that have, and those of the next day and a half.
    pub(super) fn begun(&self, local: DateTime) -> usize {
        let bound = local.checked_add(MARGIN_HOURS.hours()).unwrap_or(DateTime::MAX);
        self.times.partition_point(|time| *time <= bound)
    }

    /// The times of windows of `minutes` that may hold `local`, and the next.
    pub(super) fn around(&self, local: DateTime, minutes: u32) -> &[DateTime] {
        let back = Span::new().minutes(i64::from(minutes) + MARGIN_HOURS * 60);
        let earliest = local.checked_sub(back).unwrap_or(DateTime::MIN);
        let first = self.times.partition_point(|time| *time < earliest);
        let last = self.begun(local).saturating_add(1).min(self.times.len());
        &self.times[first..last.max(first)]
    }
}

/// The library wants an `UNTIL` in UTC beside a beginning in UTC, which is what stands for civil time here.
fn with_until_in_utc(rule: &str) -> String {
    let parts = rule.split(';').map(|part| match part.strip_prefix("UNTIL=") {
        Some(date) if date.len() == 8 => format!("UNTIL={date}T235959Z"),
        Some(time) if !time.ends_with('Z') => format!("UNTIL={time}Z"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<String>>().join(";")
}

fn civil_to_chrono(time: DateTime) -> Option<chrono::DateTime<rrule::Tz>> {
    let number = |value: i8| u32::try_from(value).ok();
    let date = chrono::NaiveDate::from_ymd_opt(i32::from(time.year()), number(time.month())?, number(time.day())?)?;
    let naive = date.and_hms_opt(number(time.hour())?, number(time.minute())?, number(time.second())?)?;
    chrono::TimeZone::from_utc_datetime(&rrule::Tz::UTC, &naive).into()
}

fn chrono_to_civil(time: &chrono::DateTime<rrule::Tz>) -> Option<DateTime> {
    let naive = time.naive_utc().and_utc().timestamp();
    jiff::Timestamp::from_second(naive).ok().map(|at| jiff::tz::TimeZone::UTC.to_datetime(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(rule: &str, starts: &str, count: usize) -> Vec<String> {
        let rule = Recurrence::new(rule, starts.parse().unwrap()).unwrap();
        rule.times().iter().take(count).map(ToString::to_string).collect()
    }

    /// From RFC 5545, 3.8.5.3: the examples "First Friday of the month", "Every other week", "The last work day of the month", and a
    /// rule for 31 January that skips shorter months.
    #[test]
    fn examples_of_the_standard() {
        let fridays = ["1997-09-05T09:00:00", "1997-10-03T09:00:00", "1997-11-07T09:00:00", "1997-12-05T09:00:00"];
        assert_eq!(first("FREQ=MONTHLY;COUNT=10;BYDAY=1FR", "1997-09-05T09:00", 4), fridays);
        let weeks = ["1997-09-02T09:00:00", "1997-09-16T09:00:00", "1997-09-30T09:00:00"];
        assert_eq!(first("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "1997-09-02T09:00", 3), weeks);
        let last_work_days = ["1997-09-30T09:00:00", "1997-10-31T09:00:00", "1997-11-28T09:00:00"];
        assert_eq!(first("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "1997-09-29T09:00", 3), last_work_days);
        let ends = ["2027-01-31T08:00:00", "2027-03-31T08:00:00", "2027-05-31T08:00:00"];
        assert_eq!(first("FREQ=MONTHLY;BYMONTHDAY=31", "2027-01-31T08:00", 3), ends);
    }

    #[test]
    fn an_until_is_wall_clock_time_and_a_date_means_its_end() {
        for until in ["20260107T090000", "20260107T090000Z", "20260107"] {
            let rule = Recurrence::new(&format!("FREQ=DAILY;UNTIL={until}"), "2026-01-05T09:00".parse().unwrap()).unwrap();
            assert_eq!(rule.times().len(), 3, "{until}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let new = |rule: &str| Recurrence::new(rule, "2026-01-05T09:00".parse().unwrap()).map(|_| ()).unwrap_err().to_string();
        assert_eq!(new("FREQ=OFTEN"), "cannot read the recurrence rule");
        assert_eq!(new(""), "cannot read the recurrence rule");
        assert!(new("FREQ=MINUTELY").contains("too fine"));
        assert_eq!(new("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "the rule never happens");
        assert_eq!(new("FREQ=DAILY;UNTIL=20260104"), "the rule never happens");
        assert!(new("FREQ=HOURLY").contains("UNTIL"));
    }
}
