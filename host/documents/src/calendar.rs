//! Calendars of days off: dates with names, or the text of an iCalendar file.

use crate::bundle::{Bundle, Placed};
use crate::hours::in_words;
use crate::kinds::Document;
use crate::node::Segment;
use crate::problem::Problem;
use crate::text::Name;
use domain::schedule::Recurrence;
use icalendar::parser::{Component, read_calendar, unfold};
use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days with what they are called.
pub(crate) type Days = BTreeMap<Date, String>;

/// Most days of a calendar.
const DAYS_LIMIT: usize = 20_000;
/// Most days that one event of an iCalendar file may take.
const EVENT_DAYS_LIMIT: i64 = 400;
/// Most bytes of an iCalendar file.
const ICS_LIMIT_BYTES: usize = 512 * 1024;
/// Deepest nesting of an iCalendar file: a calendar, an event, an alarm.
const ICS_DEPTH: usize = 8;
/// A day of every year is known for these years.
const YEARS: std::ops::Range<i16> = 2000..2100;

/// Days on which layers of rotations may be off, such as public holidays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarDocument {
    pub id: Name,
    /// A date, as `2026-04-06`, or a day of every year, as `12-25`, with its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub days: BTreeMap<String, String>,
    /// The text of an iCalendar file: the days that its events touch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ics: Option<String>,
}

/// The days of all calendars that can be read, by id.
pub(crate) fn all(bundle: &Bundle) -> BTreeMap<&str, Days> {
    let calendars = bundle.documents().filter_map(|document| match document {
        Document::Calendar(d) => Some((d.id.0.as_str(), days(d, &mut |_, _| {}))),
        _ => None,
    });
    calendars.collect()
}

/// Tells what is wrong with a calendar.
pub(crate) fn rules(placed: &Placed, d: &CalendarDocument, problems: &mut Vec<Problem>) {
    let found = days(d, &mut |path, problem| placed.tell(&path, problem, problems));
    if d.days.is_empty() && d.ics.is_none() {
        placed.tell(&[], "the calendar is empty: give it `days` or `ics`", problems);
    }
    if found.len() > DAYS_LIMIT {
        placed.tell(&[], format!("the calendar has too many days: at most {DAYS_LIMIT}"), problems);
    }
}

fn days(d: &CalendarDocument, problem: &mut dyn FnMut(Vec<Segment>, String)) -> Days {
    let key = |name: &str| Segment::Key(name.to_owned());
    let mut found = Days::new();
    for (text, name) in &d.days {
        let dates = dates(text);
        if dates.is_empty() {
            problem(vec![key("days"), key(text)], format!("`{text}` is no day: write it as `2026-04-06`, or as `12-25` for every year"));
        }
        found.extend(dates.into_iter().map(|date| (date, name.clone())));
    }
    if let Some(text) = &d.ics {
        match events(text) {
            Ok(days) => found.extend(days),
            Err(why) => problem(vec![key("ics")], why),
        }
    }
    found
}

/// A date, or a day of each year that has it; empty: neither.
fn dates(text: &str) -> Vec<Date> {
    if text.len() == 10 {
        return text.parse().into_iter().collect();
    }
    let day = text.split_once('-').filter(|_| text.len() == 5);
    let Some((month, day)) = day.and_then(|(month, day)| Some((month.parse::<i8>().ok()?, day.parse::<i8>().ok()?))) else {
        return Vec::new();
    };
    YEARS.filter_map(|year| Date::new(year, month, day).ok()).collect()
}

/// The days that the events of an iCalendar file touch.
fn events(text: &str) -> Result<Days, String> {
    if text.len() > ICS_LIMIT_BYTES {
        return Err(format!("the file is too large: {} bytes, at most {ICS_LIMIT_BYTES}", text.len()));
    }
    let text = unfold(text.trim_start());
    let deepest = text.lines().scan(0usize, |depth, line| {
        *depth = if line.starts_with("BEGIN:") { *depth + 1 } else { depth.saturating_sub(usize::from(line.starts_with("END:"))) };
        Some(*depth)
    });
    if deepest.max().unwrap_or(0) > ICS_DEPTH {
        return Err(format!("the file is nested deeper than {ICS_DEPTH} levels"));
    }
    let calendar = read_calendar(&text).map_err(|error| {
        let line = error.split("at line ").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()).unwrap_or("1");
        format!("this is no iCalendar file, from its line {line} on: it begins with BEGIN:VCALENDAR, and each BEGIN has its END")
    })?;
    let mut found = Days::new();
    let mut events = 0;
    for event in calendar.components.iter().filter(|component| component.name == "VEVENT") {
        events += 1;
        add_event(event, &mut found)?;
        if found.len() > DAYS_LIMIT {
            break;
        }
    }
    if events == 0 {
        return Err("the file has no event: it begins with BEGIN:VCALENDAR and has BEGIN:VEVENT in it".to_owned());
    }
    Ok(found)
}

