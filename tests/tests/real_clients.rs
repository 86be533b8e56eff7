//! The spine with real senders on real time: Debian's Alertmanager (as VictorOps client and by webhook) and Debian's Prometheus sending
//! directly; once straight through, and once with the server killed between every two steps.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::peers::{Peer, wait_for};
use reveille_tests::place::{free_port, root};
use reveille_tests::server::Options;
use reveille_tests::story::{Setting, Story};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// How long a real peer may take for a step, in seconds.
const PATIENCE: u64 = 40;

fn story() -> Story {
    let people = std::fs::read_to_string(root().join("tests/config/people.yaml")).unwrap();
    // On real time, silence lasts four seconds; mail has no delay of its own.
    let people = people.replace("after: 5m", "after: 4s").replace(", after: 2m", "");
    // One member: who is on call must not depend on the week of the run.
    let people = people.replace("members: [alice, bob]\ntime_zone", "members: [alice]\ntime_zone");
    assert!(people.contains("after: 4s") && people.contains("members: [alice]\n"), "the documents have changed");
    Story::with(Setting {
        real_time: true,
        documents: vec![("people.yaml".into(), people)],
        options: Options::default(),
        ..Setting::default()
    })
}

/// Kills and restarts the server between two steps, if the story is told that way.
fn between(story: &mut Story, kills: bool) {
    if kills {
        story.server.kill_and_start();
    }
}

