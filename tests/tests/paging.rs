//! How people are paged: by their own policies, again and again, by another way when one fails, about several things at once; and how it
//! is known beforehand that it works.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::{Crew, Story};
use serde_json::{Value, json};

/// Alice's phone by day; her loud one by night; and it goes on ringing.
const NIGHTS: &str = "handoff_notices: false
paging:
  repeat_after: 15m
  primary:
    - by: [ntfy]
  custom:
    - name: night
      when: { hours: 22:00-07:00 }
      steps:
        - by: [loud]
        - { after: 2m, by: [loud, ntfy] }";

fn open_by_host(story: &Story) -> Vec<Value> {
    let all = story.api("incidents?open=true");
    all["items"].as_array().unwrap().iter().filter(|i| i["team"] == "").cloned().collect()
}

fn counts(story: &Story, people: &[&str]) -> Vec<usize> {
    people.iter().map(|person| story.rings(person).len()).collect()
}

/// At four in the morning in Rome it is the loud phone; at ten it is the quiet one.
/// Seen red with: custom policies are not looked at; the hours read in another zone than the person's.
#[test]
fn the_night_is_not_the_day() {
    let mut story = Crew { alice: NIGHTS, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [0, 1]);
    story.pass_seconds(120);
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [1, 2], "the second step of her night");
    let told = story.timeline(1).join("\n");
    assert!(told.contains("Paged alice by webhook (step 1, policy night)"), "{told}");
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.pass_minutes(6 * 60);
    story.victorops("CRITICAL", "web", json!({}));
    story.settle();
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [2, 2], "by day nothing is loud");
}

/// Fifteen minutes after each message comes the next, until she answers; then none.
/// Seen red with: the last step is not repeated; a claim that does not look whether somebody answered.
#[test]
fn the_last_step_repeats_until_somebody_answers() {
    let policy = "steps:\n  - page: [user/alice]\nrepeat_after: 20h";
    let mut story = Crew { alice: NIGHTS, policy, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.pass_minutes(2);
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [1, 2]);
    story.pass_seconds(15 * 60 - 1);
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [1, 2], "not a second early");
    story.pass_seconds(1);
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [2, 3]);
    story.server.kill_and_start();
    story.pass_minutes(15);
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [3, 4], "restarts change nothing");
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.pass_minutes(60);
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [3, 4], "she answered");
    let loud = story.rings("alice-loud");
    let keys: std::collections::BTreeSet<_> = loud.iter().map(|ring| ring.header("idempotency-key").expect("a key")).collect();
    assert_eq!(keys.len(), 4, "every repetition is a message of its own: {keys:?}");
}

