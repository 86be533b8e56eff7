//! Silence, failing phones, restarts: the page goes on until somebody answers.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::{Crew, Story};
use serde_json::json;

fn kinds(story: &Story, incident: u64) -> Vec<String> {
    let lines = story.api(&format!("incidents/{incident}/timeline"));
    lines["items"].as_array().unwrap().iter().map(|l| l["kind"].as_str().unwrap().to_owned()).collect()
}

/// Each step at its time, twice round, then the default policy has been it all along: the last resort goes on every ten minutes.
#[test]
fn nobody_answers_and_the_paging_never_ends() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({ "entity_display_name": "Database is down" }));
    story.settle();
    assert_eq!((story.rings("alice").len(), story.rings("bob").len()), (1, 0));
    story.pass_seconds(299);
    assert_eq!(story.rings("bob").len(), 0, "not a second early");
    story.pass_seconds(1);
    assert_eq!(story.rings("bob").len(), 1, "bob after five minutes");
    story.pass_minutes(10);
    assert_eq!(story.rings("alice").len(), 2, "the policy begins again ten minutes after its last step");
    story.pass_minutes(5);
    assert_eq!(story.rings("bob").len(), 2);
    let (alice, bob) = (story.rings("alice").len(), story.rings("bob").len());
    story.pass_minutes(60);
    assert!(story.rings("alice").len() > alice && story.rings("bob").len() > bob, "an exhausted policy is not the end");
    assert!(kinds(&story, 1).contains(&"exhausted".to_owned()));
}

/// A timer survives a kill: due while nobody ran, it is done at the start.
#[test]
fn a_timer_survives_a_restart() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.server.kill_and_start();
    story.pass_minutes(4);
    assert!(story.rings("bob").is_empty());
    story.server.kill_and_start();
    story.pass_minutes(1);
    assert_eq!(story.rings("bob").len(), 1, "five minutes are five minutes, restarts or not");
    assert_eq!(story.rings("alice").len(), 1, "and nobody is paged twice for it");
}

/// ntfy refuses for good: mail was sent anyway, and the failure is on the timeline with an incident about the channel.
#[test]
fn the_next_contact_is_used_when_one_fails() {
    let mut story = Story::two_people();
    story.phones.break_topic("bob", 403);
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.pass_minutes(5);
    assert!(story.rings("bob").is_empty());
    assert_eq!(story.mail.to("bob@example.org").len(), 1, "bob's mail would wait two minutes; his failed phone brings it forward");
    let told = story.timeline(1).join("\n");
    assert!(told.contains("bob") && kinds(&story, 1).contains(&"delivery-failed".to_owned()), "{told}");
    let own = story.api("incidents?open=true")["items"].as_array().unwrap().iter().filter(|i| i["team"] == "").count();
    assert_eq!(own, 1, "one incident about the failing channel");
}

/// A provider that is down for a while is tried again with the same idempotency key, and the page arrives once.
#[test]
fn a_provider_that_is_down_is_tried_again() {
    let mut story = Story::two_people();
    let path = format!("/integrations/generic/20131114/alert/{}/platform", story.server.key("shop-victorops"));
    story.phones.break_topic("carol", 503);
    story.post(&path, &json!({ "message_type": "CRITICAL", "entity_id": "node" }));
    story.settle();
    assert!(story.rings("carol").is_empty());
    let told = story.timeline(1).join("\n");
    assert!(told.contains("webhook could not reach carol yet and tries again"), "a failure is said at once: {told}");
    story.pass_seconds(65);
    let told = story.timeline(1).join("\n");
    assert!(told.contains("No contact of carol works: the next step comes early"), "the second failure is no hiccup: {told}");
    assert!(!story.rings("alice").is_empty(), "so somebody else hears of it");
    story.phones.mend();
    story.pass_minutes(3);
    let tried: Vec<_> = story.phones.all().into_iter().filter(|r| r.topic == "carol").collect();
    assert!(tried.len() >= 2, "tried again");
    assert_eq!(story.rings("carol").len(), 1);
    let keys: std::collections::BTreeSet<_> = tried.iter().map(|r| r.header("idempotency-key").map(str::to_owned)).collect();
    assert_eq!(keys.len(), 1, "the same key at every try: {keys:?}");
}

