//! Rotations of several layers, in certain hours: each expected instant was worked out by hand from the zones' rules.

use super::{at, entry, rotation};
use crate::id::UserId;
use crate::schedule::*;
use crate::time::Millis;
use jiff::civil::{Time, Weekday, date, time};
use std::collections::BTreeMap;
use std::sync::Arc;

const WORK_DAYS: [Weekday; 5] = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

fn weekly(days: &[Weekday], at: Time, minutes: u32) -> Vec<Window> {
    days.iter().map(|day| Window::Weekly { day: *day, at, minutes }).collect()
}

fn all_days() -> Vec<Weekday> {
    Weekday::Monday.cycle_forward().take(7).collect()
}

/// One layer in a zone, one person whose turn does not end in these cases, with windows.
fn windowed(zone: &str, windows: Vec<Window>) -> Rotation {
    let mut made = rotation(zone, "2010-01-04T00:00", Turn::Days(3650), &["alice"]);
    made.layers[0].windows = windows;
    made
}

fn told(rotation: &Rotation, overrides: &[Override], from: &str, until: &str) -> Vec<String> {
    let line = |s: &Shift| format!("{} {} {}", s.user, s.from.rfc3339(), s.until.rfc3339());
    shifts(rotation, overrides, at(from), at(until)).iter().map(line).collect()
}

