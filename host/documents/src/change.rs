//! What applying a configuration would change, in words: what `config plan` prints.

use crate::bundle::Bundle;
use crate::kinds::{Document, Kind, PolicyDocument, StepEntry};
use crate::problem::listed;
use crate::text::{Text, target_words};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;

/// What happens to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Added,
    Changed,
    Removed,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    pub action: Action,
    /// Such as `policy checkout`.
    pub subject: String,
    /// Such as `step 2 now pages rotation secondary after 5m (was 10m)`.
    pub words: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.words)
    }
}

/// Every difference between two configurations, by kind and id; empty: applying `new` over `old` changes nothing.
pub fn diff(old: &Bundle, new: &Bundle) -> Vec<Change> {
    let index = |bundle: &'_ Bundle| -> BTreeMap<(Kind, String), Document> {
        bundle.documents().map(|document| ((document.kind(), document.id().to_owned()), document.clone())).collect()
    };
    let (old, new) = (index(old), index(new));
    let mut keys: Vec<&(Kind, String)> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut changes = Vec::new();
    for key in keys {
        let subject = if key.1.is_empty() { key.0.word() } else { format!("{} {}", key.0.word(), key.1) };
        let mut tell = |action, words| changes.push(Change { action, subject: subject.clone(), words });
        match (old.get(key), new.get(key)) {
            (None, Some(document)) => tell(Action::Added, added(document)),
            (Some(_), None) => tell(Action::Removed, "removed".to_owned()),
            (Some(before), Some(after)) => changed(before, after).into_iter().for_each(|words| tell(Action::Changed, words)),
            (None, None) => {}
        }
    }
    changes
}

fn added(document: &Document) -> String {
    match document {
        Document::Policy(policy) => {
            let steps: Vec<String> = policy.steps.iter().map(|step| format!("{}{}", targets(step), after_words(step))).collect();
            format!("added: pages {}", steps.join(", then "))
        }
        Document::Settings(settings) => format!("added: default_policy is {}", settings.default_policy.0),
        _ => "added".to_owned(),
    }
}

fn changed(before: &Document, after: &Document) -> Vec<String> {
    let mut words = Vec::new();
    let mut skip: &[&str] = &[];
    if let (Document::Policy(before), Document::Policy(after)) = (before, after) {
        words.extend(step_changes(before, after));
        skip = &["steps"];
    }
    let (Ok(Json::Object(before)), Ok(Json::Object(after))) = (serde_json::to_value(before), serde_json::to_value(after)) else {
        return words;
    };
    let mut fields: Vec<&String> = before.keys().chain(after.keys().filter(|field| !before.contains_key(*field))).collect();
    fields.retain(|field| !skip.contains(&field.as_str()));
    for field in fields {
        field_changes(field, before.get(field), after.get(field), &mut words);
    }
    words
}

fn targets(step: &StepEntry) -> String {
    let words: Vec<String> = step.page.iter().map(|target| target_words(&target.0)).collect();
    listed(&words, "and")
}

fn delay_words(step: &StepEntry) -> String {
    match &step.after {
        Some(delay) if delay.0 > 0 => delay.print(),
        _ => "at once".to_owned(),
    }
}

/// ` after 5m`, or nothing.
fn after_words(step: &StepEntry) -> String {
    match &step.after {
        Some(delay) if delay.0 > 0 => format!(" after {}", delay.print()),
        _ => String::new(),
    }
}