/// An acknowledged incident pages again only when it gets worse.
#[test]
fn only_a_worse_severity_pages_again() {
    let mut story = Story::two_people();
    story.victorops("WARNING", "db", json!({ "service": "orders" }));
    story.settle();
    assert_eq!(story.rings("alice").len(), 1);
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.victorops("WARNING", "db", json!({ "service": "orders" }));
    story.pass_minutes(30);
    assert_eq!(story.rings("alice").len(), 1);
    story.victorops("CRITICAL", "db", json!({ "service": "orders" }));
    story.settle();
    assert_eq!(story.incident(1)["status"], "firing");
    assert_eq!(story.rings("alice").len(), 2, "it got worse");
}

fn counts(story: &Story, people: &[&str]) -> Vec<usize> {
    people.iter().map(|person| story.rings(person).len()).collect()
}

/// Page the first, five minutes of silence, page the second, and she answers.
#[test]
fn silence_brings_in_the_second() {
    let mut story = Crew::default().story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.pass_minutes(5);
    assert_eq!(counts(&story, &["alice", "bob"]), [1, 1]);
    let link = Story::link_in(&story.rings("bob")[0]);
    assert_eq!(story.press(&link, "acknowledge"), 303);
    story.pass_minutes(120);
    assert_eq!(counts(&story, &["alice", "bob"]), [1, 1]);
    assert_eq!(story.incident(1)["status"], "acknowledged");
}

/// Three incidents go to three people, in turn, over a restart; the fourth begins again.
#[test]
fn those_of_a_step_take_turns() {
    let policy = "steps:\n  - { round_robin: true, page: [user/alice, user/bob, user/carol] }\nrepeat_after: 20h";
    let mut story = Crew { policy, ..Crew::default() }.story();
    for (entity, paged) in [("a", [1, 0, 0]), ("b", [1, 1, 0]), ("c", [1, 1, 1]), ("d", [2, 1, 1])] {
        story.victorops("CRITICAL", entity, json!({}));
        story.settle();
        assert_eq!(counts(&story, &["alice", "bob", "carol"]), paged, "{entity}");
        story.server.kill_and_start();
    }
}

