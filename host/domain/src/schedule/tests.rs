//! Rotations of one layer: handoffs by hand, and what holds for all.

mod layers;

use super::lane::Lane;
use super::*;
use crate::id::OverrideId;
use crate::time::Millis;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, civil};
use proptest::prelude::*;

const DAY_MS: i64 = 86_400_000;

pub(super) fn at(text: &str) -> Millis {
    Millis(text.parse::<Timestamp>().unwrap().as_millisecond())
}

pub(super) fn rotation(zone: &str, starts: &str, turn: Turn, members: &[&str]) -> Rotation {
    let members = members.iter().map(|m| (*m).into()).collect();
    Rotation::simple("primary".into(), "shop".into(), members, zone.into(), turn, starts.parse().unwrap())
}

pub(super) fn entry(id: u64, user: &str, from: &str, until: &str) -> Override {
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
    let endless = rotation("Nowhere/Land", "9999-12-31T23:59", Turn::Weeks(u32::MAX), &["alice", "bob"]);
    for now in [i64::MIN, -1, 0, 1, i64::MAX] {
        assert!(on_call_at(&endless, &[], Millis(now)).is_some());
    }
    let daily = rotation("UTC", "2026-01-05T09:00", Turn::Days(1), &["alice"]);
    assert_eq!(shifts(&daily, &[], Millis(i64::MIN), Millis(i64::MAX)).len(), SHIFTS_LIMIT);
    let empty = rotation("UTC", "2026-01-05T09:00", Turn::Days(1), &[]);
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
        rotation.layers[0].starts = starts;
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
        rotation.layers[0].starts = civil::date(1995, 1, 1).at(0, 0, 0, 0) + Span::new().days(day).minutes(minute);
        let layer = &rotation.layers[0];
        let lane = Lane::of(layer);
        prop_assert!(lane.begin(turn) <= lane.begin(turn + 1));
        let wanted = layer.starts.date().checked_add(Span::new().days(turn)).unwrap().to_datetime(layer.starts.time());
        let shown = Wall::of(zone).shows(lane.begin(turn));
        // Only a gap lets it show a later time, and then by less than the gap.
        prop_assert!(shown == wanted || TimeZone::get(zone).unwrap().to_ambiguous_timestamp(wanted).is_ambiguous(), "{shown} for {wanted}");
        prop_assert!(shown >= wanted);
    }
}
