//! Configuration as code: plan, apply, export; errors with file, line and the nearest name; exchanging a plugin's settings changes the outcome.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::Story;
use serde_json::json;
use std::fs;

#[test]
fn an_export_applied_again_changes_nothing() {
    let story = Story::two_people();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("export");
    let (said, ok) = story.server.cli(&["config", "export", out.to_str().unwrap()]);
    assert!(ok, "{said}");
    let (said, ok) = story.server.cli(&["config", "plan", out.to_str().unwrap()]);
    assert!(ok && said.contains("no changes"), "{said}");
    let (said, ok) = story.server.cli(&["config", "schemas", dir.path().join("schemas").to_str().unwrap()]);
    assert!(ok && said.contains("json"), "{said}");
}

#[test]
fn a_mistake_names_file_line_and_the_nearest_name_and_changes_nothing() {
    let story = Story::two_people();
    let config = story.server.dir.join("config");
    let people = fs::read_to_string(config.join("people.yaml")).unwrap();
    fs::write(config.join("people.yaml"), people.replace("rotation/shop-primary", "rotation/shop-primry")).unwrap();
    let (said, ok) = story.server.cli(&["config", "apply", config.to_str().unwrap()]);
    let line = people.lines().position(|l| l.contains("rotation/shop-primary")).unwrap() + 1;
    assert!(!ok && said.contains(&format!("people.yaml:{line}")) && said.contains("shop-primary"), "{said}");
    fs::write(config.join("people.yaml"), people.replace("time_zone: Europe/Rome\nadmin", "timezone: Europe/Rome\nadmin")).unwrap();
    let (said, ok) = story.server.cli(&["config", "plan", config.to_str().unwrap()]);
    assert!(!ok && said.contains("time_zone"), "{said}");
    assert_eq!(story.api("config")["revision"], 1);
}

#[test]
fn exchanging_a_plugin_changes_the_outcome_and_decisions_name_the_revision() {
    let mut story = Story::two_people();
    story.victorops("CRITICAL", "a", json!({ "service": "checkout" }));
    story.victorops("CRITICAL", "b", json!({ "service": "checkout" }));
    story.settle();
    assert_eq!(story.api("incidents?open=true")["items"].as_array().unwrap().len(), 1, "correlate groups by service");
    let config = story.server.dir.join("config");
    let alerts = fs::read_to_string(config.join("alerts.yaml")).unwrap();
    let from = alerts.find("dedupe:").unwrap();
    let until = alerts.find("route:\n  - plugin: route").unwrap();
    fs::write(config.join("alerts.yaml"), format!("{}{}", &alerts[..from], &alerts[until..])).unwrap();
    let (said, ok) = story.server.cli(&["config", "apply", config.to_str().unwrap()]);
    assert!(ok && said.contains("revision 2"), "{said}");
    story.victorops("CRITICAL", "c", json!({ "service": "checkout" }));
    story.settle();
    assert_eq!(story.api("incidents?open=true")["items"].as_array().unwrap().len(), 2, "without it, an entity is its own incident");
    assert_eq!(story.api("decisions?limit=1")["items"][0]["revision"], 2);
    // A recovery follows the incident that its alert was recorded on, not a key that would be computed now.
    story.victorops("RECOVERY", "a", json!({ "service": "checkout" }));
    story.victorops("RECOVERY", "b", json!({ "service": "checkout" }));
    story.settle();
    assert_eq!(story.incident(1)["status"], "resolved");
    let audit = story.api("audit?limit=50");
    assert!(audit["items"].as_array().unwrap().iter().any(|row| row["action"] == "config.apply"), "{audit:#}");
}

