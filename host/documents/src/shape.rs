//! Checks a tree against a JSON Schema of ours and tells every difference with its place. Covers the part of JSON Schema that
//! [`crate::schema`] makes: closed objects, lists, choices of types and words, formats of [`crate::text`].

use crate::node::{Entry, Node, Segment, Value, path_text};
use crate::problem::{Problem, hint, listed};
use crate::text;
use serde_json::Value as Json;

/// Deeper trees are refused, so that no document can exhaust the stack.
const DEPTH_LIMIT: usize = 64;

/// Where problems go, and what stands before their paths.
pub(crate) struct Report<'a> {
    pub file: &'a str,
    /// Such as `policy checkout`; may be empty.
    pub subject: &'a str,
    pub problems: &'a mut Vec<Problem>,
}

impl Report<'_> {
    /// Adds a problem.
    pub fn tell(&mut self, place: crate::node::Place, path: &[Segment], message: impl Into<String>) {
        let path = path_text(path);
        let path = match (self.subject.is_empty(), path.is_empty()) {
            (true, _) => path,
            (false, true) => self.subject.to_owned(),
            (false, false) => format!("{}: {path}", self.subject),
        };
        self.problems.push(Problem::new(self.file, place, path, message));
    }
}

/// Checks `node`, and everything under it.
pub(crate) fn check(schema: &Json, node: &Node, path: &mut Vec<Segment>, report: &mut Report<'_>) {
    if path.len() >= DEPTH_LIMIT {
        report.tell(node.place, path, format!("this is nested deeper than {DEPTH_LIMIT} levels"));
        return;
    }
    if let Some(branches) = branches(schema) {
        return check_choice(branches, node, path, report);
    }
    if let Some(words) = words(schema) {
        return check_word(&words, node, path, report);
    }
    let types = types(schema);
    if types.is_empty() {
        return check_depth(node, path, report);
    }
    if !types.iter().any(|name| has_type(node, name)) {
        report.tell(node.place, path, wrong_type(schema, node, &types));
        return;
    }
    match &node.value {
        Value::Map(entries) => check_map(schema, node, entries, path, report),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                descend(Segment::Index(index), &schema["items"], item, path, report);
            }
        }
        Value::Text(text) => {
            let problem = schema["format"].as_str().and_then(|format| text::problem_of(format, text));
            if let Some(problem) = problem {
                report.tell(node.place, path, problem);
            }
        }
        Value::Integer(number) => check_range(schema, *number, node, path, report),
        Value::Null | Value::Bool(_) | Value::Float(_) => {}
    }
}

fn descend(segment: Segment, schema: &Json, node: &Node, path: &mut Vec<Segment>, report: &mut Report<'_>) {
    path.push(segment);
    check(schema, node, path, report);
    path.pop();
}

/// What a plugin's own schema judges is only kept from growing too deep.
fn check_depth(node: &Node, path: &mut Vec<Segment>, report: &mut Report<'_>) {
    match &node.value {
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                descend(Segment::Index(index), &Json::Null, item, path, report);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                descend(Segment::Key(entry.key.clone()), &Json::Null, &entry.node, path, report);
            }
        }
        _ => {}
    }
}

fn check_map(schema: &Json, node: &Node, entries: &[Entry], path: &mut Vec<Segment>, report: &mut Report<'_>) {
    let properties = schema["properties"].as_object();
    for entry in entries {
        let known = properties.and_then(|known| known.get(&entry.key));
        match (known, &schema["additionalProperties"]) {
            (Some(schema), _) => descend(Segment::Key(entry.key.clone()), schema, &entry.node, path, report),
            (None, Json::Bool(false)) => {
                let names = properties.into_iter().flatten().map(|(name, _)| name.as_str());
                let hint = hint(&entry.key, names);
                report.tell(entry.place, path, format!("unknown key `{}`{hint}", entry.key));
            }
            (None, more) => descend(Segment::Key(entry.key.clone()), more, &entry.node, path, report),
        }
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if node.entry(required).is_none() {
            report.tell(node.place, path, format!("`{required}` is missing"));
        }
    }
}

