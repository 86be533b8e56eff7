//! What a folder of examples cannot show: what is read, how the two hooks agree, the limits.

use reveille_sdk::prelude::*;
use rules::Rules;
use serde_json::{Value, json};

fn instance(settings: Value) -> mock::Instance<Rules> {
    mock::Instance::configure(&settings).expect("the rules are good")
}

/// The alert as the host makes it of the edits.
fn edited(alert: &Report, patch: &Patch) -> Report {
    patch.edits.iter().fold(alert.clone(), |report, edit| match edit {
        Edit::SetLabel((name, value)) => report.label(name, value),
        Edit::SetGroup(text) => report.group(text),
        Edit::SetSummary(text) => report.summary(text),
        other => panic!("not in these tests: {other:?}"),
    })
}

#[test]
fn only_what_the_rules_name_is_read() {
    let rules = instance(json!({ "rules": [
        { "when": { "field": "monitoring_tool", "is": "a" }, "set": { "summary": "${{labels.host}} ${{message_type}}" } },
        { "when": { "not": { "field": "message_type", "is": "INFO" } }, "suppress": { "for_seconds": 60, "reason": "${{group}}" } },
        { "when": { "field": "details", "exists": true }, "stop": true, "disabled": true },
    ] }));
    assert_eq!(rules.reads(), ["group", "labels.host", "received_at", "severity", "source", "started_at"]);
}

#[test]
fn no_rule_reads_nothing_and_changes_nothing() {
    let rules = instance(json!({ "rules": [] }));
    assert_eq!(rules.reads(), ["severity"], "an empty list would mean everything");
    let alert = Report::firing(Severity::Critical).entity("x");
    assert_eq!(rules.enrich(alert.clone()), Ok(Patch::none()));
    assert_eq!(rules.filter(alert), Ok(Verdict::Keep));
}

#[test]
fn a_condition_that_cannot_be_read_is_pointed_at() {
    let settings = json!({ "rules": [
        { "when": { "field": "entity", "is": "x" }, "stop": true },
        { "when": { "any": [{ "field": "entity", "regex": "(" }] }, "stop": true },
    ] });
    let problems = mock::Instance::<Rules>::configure(&settings).unwrap_err();
    assert_eq!(problems[0].pointer, "/rules/1/when");
    assert!(problems[0].message.contains("compile `(`"), "{}", problems[0].message);
}

/// The group is what the first rule both tests and sets: when filter looks, it is gone.
fn drifting() -> mock::Instance<Rules> {
    instance(json!({ "rules": [
        { "name": "keep ours", "when": { "field": "group", "is": "ours" }, "set": { "group": "kept" }, "stop": true },
        { "name": "drop all", "when": { "field": "source", "is": "probe" }, "drop": {} },
    ] }))
}

#[test]
fn filter_finds_again_what_enrich_changed() {
    let rules = drifting();
    let alert = Report::firing(Severity::Critical).source("probe").group("ours");
    let patch = rules.enrich(alert.clone()).unwrap();
    let seen_by_filter = edited(&alert, &patch);
    assert_eq!(rules.filter(seen_by_filter), Ok(Verdict::Keep), "the first rule stopped");

    let other = Report::firing(Severity::Critical).source("probe").group("theirs");
    assert_eq!(rules.enrich(other.clone()), Ok(Patch::none()));
    assert_eq!(rules.filter(other), Ok(Verdict::drop("rule `drop all`")));
}

#[test]
fn a_sender_cannot_forge_the_mark() {
    let rules = drifting();
    let honest = Report::firing(Severity::Critical).source("probe").group("ours");
    let Some(Edit::SetLabel((mark, value))) = rules.enrich(honest).unwrap().edits.into_iter().next() else {
        panic!("the first edit is the mark");
    };
    assert!(mark.starts_with("rules."), "{mark}");
    let forged = Report::firing(Severity::Critical).source("probe").label(&mark, value);
    assert_eq!(rules.enrich(forged).unwrap().edits, [Edit::RemoveLabel(mark)]);
}

#[test]
fn rules_that_do_not_drift_need_no_mark() {
    let rules = instance(json!({ "rules": [
        { "when": { "field": "source", "is": "probe" }, "set": { "group": "a" } },
        { "when": { "field": "group", "is": "a" }, "drop": {} },
    ] }));
    let alert = Report::firing(Severity::Critical).source("probe");
    let patch = rules.enrich(alert.clone()).unwrap();
    assert_eq!(patch.edits, [Edit::SetGroup("a".into())]);
    assert_eq!(rules.filter(edited(&alert, &patch)), Ok(Verdict::drop("rule `rule 2`")), "it sees what the first one changed");
    assert_eq!(rules.filter(alert), Ok(Verdict::Keep), "without enrich there is no such group");
}

#[test]
fn a_verdict_before_the_change_does_not_see_it() {
    let rules = instance(json!({ "rules": [
        { "when": { "field": "group", "is": "a" }, "drop": {} },
        { "when": { "field": "source", "is": "probe" }, "set": { "group": "a" } },
    ] }));
    let alert = Report::firing(Severity::Critical).source("probe");
    let patch = rules.enrich(alert.clone()).unwrap();
    assert_eq!(rules.filter(edited(&alert, &patch)), Ok(Verdict::Keep));
}

#[test]
fn a_patch_stays_within_the_contract() {
    let many: Vec<Value> = (0..40)
        .map(|n| json!({ "when": { "field": "source", "is": "s" }, "set": { format!("labels.a{n}"): "1", format!("labels.b{n}"): "1" } }))
        .collect();
    let patch = instance(json!({ "rules": many })).enrich(Report::firing(Severity::Info).source("s")).unwrap();
    assert_eq!(patch.edits.len(), 64);
    assert!(patch.reason.len() < 600, "{}", patch.reason);
    assert!(mock::log_lines().iter().any(|line| line.message.contains("64 edits")));
}

#[test]
fn a_word_that_does_not_fit_is_left_out_and_logged() {
    let rules =
        instance(json!({ "rules": [{ "when": { "field": "source", "exists": true }, "set": { "severity": "${{labels.level}}" } }] }));
    let alert = Report::firing(Severity::Info).source("s");
    assert_eq!(rules.enrich(alert.clone().label("level", "ERROR")).unwrap().edits, [Edit::SetSeverity(Severity::Error)]);
    assert!(rules.enrich(alert.label("level", "loud")).unwrap().edits.is_empty());
    assert!(mock::log_lines().iter().any(|line| line.message.contains("no such word")));
}