/// Zone, window, and its one occurrence in the week that is looked at.
#[test]
fn windows_by_hand() {
    let nine = time(9, 0, 0, 0);
    let fri_17 = |minutes| vec![Window::Weekly { day: Weekday::Friday, at: time(17, 0, 0, 0), minutes }];
    let on = |day, hour, minute, minutes| vec![Window::Weekly { day, at: time(hour, minute, 0, 0), minutes }];
    let cases = [
        // Office hours on a Friday in winter (+1) and a Monday in summer (+2).
        ("Europe/Rome", weekly(&[Weekday::Friday], nine, 480), "2026-03-25T00:00:00Z", "2026-03-27T08:00:00Z", "2026-03-27T16:00:00Z"),
        ("Europe/Rome", weekly(&[Weekday::Monday], nine, 480), "2026-03-28T00:00:00Z", "2026-03-30T07:00:00Z", "2026-03-30T15:00:00Z"),
        // Friday 17:00 to Monday 09:00 over the change to summer time, an hour shorter, and over the change back, an hour longer.
        ("Europe/Rome", fri_17(64 * 60), "2026-03-25T00:00:00Z", "2026-03-27T16:00:00Z", "2026-03-30T07:00:00Z"),
        ("Europe/Rome", fri_17(64 * 60), "2026-10-21T00:00:00Z", "2026-10-23T15:00:00Z", "2026-10-26T08:00:00Z"),
        // Eight hours on the clock from 22:00 in the night that has seven.
        ("Europe/Rome", on(Weekday::Saturday, 22, 0, 480), "2026-03-26T00:00:00Z", "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"),
        // 02:30 comes twice on 25 October 2026: the window from 02:30 to 03:30 begins at the first.
        ("Europe/Rome", on(Weekday::Sunday, 2, 30, 60), "2026-10-22T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"),
        // 02:10 does not exist on Lord Howe on 4 October 2026: from the jump, at 15:30Z the day before, to 03:00 at +11.
        ("Australia/Lord_Howe", on(Weekday::Sunday, 2, 10, 50), "2026-10-01T00:00:00Z", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"),
        // There was no 30 December 2011 in Apia: Thursday 20:00 (-10) for eight hours ends when Friday was left out, at midnight.
        ("Pacific/Apia", on(Weekday::Thursday, 20, 0, 480), "2011-12-27T00:00:00Z", "2011-12-30T06:00:00Z", "2011-12-30T10:00:00Z"),
        // A leap day.
        ("UTC", on(Weekday::Tuesday, 0, 0, 1440), "2028-02-25T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"),
    ];
    for (zone, windows, from, begin, end) in cases {
        let rotation = windowed(zone, windows);
        let until = at(from).plus_millis(6 * 86_400_000).rfc3339();
        assert_eq!(told(&rotation, &[], from, &until), [format!("alice {begin} {end}")], "{zone} from {from}");
        assert_eq!(on_call_at(&rotation, &[], at(begin).plus_millis(-1)), None, "{zone} before {begin}");
        assert_eq!(on_call_at(&rotation, &[], at(begin)), Some("alice".into()), "{zone} at {begin}");
        assert_eq!(on_call_at(&rotation, &[], at(end).plus_millis(-1)), Some("alice".into()), "{zone} before {end}");
        assert_eq!(on_call_at(&rotation, &[], at(end)), None, "{zone} at {end}");
    }
}

#[test]
fn a_window_that_the_clocks_jump_over_is_empty() {
    let rotation = windowed("Europe/Rome", weekly(&[Weekday::Sunday], time(2, 0, 0, 0), 30));
    assert_eq!(told(&rotation, &[], "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"), [] as [String; 0]);
    let swallowed = windowed("Pacific/Apia", weekly(&[Weekday::Friday], time(9, 0, 0, 0), 480));
    assert_eq!(told(&swallowed, &[], "2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z"), [] as [String; 0]);
}

/// Handed over on the last day of the month, and on 29 February.
#[test]
fn handoffs_by_a_rule() {
    let mut rotation = rotation("Europe/Rome", "2028-01-31T09:00", Turn::Weeks(1), &["alice", "bob", "carol"]);
    let starts = rotation.layers[0].starts;
    rotation.layers[0].turns = Turns::At(Recurrence::new("FREQ=MONTHLY;BYMONTHDAY=-1", starts).unwrap());
    let who = |time| on_call_at(&rotation, &[], at(time)).unwrap().0;
    assert_eq!(who("2028-01-31T07:59:59Z"), "carol", "before the first time");
    assert_eq!(who("2028-01-31T08:00:00Z"), "alice");
    assert_eq!(who("2028-02-29T07:59:59.999Z"), "alice");
    assert_eq!(who("2028-02-29T08:00:00Z"), "bob", "a leap year");
    assert_eq!(who("2028-03-31T06:59:59.999Z"), "bob");
    assert_eq!(who("2028-03-31T07:00:00Z"), "carol", "summer time began on the 26th");
    assert_eq!(who("2028-04-30T07:00:00Z"), "alice");
    let mut yearly = rotation.clone();
    yearly.layers[0].turns = Turns::At(Recurrence::new("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;UNTIL=20330101", starts).unwrap());
    let who = |time| on_call_at(&yearly, &[], at(time)).unwrap().0;
    assert_eq!((who("2028-02-29T07:59:59Z"), who("2028-02-29T08:00:00Z")), ("carol".into(), "alice".into()));
    assert_eq!((who("2032-02-29T07:59:59Z"), who("2032-02-29T08:00:00Z")), ("alice".into(), "bob".into()));
    assert_eq!(who("2090-01-01T00:00:00Z"), "bob", "after its last time it stays");
}

#[test]
fn windows_by_a_rule() {
    let starts = "2026-01-03T08:00".parse().unwrap();
    let rule = Recurrence::new("FREQ=MONTHLY;BYDAY=1SA", starts).unwrap();
    let rotation = windowed("America/New_York", vec![Window::Recurring { rule, minutes: 48 * 60 }]);
    // 7 March 2026 at -5; two days on the clock later at -4.
    let expected = ["alice 2026-03-07T13:00:00Z 2026-03-09T12:00:00Z", "alice 2026-04-04T12:00:00Z 2026-04-06T12:00:00Z"];
    assert_eq!(told(&rotation, &[], "2026-02-20T00:00:00Z", "2026-04-20T00:00:00Z"), expected);
    assert_eq!(on_call_at(&rotation, &[], at("2026-03-09T11:59:59.999Z")), Some("alice".into()));
    assert_eq!(on_call_at(&rotation, &[], at("2026-03-09T12:00:00Z")), None);
}

/// Tokyo, Rome and New York in their own office hours, one week of winter.
#[test]
fn the_sun_is_followed_and_what_it_leaves_is_told() {
    let mut sun = windowed("Asia/Tokyo", weekly(&WORK_DAYS, time(9, 0, 0, 0), 480));
    for (zone, person) in [("Europe/Rome", "bob"), ("America/New_York", "carol")] {
        let mut layer = windowed(zone, weekly(&WORK_DAYS, time(9, 0, 0, 0), 480)).layers.remove(0);
        layer.members = vec![person.into()];
        sun.layers.push(layer);
    }
    let expected = [
        "alice 2026-01-14T00:00:00Z 2026-01-14T08:00:00Z",
        "bob 2026-01-14T08:00:00Z 2026-01-14T14:00:00Z",
        // From 14:00 both are on: the later layer wins.
        "carol 2026-01-14T14:00:00Z 2026-01-14T22:00:00Z",
        "alice 2026-01-15T00:00:00Z 2026-01-15T06:00:00Z",
    ];
    assert_eq!(told(&sun, &[], "2026-01-14T00:00:00Z", "2026-01-15T06:00:00Z"), expected);
    let open = gaps(&sun, &[], at("2026-01-14T00:00:00Z"), at("2026-01-19T00:00:00Z"));
    let open: Vec<String> = open.iter().map(|gap| format!("{} {}", gap.from.rfc3339(), gap.until.rfc3339())).collect();
    let nights = ["2026-01-14T22:00:00Z 2026-01-15T00:00:00Z", "2026-01-15T22:00:00Z 2026-01-16T00:00:00Z"];
    assert_eq!(open[..2], nights);
    // The weekend: from New York's Friday evening to Tokyo's Monday morning.
    assert_eq!(open[2..], ["2026-01-16T22:00:00Z 2026-01-19T00:00:00Z"]);
    let taken = [entry(1, "dora", "2026-01-14T21:00:00Z", "2026-01-15T01:00:00Z")];
    assert_eq!(gaps(&sun, &taken, at("2026-01-14T00:00:00Z"), at("2026-01-15T12:00:00Z")), []);
}

#[test]
fn days_off_leave_the_rest_to_others() {
    let mut rotation = rotation("Europe/Rome", "2026-01-05T09:00", Turn::Weeks(1), &["dora"]);
    let mut office = windowed("Europe/Rome", weekly(&all_days(), time(9, 0, 0, 0), 480)).layers.remove(0);
    office.days_off = Arc::new(BTreeMap::from([(date(2026, 12, 25), "Natale".to_owned())]));
    rotation.layers.push(office);
    let expected = ["dora 2026-12-24T16:00:00Z 2026-12-26T08:00:00Z", "alice 2026-12-26T08:00:00Z 2026-12-26T12:00:00Z"];
    // A handoff of dora's own week would split the shift: there is none on these days.
    assert_eq!(told(&rotation, &[], "2026-12-24T16:00:00Z", "2026-12-26T12:00:00Z"), expected);
}

/// In St. John's the clocks went from 00:01 back to 23:01: midnight came twice, and the day off begins at the first.
#[test]
fn a_day_off_is_from_midnight_to_midnight() {
    let mut rotation = rotation("America/St_Johns", "2010-01-04T00:00", Turn::Weeks(1), &["alice"]);
    rotation.layers[0].days_off = Arc::new(BTreeMap::from([(date(2010, 11, 7), String::new())]));
    let open = gaps(&rotation, &[], at("2010-11-06T12:00:00Z"), at("2010-11-08T12:00:00Z"));
    assert_eq!(open, [Gap { from: at("2010-11-07T02:30:00Z"), until: at("2010-11-08T03:30:00Z") }]);
    for (now, who) in [("2010-11-07T02:29:59Z", true), ("2010-11-07T02:30:00Z", false), ("2010-11-07T03:00:00Z", false)] {
        assert_eq!(on_call_at(&rotation, &[], at(now)).is_some(), who, "{now}");
    }
    let mut apia = windowed("Pacific/Apia", Vec::new());
    apia.layers[0].days_off = Arc::new(BTreeMap::from([(date(2011, 12, 30), String::new())]));
    assert_eq!(gaps(&apia, &[], at("2011-12-28T00:00:00Z"), at("2012-01-02T00:00:00Z")), [], "a day that was never there");
}

#[test]
fn a_layer_may_begin_and_end() {
    let mut rotation = rotation("UTC", "2026-01-05T09:00", Turn::Days(1), &["alice", "bob"]);
    rotation.layers[0].from = Some("2026-01-06T00:00".parse().unwrap());
    rotation.layers[0].until = Some("2026-01-07T12:00".parse().unwrap());
    let expected = [
        "alice 2026-01-06T00:00:00Z 2026-01-06T09:00:00Z",
        "bob 2026-01-06T09:00:00Z 2026-01-07T09:00:00Z",
        "alice 2026-01-07T09:00:00Z 2026-01-07T12:00:00Z",
    ];
    assert_eq!(told(&rotation, &[], "2025-12-01T00:00:00Z", "2026-03-01T00:00:00Z"), expected);
    assert_eq!(shifts(&rotation, &[], Millis(i64::MIN), Millis(i64::MAX)).len(), 3);
    rotation.layers[0].offset = 1;
    assert_eq!(on_call_at(&rotation, &[], at("2026-01-06T10:00:00Z")), Some("alice".into()), "everybody's turn is one earlier");
}

#[test]
fn an_override_that_nobody_took_changes_nothing() {
    let rotation = rotation("UTC", "2026-01-05T09:00", Turn::Weeks(1), &["alice", "bob"]);
    let open = entry(1, "", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z");
    assert!(open.is_open());
    assert_eq!(on_call_at(&rotation, &[open], at("2026-01-06T12:00:00Z")), Some("alice".into()), "it fails towards paging");
}

#[test]
fn neighbours_are_other_people() {
    let rotation = rotation("UTC", "2026-01-05T09:00", Turn::Weeks(1), &["alice", "alice", "bob", "carol"]);
    let now = at("2026-01-06T00:00:00Z");
    let name = |user: Option<UserId>| user.unwrap_or_default().0;
    assert_eq!(name(on_call_at(&rotation, &[], now)), "alice");
    assert_eq!(name(next_on_call(&rotation, &[], now)), "bob", "not alice's own second week");
    assert_eq!(name(previous_on_call(&rotation, &[], now)), "carol");
    let second_week = at("2026-01-13T00:00:00Z");
    assert_eq!(name(previous_on_call(&rotation, &[], second_week)), "carol");
    let entries = [entry(1, "dora", "2026-01-08T00:00:00Z", "2026-01-09T00:00:00Z")];
    assert_eq!(name(next_on_call(&rotation, &entries, now)), "dora");
    assert_eq!(name(previous_on_call(&rotation, &entries, at("2026-01-09T00:00:00Z"))), "dora");
    let alone = super::rotation("UTC", "2026-01-05T09:00", Turn::Days(1), &["alice"]);
    assert_eq!((next_on_call(&alone, &[], now), previous_on_call(&alone, &[], now)), (None, None));
    let sundays = windowed("UTC", weekly(&[Weekday::Sunday], time(9, 0, 0, 0), 60));
    assert_eq!(name(next_on_call(&sundays, &[], now)), "alice", "in a gap, whoever ends it");
    assert_eq!(name(previous_on_call(&sundays, &[], now)), "alice");
}

/// A week from Monday 09:00 to Monday 09:00 in Rome: seven nights of eight hours and one weekend; the week in which summer time begins is
/// an hour shorter, and so are its nights and its weekend.
#[test]
fn loads_are_counted_in_the_zone_of_the_person() {
    let rotation = rotation("Europe/Rome", "2026-03-16T09:00", Turn::Weeks(1), &["alice", "bob"]);
    let list = shifts(&rotation, &[], at("2026-03-16T08:00:00Z"), at("2026-03-30T07:00:00Z"));
    let members = rotation.members();
    let found = loads(&members, &list, &|_| "Europe/Rome".to_owned());
    let hours: Vec<(&str, i64, i64, i64)> =
        found.iter().map(|l| (l.user.as_str(), l.total_ms / 3_600_000, l.night_ms / 3_600_000, l.weekend_ms / 3_600_000)).collect();
    assert_eq!(hours, [("alice", 168, 56, 48), ("bob", 167, 55, 47)]);
    assert_eq!(unfair(&found), []);
}

#[test]
fn more_than_a_share_is_told() {
    let rotation = rotation("UTC", "2026-01-05T00:00", Turn::Weeks(1), &["alice", "alice", "alice", "bob"]);
    let list = shifts(&rotation, &[], at("2026-01-05T00:00:00Z"), at("2026-02-02T00:00:00Z"));
    let found = unfair(&loads(&rotation.members(), &list, &|_| "UTC".to_owned()));
    // Three weeks of four; on average two.
    let hours: Vec<(&str, Burden, i64, i64)> =
        found.iter().map(|u| (u.user.as_str(), u.burden, u.has_ms / 3_600_000, u.average_ms / 3_600_000)).collect();
    assert_eq!(hours, [] as [(&str, Burden, i64, i64); 0], "three is exactly half more than two: not yet");
    let list = shifts(&rotation, &[], at("2026-01-05T00:00:00Z"), at("2026-01-26T00:00:00Z"));
    let found = unfair(&loads(&rotation.members(), &list, &|_| "UTC".to_owned()));
    let hours: Vec<(&str, Burden, i64, i64)> =
        found.iter().map(|u| (u.user.as_str(), u.burden, u.has_ms / 3_600_000, u.average_ms / 3_600_000)).collect();
    assert_eq!(hours, [("alice", Burden::Hours, 504, 252), ("alice", Burden::Nights, 168, 84), ("alice", Burden::Weekends, 144, 72)]);
}

#[test]
fn one_person_in_two_rotations_is_told_once() {
    let one = rotation("UTC", "2026-01-05T09:00", Turn::Days(1), &["alice"]);
    let two = windowed("UTC", weekly(&[Weekday::Wednesday], time(9, 0, 0, 0), 480));
    let (from, until) = (at("2026-01-05T00:00:00Z"), at("2026-01-12T00:00:00Z"));
    let (first, second) = ("primary".into(), "second".into());
    let lists = [(&first, shifts(&one, &[], from, until)), (&second, shifts(&two, &[], from, until))];
    let expected = DoubleBooking {
        user: "alice".into(),
        one: "primary".into(),
        other: "second".into(),
        from: at("2026-01-07T09:00:00Z"),
        until: at("2026-01-07T17:00:00Z"),
    };
    assert_eq!(double_bookings(&lists), [expected]);
    assert_eq!(double_bookings(&lists[..1]), []);
}
