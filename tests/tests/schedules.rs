//! Who is paged depends on layers, hours, holidays, swaps and the night in which the clocks change.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use reveille_tests::server::Options;
use reveille_tests::story::Setting;
use serde_json::{Value, json};

const PEOPLE: &str = include_str!("../config/people.yaml");

/// The usual team, with another rotation in place of `shop-primary`, at a time.
fn story(rotation: &str, now: &str) -> Story {
    let begin = PEOPLE.find("kind: Rotation").unwrap();
    let end = begin + PEOPLE[begin..].find("---").unwrap();
    let people = format!("{}{}\n{}", &PEOPLE[..begin], rotation, &PEOPLE[end..]);
    let documents = vec![("people.yaml".to_owned(), people)];
    let now_ms = now.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    Story::with(Setting { options: Options { now_ms: Some(now_ms), ..Options::default() }, documents, ..Setting::default() })
}

/// Alice and bob, a week each from a Monday at nine in Rome.
const WEEKLY: &str = "kind: Rotation
id: shop-primary
team: shop
members: [alice, bob]
time_zone: Europe/Rome
starts: 2026-02-23T09:00";

fn rings(story: &Story) -> (usize, usize) {
    (story.rings("alice").len(), story.rings("bob").len())
}

/// A new incident, and whose phones it rang; it recovers at once.
fn page(story: &mut Story, entity: &str) -> (usize, usize) {
    let before = rings(story);
    story.victorops("CRITICAL", entity, json!({}));
    story.settle();
    let after = rings(story);
    story.victorops("RECOVERY", entity, json!({}));
    story.settle();
    (after.0 - before.0, after.1 - before.1)
}

/// From, until, and who: the shifts of the rotation.
fn shifts(story: &Story, from: &str, until: &str) -> Vec<String> {
    let list = story.api(&format!("rotations/shop-primary/shifts?from={from}&until={until}"));
    let line =
        |s: &Value| format!("{} {} {}", s["from"].as_str().unwrap(), s["until"].as_str().unwrap(), s["user"].as_str().unwrap_or("nobody"));
    list["items"].as_array().unwrap().iter().map(line).collect()
}

fn cli(story: &Story, args: &[&str]) -> String {
    let (said, ok) = story.server.cli(args);
    assert!(ok, "{args:?}: {said}");
    said
}

/// Alice has the day in Rome, bob the day in New York; the hours between are nobody's. A page follows the sun.
/// Seen red with: every zone read as UTC; a layer's hours are not looked at.
#[test]
fn the_page_follows_the_sun() {
    let mut story = story(
        "kind: Rotation
id: shop-primary
team: shop
layers:
  - { name: rome, members: [alice], time_zone: Europe/Rome, starts: 2026-01-05T09:00, hours: [mon-fri 09:00-17:00] }
  - { name: new-york, members: [bob], time_zone: America/New_York, starts: 2026-01-05T09:00, hours: [mon-fri 09:00-17:00] }",
        "2026-03-02T08:00:00Z",
    );
    assert_eq!(page(&mut story, "morning"), (1, 0), "nine in Rome");
    story.pass_minutes(6 * 60 - 1);
    let list = shifts(&story, "2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z");
    assert!(list.iter().eq([
        "2026-03-02T08:00:00Z 2026-03-02T14:00:00Z alice",
        "2026-03-02T14:00:00Z 2026-03-02T22:00:00Z bob",
        "2026-03-02T22:00:00Z 2026-03-03T08:00:00Z nobody",
    ]));
    assert_eq!(page(&mut story, "noon"), (1, 0), "13:59 in UTC is still Rome's");
    story.pass_minutes(1);
    assert_eq!(page(&mut story, "afternoon"), (0, 1), "nine in New York");
}

