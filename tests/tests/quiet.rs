//! What pages nobody, for how long, and what becomes of it then: silences, maintenance windows, inhibition.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use reveille_tests::story::Setting;
use serde_json::{Value, json};
use std::process::Command;

/// The story of two people with one document more.
fn with_document(text: &str) -> Story {
    Story::with(Setting { documents: vec![("quiet.yaml".into(), text.into())], ..Default::default() })
}

/// Makes a silence on the command line; its id.
fn silence(story: &Story, matcher: &str, rest: &[&str]) -> String {
    let (said, ok) = story.server.cli(&[&["silence", "add", "--matcher", matcher, "--purpose", "the database moves"], rest].concat());
    assert!(ok, "{said}");
    said.split_whitespace().nth(1).unwrap().to_owned()
}

/// The newest decision's outcome and reason.
fn newest_decision(story: &Story) -> Value {
    story.api("decisions")["items"][0].clone()
}

/// As Prometheus sends it: with labels, firing for the next week or over.
fn prometheus(story: &Story, labels: &Value, firing: bool) {
    let path = format!("/am/{}/api/v2/alerts", story.server.key("shop-alertmanager"));
    let ends = if firing { "2026-03-09T00:00:00Z" } else { "2026-03-02T02:59:30Z" };
    let alert = json!([{ "labels": labels, "startsAt": "2026-03-02T02:59:00Z", "endsAt": ends }]);
    let answer = story.post(&path, &alert);
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
}

/// Seen red with: a silenced alert is suppressed without an end, and nobody looks at it when the silence is over; a silence whose matchers
/// are not looked at.
#[test]
fn a_silence_mutes_and_pages_at_its_end_for_what_still_fires() {
    let mut story = Story::two_people();
    silence(&story, "entity=~\"db-.*\"", &["--for", "30m"]);
    story.victorops("CRITICAL", "db-1", json!({}));
    story.victorops("CRITICAL", "db-2", json!({}));
    story.victorops("CRITICAL", "web", json!({}));
    story.settle();
    assert_eq!(story.rings("alice").len(), 1, "only the web server pages");
    let told = story.api("decisions").to_string();
    assert!(told.contains("the database moves") && told.contains("suppressed"), "{told}");
    let (said, _) = story.server.cli(&["incident", "ack", "1"]);
    story.victorops("RECOVERY", "db-2", json!({}));
    story.pass_minutes(29);
    assert_eq!(story.rings("alice").len(), 1, "{said}");
    story.pass_minutes(2);
    assert_eq!(story.rings("alice").len(), 2, "the silence is over, and db-1 still fires");
    assert!(story.rings("alice")[1].body.contains("db-1"));
}

/// Seen red with: nobody looks at what is suppressed when a silence ends.
#[test]
fn a_silence_that_is_ended_early_pages_at_once_for_what_still_fires() {
    let mut story = Story::two_people();
    let id = silence(&story, "entity=db", &["--for", "8h"]);
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert!(story.rings("alice").is_empty());
    let (said, ok) = story.server.cli(&["silence", "end", &id]);
    assert!(ok, "{said}");
    story.settle();
    assert_eq!(story.rings("alice").len(), 1);
    let (list, _) = story.server.cli(&["silence", "list", "--all"]);
    assert!(list.contains("expired"), "{list}");
}

/// Seen red with: silences that live as long as the process.
#[test]
fn silences_hold_across_a_restart_and_so_does_their_end() {
    let mut story = Story::two_people();
    silence(&story, "entity=db", &["--for", "30m"]);
    story.server.kill_and_start();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert!(story.rings("alice").is_empty(), "it was silenced before the server was killed");
    // It ends while the server is away.
    story.server.outage_of_seconds(3600);
    story.settle();
    assert_eq!(story.rings("alice").len(), 1);
}

/// Two silences take over from each other: the alert sleeps through the seam.
/// Seen red with: the end of one silence does not ask whether another goes on.
#[test]
fn a_silence_that_is_prolonged_by_another_pages_only_when_both_are_over() {
    let mut story = Story::two_people();
    silence(&story, "entity=db", &["--for", "30m"]);
    story.victorops("CRITICAL", "db", json!({}));
    story.pass_minutes(20);
    silence(&story, "entity=~\"d.\"", &["--for", "30m"]);
    story.pass_minutes(15);
    assert!(story.rings("alice").is_empty(), "the first is over, the second holds");
    story.pass_minutes(20);
    assert_eq!(story.rings("alice").len(), 1);
}

