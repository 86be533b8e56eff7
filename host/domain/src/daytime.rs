//! Wall-clock times as people mean them: when a contact is tried, and how an instant is said to somebody.

use crate::time::Millis;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// First hour of the day at which contacts are tried.
const FIRST_HOUR: u64 = 9;
/// Hours of the day at which contacts are tried.
const HOURS: u64 = 8;
/// Days of a month that every month has.
const DAYS: u64 = 28;

/// The next instant after `now`, between nine and five in the zone, at the place in the month that `spread` names: the same `spread` comes
/// once a month. A zone that is not known any more counts as UTC.
pub fn monthly(zone: &str, spread: u64, now: Millis) -> Millis {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let Ok(instant) = Timestamp::from_millisecond(now.0) else { return Millis(i64::MAX) };
    let first = zone.to_datetime(instant).date().first_of_month();
    let (day, hour, minute) = (spread % DAYS, FIRST_HOUR + spread / DAYS % HOURS, spread / (DAYS * HOURS) % 60);
    let in_month = |months: i64| {
        let date = first.checked_add(Span::new().months(months).days(day.cast_signed())).ok()?;
        let at = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
        zone.to_ambiguous_timestamp(at).compatible().ok().map(|at| Millis(at.as_millisecond()))
    };
    (0..=2).filter_map(in_month).find(|at| *at > now).unwrap_or(Millis(i64::MAX))
}

/// An instant as somebody in the zone says it within days of it: `Mon 9 Mar, 09:00`.
pub fn words(zone: &str, at: Millis) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let local = Timestamp::from_millisecond(at.0).map(|at| zone.to_datetime(at));
    local.map_or_else(|_| at.rfc3339(), |local| local.strftime("%a %-d %b, %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    /// Planted bug that this finds: the day counted from the first of the month as 1, so that a spread of 27 fell into the next month.
    #[test]
    fn once_a_month_by_daylight() {
        let now = at("2026-02-10T12:00:00Z");
        assert_eq!(monthly("UTC", 27, now), at("2026-02-28T09:00:00Z"));
        assert_eq!(monthly("UTC", 0, now), at("2026-03-01T09:00:00Z"));
        assert_eq!(monthly("Europe/Rome", 28 * 7 + 14, now), at("2026-02-15T15:00:00Z"));
        for spread in [0, 13, 27, 28, 28 * 8 * 59 + 5, u64::MAX] {
            let mut last = now;
            for _ in 0..24 {
                let next = monthly("America/New_York", spread, last);
                let days = next.since(last) / 86_400_000;
                assert!(next > last && (last == now || (27..=31).contains(&days)), "{spread}: {days}");
                last = next;
            }
        }
    }

    #[test]
    fn instants_are_said_in_the_zone() {
        assert_eq!(words("Europe/Rome", at("2026-03-09T08:00:00Z")), "Mon 9 Mar, 09:00");
    }
}