/// On 8 March New York's clocks change and Rome's do not: for three weeks the day there begins an hour earlier in Rome's.
/// Seen red with: a zone taken for its offset in winter.
#[test]
fn between_the_two_changes_the_sun_is_followed_all_the_same() {
    let story = story(
        "kind: Rotation
id: shop-primary
team: shop
layers:
  - { name: rome, members: [alice], time_zone: Europe/Rome, starts: 2026-01-05T09:00, hours: [mon-fri 09:00-17:00] }
  - { name: new-york, members: [bob], time_zone: America/New_York, starts: 2026-01-05T09:00, hours: [mon-fri 09:00-17:00] }",
        "2026-03-02T08:00:00Z",
    );
    let of = |day: &str| shifts(&story, &format!("2026-03-{day}T00:00:00Z"), &format!("2026-03-{day}T23:00:00Z"));
    assert_eq!(of("06")[2], "2026-03-06T14:00:00Z 2026-03-06T22:00:00Z bob");
    assert_eq!(of("09")[1..3], ["2026-03-09T08:00:00Z 2026-03-09T13:00:00Z alice", "2026-03-09T13:00:00Z 2026-03-09T21:00:00Z bob"]);
    assert_eq!(of("30")[1..3], ["2026-03-30T07:00:00Z 2026-03-30T13:00:00Z alice", "2026-03-30T13:00:00Z 2026-03-30T21:00:00Z bob"]);
}

/// Office hours only: the evening is reported as a gap, and an alert in it goes to the next step at once instead of nobody.
/// Seen red with: a layer's hours are not looked at; a step that means nobody takes its time.
#[test]
fn a_part_of_the_day_leaves_a_gap_that_is_reported() {
    let mut story = story(
        "kind: Rotation
id: shop-primary
team: shop
layers:
  - { name: office, members: [alice], time_zone: Europe/Rome, starts: 2026-01-05T09:00, hours: [mon-fri 09:00-17:00] }",
        "2026-03-02T18:00:00Z",
    );
    let said = cli(&story, &["oncall", "report", "--weeks", "1"]);
    assert!(said.contains("gap: shop-primary: nobody is on call from 2026-03-02T18:00:00Z until 2026-03-03T08:00:00Z"), "{said}");
    assert_eq!(said.matches("gap: ").count(), 6, "tonight, the three nights until Friday, the weekend, and Monday's end: {said}");
    let gaps = story.api("rotations/shop-primary/gaps?from=2026-03-06T12:00:00Z&until=2026-03-09T12:00:00Z");
    assert_eq!(gaps["items"][0]["from"], "2026-03-06T16:00:00Z", "{gaps}");
    assert_eq!(gaps["items"][0]["until"], "2026-03-09T08:00:00Z", "the weekend is one gap");
    assert_eq!(page(&mut story, "evening"), (0, 1), "the step that finds nobody is passed over");
}

/// The handoff stands at 02:30, which does not exist on 29 March: bob has it from the jump on, at 01:00 UTC.
/// Seen red with: a time in the gap taken an hour after the jump.
#[test]
fn in_the_night_without_half_past_two_the_right_person_is_paged() {
    let mut story = story(&WEEKLY.replace("starts: 2026-02-23T09:00", "turn: 1d\nstarts: 2026-03-28T02:30"), "2026-03-29T00:59:59Z");
    assert_eq!(page(&mut story, "before"), (1, 0));
    story.pass_seconds(1);
    assert_eq!(page(&mut story, "after"), (0, 1));
}

/// 02:30 comes twice on 25 October: the first time, at 00:30 UTC, is the handoff, and the second changes nothing.
/// Seen red with: the second of two half past twos taken.
#[test]
fn in_the_night_with_two_half_past_twos_the_first_counts() {
    let mut story = story(&WEEKLY.replace("starts: 2026-02-23T09:00", "turn: 1d\nstarts: 2026-10-24T02:30"), "2026-10-25T00:29:59Z");
    assert_eq!(page(&mut story, "before"), (1, 0));
    story.pass_seconds(1);
    assert_eq!(page(&mut story, "first"), (0, 1));
    let list = shifts(&story, "2026-10-25T00:30:00Z", "2026-10-26T12:00:00Z");
    assert_eq!(list[0], "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z bob", "a day of 25 hours");
}

