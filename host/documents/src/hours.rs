//! Hours of the week and recurrence rules, as documents write them.

use crate::text::{Hours, Rule, Text};
use domain::schedule::{Recurrence, RecurrenceError, Window};
use jiff::civil::{DateTime, Time, Weekday, date};
use std::error::Error as _;

const DAY_MINUTES: i32 = 24 * 60;
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Hours of the week with the text that means them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningHours {
    text: String,
    /// Day, time at which it begins, how long in minutes.
    times: Vec<(Weekday, Time, u32)>,
}

impl OpeningHours {
    /// As windows of a layer.
    pub fn windows(&self) -> impl Iterator<Item = Window> {
        self.times.iter().map(|(day, at, minutes)| Window::Weekly { day: *day, at: *at, minutes: *minutes })
    }
}

impl Text for Hours {
    const FORMAT: &'static str = "hours";
    const PATTERN: &'static str = "^[A-Za-z0-9:, -]+$";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` are no hours: write them as `mon-fri 09:00-17:00`, `09:00-17:00` or `fri 17:00 - mon 09:00`");
        let plain = text.trim().to_ascii_lowercase();
        let times = match plain.split_once(" - ") {
            Some((from, until)) => span(from, until).ok_or_else(wrong)?,
            None => daily(&plain).ok_or_else(wrong)?,
        };
        if times.iter().any(|(_, _, minutes)| *minutes == 0) {
            return Err(format!(
                "`{text}` never opens: it ends when it begins (a whole day is `00:00-24:00`; without hours it is always on)"
            ));
        }
        Ok(Self(OpeningHours { text: plain, times }))
    }

    fn print(&self) -> String {
        self.0.text.clone()
    }
}

/// `mon-fri 09:00-17:00`, `sat,sun 22:00-06:00`, or every day without days.
fn daily(text: &str) -> Option<Vec<(Weekday, Time, u32)>> {
    let (days, hours) = text.rsplit_once(' ').unwrap_or(("mon-sun", text));
    let (from, until) = hours.split_once('-')?;
    let (from, until) = (minutes(from)?, minutes(until)?);
    let at = time(from)?;
    let length = if until < from { until + DAY_MINUTES - from } else { until - from };
    let mut found = Vec::new();
    for part in days.split(',') {
        let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        let (first, last) = (day(first)?, day(last)?);
        let many = usize::try_from(last.since(first)).ok()? + 1;
        found.extend(first.cycle_forward().take(many).map(|day| (day, at, length.unsigned_abs())));
    }
    Some(found)
}

/// `fri 17:00` and `mon 09:00`.
fn span(from: &str, until: &str) -> Option<Vec<(Weekday, Time, u32)>> {
    let point = |text: &str| text.trim().split_once(' ').and_then(|(name, at)| Some((day(name)?, minutes(at)?)));
    let ((first, from), (last, until)) = (point(from)?, point(until)?);
    let days = i32::from(last.since(first));
    let length = days * DAY_MINUTES + until - from;
    let length = if length < 0 { length + 7 * DAY_MINUTES } else { length };
    Some(vec![(first, time(from)?, length.unsigned_abs())])
}

fn day(name: &str) -> Option<Weekday> {
    DAYS.into_iter().find(|(known, _)| *known == name).map(|(_, day)| day)
}

/// Minutes since midnight; `24:00` is the end of the day.
fn minutes(text: &str) -> Option<i32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two = |part: &str| (part.len() == 2).then(|| part.parse::<u8>().ok()).flatten().map(i32::from);
    let total = two(hour)? * 60 + two(minute).filter(|minute| *minute < 60)?;
    (total <= DAY_MINUTES).then_some(total)
}

fn time(minutes: i32) -> Option<Time> {
    let part = |value: i32| i8::try_from(value).ok();
    Time::new(part(minutes / 60)?, part(minutes % 60)?, 0, 0).ok()
}

impl Text for Rule {
    const FORMAT: &'static str = "rrule";
    const PATTERN: &'static str = "FREQ=";

    fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim().trim_start_matches("RRULE:").to_ascii_uppercase();
        match recurrence(&trimmed, date(2000, 1, 1).at(0, 0, 0, 0)) {
            // Whether it ever happens depends on when it starts.
            Ok(_) | Err(RecurrenceError::Never) => Ok(Self(trimmed)),
            Err(error) => Err(format!("`{text}` is no recurrence rule such as `FREQ=MONTHLY;BYDAY=1MO`: {}", in_words(&error))),
        }
    }

    fn print(&self) -> String {
        self.0.clone()
    }
}

impl Rule {
    /// The rule from `starts` on.
    pub(crate) fn from(&self, starts: DateTime) -> Result<Recurrence, String> {
        recurrence(&self.0, starts).map_err(|error| in_words(&error))
    }
}

fn recurrence(rule: &str, starts: DateTime) -> Result<Recurrence, RecurrenceError> {
    Recurrence::new(rule, starts)
}

/// An error with its cause, in a line.
pub(crate) fn in_words(error: &RecurrenceError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}").replace('\n', " "),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Weekday::{Friday, Monday, Saturday, Sunday};

    fn read(text: &str) -> Vec<(Weekday, String, u32)> {
        let hours = Hours::parse(text).unwrap_or_else(|problem| panic!("{problem}")).0;
        hours.times.iter().map(|(day, at, minutes)| (*day, at.strftime("%H:%M").to_string(), *minutes)).collect()
    }

    #[test]
    fn hours_are_read() {
        assert_eq!(read("09:00-17:30").len(), 7);
        let weekend = [(Saturday, "00:00".to_owned(), 1440), (Sunday, "00:00".to_owned(), 1440)];
        assert_eq!(read("Sat-Sun 00:00-24:00"), weekend);
        assert_eq!(read("sat, sun 00:00-24:00"), weekend);
        assert_eq!(read("fri-mon 22:00-06:00").len(), 4, "over the weekend");
        assert_eq!(read("mon 22:00-06:00"), [(Monday, "22:00".to_owned(), 480)]);
        assert_eq!(read("fri 17:00 - mon 09:00"), [(Friday, "17:00".to_owned(), 64 * 60)]);
        assert_eq!(read("mon 09:00 - fri 17:00"), [(Monday, "09:00".to_owned(), 104 * 60)]);
    }

    #[test]
    fn wrong_hours_are_told() {
        for text in ["", "mon", "9:00-17:00", "mon-fri", "noon-17:00", "09:00-25:00", "09:60-10:00", "fri 17:00 - 09:00", "24:00-24:00"] {
            assert!(Hours::parse(text).is_err(), "{text}");
        }
        assert!(Hours::parse("09:00-09:00").is_err_and(|problem| problem.contains("never opens")));
        assert!(Hours::parse("fri 17:00 - fri 17:00").is_err());
    }
}
