//! Who is on call, compared with an independent program in Python (zoneinfo, dateutil): around every offset transition of all zones from
//! 2000 to 2040, two days to either side, and on random dates between.
//!
//! Seen to fail where one of the two takes the second instant of a fold; the later reading of a time in a gap; a window's length as elapsed
//! time; a day off by the date that the clock shows; the earlier of two layers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use domain::id::{OverrideId, UserId};
use domain::schedule::{Layer, Override, Recurrence, Rotation, Swaps, Turn, Turns, Window, on_call_at, shifts};
use domain::time::Millis;
use jiff::civil::{Date, DateTime, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

const SEED: u64 = 0x5E_ED0F_C10C;
const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
const NAMES: [&str; 5] = ["alice", "bob", "carol", "dora", "emil"];
const RULES: [&str; 8] = [
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;BYDAY=1MO",
    "FREQ=WEEKLY;BYDAY=TU,FR",
    "FREQ=WEEKLY;INTERVAL=3;BYDAY=SU",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=DAILY;INTERVAL=17",
    "FREQ=MONTHLY;BYMONTHDAY=31;BYHOUR=2;BYMINUTE=30",
];

/// Xorshift: the same cases in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn between(&mut self, from: i64, until: i64) -> i64 {
        from + self.below(usize::try_from(until - from).unwrap()) as i64
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A zone with its transitions from 2000 to 2040.
struct Zone {
    name: String,
    rules: TimeZone,
    transitions: Vec<i64>,
}

/// All zones that differ: of those with the same offsets at all times the first by name.
fn zones() -> Vec<Zone> {
    let (from, until): (Timestamp, Timestamp) = ("2000-01-01T00:00:00Z".parse().unwrap(), "2041-01-01T00:00:00Z".parse().unwrap());
    let mut seen = BTreeSet::new();
    // Some systems have every zone twice more, once with leap seconds.
    let copies = |name: &String| name.starts_with("posix/") || name.starts_with("right/");
    let mut names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).filter(|name| !copies(name)).collect();
    names.sort();
    let mut found = Vec::new();
    for name in names {
        let zone = TimeZone::get(&name).unwrap();
        let changes: Vec<(i64, i32)> = zone
            .following(from)
            .take_while(|change| change.timestamp() < until)
            .map(|change| (change.timestamp().as_millisecond(), change.offset().seconds()))
            .collect();
        if seen.insert((zone.to_offset(from).seconds(), changes.clone())) {
            found.push(Zone { name, rules: zone, transitions: changes.into_iter().map(|(at, _)| at).collect() });
        }
    }
    found
}

/// A random layer, its times of day near those at which the zone's clocks change, and the same for the oracle.
fn layer(place: usize, zone: &Zone, with_rules: bool, dice: &mut Dice) -> (Layer, Value) {
    let clock = |dice: &mut Dice| -> DateTime {
        let near = if zone.transitions.is_empty() { 1_000_000_000_000 } else { dice.one(&zone.transitions) };
        let at = near + dice.between(-6, 7) * 15 * MINUTE_MS;
        zone.rules.to_datetime(Timestamp::from_millisecond(at).unwrap()).round(jiff::Unit::Minute).unwrap()
    };
    let first: Date = date(1999, 1, 1).checked_add(i64::try_from(dice.below(15_000)).unwrap().days()).unwrap();
    let starts = first.to_datetime(clock(dice).time());
    let days = if place == 0 { dice.one(&[1, 1, 2, 3]) } else { dice.one(&[1, 5, 7, 14, 21]) };
    let members: Vec<&str> = NAMES[..=dice.below(NAMES.len())].to_vec();
    let mut made =
        Layer::always(members.iter().map(|name| UserId::from(*name)).collect(), zone.name.clone(), Turns::Every(Turn::Days(days)), starts);
    made.name = format!("layer {place}");
    made.offset = dice.below(4) as u32;
    let mut told = json!({ "members": members, "zone": zone.name, "starts": starts.to_string(), "offset": made.offset });
    if with_rules {
        let rule = dice.one(&RULES);
        let starts = date(1999, 2, 1).to_datetime(starts.time());
        made.starts = starts;
        made.turns = Turns::At(Recurrence::new(rule, starts).unwrap());
        told["starts"] = json!(starts.to_string());
        told["rule"] = json!(rule);
    } else {
        told["turn_days"] = json!(days);
    }
    if place > 0 || dice.below(3) == 0 {
        weekly(&mut made, &mut told, &clock, dice);
    }
    if with_rules && dice.below(2) == 0 {
        let (rule, minutes) = (dice.one(&RULES), dice.one(&[30, 480, 1440, 4320]));
        let starts = date(1999, 2, 1).to_datetime(clock(dice).time());
        made.windows.push(Window::Recurring { rule: Recurrence::new(rule, starts).unwrap(), minutes });
        told["recurring"] = json!([[rule, starts.to_string(), minutes]]);
    }
    if dice.below(2) == 0 {
        let mut off: BTreeMap<Date, String> = zone
            .transitions
            .iter()
            .filter(|_| dice.below(4) == 0)
            .map(|at| (zone.rules.to_datetime(Timestamp::from_millisecond(*at).unwrap()).date(), String::new()))
            .collect();
        off.insert(date(2024, 2, 29), String::new());
        told["days_off"] = off.keys().map(ToString::to_string).collect();
        made.days_off = Arc::new(off);
    }
    if dice.below(6) == 0 {
        let (from, until) = (date(2004, 3, 1).to_datetime(starts.time()), date(2035, 3, 31).to_datetime(clock(dice).time()));
        (made.from, made.until) = (Some(from), Some(until));
        (told["from"], told["until"]) = (json!(from.to_string()), json!(until.to_string()));
    }
    (made, told)
}

