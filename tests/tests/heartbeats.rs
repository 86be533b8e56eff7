//! Silence that should not be: signs of life that stay away.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use reveille_tests::story::Setting;
use serde_json::{Value, json};

/// The backup of the shop says every ten minutes that it is alive.
const BACKUP: &str = "kind: Heartbeat\nid: backup\nteam: shop\nevery: 10m\ngrace: 1m\nseverity: error\n";
const WATCHDOG: &str = "kind: Heartbeat\nid: prometheus\nteam: shop\nevery: 5m\nalerts: ['alertname=\"Watchdog\"']\n";

fn with(text: &str) -> Story {
    Story::with(Setting { documents: vec![("beats.yaml".into(), text.into())], ..Default::default() })
}

fn ping(story: &Story, name: &str) -> u16 {
    let path = format!("/heartbeat/{}/{name}", story.server.key("shop-victorops"));
    story.http.get(story.server.url(&path)).send().unwrap().status().as_u16()
}

fn watchdog(story: &Story) {
    let path = format!("/am/{}/api/v2/alerts", story.server.key("shop-alertmanager"));
    // Whatever its rule says: with `none` no incident would open anyway.
    let alert = json!([{ "labels": { "alertname": "Watchdog", "severity": "critical" }, "startsAt": "2026-03-02T02:00:00Z" }]);
    assert_eq!(story.post(&path, &alert).status(), 200);
}

/// Seen red with: the grace is left out; nobody is told that it is back; the timeline says that a stage failed.
#[test]
fn a_missed_heartbeat_pages_its_team_and_the_next_one_resolves_it() {
    let mut story = with(BACKUP);
    assert_eq!(ping(&story, "backup"), 200);
    story.pass_minutes(9);
    assert_eq!(ping(&story, "backup"), 200);
    story.pass_minutes(10);
    assert!(story.rings("alice").is_empty(), "one minute of grace");
    story.pass_minutes(2);
    assert_eq!(story.rings("alice").len(), 1);
    let incident = story.incident(1);
    assert_eq!((&incident["team"], &incident["severity"]), (&json!("shop"), &json!("error")), "{incident}");
    assert!(incident["title"].as_str().unwrap().contains("Heartbeat backup stays away: nothing since 2026-03-02T03:09:00Z"), "{incident}");
    assert_eq!(ping(&story, "backup"), 200);
    story.settle();
    assert!(story.timeline(1).join("\n").contains("by default: it is a heartbeat of team shop"), "{:#?}", story.timeline(1));
    assert_eq!(story.incident(1)["status"], "resolved");
    story.pass_minutes(12);
    assert_eq!(story.api("incidents")["items"].as_array().unwrap().len(), 2, "missed again is an incident again");
}

/// Seen red with: a heartbeat is expected only once it came.
#[test]
fn a_heartbeat_that_never_came_is_missed_too() {
    let mut story = with(BACKUP);
    story.pass_minutes(12);
    assert_eq!(story.rings("alice").len(), 1);
}

/// Seen red with: a ping that is answered and not noted.
#[test]
fn opsgenies_clients_ping_as_ever() {
    let mut story = with(BACKUP);
    let url = story.server.url("/v2/heartbeats/backup/ping");
    let key = format!("GenieKey {}", story.server.key("shop-victorops"));
    for (method, minutes) in [("GET", 9), ("PUT", 9), ("POST", 9)] {
        story.pass_minutes(minutes);
        let method = method.parse().unwrap();
        let answer = story.http.request(method, &url).header("authorization", &key).send().unwrap();
        assert_eq!(answer.status(), 202);
        let answer: Value = answer.json().unwrap();
        assert_eq!(answer["result"], "PONG - Heartbeat received", "{answer}");
    }
    assert!(story.rings("alice").is_empty());
    let wrong = story.http.get(&url).header("authorization", "GenieKey wrong").send().unwrap();
    assert_eq!(wrong.status(), 422);
    let nobody = story.http.get(story.server.url("/v2/heartbeats/none/ping")).header("authorization", &key).send().unwrap();
    assert_eq!(nobody.status(), 404);
}