/// On Christmas Day alice's office hours are off, and bob, who has the rest, is paged.
/// Seen red with: days off are not looked at.
#[test]
fn on_a_holiday_the_others_take_it() {
    let mut story = story(
        "kind: Calendar
id: italy
days: { 12-25: Natale }
---
kind: Rotation
id: shop-primary
team: shop
time_zone: Europe/Rome
layers:
  - { name: rest, members: [bob], starts: 2026-01-05T09:00 }
  - { name: office, members: [alice], starts: 2026-01-05T09:00, hours: [09:00-17:00], skip_holidays: [italy] }",
        "2026-12-24T15:00:00Z",
    );
    assert_eq!(page(&mut story, "eve"), (1, 0), "16:00 on Christmas Eve");
    story.pass_minutes(24 * 60);
    assert_eq!(page(&mut story, "christmas"), (0, 1));
}

/// The last day of the month, also where it is the 29th of February.
/// Seen red with: the last day of the month taken for the 31st.
#[test]
fn the_month_ends_when_it_ends() {
    let story = story(
        "kind: Rotation
id: shop-primary
team: shop
layers:
  - { name: months, members: [alice, bob], starts: 2028-01-31T09:00, handoffs: FREQ=MONTHLY;BYMONTHDAY=-1 }",
        "2028-02-01T00:00:00Z",
    );
    let list = shifts(&story, "2028-02-01T00:00:00Z", "2028-05-01T00:00:00Z");
    assert_eq!(
        list,
        [
            "2028-02-01T00:00:00Z 2028-02-29T09:00:00Z alice",
            "2028-02-29T09:00:00Z 2028-03-31T09:00:00Z bob",
            "2028-03-31T09:00:00Z 2028-04-30T09:00:00Z alice",
            "2028-04-30T09:00:00Z 2028-05-01T00:00:00Z bob",
        ]
    );
}

