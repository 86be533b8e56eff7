//! When a layer is on: hours of weekdays, and whatever a recurrence rule says.

use crate::schedule::recurrence::Recurrence;
use crate::schedule::wall::Wall;
use crate::time::Millis;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::{Span, ToSpan as _};

/// Longest window, in minutes of the clock: 31 days.
pub const LONGEST_MINUTES: u32 = 31 * 24 * 60;

/// How far around an instant days are looked through: a zone may be a day off, a weekly window lasts a week.
const DAYS_AROUND: i64 = 9;

/// When a layer is on. How long a window lasts is counted on the clock: eight hours from 22:00 end at 06:00, also in the night in which
/// the clocks change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// Every week.
    Weekly {
        day: Weekday,
        /// When it begins.
        at: Time,
        /// How long it lasts on the clock, in minutes; at most a week.
        minutes: u32,
    },
    /// At the times of a rule.
    Recurring {
        rule: Recurrence,
        /// How long it lasts on the clock, in minutes; at most [`LONGEST_MINUTES`].
        minutes: u32,
    },
}

impl Window {
    /// Its occurrences around `at`: all that cover it, and at least one that begins after it where there is one.
    pub(super) fn around(&self, at: Millis, wall: &Wall) -> Vec<(Millis, Millis)> {
        let local = wall.shows(at);
        let (starts, minutes): (Vec<DateTime>, u32) = match self {
            Self::Weekly { day, at, minutes } => {
                let dates = (-DAYS_AROUND..=DAYS_AROUND).filter_map(|days| local.date().checked_add(days.days()).ok());
                (dates.filter(|date| date.weekday() == *day).map(|date| date.to_datetime(*at)).collect(), *minutes)
            }
            Self::Recurring { rule, minutes } => (rule.around(local, *minutes).to_vec(), *minutes),
        };
        let span = Span::new().minutes(i64::from(minutes));
        let both = |start: DateTime| Some((wall.instant(start)?, wall.instant(start.checked_add(span).ok()?)?));
        starts.into_iter().filter_map(both).collect()
    }
}
