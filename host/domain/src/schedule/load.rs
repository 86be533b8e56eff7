//! What shifts ask of people: hours, nights and weekends, two places at once, and who has more than their share.

use crate::id::{RotationId, UserId};
use crate::schedule::shift::Shift;
use crate::schedule::wall::Wall;
use crate::time::Millis;
use jiff::civil::{Date, Weekday, time};
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;

/// Most double bookings that are told.
const BOOKINGS_LIMIT: usize = 1000;
/// Most days of one shift that are looked at.
const DAYS_LIMIT: usize = 400;

/// One person's load, in milliseconds, in their own zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    pub user: UserId,
    pub total_ms: i64,
    /// From 22:00 to 06:00.
    pub night_ms: i64,
    /// From Saturday 00:00 to Monday 00:00.
    pub weekend_ms: i64,
}

/// The same person in two rotations at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubleBooking {
    pub user: UserId,
    pub one: RotationId,
    pub other: RotationId,
    /// First instant.
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
}

/// Of what somebody has too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Burden {
    Hours,
    Nights,
    Weekends,
}

impl Burden {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hours, Self::Nights, Self::Weekends];

    /// In the middle of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Nights => "hours at night",
            Self::Weekends => "hours at weekends",
        }
    }

    fn of(self, load: &Load) -> i64 {
        match self {
            Self::Hours => load.total_ms,
            Self::Nights => load.night_ms,
            Self::Weekends => load.weekend_ms,
        }
    }
}

/// Somebody with more than their share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfair {
    pub user: UserId,
    pub burden: Burden,
    /// What they have, in milliseconds.
    pub has_ms: i64,
    /// What all have on average, in milliseconds.
    pub average_ms: i64,
}

/// The loads of everybody in `members` and in the shifts, by name. `zone_of` gives a person's IANA zone.
pub fn loads(members: &[&UserId], shifts: &[Shift], zone_of: &dyn Fn(&UserId) -> String) -> Vec<Load> {
    let mut found: BTreeMap<&UserId, (Wall, Load)> = BTreeMap::new();
    for user in members.iter().copied().chain(shifts.iter().map(|shift| &shift.user)) {
        let empty = || Load { user: user.clone(), total_ms: 0, night_ms: 0, weekend_ms: 0 };
        found.entry(user).or_insert_with(|| (Wall::of(&zone_of(user)), empty()));
    }
    for shift in shifts {
        let Some((wall, load)) = found.get_mut(&shift.user) else { continue };
        load.total_ms += shift.until.since(shift.from);
        let first = wall.shows(shift.from).date().yesterday().unwrap_or(Date::MIN);
        let days = first.series(jiff::ToSpan::day(1)).take(DAYS_LIMIT);
        for date in days.take_while(|date| wall.midnight(*date).is_some_and(|begin| begin < shift.until)) {
            load.night_ms += common(shift, night(wall, date));
            if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
                load.weekend_ms += common(shift, day(wall, date));
            }
        }
    }
    found.into_values().map(|(_, load)| load).collect()
}

fn night(wall: &Wall, date: Date) -> Option<(Millis, Millis)> {
    let until = date.tomorrow().ok()?.to_datetime(time(6, 0, 0, 0));
    Some((wall.instant(date.to_datetime(time(22, 0, 0, 0)))?, wall.instant(until)?))
}

fn day(wall: &Wall, date: Date) -> Option<(Millis, Millis)> {
    Some((wall.midnight(date)?, wall.midnight(date.tomorrow().ok()?)?))
}

fn common(shift: &Shift, span: Option<(Millis, Millis)>) -> i64 {
    span.map_or(0, |(from, until)| shift.until.min(until).since(shift.from.max(from)).max(0))
}

/// Who has a burden more than half above the average of those who share a rotation, and a day's worth of hours more than it.
pub fn unfair(loads: &[Load]) -> Vec<Unfair> {
    let count = i64::try_from(loads.len()).unwrap_or(i64::MAX).max(1);
    let of = |burden: Burden| {
        let average_ms = loads.iter().map(|load| burden.of(load)).sum::<i64>() / count;
        let over = move |load: &&Load| burden.of(load) > average_ms + average_ms / 2 && burden.of(load) - average_ms >= 24 * HOUR_MS;
        loads.iter().filter(over).map(move |load| Unfair { user: load.user.clone(), burden, has_ms: burden.of(load), average_ms })
    };
    Burden::ALL.into_iter().flat_map(of).collect()
}

/// Where one person is on call in two rotations at one time, by time; at most a thousand.
pub fn double_bookings(rotations: &[(&RotationId, Vec<Shift>)]) -> Vec<DoubleBooking> {
    let mut all: Vec<(&RotationId, &Shift)> =
        rotations.iter().flat_map(|(id, shifts)| shifts.iter().map(move |shift| (*id, shift))).collect();
    all.sort_by_key(|(id, shift)| (shift.from, *id));
    let mut found: Vec<DoubleBooking> = Vec::new();
    // Those that have not ended, by person: few at a time.
    let mut open: BTreeMap<&UserId, Vec<(&RotationId, &Shift)>> = BTreeMap::new();
    for (id, shift) in all {
        let others = open.entry(&shift.user).or_default();
        others.retain(|(_, earlier)| earlier.until > shift.from);
        for (other, earlier) in others.iter().filter(|(other, _)| *other != id) {
            let (one, other) = if *other < id { (*other, id) } else { (id, *other) };
            let (from, until) = (shift.from, shift.until.min(earlier.until));
            let goes_on = found.iter_mut().rev().find(|f| f.until == from && f.user == shift.user && f.one == *one && f.other == *other);
            match goes_on {
                Some(last) => last.until = until,
                None => found.push(DoubleBooking { user: shift.user.clone(), one: one.clone(), other: other.clone(), from, until }),
            }
        }
        if found.len() > BOOKINGS_LIMIT {
            break;
        }
        others.push((id, shift));
    }
    found.truncate(BOOKINGS_LIMIT);
    found
}