fn add_event(event: &Component<'_>, found: &mut Days) -> Result<(), String> {
    let value = |name: &str| event.find_prop(name).map(|property| property.val.as_str().to_owned());
    let name = value("SUMMARY").unwrap_or_default();
    let wrong = |what: &str| format!("the event `{name}` has {what}");
    if value("STATUS").is_some_and(|status| status == "CANCELLED") {
        return Ok(());
    }
    let starts = value("DTSTART").ok_or_else(|| wrong("no DTSTART"))?;
    let (from, whole_day) = moment(&starts).ok_or_else(|| wrong(&format!("a DTSTART that is no date: {starts}")))?;
    let until = match value("DTEND") {
        Some(text) => moment(&text).ok_or_else(|| wrong(&format!("a DTEND that is no date: {text}")))?.0,
        None => from,
    };
    // An end is the first day after, or the first moment after.
    let last = if until <= from {
        from.date()
    } else if whole_day || until.time() == Time::midnight() {
        until.date().yesterday().unwrap_or(from.date())
    } else {
        until.date()
    };
    let length = i64::from(last.since(from.date()).map_or(0, |span| span.get_days()));
    if length >= EVENT_DAYS_LIMIT {
        return Err(wrong(&format!("{length} days: at most {EVENT_DAYS_LIMIT}")));
    }
    let firsts = match value("RRULE") {
        Some(rule) => {
            let rule =
                Recurrence::new(&rule, from).map_err(|error| wrong(&format!("an RRULE that does not work: {}", in_words(&error))))?;
            rule.times().iter().map(|time| time.date()).collect()
        }
        None => vec![from.date()],
    };
    let left_out: Vec<Date> =
        value("EXDATE").iter().flat_map(|text| text.split(',')).filter_map(|text| Some(moment(text)?.0.date())).collect();
    for first in firsts.into_iter().filter(|first| !left_out.contains(first)) {
        let days = (0..=length).filter_map(|days| first.checked_add(days.days()).ok());
        found.extend(days.map(|date| (date, name.clone())));
    }
    Ok(())
}

/// `20261225` or `20261225T090000`, and whether it is a whole day. A time's zone does not matter: what counts is the day that is written.
fn moment(text: &str) -> Option<(DateTime, bool)> {
    let text = text.trim().trim_end_matches('Z');
    match text.len() {
        8 => Date::strptime("%Y%m%d", text).ok().map(|date| (date.to_datetime(Time::midnight()), true)),
        15 => DateTime::strptime("%Y%m%dT%H%M%S", text).ok().map(|time| (time, false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(days: &[(&str, &str)], ics: Option<&str>) -> (Vec<String>, Vec<String>) {
        let days = days.iter().map(|(day, name)| ((*day).to_owned(), (*name).to_owned())).collect();
        let document = CalendarDocument { id: Name("c".into()), days, ics: ics.map(str::to_owned) };
        let mut problems = Vec::new();
        let found = super::days(&document, &mut |_, problem| problems.push(problem));
        (found.iter().map(|(date, name)| format!("{date} {name}")).collect(), problems)
    }

    #[test]
    fn days_are_dates_or_come_every_year() {
        let (days, problems) = read(&[("2026-04-06", "Easter Monday"), ("02-29", "Leap day")], None);
        assert_eq!(problems, [] as [String; 0]);
        assert!(days.contains(&"2026-04-06 Easter Monday".to_owned()));
        assert!(days.contains(&"2028-02-29 Leap day".to_owned()));
        assert_eq!(days.len(), 1 + 25, "a leap year in four from 2000 to 2096");
        let (_, problems) = read(&[("25 December", "Christmas")], None);
        assert!(problems[0].contains("write it as"), "{problems:?}");
    }

    /// The end of an all-day event is the day after it (RFC 5545, 3.6.1); a folded line goes on after its break (3.1).
    #[test]
    fn an_icalendar_file_is_read() {
        let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n\
            DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christ\r\n mas\r\nEND:VEVENT\r\n\
            BEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;TZID=Europe/Rome:20260815T090000\r\n\
            DTEND;TZID=Europe/Rome:20260815T170000\r\nRRULE:FREQ=YEARLY;COUNT=2\r\nSUMMARY:Ferragosto\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let (days, problems) = read(&[], Some(text));
        assert_eq!(problems, [] as [String; 0]);
        let expected =
            ["2026-08-15 Ferragosto", "2026-12-24 Christmas", "2026-12-25 Christmas", "2026-12-26 Christmas", "2027-08-15 Ferragosto"];
        assert_eq!(days, expected);
    }

    #[test]
    fn a_broken_file_is_told() {
        let deep = "BEGIN:A\n".repeat(50_000);
        for text in ["", "hello", "BEGIN:VCALENDAR\nEND:VCALENDAR", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR", &deep] {
            let (_, problems) = read(&[], Some(text));
            assert_eq!(problems.len(), 1, "{text:.40}");
        }
    }
}
