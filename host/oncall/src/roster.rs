//! Who is on call, now and in the coming weeks: for API and pages, by the same rules as escalation.

use domain::escalation::Duty;
use domain::id::{RotationId, UserId};
use domain::installation::Installation;
use domain::schedule::{Override, Shift, shifts};
use domain::time::Millis;

/// Most weeks that [`weeks_ahead`] looks ahead.
pub const WEEKS_LIMIT: u32 = 26;

const WEEK_MS: i64 = 7 * 24 * 3_600_000;

/// A rotation and who is on call in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCallNow {
    pub rotation: RotationId,
    /// `None`: nobody.
    pub user: Option<UserId>,
}

/// A rotation and its shifts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub rotation: RotationId,
    /// In order; the first may have begun before.
    pub shifts: Vec<Shift>,
}

/// Who is on call in a rotation at `now`; `None`: nobody, or no such rotation. `overrides` are at least those of the rotation that end
/// after `now`.
pub fn on_call(installation: &Installation, overrides: &[Override], rotation: &RotationId, now: Millis) -> Option<UserId> {
    Duty { installation, overrides, now }.on_call(rotation)
}

/// Who is on call in each rotation, by its name.
pub fn everywhere(installation: &Installation, overrides: &[Override], now: Millis) -> Vec<OnCallNow> {
    let duty = Duty { installation, overrides, now };
    installation.rotations.keys().map(|id| OnCallNow { rotation: id.clone(), user: duty.on_call(id) }).collect()
}

/// The rotations in which a user is on call at `now`.
pub fn of_user(installation: &Installation, overrides: &[Override], user: &UserId, now: Millis) -> Vec<RotationId> {
    everywhere(installation, overrides, now).into_iter().filter(|e| e.user.as_ref() == Some(user)).map(|e| e.rotation).collect()
}

/// The shifts of a rotation from `now` for so many weeks, at most [`WEEKS_LIMIT`]; empty if there is no such rotation.
pub fn coming_shifts(installation: &Installation, overrides: &[Override], rotation: &RotationId, now: Millis, weeks: u32) -> Vec<Shift> {
    let Some(rotation) = installation.rotations.get(rotation) else { return Vec::new() };
    let known: Vec<Override> = overrides.iter().filter(|o| installation.users.contains_key(&o.user)).cloned().collect();
    shifts(rotation, &known, now, now.plus_millis(i64::from(weeks.min(WEEKS_LIMIT)) * WEEK_MS))
}

/// [`coming_shifts`] of every rotation.
pub fn weeks_ahead(installation: &Installation, overrides: &[Override], now: Millis, weeks: u32) -> Vec<Plan> {
    let plan = |id: &RotationId| Plan { rotation: id.clone(), shifts: coming_shifts(installation, overrides, id, now, weeks) };
    installation.rotations.keys().map(plan).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::OverrideId;
    use domain::installation::User;
    use domain::schedule::{Rotation, Turn};

    fn installation() -> Installation {
        let user = |id: &str| User {
            id: id.into(),
            name: id.into(),
            time_zone: "UTC".into(),
            language: "en".into(),
            contacts: vec![],
            admin: false,
            break_glass: false,
            ..User::default()
        };
        let members = vec!["alice".into(), "bob".into()];
        let starts = "2026-01-05T09:00".parse().unwrap();
        let weekly = Rotation::simple("weekly".into(), "shop".into(), members, "UTC".into(), Turn::Weeks(1), starts);
        Installation {
            users: ["alice", "bob"].map(|id| (id.into(), user(id))).into(),
            rotations: [("weekly".into(), weekly)].into(),
            ..Installation::default()
        }
    }

    fn over(id: u64, user: &str, from: Millis, until: Millis) -> Override {
        Override { id: OverrideId(id), rotation: "weekly".into(), user: user.into(), from, until, by: "alice".into() }
    }

    #[test]
    fn the_roster_agrees_with_itself() {
        let installation = installation();
        let now = Millis(1_767_700_000_000); // 2026-01-06, alice's first week of `weekly`
        let overrides = [over(1, "bob", now.plus_seconds(3600), now.plus_seconds(7200)), over(2, "gone", now, now.plus_seconds(3600))];
        let weekly = RotationId::from("weekly");
        assert_eq!(on_call(&installation, &overrides, &weekly, now), Some("alice".into()));
        assert_eq!(on_call(&installation, &overrides, &weekly, now.plus_seconds(3600)), Some("bob".into()));
        assert_eq!(of_user(&installation, &overrides, &"alice".into(), now), std::slice::from_ref(&weekly));
        assert_eq!(of_user(&installation, &overrides, &"bob".into(), now), []);
        let plans = weeks_ahead(&installation, &overrides, now, 3);
        let plan = plans.iter().find(|p| p.rotation == weekly).unwrap();
        let people: Vec<&str> = plan.shifts.iter().map(|s| s.user.as_str()).collect();
        assert_eq!(people, ["alice", "bob", "alice", "bob", "alice", "bob"]);
        assert_eq!(plan.shifts.last().unwrap().until, now.plus_millis(3 * WEEK_MS));
        assert_eq!(on_call(&installation, &overrides, &"none".into(), now), None);
    }
}