/// Seen red with: the watchdog goes on as an alert.
#[test]
fn the_watchdog_of_an_alertmanager_is_a_sign_of_life_and_no_alert() {
    let mut story = with(WATCHDOG);
    for _ in 0..3 {
        watchdog(&story);
        story.pass_minutes(4);
    }
    assert!(story.api("incidents")["items"].as_array().unwrap().is_empty(), "it opens nothing");
    story.pass_minutes(4);
    assert_eq!(story.rings("alice").len(), 1, "the Alertmanager is gone");
    assert!(story.rings("alice")[0].body.contains("prometheus"));
    watchdog(&story);
    story.settle();
    assert_eq!(story.incident(1)["status"], "resolved");
}

/// Seen red with: our own outage counts as the sender's silence.
#[test]
fn an_outage_of_ours_misses_no_heartbeat() {
    let mut story = with(BACKUP);
    assert_eq!(ping(&story, "backup"), 200);
    story.pass_minutes(4);
    story.server.outage_of_seconds(3600);
    story.settle();
    assert!(story.rings("alice").is_empty(), "nobody could ping while we were away");
    story.pass_minutes(5);
    assert!(story.rings("alice").is_empty(), "it has as long again as was left");
    story.pass_minutes(8);
    assert_eq!(story.rings("alice").len(), 1, "now it really stays away");
}

/// Seen red with: what is known of heartbeats is forgotten by a restart.
#[test]
fn what_was_missed_stays_missed_over_a_restart() {
    let mut story = with(BACKUP);
    story.pass_minutes(12);
    assert_eq!(story.rings("alice").len(), 1);
    story.server.kill_and_start();
    story.settle();
    assert_eq!(story.api("incidents")["items"].as_array().unwrap().len(), 1);
    assert_eq!(ping(&story, "backup"), 200);
    story.settle();
    assert_eq!(story.incident(1)["status"], "resolved");
}

/// Seen red with: the key of any team will do; a heartbeat's own policy is not looked at.
#[test]
fn a_heartbeat_takes_its_own_policy_and_its_own_teams_keys_only() {
    let text =
        "kind: Heartbeat\nid: etl\nteam: shop\nevery: 10m\npolicy: platform\n---\nkind: Heartbeat\nid: theirs\nteam: platform\nevery: 1h\n";
    let mut story = with(text);
    assert_eq!(ping(&story, "theirs"), 404, "it is the platform's");
    let wrong = story.http.get(story.server.url("/heartbeat/wrong/etl")).send().unwrap();
    assert_eq!(wrong.status(), 401);
    story.pass_minutes(12);
    assert_eq!((story.rings("alice").len(), story.rings("carol").len()), (0, 1), "its own policy pages carol");
}

/// Seen red with: an incident that pages is a finding; pings that were missed are made up for; what fell due in an outage is told as late
/// at the start, before anybody could do it.
#[test]
fn the_auditor_pings_outside_every_minute_while_all_is_well_and_makes_up_for_none_that_it_missed() {
    let people = std::fs::read_to_string(reveille_tests::place::root().join("tests/config/people.yaml")).unwrap();
    let people = people.replace("kind: Settings\n", "kind: Settings\naudit_ping: PHONES/audit\n");
    let mut story = Story::with(Setting { documents: vec![("people.yaml".into(), people)], ..Default::default() });
    story.settle();
    let before = story.rings("audit").len();
    story.pass_minutes(5);
    assert_eq!(story.rings("audit").len(), before + 5);
    story.victorops("CRITICAL", "db", json!({}));
    story.pass_minutes(5);
    assert_eq!(story.rings("audit").len(), before + 10, "an incident that pages is well");
    story.api_post("incidents/1/acknowledge", &json!({}));
    story.settle();
    let down = story.rings("audit").len();
    story.server.outage_of_seconds(600);
    story.settle();
    assert_eq!(story.rings("audit").len(), down, "whoever waits for the pings saw that ten of them were missing");
    story.pass_minutes(5);
    assert_eq!(story.rings("audit").len(), down + 5, "it goes on after a restart, first a minute after it");
    let incidents = story.api("incidents").to_string();
    assert!(!incidents.contains("Something may not page"), "{incidents}");
}

