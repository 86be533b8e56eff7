//! Clocks on walls: what a civil time in a zone means as an instant.

use crate::time::Millis;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, civil};

/// The clock on the wall of a zone.
#[derive(Debug, Clone)]
pub struct Wall(TimeZone);

impl Wall {
    /// Of the zone with this IANA name. A zone that is not known any more counts as UTC: somebody has to be on call.
    pub fn of(time_zone: &str) -> Self {
        Self(TimeZone::get(time_zone).unwrap_or(TimeZone::UTC))
    }

    /// What it shows.
    pub fn shows(&self, at: Millis) -> DateTime {
        self.0.to_datetime(Timestamp::from_millisecond(at.0).unwrap_or(if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX }))
    }

    /// When it shows a time: at the first instant after the gap where the clocks jump over it, the first time where they show it twice.
    /// `None`: beyond the ends of the calendar.
    pub fn instant(&self, local: DateTime) -> Option<Millis> {
        let ambiguous = self.0.to_ambiguous_timestamp(local);
        let found = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
            AmbiguousOffset::Gap { after, .. } => {
                // Read with the later offset, a time in the gap lies before the jump: the next change to that offset is the jump.
                let before_jump = after.to_timestamp(local).ok()?;
                let jump = self.0.following(before_jump).take(4).find(|change| change.offset() == after);
                jump.map(|change| change.timestamp()).or_else(|| ambiguous.later().ok())
            }
        };
        found.map(|found| Millis(found.as_millisecond()))
    }

    /// When a day begins.
    pub fn midnight(&self, date: civil::Date) -> Option<Millis> {
        self.instant(date.to_datetime(civil::Time::midnight()))
    }
}