/// What pages already goes on until it is reported next; then it waits, and nothing is lost.
/// Seen red with: an escalation that goes on though all its alerts are suppressed.
#[test]
fn a_silence_over_what_fires_already_says_so_and_holds_its_escalation_from_the_next_report_on() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(story.rings("alice").len(), 1);
    let (said, ok) = story.server.cli(&["silence", "add", "--matcher", "entity=db", "--for", "30m", "--purpose", "known"]);
    assert!(ok && said.contains("One alert that it matches fires already"), "{said}");
    story.victorops("CRITICAL", "db", json!({}));
    story.pass_minutes(20);
    assert!(story.rings("bob").is_empty(), "after five minutes bob would have been paged");
    story.pass_minutes(12);
    assert!(!story.rings("bob").is_empty(), "the silence is over and it still fires");
    let told = story.timeline(1).join("\n");
    assert!(told.contains("known") && told.contains("No longer suppressed"), "{told}");
}

/// In Rome it is Monday, 4 o'clock: the window of every Monday from 4 to 5 holds, and does again in a week.
/// Seen red with: a window's wall-clock time read as UTC; a window that does not come again.
#[test]
fn a_maintenance_window_comes_again_every_week_and_is_changed_in_its_document_only() {
    let mut story = with_document(
        "kind: Maintenance\nid: mondays\nmatchers: ['entity=db']\nowner: alice\npurpose: the weekly backup\ntime_zone: Europe/Rome\n\
         starts: 2026-02-23T04:00\nlasts: 1h\nrrule: FREQ=WEEKLY;BYDAY=MO\n",
    );
    story.victorops("CRITICAL", "db", json!({}));
    story.pass_minutes(59);
    assert!(story.rings("alice").is_empty());
    story.pass_minutes(2);
    assert_eq!(story.rings("alice").len(), 1, "it is five o'clock");
    story.victorops("RECOVERY", "db", json!({}));
    story.pass_minutes(7 * 24 * 60 - 30);
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!((story.rings("alice").len(), story.rings("bob").len()), (1, 0), "the next Monday, half past four");
    let (list, _) = story.server.cli(&["maintenance", "list"]);
    assert!(list.contains("maintenance/mondays") && list.contains("active"), "{list}");
    let (said, ok) = story.server.cli(&["silence", "end", "maintenance/mondays"]);
    assert!(!ok && said.contains("configuration document"), "{said}");
}

/// Taking the document away ends the window, as ending a silence does.
/// Seen red with: a new configuration wakes nobody who looks at what is suppressed.
#[test]
fn a_maintenance_window_that_is_taken_out_of_the_configuration_is_over() {
    let window = "kind: Maintenance\nid: now\nmatchers: ['entity=db']\nowner: alice\npurpose: a test\nstarts: 2026-03-02T02:00\nends: 2026-03-03T02:00\n";
    let mut story = with_document(window);
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert!(story.rings("alice").is_empty());
    let config = story.server.dir.join("config");
    std::fs::remove_file(config.join("quiet.yaml")).unwrap();
    let (said, ok) = story.server.cli(&["config", "apply", &config.display().to_string()]);
    assert!(ok, "{said}");
    story.settle();
    assert_eq!(story.rings("alice").len(), 1);
}

/// Seen red with: a preview that does not look at the window's times; entities counted once per report.
#[test]
fn a_preview_counts_what_a_silence_would_have_muted() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "db-1", json!({ "job": "checkout" }));
    story.victorops("CRITICAL", "db-2", json!({ "job": "checkout" }));
    story.victorops("CRITICAL", "db-1", json!({ "job": "checkout" }));
    story.victorops("CRITICAL", "web", json!({}));
    story.settle();
    let (said, ok) = story.server.cli(&["silence", "preview", "--matcher", "service=checkout", "--json"]);
    assert!(ok, "{said}");
    let found: Value = serde_json::from_str(&said).unwrap();
    // Three reports about two entities of one incident, about which alice was sent ntfy and mail.
    assert_eq!((&found["reports"], &found["entities"], &found["incidents"]), (&json!(3), &json!(2), &json!(1)), "{said}");
    assert_eq!((&found["services"], &found["pages"]), (&json!({ "checkout": 3 }), &json!(2)), "{said}");
    // A window in the past hour had nothing to mute; at any time it would have been the same three.
    let file = story.server.dir.join("window.yaml");
    let window =
        "kind: Maintenance\nid: w\nmatchers: ['service=checkout']\nowner: alice\npurpose: p\nstarts: 2026-03-02T01:00\nlasts: 1h\n";
    std::fs::write(&file, window).unwrap();
    let file = file.display().to_string();
    let (said, ok) = story.server.cli(&["maintenance", "preview", &file]);
    assert!(ok && said.contains("muted 0 reports"), "{said}");
    let (said, ok) = story.server.cli(&["maintenance", "preview", &file, "--any-time"]);
    assert!(ok && said.contains("muted 3 reports about 2 entities"), "{said}");
    assert!(story.rings("alice").len() == 2, "asking mutes nothing");
}

