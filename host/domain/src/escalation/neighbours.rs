//! Who is before and after the person on call in a rotation.

use crate::id::UserId;
use crate::schedule::{Override, Rotation, Shift, on_call_at, shifts};
use crate::time::Millis;

const DAY_MS: i64 = 86_400_000;
/// How far to look, near first: most rotations hand over within a week, some within the year.
const SPANS_DAYS: [i64; 4] = [8, 35, 400, 1500];

/// The person who is on call after the one who is now: the next shift of somebody else. `None`: nobody else comes.
pub fn next_on_call(rotation: &Rotation, overrides: &[Override], now: Millis) -> Option<UserId> {
    let current = on_call_at(rotation, overrides, now);
    let other = |shift: &Shift| current.as_ref() != Some(&shift.user);
    SPANS_DAYS.iter().find_map(|days| {
        let coming = shifts(rotation, overrides, now, now.plus_millis(days * DAY_MS));
        coming.into_iter().find(other).map(|shift| shift.user)
    })
}

/// The person who was on call before the one who is now: the last shift of somebody else. `None`: there was nobody else.
pub fn previous_on_call(rotation: &Rotation, overrides: &[Override], now: Millis) -> Option<UserId> {
    let current = on_call_at(rotation, overrides, now);
    let other = |shift: &Shift| current.as_ref() != Some(&shift.user);
    SPANS_DAYS.iter().find_map(|days| {
        let past = shifts(rotation, overrides, now.plus_millis(-days * DAY_MS), now);
        past.into_iter().rfind(other).map(|shift| shift.user)
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
