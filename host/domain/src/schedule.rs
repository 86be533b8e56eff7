//! Who is on call: rotations handed over at a wall-clock time in a zone, and overrides.
//!
//! A handoff is a civil date and time, turned into an instant for each turn anew: so it stays at nine in the morning when the clocks
//! change. Where the clocks jump over the handoff's time, it happens at the first instant after the gap; where they show it twice, at
//! the first. Before its first turn, a rotation is carried on backwards: with members, there is nobody on call at no instant.

use crate::id::{OverrideId, RotationId, TeamId, UserId};
use crate::time::Millis;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, civil};
use serde::{Deserialize, Serialize};

/// Most shifts that [`shifts`] gives.
pub const SHIFTS_LIMIT: usize = 1000;

/// People who take turns, a week (or a day) each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    pub id: RotationId,
    pub team: TeamId,
    /// In the order of their turns; may be empty, then nobody is on call.
    pub members: Vec<UserId>,
    /// IANA name, such as `Europe/Rome`; checked when the configuration was applied.
    pub time_zone: String,
    /// How long a turn is.
    pub turn: Turn,
    /// Wall-clock date and time in `time_zone` at which the first member's first turn begins; handoffs are at this time of day.
    pub starts: jiff::civil::DateTime,
}

/// How long a turn lasts, in wall-clock terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// So many days.
    Days(u32),
    /// So many weeks.
    Weeks(u32),
}

impl Turn {
    /// Its length in days, at least one.
    pub fn days(self) -> i64 {
        match self {
            Self::Days(days) => i64::from(days).max(1),
            Self::Weeks(weeks) => i64::from(weeks).max(1) * 7,
        }
    }
}

/// Somebody takes a rotation's place for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub id: OverrideId,
    pub rotation: RotationId,
    pub user: UserId,
    /// First instant.
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
    /// Who entered it.
    pub by: UserId,
}

impl Override {
    fn covers(&self, rotation: &RotationId, at: Millis) -> bool {
        self.rotation == *rotation && self.from <= at && at < self.until
    }
}

/// One person's time on call, without a break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    pub user: UserId,
    /// First instant.
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
    /// The override that gives it to this person; `None`: it is their turn.
    pub entry: Option<OverrideId>,
}

/// Who is on call at `now`: the newest override that covers it, or else the member whose turn it is.
pub fn on_call_at(rotation: &Rotation, overrides: &[Override], now: Millis) -> Option<UserId> {
    Calendar::of(rotation).holder(overrides, now).map(|(user, _)| user.clone())
}

/// The shifts from `from` to `until`, cut at both ends, in order and without gaps or overlaps where anybody is on call. At most
/// [`SHIFTS_LIMIT`]; what comes later is left out.
pub fn shifts(rotation: &Rotation, overrides: &[Override], from: Millis, until: Millis) -> Vec<Shift> {
    let calendar = Calendar::of(rotation);
    let mut edges: Vec<Millis> = overrides
        .iter()
        .filter(|o| o.rotation == rotation.id)
        .flat_map(|o| [o.from, o.until])
        .filter(|edge| from < *edge && *edge < until)
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let mut edges = edges.into_iter().peekable();
    let mut list: Vec<Shift> = Vec::new();
    let mut at = from;
    while at < until && list.len() <= SHIFTS_LIMIT {
        let turn = calendar.turn_at(at);
        let handoff = calendar.next_handoff(turn, at);
        while edges.peek().is_some_and(|edge| *edge <= at) {
            edges.next();
        }
        let end = [handoff, until].into_iter().chain(edges.peek().copied()).min().unwrap_or(until);
        if let Some((user, entry)) = calendar.holder(overrides, at) {
            extend(&mut list, Shift { user: user.clone(), from: at, until: end, entry }, calendar.handoff(turn) == at);
        }
        at = end;
    }
    list.truncate(SHIFTS_LIMIT);
    list
}

/// Adds a piece, or makes the last shift longer by it: an override runs on over a handoff, a turn over the edge of somebody's override
/// that changes nothing.
fn extend(list: &mut Vec<Shift>, piece: Shift, at_handoff: bool) {
    match list.last_mut() {
        Some(last)
            if last.until == piece.from
                && last.user == piece.user
                && last.entry == piece.entry
                && (piece.entry.is_some() || !at_handoff) =>
        {
            last.until = piece.until;
        }
        _ => list.push(piece),
    }
}

/// A rotation with its zone found.
struct Calendar<'a> {
    rotation: &'a Rotation,
    zone: TimeZone,
    turn_days: i64,
}

impl<'a> Calendar<'a> {
    /// A zone that is not known any more counts as UTC: somebody has to be on call.
    fn of(rotation: &'a Rotation) -> Self {
        let zone = TimeZone::get(&rotation.time_zone).unwrap_or(TimeZone::UTC);
        Self { rotation, zone, turn_days: rotation.turn.days() }
    }