/// The policy pages her anew: the old page's repetitions make room, so that they do not pile up.
/// Seen red with: repetitions of an old page that go on beside the new one's.
#[test]
fn a_new_page_takes_the_place_of_the_old_ones_repetitions() {
    let policy = "steps:\n  - page: [user/alice]\n  - { after: 20m, page: [user/alice] }\nrepeat_after: 20h";
    let alice = "paging:\n  repeat_after: 15m\n  primary: [{ by: [ntfy] }]";
    let mut story = Crew { alice, policy, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.pass_minutes(20);
    assert_eq!(counts(&story, &["alice"]), [3], "at once, after 15 min, and the second step");
    story.pass_minutes(15);
    assert_eq!(counts(&story, &["alice"]), [4], "one repetition in a quarter of an hour, not two");
    let told = story.timeline(1).join("\n");
    assert!(told.contains("left out: another page took its place"), "{told}");
}

/// What was due later is left out once she answers.
/// Seen red with: a claim that does not look whether somebody answered.
#[test]
fn an_answer_stops_the_steps_to_come() {
    let mut story = Crew { alice: NIGHTS, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let link = Story::link_in(&story.rings("alice-loud")[0]);
    assert_eq!(story.press(&link, "acknowledge"), 303);
    story.pass_minutes(60);
    assert_eq!(counts(&story, &["alice", "alice-loud", "bob"]), [0, 1, 0]);
}

/// A step that ignores custom paging rings the phone that she has by day.
/// Seen red with: a step's `ignore_custom_paging` is not looked at.
#[test]
fn a_policy_may_ignore_custom_paging() {
    let policy = "ignore_custom_paging: true\nsteps:\n  - page: [user/alice]";
    let mut story = Crew { alice: NIGHTS, policy, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [1, 0]);
}

/// The channel reports what arrives. It reports nothing for a minute: the next way at once, and one incident about the channel.
/// Seen red with: a provider that takes a page is believed.
#[test]
fn a_provider_that_says_nothing_is_one_that_failed() {
    let mut story = Crew { ntfy: "receipt_within: 60s", ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.pass_seconds(59);
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [1, 0]);
    story.pass_seconds(1);
    assert_eq!(counts(&story, &["alice", "alice-loud"]), [1, 1], "her second contact would wait a day");
    let told = story.timeline(1).join("\n");
    assert!(told.contains("ntfy could not reach alice after all: no report within 60 s that it arrived"), "{told}");
    assert_eq!(open_by_host(&story).len(), 1, "one incident about the channel");
}

/// A silent provider takes every message, and that is no sign that it works: its incident stays the one that it was until something arrives.
/// Planted bug: what was taken counted as arrived, and 19 minutes after the last failure the page of the policy's second round resolved it.
#[test]
fn what_a_silent_provider_takes_does_not_end_its_incident() {
    let policy = "steps:\n  - page: [user/alice]\nrepeat: 5\nrepeat_after: 20m";
    let mut story = Crew { ntfy: "receipt_within: 60s", policy, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.pass_minutes(42);
    assert_eq!(counts(&story, &["alice"]), [3], "at once and in each round");
    let all = story.api("incidents");
    let by_host: Vec<_> = all["items"].as_array().unwrap().iter().filter(|i| i["team"] == "").collect();
    assert_eq!(by_host.len(), 1, "{by_host:?}");
    assert_eq!((&by_host[0]["status"], &by_host[0]["title"]), (&json!("firing"), &json!("Pages by ntfy cannot be delivered")));
}

/// A code goes to the phone; typed in, it proves that somebody reads there. A wrong one does not.
/// Seen red with: any code will do; a code that is good again and again.
#[test]
fn a_contact_is_verified_by_a_code() {
    let mut story = Crew::default().story();
    let (status, said) = story.api_post("me/contacts/1/test", &json!({}));
    assert_eq!(status, 202, "{said}");
    story.settle();
    let body = story.rings("alice")[0].body.clone();
    let code: String =
        body.as_bytes().windows(6).find(|w| w.iter().all(u8::is_ascii_digit)).map(|w| String::from_utf8_lossy(w).into()).unwrap();
    let (status, _) = story.api_post("me/contacts/1/test", &json!({}));
    assert_eq!(status, 409, "not every second");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let (status, said) = story.api_post("me/contacts/1/verify", &json!({ "code": wrong }));
    assert!(status == 422 && said["remedy"].as_str().unwrap().contains("4 tries"), "{said}");
    assert_eq!(story.api("contacts")["items"][0]["verified_at"], Value::Null);
    let (said, ok) = story.server.cli(&["contact", "verify", "1", &code]);
    assert!(ok, "{said}");
    let (said, ok) = story.server.cli(&["contact", "list"]);
    assert!(ok && said.contains("verified 2026-03-02") && said.contains("unverified"), "{said}");
    let (status, _) = story.api_post("me/contacts/1/verify", &json!({ "code": code }));
    assert_eq!(status, 422, "a code is good once");
}

/// Somebody's phone is dead. Nobody knows, until the monthly trial: one incident, for the person's team.
/// Seen red with: a trial that fails is taken for one that went well.
#[test]
fn the_monthly_self_test_finds_a_dead_phone() {
    let policy = "steps:\n  - page: [user/alice]\nrepeat_after: 700h";
    let mut story = Crew { settings: "self_test: monthly", policy, ..Crew::default() }.story();
    story.phones.break_topic("carol", 403);
    story.pass_minutes(32 * 24 * 60);
    let told = |person: &str| story.rings(person).iter().filter(|r| r.body.contains("Self-test")).count();
    assert!(told("bob") >= 1 && told("bob") <= 2, "once a month: {}", told("bob"));
    let found = open_by_host(&story);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["title"], "carol cannot be reached by ntfy");
    let id = found[0]["id"].as_u64().unwrap();
    let lines = story.timeline(id).join("\n");
    assert!(lines.contains("Routed to policy shop"), "her team's policy: {lines}");
    let (said, ok) = story.server.cli(&["contact", "list"]);
    assert!(ok && said.contains("FAILING"), "{said}");
    story.phones.mend();
    let (said, ok) = story.server.cli(&["contact", "test", "--all"]);
    assert!(ok && said.contains("5 contacts are being tried"), "{said}");
    story.settle();
    assert!(open_by_host(&story).is_empty(), "it works again, and the incident is over");
}

/// At nine on Monday Alice hears that her week is over, and Bob that his has begun; once, whatever is restarted.
/// Seen red with: a restart tells it again.
#[test]
fn a_handoff_is_told_once() {
    let mut story = Crew::default().story();
    story.settle();
    story.pass_seconds(5 * 3600 - 1);
    assert_eq!(counts(&story, &["alice", "bob"]), [0, 0]);
    story.pass_seconds(1);
    assert_eq!(counts(&story, &["alice", "bob", "carol"]), [1, 1, 0]);
    assert!(
        story.rings("bob")[0].body.contains("You are on call for shop-primary until Mon 9 Mar, 09:00"),
        "{}",
        story.rings("bob")[0].body
    );
    assert!(story.rings("alice")[0].body.contains("bob is on call now"));
    story.pass_minutes(10);
    story.server.kill_and_start();
    story.pass_minutes(60);
    assert_eq!(counts(&story, &["alice", "bob"]), [1, 1]);
}

/// The rotation is turned round in the documents: both hear of it at once, with no time passing. Planted bug: a configuration that came into
/// force woke nobody, and the notice waited for the next look at the rows.
#[test]
fn a_handoff_by_another_configuration_is_told_at_once() {
    let mut story = Crew::default().story();
    story.settle();
    let file = story.server.dir.join("config/people.yaml");
    let people = std::fs::read_to_string(&file).unwrap();
    let before = "team: shop\nmembers: [alice, bob, carol]\ntime_zone";
    assert!(people.contains(before));
    std::fs::write(&file, people.replace(before, &before.replace("alice, bob", "bob, alice"))).unwrap();
    let (said, ok) = story.server.cli(&["config", "apply", story.server.dir.join("config").to_str().unwrap()]);
    assert!(ok, "{said}");
    for _ in 0..200 {
        story.settle();
        if counts(&story, &["alice", "bob"]) == [1, 1] {
            break;
        }
        // By real time: the clock of the story stands still.
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(story.rings("bob")[0].body.contains("You are on call for shop-primary"), "{:?}", story.rings("bob"));
    assert!(story.rings("alice")[0].body.contains("bob is on call now"), "{:?}", story.rings("alice"));
}

/// Who does not want such messages gets none.
/// Seen red with: everybody gets them.
#[test]
fn handoff_notices_can_be_left_off() {
    let mut story = Crew { alice: "handoff_notices: false", ..Crew::default() }.story();
    story.settle();
    story.pass_minutes(6 * 60);
    assert_eq!(counts(&story, &["alice", "bob"]), [0, 1]);
}

/// Two incidents page each for itself; with the third within a minute one message names all three, and for a minute there is no other.
/// Seen red with: no minute between two messages about all; the bundle goes on after all of it was answered.
#[test]
fn three_incidents_are_one_page() {
    let mut story = Crew { team: "aggregate: true", ..Crew::default() }.story();
    for entity in ["db", "web", "queue", "cache", "mail"] {
        story.victorops("CRITICAL", entity, json!({ "entity_display_name": format!("{entity} is down") }));
        story.settle();
        story.pass_seconds(5);
    }
    let rings = story.rings("alice");
    assert_eq!(rings.len(), 3, "two alone, then one for all");
    let third = &rings[2].body;
    assert!(["db", "web", "queue"].iter().all(|entity| third.contains(entity)), "{third}");
    story.pass_seconds(44);
    assert_eq!(story.rings("alice").len(), 3);
    story.pass_seconds(10);
    let rings = story.rings("alice");
    assert_eq!(rings.len(), 4, "after a minute one message about the rest");
    assert!(rings[3].body.contains("cache") && rings[3].body.contains("mail"), "{}", rings[3].body);
    for id in 1..=5 {
        story.api_post(&format!("incidents/{id}/acknowledge"), &json!({}));
    }
    story.victorops("CRITICAL", "disk", json!({}));
    story.settle();
    assert_eq!(story.rings("alice").len(), 5, "all were answered: the next pages for itself");
}

/// Without `aggregate` every incident pages for itself.
/// Seen red with: every team aggregates.
#[test]
fn without_aggregation_each_incident_pages() {
    let mut story = Crew::default().story();
    for entity in ["db", "web", "queue", "cache"] {
        story.victorops("CRITICAL", entity, json!({}));
    }
    story.settle();
    assert_eq!(story.rings("alice").len(), 4);
}