fn weekly(made: &mut Layer, told: &mut Value, clock: &dyn Fn(&mut Dice) -> DateTime, dice: &mut Dice) {
    let (at, minutes) = (clock(dice).time(), dice.one(&[30, 60, 480, 1440, 3840, 10_080]));
    let days: Vec<Weekday> = Weekday::Monday.cycle_forward().take(7).filter(|_| dice.below(2) == 0).collect();
    let text = |day: &Weekday| json!([day.to_monday_zero_offset(), at.to_string(), minutes]);
    told["weekly"] = days.iter().map(text).collect();
    made.windows.extend(days.iter().map(|day| Window::Weekly { day: *day, at, minutes }));
}

/// A case for the oracle: the rotation of a zone, its overrides, and the instants that are asked.
struct Case {
    rotation: Rotation,
    overrides: Vec<Override>,
    probes: Vec<i64>,
    told: Value,
}

fn case(number: usize, zones: &[Zone], dice: &mut Dice) -> Case {
    let zone = &zones[number];
    let (first, second) = (layer(0, zone, number % 6 == 5, dice), dice.below(zones.len()));
    let mut layers = vec![first];
    // Half of them have a layer above, often in another zone.
    if dice.below(2) == 0 {
        layers.push(layer(1, if dice.below(2) == 0 { zone } else { &zones[second] }, false, dice));
    }
    let (layers, told): (Vec<Layer>, Vec<Value>) = layers.into_iter().unzip();
    let rotation = Rotation { id: "r".into(), team: "t".into(), layers, swaps: Swaps::Free };
    let overrides: Vec<Override> = (0..dice.below(4) as u64)
        .map(|id| {
            let from = Millis(dice.between(946_684_800_000, 2_240_000_000_000));
            let until = from.plus_millis(dice.between(1, 60 * DAY_MS));
            Override { id: OverrideId(id), rotation: "r".into(), user: "over".into(), from, until, by: "alice".into() }
        })
        .collect();
    let mut probes = Vec::new();
    for at in &zone.transitions {
        probes.extend([at - SECOND_MS, at - 1, *at, at + SECOND_MS]);
        probes.extend((-4..=8).map(|quarter| at + quarter * 15 * MINUTE_MS + SECOND_MS));
        probes.extend((0..6).map(|_| dice.between(at - 2 * DAY_MS, at + 2 * DAY_MS)));
        // The edges that the server sees: the oracle must see them at the same millisecond.
        let around = shifts(&rotation, &overrides, Millis(at - 2 * DAY_MS), Millis(at + 2 * DAY_MS));
        probes.extend(around.iter().skip(1).flat_map(|shift| [shift.from.0 - 1, shift.from.0]));
    }
    probes.extend((0..100).map(|_| dice.between(946_684_800_000, 2_240_000_000_000)));
    let entries: Vec<Value> =
        overrides.iter().map(|o| json!({ "id": o.id.0, "user": o.user.0, "from": o.from.0, "until": o.until.0 })).collect();
    let told = json!({ "layers": told, "overrides": entries, "probes": probes });
    Case { rotation, overrides, probes, told }
}

/// What the oracle says to all cases. It panics loudly where Python or dateutil is absent: a check that was left out is none.
fn ask(cases: &[Case]) -> Vec<Vec<Option<String>>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracle/schedule.py");
    let absent = "the oracle needs python3 with dateutil: apt-get install python3 python3-dateutil";
    // Debian's package serves Debian's interpreter, whatever else comes first on the path.
    let debians = std::path::Path::new("/usr/bin/python3");
    let python = if debians.exists() { debians } else { std::path::Path::new("python3") };
    let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect(absent);
    let input = serde_json::to_vec(&cases.iter().map(|case| &case.told).collect::<Vec<_>>()).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    assert!(writer.join().unwrap().is_ok() && output.status.success(), "{absent}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_independent_program_says_the_same() {
    let zones = zones();
    let mut dice = Dice(SEED);
    let cases: Vec<Case> = (0..zones.len()).map(|number| case(number, &zones, &mut dice)).collect();
    // Two halves at once: the oracle is the slow one.
    let (one, two) = cases.split_at(cases.len() / 2);
    let answers = std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(one));
        let mut second = ask(two);
        let mut all = first.join().unwrap();
        all.append(&mut second);
        all
    });
    let (mut asked, mut on, mut wrong) = (0, 0, Vec::new());
    for (case, answers) in cases.iter().zip(&answers) {
        assert_eq!(case.probes.len(), answers.len());
        for (at, expected) in case.probes.iter().zip(answers) {
            let found = on_call_at(&case.rotation, &case.overrides, Millis(*at)).map(|user| user.0);
            asked += 1;
            on += usize::from(found.is_some());
            if found != *expected && wrong.len() < 10 {
                wrong.push(format!("at {} {found:?}, the oracle says {expected:?}: {:?}", Millis(*at).rfc3339(), case.rotation.layers));
            }
        }
    }
    let transitions: usize = zones.iter().map(|zone| zone.transitions.len()).sum();
    let line = format!("{} zones, {transitions} transitions, {asked} instants, at {on} of them somebody is on call\n", zones.len());
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(zones.len() > 200 && transitions > 5000 && on * 3 > asked, "the cases have thinned out: {line}");
}