/// Seen red with: a timeline that cites the digest of the component alone.
#[test]
fn a_version_has_one_digest_wherever_it_is_named() {
    let mut story = Story::two_people();
    let (said, ok) = story.server.cli(&["plugin", "list"]);
    assert!(ok && said.contains("rules") && said.contains("enrich"), "{said}");
    let (said, ok) = story.server.cli(&["plugin", "inspect", "rules"]);
    let digest = story.api("plugins/rules/versions")["items"][0]["digest"].as_str().unwrap().to_owned();
    assert!(ok && said.contains(&digest), "{said}");
    story.victorops("CRITICAL", "db", json!({}));
    story.settle();
    let lines = story.api("incidents/1/timeline");
    let cause = lines["items"].as_array().unwrap().iter().map(|line| &line["cause"]["plugin"]).find(|plugin| plugin.is_object()).unwrap();
    let (name, digest) = (cause["name"].as_str().unwrap(), cause["digest"].as_str().unwrap());
    let (said, ok) = story.server.cli(&["plugin", "rollback", name, "--to", &digest[..12]]);
    assert!(ok && said.contains(&digest[..12]), "the timeline leads back to a version: {said}");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused_in_words() {
    let story = Story::two_people();
    let (said, ok) = story.server.cli(&["serve", "--config", "reveille.toml"]);
    assert!(!ok && said.contains("another"), "{said}");
}

/// A plugin's file goes bad while the server is down: it starts all the same, says so with an incident, and alerts go on without the plugin.
#[test]
fn a_plugin_whose_file_went_bad_does_not_keep_the_server_from_starting() {
    let plugins = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(reveille_tests::place::plugins()).unwrap().filter_map(Result::ok) {
        let folder = plugins.path().join(entry.file_name());
        fs::create_dir(&folder).unwrap();
        for file in ["plugin.wasm", "plugin.toml"] {
            fs::copy(entry.path().join(file), folder.join(file)).unwrap();
        }
    }
    let options = reveille_tests::server::Options { plugins: Some(plugins.path().to_owned()), ..Default::default() };
    let mut story = Story::with(reveille_tests::story::Setting { options, ..Default::default() });
    let good = fs::read(plugins.path().join("rules/plugin.wasm")).unwrap();
    fs::write(plugins.path().join("rules/plugin.wasm"), b"no component").unwrap();
    fs::remove_dir_all(story.server.dir.join("store/plugin-versions/rules")).unwrap();
    story.server.kill_and_start();
    story.victorops("CRITICAL", "db", json!({ "service": "orders" }));
    story.settle();
    let open = story.api("incidents?open=true");
    let titles: Vec<&str> = open["items"].as_array().unwrap().iter().filter_map(|i| i["title"].as_str()).collect();
    assert!(titles.contains(&"Plugin rules cannot be loaded: alerts go on without it"), "{titles:?}");
    let id = open["items"].as_array().unwrap().iter().find(|i| i["service"] == "orders").unwrap()["id"].as_u64().unwrap();
    let told = story.timeline(id).join("\n");
    assert!(told.contains("Went on without rules"), "{told}");
    assert!(!story.rings("alice").is_empty());
    fs::write(plugins.path().join("rules/plugin.wasm"), good).unwrap();
    story.server.kill_and_start();
    story.settle();
    let open = story.api("incidents?open=true");
    assert!(
        open["items"].as_array().unwrap().iter().all(|i| i["service"] == "orders"),
        "the plugin loads again, so its incident is over: {open:#}"
    );
}

/// What nobody will be reached by is said before it is in force.
#[test]
fn a_plan_warns_of_contacts_that_cannot_be_reached() {
    let story = Story::two_people();
    let config = story.server.dir.join("config");
    let people = fs::read_to_string(config.join("people.yaml")).unwrap();
    let people = people.replace("kind: webhook, address: ", "kind: webhok, address: ").replace("PHONES", "").replace(
        "  - { kind: mail, address: bob@example.org, after: 2m }",
        "  - { kind: ntfy, address: https://ntfy.elsewhere.example/bob }",
    );
    fs::write(config.join("people.yaml"), people).unwrap();
    let (said, ok) = story.server.cli(&["config", "plan", config.to_str().unwrap()]);
    assert!(ok && said.contains("no channel serves contacts of kind webhok"), "{said}");
    assert!(said.contains("ntfy.elsewhere.example") && said.contains("egress.allow"), "{said}");
}