/// Bob has the weekends, from Friday evening to Monday morning, over alice's every day.
/// Seen red with: the first layer that is on wins; hours that end at midnight.
#[test]
fn the_weekend_is_somebody_elses() {
    let mut story = story(
        "kind: Rotation
id: shop-primary
team: shop
time_zone: Europe/Rome
layers:
  - { name: week, members: [alice], starts: 2026-01-05T09:00 }
  - { name: weekend, members: [bob], starts: 2026-01-05T09:00, hours: [\"fri 17:00 - mon 09:00\"] }",
        "2026-03-27T15:59:59Z",
    );
    assert_eq!(page(&mut story, "friday"), (1, 0));
    story.pass_seconds(1);
    assert_eq!(page(&mut story, "evening"), (0, 1), "17:00 on Friday");
    let list = shifts(&story, "2026-03-27T16:00:00Z", "2026-03-30T12:00:00Z");
    assert_eq!(list[0], "2026-03-27T16:00:00Z 2026-03-30T07:00:00Z bob", "summer time began in between");
    let now = story.api("on-call");
    let layers: Vec<&str> = now["items"][0]["layers"].as_array().unwrap().iter().map(|l| l["now"].as_str().unwrap_or("off")).collect();
    assert_eq!((layers, now["items"][0]["now"].as_str()), (vec!["alice", "bob"], Some("bob")));
}

/// Alice asks bob to take Thursday morning; he accepts, and the page is his. A second acceptance is refused.
/// Seen red with: a swap that is said to be done and gives the shift to nobody; a swap with oneself.
#[test]
fn a_swap_is_asked_and_accepted() {
    let mut story = story(WEEKLY, "2026-02-24T08:00:00Z");
    let ask = ["oncall", "swap", "ask", "shop-primary", "--user", "alice", "--from", "2026-02-26T08:00:00Z"];
    let said = cli(&story, &[&ask[..], &["--until", "2026-02-26T12:00:00Z", "--reason", "dentist"]].concat());
    assert!(said.contains("asked"), "{said}");
    let id = story.api("swaps")["items"][0]["id"].as_u64().unwrap().to_string();
    let (said, ok) = story.server.cli(&["oncall", "swap", "accept", &id, "--user", "alice"]);
    assert!(!ok && said.contains("their own shift"), "{said}");
    assert!(cli(&story, &["oncall", "swap", "accept", &id, "--user", "bob"]).contains("done"));
    let (said, ok) = story.server.cli(&["oncall", "swap", "accept", &id, "--user", "bob"]);
    assert!(!ok && said.contains("over"), "{said}");
    let list = shifts(&story, "2026-02-26T00:00:00Z", "2026-02-27T00:00:00Z");
    assert_eq!(list[1], "2026-02-26T08:00:00Z 2026-02-26T12:00:00Z bob");
    story.pass_minutes(2 * 24 * 60 + 60);
    assert_eq!(page(&mut story, "db"), (0, 1));
}

/// Where the rotation wants it, nothing changes hands before an administrator approves.
/// Seen red with: a swap that does not wait for approval.
#[test]
fn a_swap_may_need_approval() {
    let story = story(&format!("{WEEKLY}\nswaps: approve"), "2026-02-24T08:00:00Z");
    let time = ["--from", "2026-02-26T08:00:00Z", "--until", "2026-02-26T12:00:00Z"];
    cli(&story, &[&["oncall", "swap", "ask", "shop-primary", "--user", "alice"], &time[..]].concat());
    let id = story.api("swaps")["items"][0]["id"].as_u64().unwrap().to_string();
    let (_, ok) = story.server.cli(&["oncall", "swap", "approve", &id]);
    assert!(!ok, "nobody has accepted it");
    assert!(cli(&story, &["oncall", "swap", "accept", &id, "--user", "bob"]).contains("accepted"));
    assert_eq!(shifts(&story, "2026-02-26T08:00:00Z", "2026-02-26T12:00:00Z").len(), 1);
    assert!(shifts(&story, "2026-02-26T08:00:00Z", "2026-02-26T12:00:00Z")[0].ends_with("alice"));
    assert!(cli(&story, &["oncall", "swap", "approve", &id]).contains("done"));
    assert!(shifts(&story, "2026-02-26T08:00:00Z", "2026-02-26T12:00:00Z")[0].ends_with("bob"));
    // Somebody else's shift cannot be given away.
    let (status, problem) = story.api_post(
        "swaps",
        &json!({ "rotation": "shop-primary", "user": "alice", "from": "2026-03-04T08:00:00Z", "until": "2026-03-04T12:00:00Z" }),
    );
    assert_eq!(status, 422, "{problem}");
}

/// An override for which nobody was found stays red and in the report, and until somebody takes it the page goes to whose turn it is.
/// Seen red with: an override without a person puts nobody on call.
#[test]
fn an_override_that_nobody_took_is_reported_and_pages_all_the_same() {
    let mut story = story(WEEKLY, "2026-02-24T08:00:00Z");
    let time = ["--from", "2026-02-24T09:00:00Z", "--until", "2026-02-24T12:00:00Z"];
    cli(&story, &[&["oncall", "override", "shop-primary", "nobody"], &time[..]].concat());
    let said = cli(&story, &["oncall", "report", "--weeks", "1"]);
    assert!(said.contains("an override that nobody has taken from 2026-02-24T09:00:00Z until 2026-02-24T12:00:00Z"), "{said}");
    story.pass_minutes(60);
    assert_eq!(page(&mut story, "db"), (1, 0), "alice goes on until somebody takes it");
    cli(&story, &["oncall", "assign", "1", "bob"]);
    assert!(!cli(&story, &["oncall", "report", "--weeks", "1"]).contains("nobody has taken"));
    assert_eq!(page(&mut story, "db2"), (0, 1));
}

/// Bob takes it now, until alice's week ends.
/// Seen red with: a rotation taken for an hour instead of until the shift ends.
#[test]
fn somebody_takes_it_now() {
    let mut story = story(WEEKLY, "2026-02-24T08:00:00Z");
    let said = cli(&story, &["oncall", "take", "shop-primary", "--user", "bob"]);
    assert!(said.contains("bob has shop-primary until Mon 2 Mar 2026 09:00 CET"), "{said}");
    assert_eq!(page(&mut story, "db"), (0, 1));
}

/// One person in two rotations at one time is told, and so is one with more than their share of the hours; an even share is not.
/// Seen red with: two rotations at once are not told; unfair loads are not told.
#[test]
fn two_places_at_once_and_too_many_hours_are_told() {
    let two = format!(
        "{WEEKLY}\n---\nkind: Rotation\nid: shop-second\nteam: shop\nmembers: [alice, bob, alice, bob]\ntime_zone: Europe/Rome\nstarts: 2026-02-23T09:00"
    );
    let story = story(&two, "2026-02-24T08:00:00Z");
    let said = cli(&story, &["oncall", "report", "--weeks", "2"]);
    assert!(
        said.contains("twice: alice is on call in shop-primary and shop-second from 2026-02-24T08:00:00Z until 2026-03-02T08:00:00Z"),
        "{said}"
    );
    assert!(!said.contains("unfair"), "{said}");
    // For four weeks alice has shop-primary, bob's turns too.
    let time = ["--from", "2026-02-24T09:00:00Z", "--until", "2026-03-24T09:00:00Z"];
    cli(&story, &[&["oncall", "override", "shop-primary", "alice"], &time[..]].concat());
    let said = cli(&story, &["oncall", "report", "--weeks", "4"]);
    assert!(said.contains("unfair: shop-primary: alice has"), "{said}");
}

/// A calendar program sees the shifts that the API lists, under ids that stay; and nothing after the feed was withdrawn.
/// Seen red with: ids that are new at each look; a withdrawn feed that still opens; shifts cut where the feed begins and ends.
#[test]
fn a_feed_lists_the_same_shifts() {
    let mut story = story(WEEKLY, "2026-02-24T08:00:00Z");
    let url = cli(&story, &["oncall", "feed", "rotation/shop-primary"]).trim().to_owned();
    let read = |story: &Story| {
        let answer = story.http.get(&url).send().unwrap();
        assert_eq!(answer.headers()["content-type"], "text/calendar; charset=utf-8");
        answer.text().unwrap()
    };
    let text = read(&story);
    assert!(text.lines().count() > 50 && !text.replace("\r\n", "").contains('\n'), "every line ends with CR and LF");
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "lines are folded");
    let value = |text: &str, name: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(name)).map(|rest| rest.trim_start_matches(':').to_owned()).collect()
    };
    let begins: Vec<String> = value(&text, "DTSTART");
    let compact = |line: &String| line[..20].replace(['-', ':'], "");
    let expected: Vec<String> = shifts(&story, "2026-03-02T08:00:00Z", "2026-04-20T07:00:00Z").iter().map(compact).collect();
    assert_eq!(expected.len(), 7, "a week each");
    for begin in &expected {
        assert!(begins.contains(begin), "{begin} in {begins:?}");
    }
    let ids = value(&text, "UID");
    story.pass_minutes(24 * 60);
    let again = value(&read(&story), "UID");
    assert!(ids.len() > 25 && ids.iter().all(|id| again.contains(id)), "{ids:?} {again:?}");
    let feed = story.api("feeds")["items"][0]["id"].as_str().unwrap().to_owned();
    let gone = story.http.delete(story.server.url(&format!("/api/v1/feeds/{feed}"))).bearer_auth(story.server.token()).send().unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(story.http.get(&url).send().unwrap().status(), 404);
}
