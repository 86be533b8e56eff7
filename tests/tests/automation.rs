//! What automation does about an incident, with the bundled plugin: at once, with approval, as a dry run, not at all, and over a crash.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use reveille_tests::browser::{Browser, PHONE};
use reveille_tests::phones::Ring;
use reveille_tests::server::Options;
use reveille_tests::story::Setting;
use serde_json::json;

/// The usual documents with automation in the default pipeline, and a grant of a secret.
fn automated(rules: &str, more: &str) -> Story {
    let alerts = std::fs::read_to_string(reveille_tests::place::root().join("tests/config/alerts.yaml")).unwrap();
    let automate = format!("automate:\n  - plugin: webhook-actions\n    settings:\n      rules:\n{rules}{more}route:\n  - plugin: route");
    let alerts = alerts.replace("route:\n  - plugin: route", &automate) + "---\nkind: Grant\nid: webhook-actions\nsecrets: [hooks]\n";
    let toml = "[secrets.hooks]\nenv = \"HOOKS_SECRET\"\nhosts = [\"127.0.0.1\"]\n".into();
    let options = Options { environment: vec![("HOOKS_SECRET".into(), "s3cret".into())], ..Options::default() };
    Story::with(Setting { options, toml, documents: vec![("alerts.yaml".into(), alerts)], ..Setting::default() })
}

const RESTART: &str = r#"        - name: restart
          on: [opened]
          when: { field: labels.pool, exists: true }
          risk: dangerous
          reason: "the pool {{labels.pool}} is exhausted"
          call:
            url: "PHONES/restart/{{labels.pool}}"
            json: { pool: "{{labels.pool}}", incident: "{{id}}" }
            bearer: hooks
"#;
const TELL: &str = r#"        - name: tell
          on: [opened]
          risk: safe
          call: { url: "PHONES/tell", text: "{{title}}" }
"#;
const CHECK: &str = r#"        - name: check
          on: [action-finished]
          after: restart/opened
          risk: safe
          call: { method: GET, url: "PHONES/health" }
"#;

fn of(story: &Story, topic: &str) -> Vec<Ring> {
    story.phones.all().into_iter().filter(|ring| ring.topic == topic).collect()
}

fn pool_is_exhausted(story: &mut Story) {
    story.victorops("CRITICAL", "db", json!({ "entity_display_name": "Pool is exhausted", "pool": "db eu" }));
    story.settle();
}

/// What is safe happens at once; what is dangerous waits on the page until somebody approves it there, happens once under a key, and what
/// came of it stands on the timeline and starts what comes after it.
#[test]
fn a_dangerous_action_waits_for_a_yes_on_a_phone() {
    let mut story = automated(&format!("{RESTART}{TELL}{CHECK}"), "");
    pool_is_exhausted(&mut story);
    assert_eq!(of(&story, "tell")[0].body, "Pool is exhausted");
    assert!(of(&story, "restart/db%20eu").is_empty());
    let browser = Browser::open(PHONE, false);
    let (link, ok) = story.server.cli(&["access", "sign-in", "alice"]);
    assert!(ok, "{link}");
    browser.go(link.lines().next().unwrap());
    browser.press("Sign in as Alice Rossi");
    browser.sees("Needs an answer");
    browser.go(&story.server.url("/incidents/1"));
    browser.sees("the pool db eu is exhausted");
    assert!(!browser.scrolls_sideways());
    browser.picture("approval-phone-light");
    browser.press("Approve");
    browser.sees("approved");
    story.settle();
    assert!(browser.console_errors().is_empty(), "{:?}", browser.console_errors());
    let calls = of(&story, "restart/db%20eu");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].json(), json!({ "pool": "db eu", "incident": "1" }));
    assert_eq!(calls[0].header("authorization"), Some("Bearer s3cret"));
    assert!(calls[0].header("idempotency-key").is_some_and(|key| key.len() == 32));
    assert_eq!(of(&story, "health").len(), 1, "an action that finished starts the next");
    let timeline = story.timeline(1).join("\n");
    for line in [
        "webhook-actions wants to call POST http://127.0.0.1",
        "(dangerous): the pool db eu is exhausted. It waits for approval",
        "alice approved by page: webhook-actions may call POST",
        "webhook-actions did call POST",
        "answered 200: {\"id\":\"ring",
    ] {
        assert!(timeline.contains(line), "{line}\n{timeline}");
    }
    assert!(!timeline.contains("s3cret"));
    let lines = story.api("incidents/1/timeline");
    let cause = lines["items"].as_array().unwrap().iter().find(|l| l["kind"] == "action-done").unwrap()["cause"].clone();
    assert_eq!((cause["plugin"]["name"].as_str(), cause["revision"].as_u64()), (Some("webhook-actions"), Some(1)));
    assert_eq!(cause["plugin"]["digest"].as_str().unwrap().len(), 64);
}