fn check_choice(branches: &[Json], node: &Node, path: &mut Vec<Segment>, report: &mut Report<'_>) {
    let fitting = branches.iter().find(|branch| types(branch).iter().any(|name| has_type(node, name)));
    match fitting {
        Some(branch) => check(branch, node, path, report),
        None => {
            let mut names: Vec<String> =
                branches.iter().flat_map(types).filter(|n| *n != "null").map(|n| type_words(n).to_owned()).collect();
            names.dedup();
            report.tell(node.place, path, format!("must be {}, not {}", listed(&names, "or"), node.what()));
        }
    }
}

fn check_word(words: &[&str], node: &Node, path: &[Segment], report: &mut Report<'_>) {
    match &node.value {
        Value::Text(text) if words.contains(&text.as_str()) => {}
        Value::Text(text) => report.tell(node.place, path, format!("`{text}` is not possible here{}", hint(text, words.iter().copied()))),
        _ => report.tell(node.place, path, format!("must be {}, not {}", words_or(words), node.what())),
    }
}

fn check_range(schema: &Json, number: i64, node: &Node, path: &[Segment], report: &mut Report<'_>) {
    let format_maximum = match schema["format"].as_str() {
        Some("uint16") => Some(i64::from(u16::MAX)),
        Some("uint32") => Some(i64::from(u32::MAX)),
        _ => None,
    };
    let minimum = schema["minimum"].as_i64().unwrap_or(i64::MIN);
    let maximum = schema["maximum"].as_i64().or(format_maximum).unwrap_or(i64::MAX);
    if number < minimum {
        report.tell(node.place, path, format!("{number} is too small: at least {minimum}"));
    } else if number > maximum {
        report.tell(node.place, path, format!("{number} is too large: at most {maximum}"));
    }
}

fn branches(schema: &Json) -> Option<&[Json]> {
    let branches = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array())?;
    // A choice of single words is an enumeration whose words have descriptions.
    (!branches.iter().all(|branch| branch["const"].is_string())).then_some(branches)
}

fn words(schema: &Json) -> Option<Vec<&str>> {
    let listed = schema["enum"].as_array().map(|words| words.iter().filter_map(Json::as_str).collect());
    listed.or_else(|| {
        let branches = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())?;
        branches.iter().map(|branch| branch["const"].as_str()).collect()
    })
}

fn words_or(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    listed(&quoted, "or")
}

fn types(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::String(name) => vec![name],
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ if words(schema).is_some() => vec!["string"],
        _ => Vec::new(),
    }
}

fn has_type(node: &Node, name: &str) -> bool {
    match node.value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Integer(_) => name == "integer" || name == "number",
        Value::Float(_) => name == "number",
        Value::Text(_) => name == "string",
        Value::List(_) => name == "array",
        Value::Map(_) => name == "object",
    }
}

fn type_words(name: &str) -> &'static str {
    match name {
        "null" => "nothing",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        _ => "a map of keys",
    }
}

fn wrong_type(schema: &Json, node: &Node, types: &[&str]) -> String {
    let wanted: Vec<String> = types.iter().filter(|name| **name != "null").map(|name| type_words(name).to_owned()).collect();
    let wanted = listed(&wanted, "or");
    match (&node.value, schema["format"].as_str()) {
        (Value::Null, _) => format!("is empty: give it {wanted}, or take the key out"),
        (Value::Integer(number), Some("delay")) => format!("must be a delay with its unit, such as `{number}s` or `{number}m`"),
        (Value::Integer(number), Some("size")) => format!("must be a size with its unit, such as `{number}KiB`"),
        (Value::Integer(_) | Value::Float(_) | Value::Bool(_), _) if types.contains(&"string") => {
            format!("must be text, not {}: put it in quotes", node.what())
        }
        _ => format!("must be {wanted}, not {}", node.what()),
    }
}