fn alertmanager(story: &Story, dir: &Path) -> (Peer, u16) {
    let port = free_port();
    let config = format!(
        "route: {{ receiver: reveille, group_by: [service], group_wait: 1s, group_interval: 1s, repeat_interval: 1h, \
         routes: [ {{ matchers: ['path=\"webhook\"'], receiver: webhook }} ] }}\n\
         receivers:\n\
         - name: reveille\n  victorops_configs:\n  - api_url: {}\n    api_key: {}\n    routing_key: database\n    \
         entity_display_name: '{{{{ .CommonAnnotations.summary }}}}'\n    custom_fields: {{ service: '{{{{ .CommonLabels.service }}}}' }}\n\
         - name: webhook\n  webhook_configs:\n  - url: {}\n",
        story.server.url("/integrations/generic/20131114/alert/"),
        story.server.key("shop-victorops"),
        story.server.url(&format!("/in/{}", story.server.key("shop-alertmanager"))),
    );
    let file = dir.join("alertmanager.yml");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(format!("--config.file={}", file.display())).arg(format!("--storage.path={}", dir.join("am").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--cluster.listen-address=");
    (Peer::start("prometheus-alertmanager", command, port), port)
}

fn post_to_alertmanager(story: &Story, port: u16, labels: Value, summary: &str, ends: Option<&str>) {
    let mut alert = json!({ "labels": labels, "annotations": { "summary": summary }, "startsAt": "2026-03-02T03:00:00Z" });
    if let Some(ends) = ends {
        alert["endsAt"] = json!(ends);
    }
    let answer = story.http.post(format!("http://127.0.0.1:{port}/api/v2/alerts")).json(&json!([alert])).send().unwrap();
    assert_eq!(answer.status(), 200);
}

fn open_incidents(story: &Story) -> Vec<Value> {
    story.api("incidents?open=true")["items"].as_array().cloned().unwrap_or_default()
}

fn wait_status(story: &Story, id: u64, status: &str) {
    wait_for(&format!("incident {id} to be {status}"), PATIENCE, || (story.incident(id)["status"] == status).then_some(()));
}

fn tell_alertmanager(kills: bool) {
    let mut story = story();
    let dir = tempfile::tempdir().unwrap();
    let (_alertmanager, port) = alertmanager(&story, dir.path());
    for (id, path) in [(1, "victorops"), (2, "webhook")] {
        let service = format!("checkout-{path}");
        let labels = json!({ "alertname": "CheckoutSlow", "service": service, "severity": "critical", "path": path });
        let (alice_before, bob_before) = (story.rings("alice").len(), story.rings("bob").len());
        post_to_alertmanager(&story, port, labels.clone(), "Checkout is slow", None);
        between(&mut story, kills);
        wait_for("an incident", PATIENCE, || (!open_incidents(&story).is_empty()).then_some(()));
        between(&mut story, kills);
        wait_for("the first page", PATIENCE, || (story.rings("alice").len() > alice_before).then_some(()));
        between(&mut story, kills);
        let bob = wait_for("bob to be paged by the second step", PATIENCE, || story.rings("bob").get(bob_before).cloned());
        wait_for("both mails", PATIENCE, || told(&story, id).iter().any(|l| l == "mail took the page for bob").then_some(()));
        between(&mut story, kills);
        assert!((200..400).contains(&story.press(&Story::link_in(&bob), "acknowledge")));
        between(&mut story, kills);
        wait_status(&story, id, "acknowledged");
        post_to_alertmanager(&story, port, labels, "Checkout is slow", Some("2026-03-02T03:10:00Z"));
        between(&mut story, kills);
        wait_status(&story, id, "resolved");
        let expected = if path == "victorops" {
            include_str!("timelines/alertmanager.txt")
        } else {
            include_str!("timelines/alertmanager_webhook.txt")
        };
        let told = told(&story, id);
        if kills {
            // A kill may deliver a page twice; what happened to the incident happened once.
            for once in expected.lines().filter(|l| !l.contains("took the page")) {
                assert_eq!(told.iter().filter(|l| *l == once).count(), 1, "{once}: {told:#?}");
            }
        } else {
            assert_eq!(told, expected.lines().collect::<Vec<_>>());
        }
    }
    assert_digests(&story);
    assert!(!story.mail.mails().is_empty(), "pages go out by mail as well");
}

/// The timeline; messages that leave at one moment may arrive in either order.
fn told(story: &Story, id: u64) -> Vec<String> {
    let mut told = story.timeline(id);
    let arrived = |line: &str| line.contains(" took the page for ");
    for at in 1..told.len() {
        if arrived(&told[at - 1]) && arrived(&told[at]) && told[at - 1] > told[at] {
            told.swap(at - 1, at);
        }
    }
    told
}

/// Every plugin that a timeline cites is the version that is in force.
fn assert_digests(story: &Story) {
    let lines = story.api("incidents/1/timeline");
    let mut seen = 0;
    for cause in lines["items"].as_array().unwrap().iter().map(|l| &l["cause"]).filter(|c| !c.is_null()) {
        let name = cause["plugin"]["name"].as_str().or(cause["plugin"].as_str()).expect("a plugin's name");
        let digest = cause["plugin"]["digest"].as_str().or(cause["digest"].as_str()).expect("a digest");
        let versions = story.api(&format!("plugins/{name}/versions"));
        assert_eq!(versions["items"][0]["digest"], digest, "{name}");
        seen += 1;
    }
    assert!(seen > 0, "the timeline cites plugins");
}

#[test]
fn alertmanager_pages_through() {
    tell_alertmanager(false);
}

#[test]
fn alertmanager_pages_through_with_a_kill_between_every_two_steps() {
    tell_alertmanager(true);
}

/// Prometheus sends here without an Alertmanager; its target comes back, and the incident resolves.
#[test]
fn prometheus_sends_directly() {
    for kills in [false, true] {
        let mut story = story();
        let dir = tempfile::tempdir().unwrap();
        let (port, target) = (free_port(), free_port());
        std::fs::write(
            dir.path().join("rules.yml"),
            "groups:\n- name: g\n  rules:\n  - alert: TargetDown\n    expr: up == 0\n    labels: { severity: critical, service: checkout }\n    annotations: { summary: 'Checkout is down' }\n",
        )
        .unwrap();
        std::fs::write(
            dir.path().join("prometheus.yml"),
            format!(
                "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [rules.yml]\n\
                 scrape_configs:\n- job_name: shop\n  static_configs: [ {{ targets: ['127.0.0.1:{target}'] }} ]\n\
                 alerting:\n  alertmanagers:\n  - path_prefix: /am/{}\n    static_configs: [ {{ targets: ['127.0.0.1:{}'] }} ]\n",
                story.server.key("shop-alertmanager"),
                story.server.port
            ),
        )
        .unwrap();
        let mut command = Command::new("prometheus");
        command
            .current_dir(dir.path())
            .arg("--config.file=prometheus.yml")
            .arg(format!("--storage.tsdb.path={}", dir.path().join("tsdb").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--rules.alert.resend-delay=1s");
        let _prometheus = Peer::start("prometheus", command, port);
        wait_for("an incident", PATIENCE, || (!open_incidents(&story).is_empty()).then_some(()));
        between(&mut story, kills);
        wait_for("a page", PATIENCE, || (story.rings("alice").len() + story.rings("bob").len() > 0).then_some(()));
        between(&mut story, kills);
        assert_eq!(story.incident(1)["title"], "Checkout is down");
        let _target = serve_empty_metrics(target);
        wait_status(&story, 1, "resolved");
        assert_eq!(open_incidents(&story).len(), 0, "re-sent alerts open nothing new");
    }
}

/// A target that is up: answers every request with no metrics. Ends with the process.
fn serve_empty_metrics(port: u16) -> std::thread::JoinHandle<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the target's port");
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming().take(10_000) {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    })
}
