//! Who comes next, and who was before: for escalation to the neighbours of whoever is on call.

use crate::id::UserId;
use crate::schedule::layer::Rotation;
use crate::schedule::overrides::Override;
use crate::schedule::shift::Course;
use crate::time::Millis;

const DAY_MS: i64 = 86_400_000;

/// How far ahead somebody is looked for, in days: longer than the longest turn.
const AHEAD_DAYS: i64 = 400;

/// How far back, in days: near first, since a daily rotation needs no year.
const BACK_DAYS: [(i64, i64); 4] = [(8, 0), (36, 8), (120, 36), (400, 120)];

/// The next person after the one who is on call at `now` who is somebody else; in a gap, whoever ends it. `None`: nobody within 400 days.
pub fn next_on_call(rotation: &Rotation, overrides: &[Override], now: Millis) -> Option<UserId> {
    let course = Course::of(rotation, overrides);
    let current = course.holder(now).map(|holder| holder.user);
    let people = course.pieces(now, now.plus_millis(AHEAD_DAYS * DAY_MS)).filter_map(|(holder, ..)| holder);
    people.map(|holder| holder.user).find(|user| Some(*user) != current).cloned()
}

/// The last person before the one who is on call at `now` who is somebody else; in a gap, who had it before. `None`: nobody within 400
/// days.
pub fn previous_on_call(rotation: &Rotation, overrides: &[Override], now: Millis) -> Option<UserId> {
    let current = Course::of(rotation, overrides).holder(now).map(|holder| holder.user);
    BACK_DAYS.into_iter().find_map(|(from, until)| {
        let pieces = Course::of(rotation, overrides).pieces(now.plus_millis(-from * DAY_MS), now.plus_millis(-until * DAY_MS));
        let people = pieces.filter_map(|(holder, ..)| holder).map(|holder| holder.user);
        people.filter(|user| Some(*user) != current).last().cloned()
    })
}
