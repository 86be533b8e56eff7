//! Says when, on the reader's own clock: a page at three in the morning must not be read in UTC.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

const MINUTE_MS: i64 = 60_000;

/// The time zone that a message is written in.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone with this IANA name; nothing if there is none. Zones come from the rules packed with the plugin.
    pub fn named(name: &str) -> Option<Self> {
        TimeZoneDatabase::bundled().get(name).ok().map(Self)
    }

    /// The first of these names that is a zone, else UTC.
    pub fn first_of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().find_map(Self::named).unwrap_or(Self(TimeZone::UTC))
    }

    /// The clock at `at` as seen at `now` (both in milliseconds since 1970): `02:58 CEST`, with the day if it is another one.
    /// An instant that no calendar holds gives an empty text.
    pub fn clock(&self, at_ms: i64, now_ms: i64) -> String {
        let (Ok(at), Ok(now)) = (Timestamp::from_millisecond(at_ms), Timestamp::from_millisecond(now_ms)) else {
            return String::new();
        };
        let (at, now) = (at.to_zoned_datetime(self.0.clone()), now.to_zoned_datetime(self.0.clone()));
        let format = if at.date() == now.date() {
            "%H:%M %Z"
        } else if at.year() == now.year() {
            "%a %-d %b %H:%M %Z"
        } else {
            "%-d %b %Y %H:%M %Z"
        };
        at.strftime(format).to_string()
    }

    /// `02:58 CEST, 4 min ago`.
    pub fn since(&self, at_ms: i64, now_ms: i64) -> String {
        let clock = self.clock(at_ms, now_ms);
        match span(now_ms.saturating_sub(at_ms)) {
            Some(span) => format!("{clock}, {span} ago"),
            None => clock,
        }
    }
}

/// `4 min`, `1 h 20 min`, `2 d 3 h`; nothing for less than a minute.
pub fn span(duration_ms: i64) -> Option<String> {
    let minutes = duration_ms / MINUTE_MS;
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let text = match (days, hours, rest) {
        (0, 0, ..=0) => return None,
        (..0, ..) => return None,
        (0, ..0, _) => return None,
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-07-14T00:58:00Z
    const AT: i64 = 1_783_990_680_000;

    #[test]
    fn spans_are_short() {
        let minutes = |n: i64| span(n * MINUTE_MS);
        assert_eq!(minutes(0), None);
        assert_eq!(minutes(-5), None);
        assert_eq!(minutes(-5000), None);
        assert_eq!(minutes(4).as_deref(), Some("4 min"));
        assert_eq!(minutes(60).as_deref(), Some("1 h"));
        assert_eq!(minutes(80).as_deref(), Some("1 h 20 min"));
        assert_eq!(minutes(3060).as_deref(), Some("2 d 3 h"));
    }

    #[test]
    fn the_readers_clock_is_used() {
        let rome = Zone::named("Europe/Rome").unwrap();
        assert_eq!(rome.since(AT, AT + 4 * MINUTE_MS), "02:58 CEST, 4 min ago");
        let kolkata = Zone::named("Asia/Kolkata").unwrap();
        assert_eq!(kolkata.clock(AT, AT), "06:28 IST");
    }

    #[test]
    fn another_day_is_named() {
        let utc = Zone::first_of(["Nowhere/Nothing"]);
        assert_eq!(utc.clock(AT, AT + 86_400_000), "Tue 14 Jul 00:58 UTC");
        assert_eq!(utc.clock(AT, AT + 366 * 86_400_000), "14 Jul 2026 00:58 UTC");
    }

    #[test]
    fn an_impossible_instant_does_not_panic() {
        assert_eq!(Zone::first_of([]).clock(i64::MAX, 0), "");
    }
}