    fn holder<'b>(&'b self, overrides: &'b [Override], at: Millis) -> Option<(&'b UserId, Option<OverrideId>)> {
        let newest = overrides.iter().filter(|o| o.covers(&self.rotation.id, at)).max_by_key(|o| o.id);
        if let Some(entry) = newest {
            return Some((&entry.user, Some(entry.id)));
        }
        let members = &self.rotation.members;
        let count = i64::try_from(members.len()).ok().filter(|count| *count > 0)?;
        let place = usize::try_from(self.turn_at(at).rem_euclid(count)).ok()?;
        members.get(place).map(|user| (user, None))
    }

    /// The number of the turn that holds at `at`; the first member's first one is 0, earlier ones are negative.
    fn turn_at(&self, at: Millis) -> i64 {
        let local = self.zone.to_datetime(timestamp(at)).date();
        let days = local.since(self.rotation.starts.date()).map_or(0, |span| i64::from(span.get_days()));
        // The day alone may be one turn off either way: by the time of day, and by zones that once left out a day.
        let guess = days.div_euclid(self.turn_days);
        (guess - 2..=guess + 2).rev().find(|turn| self.handoff(*turn) <= at).unwrap_or(guess - 2)
    }

    /// The end of a turn, after `at`: turns that a zone swallowed whole are passed over.
    fn next_handoff(&self, turn: i64, at: Millis) -> Millis {
        if self.rotation.members.is_empty() {
            return Millis(i64::MAX);
        }
        (turn + 1..=turn + 3).map(|next| self.handoff(next)).find(|handoff| *handoff > at).unwrap_or(Millis(i64::MAX))
    }

    /// The instant at which a turn begins. Beyond the calendar's ends: the end of time.
    fn handoff(&self, turn: i64) -> Millis {
        let beyond = if turn < 0 { Millis(i64::MIN) } else { Millis(i64::MAX) };
        let starts = self.rotation.starts;
        turn.checked_mul(self.turn_days)
            .and_then(|days| Span::new().try_days(days).ok())
            .and_then(|span| starts.date().checked_add(span).ok())
            .and_then(|date| self.instant(date.to_datetime(starts.time())))
            .map_or(beyond, |instant| Millis(instant.as_millisecond()))
    }

    fn instant(&self, local: civil::DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
            AmbiguousOffset::Gap { after, .. } => {
                // Read with the later offset, a time in the gap lies before the jump: the next change to that offset is the jump.
                let before_jump = after.to_timestamp(local).ok()?;
                let jump = self.zone.following(before_jump).take(4).find(|change| change.offset() == after);
                jump.map(|change| change.timestamp()).or_else(|| ambiguous.later().ok())
            }
        }
    }
}

fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_MS: i64 = 86_400_000;

    fn at(text: &str) -> Millis {
        Millis(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn rotation(zone: &str, starts: &str, turn: Turn, members: &[&str]) -> Rotation {
        Rotation {
            id: "primary".into(),
            team: "shop".into(),
            members: members.iter().map(|m| (*m).into()).collect(),
            time_zone: zone.into(),
            turn,
            starts: starts.parse().unwrap(),
        }
    }

    fn entry(id: u64, user: &str, from: &str, until: &str) -> Override {
        Override { id: OverrideId(id), rotation: "primary".into(), user: user.into(), from: at(from), until: at(until), by: "alice".into() }
    }

    /// Zone, first turn, turn, the last instant of one person, and the first of the next: worked out by hand from the zones' rules.
    #[test]
    fn handoffs_by_hand() {
        let cases = [
            // Rome is at +1 in winter and +2 in summer: the same nine o'clock.
            ("Europe/Rome", "2026-03-23T09:00", Turn::Weeks(1), "2026-03-30T06:59:59.999Z", "2026-03-30T07:00:00Z"),
            ("Europe/Rome", "2026-03-16T09:00", Turn::Weeks(1), "2026-03-23T07:59:59.999Z", "2026-03-23T08:00:00Z"),
            // 02:30 does not exist on 29 March 2026: at 01:00Z the clock jumps from 02:00 to 03:00.
            ("Europe/Rome", "2026-03-28T02:30", Turn::Days(1), "2026-03-29T00:59:59.999Z", "2026-03-29T01:00:00Z"),
            // 02:30 comes twice on 25 October 2026: first at +2.
            ("Europe/Rome", "2026-10-24T02:30", Turn::Days(1), "2026-10-25T00:29:59.999Z", "2026-10-25T00:30:00Z"),
            // New York: gap on 8 March 2026 at 07:00Z, fold on 1 November 2026 (first 01:30 at -4).
            ("America/New_York", "2026-03-07T02:15", Turn::Days(1), "2026-03-08T06:59:59.999Z", "2026-03-08T07:00:00Z"),
            ("America/New_York", "2026-10-25T01:30", Turn::Weeks(1), "2026-11-01T05:29:59.999Z", "2026-11-01T05:30:00Z"),
            // Lord Howe Island changes by half an hour: on 4 October 2026 from 02:00 (+10:30) to 02:30 (+11), at 15:30Z the day before.
            ("Australia/Lord_Howe", "2026-10-03T02:10", Turn::Days(1), "2026-10-03T15:29:59.999Z", "2026-10-03T15:30:00Z"),
            // Samoa left out 30 December 2011: midnight at its end was 10:00Z.
            ("Pacific/Apia", "2011-12-29T09:00", Turn::Days(1), "2011-12-30T09:59:59.999Z", "2011-12-30T10:00:00Z"),
            // Leap day.
            ("UTC", "2028-02-28T00:00", Turn::Days(1), "2028-02-28T23:59:59.999Z", "2028-02-29T00:00:00Z"),
            // A zone with 45 minutes.
            ("Asia/Kathmandu", "2026-01-05T09:00", Turn::Weeks(2), "2026-01-19T03:14:59.999Z", "2026-01-19T03:15:00Z"),
        ];
        for (zone, starts, turn, last, first) in cases {
            let rotation = rotation(zone, starts, turn, &["alice", "bob", "carol"]);
            assert_eq!(on_call_at(&rotation, &[], at(last)), Some("alice".into()), "{zone} {starts} until {last}");
            assert_eq!(on_call_at(&rotation, &[], at(first)), Some("bob".into()), "{zone} {starts} from {first}");
        }
    }

    #[test]
    fn the_day_after_a_gap_keeps_the_configured_time() {
        let rotation = rotation("Europe/Rome", "2026-03-28T02:30", Turn::Days(1), &["alice", "bob", "carol"]);
        assert_eq!(on_call_at(&rotation, &[], at("2026-03-30T00:29:59.999Z")), Some("bob".into()));
        assert_eq!(on_call_at(&rotation, &[], at("2026-03-30T00:30:00Z")), Some("carol".into()));
    }

    #[test]
    fn before_its_start_a_rotation_runs_backwards() {
        let rotation = rotation("UTC", "2026-01-05T09:00", Turn::Weeks(1), &["alice", "bob", "carol"]);
        assert_eq!(on_call_at(&rotation, &[], at("2026-01-05T08:59:59Z")), Some("carol".into()));
        assert_eq!(on_call_at(&rotation, &[], at("2025-12-29T08:59:59Z")), Some("bob".into()));
    }

    #[test]
    fn an_override_wins_and_the_newest_of_two() {
        let rotation = rotation("UTC", "2026-01-05T09:00", Turn::Weeks(1), &["alice", "bob"]);
        let overrides = [
            entry(2, "dora", "2026-01-06T12:00:00Z", "2026-01-06T18:00:00Z"),
            entry(1, "carol", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z"),
        ];
        let who = |time| on_call_at(&rotation, &overrides, at(time)).unwrap().0;
        assert_eq!(who("2026-01-05T23:59:59.999Z"), "alice");
        assert_eq!(who("2026-01-06T00:00:00Z"), "carol");
        assert_eq!(who("2026-01-06T12:00:00Z"), "dora");
        assert_eq!(who("2026-01-06T18:00:00Z"), "carol");
        assert_eq!(who("2026-01-07T00:00:00Z"), "alice");
        let mut other = overrides[0].clone();
        other.rotation = "secondary".into();
        assert_eq!(on_call_at(&rotation, &[other], at("2026-01-06T13:00:00Z")), Some("alice".into()));
    }

    #[test]
    fn shifts_show_turns_and_overrides() {
        let rotation = rotation("UTC", "2026-01-05T09:00", Turn::Weeks(1), &["alice", "bob"]);
        let overrides = [entry(1, "carol", "2026-01-11T09:00:00Z", "2026-01-13T09:00:00Z")];
        let told: Vec<String> = shifts(&rotation, &overrides, at("2026-01-06T00:00:00Z"), at("2026-01-27T00:00:00Z"))
            .iter()
            .map(|s| format!("{} {} {}", s.user, s.from.rfc3339(), s.until.rfc3339()))
            .collect();
        assert_eq!(
            told,
            [
                "alice 2026-01-06T00:00:00Z 2026-01-11T09:00:00Z",
                "carol 2026-01-11T09:00:00Z 2026-01-13T09:00:00Z",
                "bob 2026-01-13T09:00:00Z 2026-01-19T09:00:00Z",
                "alice 2026-01-19T09:00:00Z 2026-01-26T09:00:00Z",
                "bob 2026-01-26T09:00:00Z 2026-01-27T00:00:00Z",
            ]
        );
    }

    #[test]
    fn without_members_only_overrides_hold() {
        let rotation = rotation("UTC", "2026-01-05T09:00", Turn::Weeks(1), &[]);
        let overrides = [entry(1, "carol", "2026-01-11T09:00:00Z", "2026-01-13T09:00:00Z")];
        assert_eq!(on_call_at(&rotation, &overrides, at("2026-01-10T00:00:00Z")), None);
        assert_eq!(on_call_at(&rotation, &overrides, at("2026-01-12T00:00:00Z")), Some("carol".into()));
        assert_eq!(shifts(&rotation, &overrides, at("2026-01-10T00:00:00Z"), at("2026-02-10T00:00:00Z")).len(), 1);
    }

    #[test]
    fn no_input_makes_it_panic_or_run_on() {
        let rotation = rotation("Nowhere/Land", "9999-12-31T23:59", Turn::Weeks(u32::MAX), &["alice", "bob"]);
        for now in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert!(on_call_at(&rotation, &[], Millis(now)).is_some());
        }
        let daily = super::tests::rotation("UTC", "2026-01-05T09:00", Turn::Days(1), &["alice"]);
        assert_eq!(shifts(&daily, &[], Millis(i64::MIN), Millis(i64::MAX)).len(), SHIFTS_LIMIT);
        let empty = super::tests::rotation("UTC", "2026-01-05T09:00", Turn::Days(1), &[]);
        assert_eq!(shifts(&empty, &[], Millis(i64::MIN), Millis(i64::MAX)), []);
    }

    fn zones() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "UTC",
            "Europe/Rome",
            "America/New_York",
            "Australia/Lord_Howe",
            "Africa/Cairo",
            "Pacific/Apia",
            "America/Sao_Paulo",
        ])
    }

    proptest! {
        #[test]
        fn shifts_tile_and_agree_with_who_is_on_call(
            zone in zones(),
            day in 0i64..12_000,
            minute in 0i64..1440,
            days in 1u32..15,
            members in 1usize..5,
            from_day in 10_000i64..20_800,
            length_hours in 1i64..24 * 40,
            entries in prop::collection::vec((0i64..40 * 24, 1i64..100), 0..5),
        ) {
            let starts = civil::date(1995, 1, 1).at(0, 0, 0, 0) + Span::new().days(day).minutes(minute);
            let names = ["alice", "bob", "carol", "dora"];
            let mut rotation = rotation(zone, "2026-01-05T09:00", Turn::Days(days), &names[..members]);
            rotation.starts = starts;
            let from = Millis(from_day * DAY_MS);
            let until = from.plus_millis(length_hours * 3_600_000);
            let overrides: Vec<Override> = entries.iter().enumerate().map(|(n, (start, hours))| Override {
                id: OverrideId(n as u64),
                rotation: "primary".into(),
                user: "over".into(),
                from: from.plus_millis((start - 24) * 3_600_000),
                until: from.plus_millis((start - 24 + hours) * 3_600_000),
                by: "alice".into(),
            }).collect();
            let list = shifts(&rotation, &overrides, from, until);
            prop_assert_eq!(list.first().map(|s| s.from), Some(from));
            prop_assert_eq!(list.last().map(|s| s.until), Some(until));
            for pair in list.windows(2) {
                prop_assert_eq!(pair[0].until, pair[1].from);
            }
            for shift in &list {
                prop_assert!(shift.from < shift.until);
                let middle = Millis(shift.from.0.midpoint(shift.until.0));
                for now in [shift.from, middle, shift.until.plus_millis(-1)] {
                    prop_assert_eq!(on_call_at(&rotation, &overrides, now), Some(shift.user.clone()));
                }
            }
        }

        #[test]
        fn handoffs_never_go_back_and_show_the_configured_time(zone in zones(), day in 0i64..12_000, minute in 0i64..1440, turn in -300i64..300) {
            let mut rotation = rotation(zone, "2026-01-05T09:00", Turn::Days(1), &["alice"]);
            rotation.starts = civil::date(1995, 1, 1).at(0, 0, 0, 0) + Span::new().days(day).minutes(minute);
            let calendar = Calendar::of(&rotation);
            prop_assert!(calendar.handoff(turn) <= calendar.handoff(turn + 1));
            let wanted = rotation.starts.date().checked_add(Span::new().days(turn)).unwrap().to_datetime(rotation.starts.time());
            let shown = calendar.zone.to_datetime(timestamp(calendar.handoff(turn)));
            // Only a gap lets it show a later time, and then by less than the gap.
            prop_assert!(shown == wanted || calendar.zone.to_ambiguous_timestamp(wanted).is_ambiguous(), "{shown} for {wanted}");
            prop_assert!(shown >= wanted);
        }
    }
}