/// The token that docs/operation.md has a watcher made.
fn watch_token(story: &Story) -> String {
    let (secret, ok) = story.server.cli(&["access", "token", "alice", "--scope", "roster"]);
    assert!(ok, "{secret}");
    secret.trim().to_owned()
}

/// One look of the watcher on the second host, so many seconds after the story's beginning.
fn watch(story: &Story, token: &str, seconds: i64, more: &[&str]) -> (String, bool) {
    let now = reveille_tests::story::MONDAY_NIGHT_MS + seconds * 1000;
    let out = std::process::Command::new(reveille_tests::place::program("reveille"))
        .current_dir(&story.server.dir)
        .env("REVEILLE_SIM_NOW_MS", now.to_string())
        .args(["watch", "--folder", "second-host"])
        .args(more)
        .args(["--server", &story.server.url(""), "--token", token])
        .output()
        .unwrap();
    (format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)), out.status.success())
}

/// Seen red with: a server that is gone for a moment is told; told at each look; `watch ack` changes nothing.
#[test]
fn the_watcher_on_a_second_host_pages_who_is_on_call_while_the_server_is_gone() {
    let mut story = Story::two_people();
    let port = story.phones.address.port();
    let channels = format!(
        "[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"Watch <watch@example.org>\"\n\n[[egress.allow]]\nhost = \"127.0.0.1\"\nports = [{port}]\nprivate = true\n",
        story.mail.port
    );
    std::fs::write(story.server.dir.join("watch.toml"), channels).unwrap();
    let token = watch_token(&story);
    let (said, ok) = watch(&story, &token, 0, &["--once"]);
    assert!(ok && said.is_empty(), "{said}");
    story.server.kill();
    for seconds in [30, 60, 140] {
        let (said, ok) = watch(&story, &token, seconds, &["--once"]);
        assert!(ok && said.is_empty(), "at {seconds} s it is not gone for two minutes: {said}");
    }
    let (said, ok) = watch(&story, &token, 160, &["--once"]);
    assert!(ok && said.contains("told alice"), "{said}");
    let rings = story.rings("alice");
    assert!(rings.len() == 1 && rings[0].body.contains("gives no good answer since 2026-03-02T03:00:30Z"), "{rings:?}");
    let (said, ok) = watch(&story, &token, 200, &["--once"]);
    assert!(ok && said.is_empty(), "not again before five minutes: {said}");
    let (said, ok) = watch(&story, &token, 470, &["--once"]);
    assert!(ok && said.contains("told alice"), "{said}");
    let (said, ok) = watch(&story, &token, 480, &["ack"]);
    assert!(ok, "{said}");
    let (said, ok) = watch(&story, &token, 1000, &["--once"]);
    assert!(ok && said.is_empty(), "somebody is on it: {said}");
    story.server.start();
    let (said, ok) = watch(&story, &token, 1100, &["--once"]);
    assert!(ok && said.contains("Reveille is back"), "{said}");
    assert_eq!(story.rings("alice").len(), 3);
}

/// Seen red with: the roster's signature is not looked at.
#[test]
fn the_watcher_takes_no_roster_that_somebody_changed() {
    let mut story = Story::two_people();
    std::fs::write(story.server.dir.join("watch.toml"), "").unwrap();
    let token = watch_token(&story);
    let (said, ok) = watch(&story, &token, 0, &["--once"]);
    assert!(ok, "{said}");
    let copy = story.server.dir.join("second-host/roster.json");
    let text = std::fs::read_to_string(&copy).unwrap();
    assert!(text.contains("alice"), "{text}");
    std::fs::write(&copy, text.replace("alice", "mallory")).unwrap();
    story.server.kill();
    watch(&story, &token, 30, &["--once"]);
    let (said, ok) = watch(&story, &token, 200, &["--once"]);
    assert!(!ok && said.contains("the roster's signature does not fit"), "{said}");
    assert!(story.rings("mallory").is_empty());
}