fn step_changes(before: &PolicyDocument, after: &PolicyDocument) -> Vec<String> {
    let mut words = Vec::new();
    for index in 0..before.steps.len().max(after.steps.len()) {
        let number = index + 1;
        match (before.steps.get(index), after.steps.get(index)) {
            (None, Some(new)) => words.push(format!("step {number} is new: pages {}{}", targets(new), after_words(new))),
            (Some(old), None) => words.push(format!("step {number} is gone: it paged {}{}", targets(old), after_words(old))),
            (Some(old), Some(new)) if (&old.after, &old.page) == (&new.after, &new.page) => rest_changes(index, old, new, &mut words),
            (Some(old), Some(new)) => {
                let now = match &new.after {
                    Some(delay) if delay.0 > 0 => format!("after {}", delay.print()),
                    _ => "at once".to_owned(),
                };
                let was = match (targets(old) == targets(new), delay_words(old) == delay_words(new)) {
                    (true, _) => delay_words(old),
                    (false, true) => targets(old),
                    (false, false) => {
                        format!("{}{}", targets(old), if after_words(old).is_empty() { " at once".into() } else { after_words(old) })
                    }
                };
                words.push(format!("step {number} now pages {} {now} (was {was})", targets(new)));
                rest_changes(index, old, new, &mut words);
            }
            (None, None) => {}
        }
    }
    words
}

/// What changed in a step besides whom it pages and when.
fn rest_changes(index: usize, old: &StepEntry, new: &StepEntry, words: &mut Vec<String>) {
    let rest = |step: &StepEntry| {
        let mut fields = serde_json::to_value(step).unwrap_or_default();
        if let Some(fields) = fields.as_object_mut() {
            fields.retain(|name, _| name != "after" && name != "page");
        }
        fields
    };
    field_changes(&format!("steps[{index}]"), Some(&rest(old)), Some(&rest(new)), words);
}

fn field_changes(path: &str, before: Option<&Json>, after: Option<&Json>, words: &mut Vec<String>) {
    match (before, after) {
        (None, None) => {}
        (before, after) if before == after => {}
        (None, Some(Json::Array(new))) => list_changes(path, &[], new, words),
        (Some(Json::Array(old)), None) => list_changes(path, old, &[], words),
        (Some(Json::Array(old)), Some(Json::Array(new))) => list_changes(path, old, new, words),
        (Some(Json::Object(old)), Some(Json::Object(new))) => {
            let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
            keys.for_each(|key| field_changes(&format!("{path}.{key}"), old.get(key), new.get(key), words));
        }
        (None, Some(new)) => words.push(format!("{path} is now {} (was not set)", shown(new))),
        (Some(old), None) => words.push(format!("{path} is no longer set (was {})", shown(old))),
        (Some(old), Some(new)) => words.push(format!("{path} is now {} (was {})", shown(new), shown(old))),
    }
}

fn list_changes(path: &str, old: &[Json], new: &[Json], words: &mut Vec<String>) {
    let plain = old.iter().chain(new).all(Json::is_string);
    if !plain {
        for index in 0..old.len().max(new.len()) {
            field_changes(&format!("{path}[{index}]"), old.get(index), new.get(index), words);
        }
        return;
    }
    let less = |a: &[Json], b: &[Json]| -> Vec<String> { a.iter().filter(|item| !b.contains(item)).map(shown).collect() };
    let (gained, lost) = (less(new, old), less(old, new));
    match (gained.is_empty(), lost.is_empty()) {
        (false, false) => words.push(format!("{path} gain {} and lose {}", listed(&gained, "and"), listed(&lost, "and"))),
        (false, true) => words.push(format!("{path} gain {}", listed(&gained, "and"))),
        (true, false) => words.push(format!("{path} lose {}", listed(&lost, "and"))),
        (true, true) => {
            let order: Vec<String> = new.iter().map(shown).collect();
            words.push(format!("{path} are now {}, in this order", listed(&order, "and")));
        }
    }
}

/// Longest value in a line of a plan, in characters.
const SHOWN_LIMIT: usize = 120;

fn shown(value: &Json) -> String {
    let text = match value {
        Json::String(text) if !text.is_empty() => text.replace(['\n', '\r'], " "),
        other => other.to_string(),
    };
    if text.chars().count() <= SHOWN_LIMIT {
        return text;
    }
    let cut: String = text.chars().take(SHOWN_LIMIT - 1).collect();
    format!("{cut}…")
}
