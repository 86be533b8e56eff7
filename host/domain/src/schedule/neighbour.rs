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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Turn;

    fn at(text: &str) -> Millis {
        Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn rotation(members: &[&str], turn: Turn) -> Rotation {
        let members = members.iter().map(|member| (*member).into()).collect();
        let starts = jiff::civil::date(2026, 1, 5).at(9, 0, 0, 0);
        Rotation::simple("primary".into(), "shop".into(), members, "UTC".into(), turn, starts)
    }

    /// Planted bug that this finds: the next shift taken for the next person, which is the same one where somebody has two in a row.
    #[test]
    fn the_neighbours_are_other_people() {
        let now = at("2026-01-06T00:00:00Z");
        let (next, previous) = (next_on_call, previous_on_call);
        let three = rotation(&["alice", "bob", "carol"], Turn::Weeks(1));
        assert_eq!((next(&three, &[], now), previous(&three, &[], now)), (Some("bob".into()), Some("carol".into())));
        let twice = rotation(&["alice", "alice", "bob"], Turn::Weeks(3));
        assert_eq!((next(&twice, &[], now), previous(&twice, &[], now)), (Some("bob".into()), Some("bob".into())));
        let alone = rotation(&["alice"], Turn::Days(1));
        assert_eq!((next(&alone, &[], now), previous(&alone, &[], now)), (None, None));
        let nobody = rotation(&[], Turn::Days(1));
        assert_eq!((next(&nobody, &[], now), previous(&nobody, &[], now)), (None, None));
    }

    #[test]
    fn somebody_who_stands_in_counts() {
        let entry = Override {
            id: crate::id::OverrideId(1),
            rotation: "primary".into(),
            user: "dora".into(),
            from: at("2026-01-06T00:00:00Z"),
            until: at("2026-01-07T00:00:00Z"),
            by: "dora".into(),
        };
        let two = rotation(&["alice", "bob"], Turn::Weeks(1));
        let overrides = [entry];
        let now = at("2026-01-06T12:00:00Z");
        assert_eq!(next_on_call(&two, &overrides, now), Some("alice".into()), "whom dora stands in for comes back");
        assert_eq!(previous_on_call(&two, &overrides, now), Some("alice".into()));
        assert_eq!(next_on_call(&two, &overrides, at("2026-01-05T12:00:00Z")), Some("dora".into()));
    }
}
