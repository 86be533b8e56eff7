//! Instants as people read them: how long ago in lists, exact and with zone where it matters, in the viewer's zone.

use domain::time::Millis;
use jiff::tz::TimeZone;

/// An instant, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// For programs: RFC 3339 in UTC.
    pub iso: String,
    /// Such as `Mon 29 Mar 2026, 03:12:04 CEST`.
    pub exact: String,
    /// Such as `03:12 CEST, Sun 29 Mar`.
    pub brief: String,
    /// Such as `03:12:04`.
    pub clock: String,
    /// Such as `03:12`.
    pub minute: String,
    /// Such as `Mon 29 Mar`.
    pub day: String,
    /// Such as `4 min`, without "ago".
    pub span: String,
}

/// The zone that a name stands for; UTC when this machine does not know it.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

impl Moment {
    /// `at` for somebody in `zone` who looks at `now`.
    pub fn new(at: Millis, now: Millis, zone: &TimeZone) -> Self {
        let iso = at.rfc3339();
        let span = span(now.since(at));
        let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else {
            return Self { exact: iso.clone(), brief: iso.clone(), clock: iso.clone(), minute: iso.clone(), day: String::new(), iso, span };
        };
        let zoned = instant.to_zoned_datetime(zone.clone());
        Self {
            iso,
            exact: zoned.strftime("%a %-d %b %Y, %H:%M:%S %Z").to_string(),
            brief: zoned.strftime("%H:%M %Z, %a %-d %b").to_string(),
            clock: zoned.strftime("%H:%M:%S").to_string(),
            minute: zoned.strftime("%H:%M").to_string(),
            day: zoned.strftime("%a %-d %b").to_string(),
            span,
        }
    }
}

/// A time that has passed or is to come, in its largest unit, such as `4 min`.
pub fn span(millis: i64) -> String {
    let seconds = millis.unsigned_abs() / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => {
            let (hours, minutes) = (seconds / 3_600, seconds % 3_600 / 60);
            if hours < 10 && minutes > 0 { format!("{hours} h {minutes} min") } else { format!("{hours} h") }
        }
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_in_their_largest_unit() {
        for (millis, expected) in [
            (0, "0 s"),
            (59_999, "59 s"),
            (240_000, "4 min"),
            (-90_000, "1 min"),
            (3_600_000, "1 h"),
            (4_500_000, "1 h 15 min"),
            (39_600_000, "11 h"),
            (3 * 86_400_000, "3 days"),
        ] {
            assert_eq!(span(millis), expected);
        }
    }

    #[test]
    fn exact_times_carry_the_viewers_zone() {
        // 2026-03-29T01:12:04Z is in Rome's first minutes of summer time.
        let moment = Moment::new(Millis(1_774_746_724_000), Millis(1_774_746_964_000), &zone("Europe/Rome"));
        assert_eq!(moment.exact, "Sun 29 Mar 2026, 03:12:04 CEST");
        assert_eq!(moment.span, "4 min");
        assert_eq!(moment.iso, "2026-03-29T01:12:04Z");
    }
}
