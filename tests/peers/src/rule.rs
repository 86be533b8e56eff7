//! The rule set, read from the benchmark's own settings, so that it is the very one that the server is measured with.

#[allow(dead_code, reason = "the benchmark's data set, of which the rules and one alert are used")]
#[path = "../../bench/src/data.rs"]
pub mod data;

use serde_json::Value;

/// The field of one rule has a certain text, or begins with it.
pub struct Rule {
    /// `labels.region` or `source`.
    pub field: String,
    pub text: String,
    pub is_prefix: bool,
    /// The label that is set to `matched`.
    pub label: String,
}

/// All of them. The two that would suppress set a label here: none of them matches, and only their conditions cost.
pub fn rules() -> Vec<Rule> {
    let settings = data::rules();
    let rules = settings["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    rules.iter().enumerate().map(|(at, rule)| one(at, rule)).collect()
}

fn one(at: usize, rule: &Value) -> Rule {
    let text = |name: &str| rule["when"][name].as_str().unwrap_or_default();
    let pattern = text("wildcard");
    let prefix = pattern.strip_suffix('*');
    Rule {
        field: text("field").to_owned(),
        text: prefix.unwrap_or(pattern).to_owned(),
        is_prefix: prefix.is_some(),
        label: format!("rule_{at}"),
    }
}

/// The labels that have to come out.
pub const EXPECTED: [&str; 3] = ["rule_10", "rule_3", "rule_4"];