const CLUSTER: &str = "kind: Inhibition\nid: cluster\nsource: ['alertname=ClusterDown']\ntarget: ['alertname=PodDown']\nequal: [cluster]\n";

/// Seen red with: what fired as a source is forgotten by a restart; `equal` is not looked at; a source that recovers still inhibits.
#[test]
fn while_the_cluster_is_down_its_pods_page_nobody_and_afterwards_those_that_stay_down_do() {
    let mut story = with_document(CLUSTER);
    let cluster = json!({ "alertname": "ClusterDown", "cluster": "a", "severity": "critical" });
    let pod = |pod: &str, cluster: &str| json!({ "alertname": "PodDown", "pod": pod, "cluster": cluster, "severity": "critical" });
    prometheus(&story, &cluster, true);
    story.settle();
    assert_eq!(story.rings("alice").len(), 1);
    let (said, ok) = story.server.cli(&["incident", "ack", "1"]);
    assert!(ok, "{said}");
    prometheus(&story, &pod("a-1", "a"), true);
    story.settle();
    story.server.kill_and_start();
    prometheus(&story, &pod("a-2", "a"), true);
    prometheus(&story, &pod("a-1", "a"), true);
    story.settle();
    assert_eq!(story.rings("alice").len(), 1, "both follow from the cluster, also after a restart");
    let decision = newest_decision(&story).to_string();
    assert!(decision.contains("inhibition cluster"), "{decision}");
    prometheus(&story, &pod("b-1", "b"), true);
    story.settle();
    assert_eq!(story.rings("alice").len(), 2, "the other cluster is up");
    prometheus(&story, &pod("a-2", "a"), false);
    prometheus(&story, &cluster, false);
    story.settle();
    assert_eq!(story.rings("alice").len(), 3, "a-1 is still down, a-2 is not");
}

/// Runs Debian's amtool; what it printed and whether it succeeded.
fn amtool(url: &str, args: &[&str]) -> (String, bool) {
    let out = Command::new("amtool")
        .arg(format!("--alertmanager.url={url}"))
        .arg("--no-version-check")
        .args(args)
        .env("HOME", "/nonexistent")
        .output()
        .expect("Debian's package prometheus-alertmanager has amtool");
    (format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)), out.status.success())
}

fn token(story: &Story, user: &str, scope: &str) -> String {
    let (secret, ok) = story.server.cli(&["access", "token", user, "--scope", scope]);
    assert!(ok, "{secret}");
    secret.trim().to_owned()
}

/// In real time, since amtool shows only what is not over by its own clock. Whoever is on call then is paged.
/// Seen red with: a silence that is said to be ended and goes on; an alert that does not say which silence keeps it quiet.
#[test]
fn amtool_adds_alerts_silences_and_ends_silences() {
    let mut story = Story::with(Setting { real_time: true, ..Default::default() });
    let paged = |story: &Story| story.rings("alice").len() + story.rings("bob").len();
    let by_key = story.server.url(&format!("/am/{}", story.server.key("shop-alertmanager")));
    let by_token = story.server.url(&format!("/am/{}", token(&story, "alice", "respond")));
    let silence = ["silence", "add", "--author=alice", "--comment=deployment", "--duration=6h", "alertname=TargetDown", "job=~check.*"];
    let (id, ok) = amtool(&by_token, &silence);
    assert!(ok, "{id}");
    let (said, ok) = amtool(&by_key, &["alert", "add", "alertname=TargetDown", "job=checkout", "severity=critical"]);
    assert!(ok, "{said}");
    story.settle();
    assert_eq!(paged(&story), 0, "it is silenced");
    let (said, ok) = amtool(&by_token, &["silence", "query", "alertname=TargetDown"]);
    assert!(ok && said.contains(id.trim()) && said.contains("deployment"), "{said}");
    let (said, ok) = amtool(&by_token, &["silence", "query", "alertname=Other"]);
    assert!(ok && !said.contains(id.trim()), "{said}");
    let (active, _) = amtool(&by_token, &["alert", "query", "-o", "json"]);
    assert_eq!(active.trim(), "[]", "nothing is active");
    let (silenced, ok) = amtool(&by_token, &["alert", "query", "--silenced", "job=checkout", "-o", "json"]);
    let silenced: Value = serde_json::from_str(&silenced).unwrap();
    assert!(ok && silenced[0]["status"]["silencedBy"] == json!([id.trim()]), "{silenced}");
    let (said, ok) = amtool(&by_token, &["silence", "expire", id.trim()]);
    assert!(ok, "{said}");
    story.settle();
    assert_eq!(paged(&story), 1, "the silence is over and it still fires");
    let (active, _) = amtool(&by_token, &["alert", "query"]);
    assert!(active.contains("TargetDown"), "{active}");
    let (said, ok) = amtool(&by_token, &["config", "show"]);
    assert!(ok, "{said}");
}