/// On weekdays Bob, on weekends Alice: the step that is not for now is skipped at once, and said.
#[test]
fn a_step_for_the_weekend() {
    let policy = "steps:\n  - { when: { weekdays: [sat, sun], time_zone: Europe/Rome }, page: [user/alice] }\n  \
                  - { after: 10m, page: [user/bob] }\nrepeat_after: 20h";
    let alice = "handoff_notices: false";
    let mut story = Crew { policy, alice, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(counts(&story, &["alice", "bob"]), [0, 1], "nobody waits for a step that is not taken");
    let told = story.timeline(1).join("\n");
    assert!(told.contains("Step 1 of policy shop skipped: it is for Sat, Sun"), "{told}");
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.pass_minutes(5 * 24 * 60);
    let bob = story.rings("bob").len();
    story.victorops("CRITICAL", "web", json!({}));
    story.settle();
    assert_eq!((story.rings("alice").len(), story.rings("bob").len()), (1, bob), "Saturday morning");
}

/// What is only a warning wakes nobody's second.
#[test]
fn a_step_for_the_worst() {
    let policy = "steps:\n  - page: [user/alice]\n  - { after: 5m, when: { severities: [critical] }, page: [user/bob] }\n  \
                  - { after: 5m, page: [user/carol] }\nrepeat_after: 20h";
    let mut story = Crew { policy, ..Crew::default() }.story();
    story.victorops("WARNING", "disk", json!({}));
    story.settle();
    story.pass_minutes(5);
    assert_eq!(counts(&story, &["alice", "bob", "carol"]), [1, 0, 1]);
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    story.pass_minutes(5);
    assert_eq!(counts(&story, &["alice", "bob", "carol"]), [2, 1, 1]);
}

/// No condition of the policy holds: the incident is nobody's only for an instant.
#[test]
fn conditions_that_leave_out_everybody_lead_to_the_default() {
    let policy = "steps:\n  - { when: { severities: [info] }, page: [user/alice] }\n  - { when: { hours: 12:00-13:00 }, page: [user/bob] }";
    let mut story = Crew { policy, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(counts(&story, &["alice", "bob"]), [0, 0]);
    assert_eq!(story.mail.to("dora@example.org").len(), 1, "the installation's default policy");
    let told = story.timeline(1).join("\n");
    assert!(told.contains("Policy shop means nobody now"), "{told}");
}

/// Bob comes after Alice, and Carol was before her.
#[test]
fn the_neighbours_of_a_rotation() {
    let policy = "steps:\n  - page: [rotation/shop-primary]\n  - { after: 5m, page: [next/shop-primary] }\n  \
                  - { after: 5m, page: [previous/shop-primary] }\nrepeat_after: 20h";
    let mut story = Crew { policy, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(counts(&story, &["alice", "bob", "carol"]), [1, 0, 0]);
    story.pass_minutes(5);
    assert_eq!(counts(&story, &["alice", "bob", "carol"]), [1, 1, 0]);
    story.pass_minutes(5);
    assert_eq!(counts(&story, &["alice", "bob", "carol"]), [1, 1, 1]);
}

/// A step tells a mailbox and a hook that are nobody's, and goes on to a person all the same.
#[test]
fn a_mailbox_and_a_hook_are_told() {
    let policy = "steps:\n  - page: [mail/noc@example.org, webhook/PHONES/hook]\n  - { after: 5m, page: [user/bob] }";
    let mut story = Crew { policy, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({ "entity_display_name": "Database is down" }));
    story.settle();
    let mails = story.mail.to("noc@example.org");
    assert!(mails.len() == 1 && mails[0].readable().contains("Database is down"), "{mails:?}");
    assert_eq!(counts(&story, &["hook", "bob"]), [1, 0]);
    assert!(!mails[0].readable().contains("/l/"), "nobody in particular answers: there is no link that acts as somebody");
    story.pass_minutes(5);
    assert_eq!(counts(&story, &["hook", "bob"]), [1, 1]);
}

/// The hook refuses, and nobody else hears of the step: the next comes at once.
#[test]
fn a_dead_address_brings_the_next_step_forward() {
    let policy = "steps:\n  - page: [webhook/PHONES/hook]\n  - { after: 30m, page: [user/bob] }";
    let mut story = Crew { policy, ..Crew::default() }.story();
    story.phones.break_topic("hook", 403);
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(counts(&story, &["hook", "bob"]), [0, 1]);
}

/// What recovers within the waiting time wakes nobody; what does not, does.
#[test]
fn a_waiting_room_lets_it_recover() {
    let policy = "steps:\n  - { after: 5m, page: [user/alice] }\nrepeat_after: 20h";
    let mut story = Crew { policy, ..Crew::default() }.story();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let told = story.timeline(1).join("\n");
    assert!(told.contains("Policy shop waits 5 min before anybody is paged"), "{told}");
    story.pass_minutes(4);
    story.victorops("RECOVERY", "db", json!({}));
    story.victorops("CRITICAL", "web", json!({}));
    story.settle();
    story.pass_minutes(4);
    assert_eq!(counts(&story, &["alice"]), [0]);
    story.pass_minutes(1);
    assert_eq!(counts(&story, &["alice"]), [1], "the other one did not recover");
}