/// The command line lists what waits, and refuses it; a reader may do neither.
#[test]
fn a_refused_action_is_never_done() {
    let mut story = automated(RESTART, "");
    pool_is_exhausted(&mut story);
    let (said, ok) = story.server.cli(&["action", "list"]);
    assert!(ok && said.contains("waiting") && said.contains("restart/db%20eu"), "{said}");
    let form = story.http.post(story.server.url("/incidents/1/actions/1/approve")).send().unwrap();
    assert!(form.status().is_client_error() || form.status().is_redirection(), "nobody is signed in: {}", form.status());
    let (said, ok) = story.server.cli(&["action", "refuse", "1", "1"]);
    assert!(ok && said.contains("action 1 is refused"), "{said}");
    let (status, problem) = story.api_post("incidents/1/actions/1/approve", &json!({}));
    assert_eq!(status, 409, "{problem}");
    assert_eq!(story.api_post("incidents/1/actions/9/approve", &json!({})).0, 404);
    story.pass_minutes(30);
    assert!(of(&story, "restart/db%20eu").is_empty());
    assert_eq!(story.api("incidents/1/actions")["items"][0]["state"], "refused");
    let (said, _) = story.server.cli(&["action", "list"]);
    assert!(said.contains("Nothing waits for approval."), "{said}");
}

#[test]
fn a_dry_run_is_only_shown() {
    let mut story = automated(&format!("{RESTART}{TELL}"), "    dry_run: true\n");
    pool_is_exhausted(&mut story);
    assert!(of(&story, "tell").is_empty());
    let timeline = story.timeline(1);
    assert_eq!(timeline.iter().filter(|line| line.starts_with("Dry run: webhook-actions would call POST")).count(), 2, "{timeline:#?}");
    assert_eq!(story.api("actions?state=shown")["items"].as_array().unwrap().len(), 2);
}

/// The operator's allow-list holds for actions too, and says so.
#[test]
fn a_host_that_is_not_allowed_is_said() {
    let rule = TELL.replace("PHONES/tell", "https://hooks.example.org/tell");
    let mut story = automated(&rule, "");
    pool_is_exhausted(&mut story);
    let timeline = story.timeline(1).join("\n");
    assert!(timeline.contains("webhook-actions could not call POST https://hooks.example.org/tell: "), "{timeline}");
    assert!(timeline.contains("allow"), "{timeline}");
}

/// The server dies between the answer and its record; after the start the call is
/// made again, under the same key.
#[test]
fn a_crash_between_call_and_record_calls_again_under_the_same_key() {
    let mut story = automated(TELL, "");
    story.server.sim(&json!({ "fail": "actions.after.done", "action": "kill" }));
    story.victorops_quietly("CRITICAL", "db", json!({ "entity_display_name": "Pool is exhausted" }));
    for _ in 0..500 {
        if story.server.has_ended() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(of(&story, "tell").len(), 1);
    story.server.kill_and_start();
    story.settle();
    let calls = of(&story, "tell");
    assert_eq!(calls.len(), 2);
    assert!(calls[0].header("idempotency-key").is_some());
    assert_eq!(calls[0].header("idempotency-key"), calls[1].header("idempotency-key"));
    let timeline = story.timeline(1);
    assert_eq!(timeline.iter().filter(|line| line.contains("did call POST")).count(), 1, "{timeline:#?}");
}