/// An integration's key brings alerts in and does no more; a token that may only read silences nothing; one of a team silences that team.
/// Seen red with: the silence of one who has a team alone holds for all teams; a token that may only read makes silences.
#[test]
fn silences_are_for_those_who_may_answer() {
    let mut story = Story::two_people();
    let add = ["silence", "add", "--author=x", "--comment=x", "--start=2026-03-02T03:00:00Z", "--end=2026-03-02T09:00:00Z", "entity=db"];
    let by_key = story.server.url(&format!("/am/{}", story.server.key("shop-alertmanager")));
    let (said, ok) = amtool(&by_key, &add);
    assert!(!ok && said.contains("401"), "{said}");
    let told = story.http.get(format!("{by_key}/api/v2/silences")).send().unwrap().text().unwrap();
    assert!(told.contains("an API token is needed here"), "{told}");
    let (said, ok) = amtool(&by_key, &["alert", "query"]);
    assert!(!ok, "{said}");
    let by_reader = story.server.url(&format!("/am/{}", token(&story, "bob", "read")));
    let (said, ok) = amtool(&by_reader, &add);
    assert!(!ok && said.contains("403"), "{said}");
    let by_carol = story.server.url(&format!("/am/{}", token(&story, "carol", "respond")));
    let (id, ok) = amtool(&by_carol, &add);
    assert!(ok, "{id}");
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    assert_eq!(story.rings("alice").len(), 1, "carol silenced platform's alerts, not the shop's");
    let by_bob = story.server.url(&format!("/am/{}", token(&story, "bob", "respond")));
    let (said, ok) = amtool(&by_bob, &["silence", "expire", id.trim()]);
    assert!(!ok, "it is none of bob's: {said}");
    let (seen, _) = amtool(&by_bob, &["silence", "query"]);
    assert!(!seen.contains(id.trim()), "{seen}");
}

/// Seen red with: a silence without a purpose is made.
#[test]
fn bad_silences_are_refused_with_the_field_and_the_fix() {
    let story = Story::two_people();
    let refused = |body: Value, words: &str| {
        let (status, answer) = story.api_post("silences", &body);
        assert!(status == 422 && answer["detail"].as_str().unwrap_or_default().contains(words), "{status} {answer} for {body}");
    };
    refused(json!({ "matchers": ["service"], "seconds": 60, "purpose": "p" }), "matchers: `service` is no matcher: write it as");
    refused(json!({ "matchers": ["a=~\"(\""], "seconds": 60, "purpose": "p" }), "holds no regular expression");
    refused(json!({ "matchers": ["a!=b"], "seconds": 60, "purpose": "p" }), "at least one matcher has to ask for something");
    refused(json!({ "matchers": ["a=b"], "seconds": 60, "purpose": " " }), "purpose: say in a few words");
    refused(json!({ "matchers": ["a=b"], "purpose": "p" }), "ends: give `ends` or `seconds`");
    refused(json!({ "matchers": ["a=b"], "ends": "2026-03-01T00:00:00Z", "purpose": "p" }), "ends:");
    refused(json!({ "matchers": ["a=b"], "seconds": 60, "starts": "noon", "purpose": "p" }), "starts: `noon` is no time");
    refused(json!({ "matchers": ["a=b"], "seconds": 60, "starts": "2026-03-01T00:00", "rrule": "FREQ=X", "purpose": "p" }), "rrule:");
    refused(json!({ "matchers": ["a=b"], "seconds": 60, "team": "shops", "purpose": "p" }), "team: there is no team `shops`");
    let bad =
        "kind: Maintenance\nid: m\nmatchers: ['service']\nowner: alicia\npurpose: p\nstarts: 2026-03-02T01:00\nrrule: FREQ=X\nlasts: 1h\n";
    let folder = story.server.dir.join("bad");
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in
        [("people.yaml", std::fs::read_to_string(story.server.dir.join("config/people.yaml")).unwrap()), ("m.yaml", bad.into())]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let (said, ok) = story.server.cli(&["config", "plan", &folder.display().to_string()]);
    assert!(!ok && said.contains("m.yaml:3") && said.contains("is no matcher"), "{said}");
    assert!(said.contains("there is no user `alicia`; did you mean `alice`?"), "{said}");
}
