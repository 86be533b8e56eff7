//! Rules as the operator writes them.

use std::collections::BTreeMap;

use matching::Condition;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::field::Field;

/// All rules, in order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The first one is asked first.
    pub rules: Vec<RuleSettings>,
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// What reasons call it; none: its number, from 1.
    pub name: Option<String>,
    /// Set it to leave the rule out.
    #[serde(default)]
    pub disabled: bool,
    /// When it applies.
    #[serde(deserialize_with = "condition")]
    pub when: Condition<Field>,
    /// Notes, links and pictures to add.
    #[serde(default)]
    pub annotate: Vec<AnnotationSettings>,
    /// Fields to set, by name; the empty text removes.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Pages nobody.
    pub suppress: Option<SuppressSettings>,
    /// For the journal only.
    pub drop: Option<DropSettings>,
    /// No later rule is asked.
    #[serde(default)]
    pub stop: bool,
}

/// A title with one of a note, an address and a picture.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnnotationSettings {
    /// What people see.
    pub title: String,
    /// Text.
    pub note: Option<String>,
    /// Where a link goes.
    pub url: Option<String>,
    /// Where a picture is.
    pub image: Option<String>,
}

/// How to suppress.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SuppressSettings {
    /// Why.
    pub reason: Option<String>,
    /// So long after the trouble began; none: for good.
    pub for_seconds: Option<u32>,
}

/// How to drop.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DropSettings {
    /// Why.
    pub reason: Option<String>,
}

/// Reads a condition. Routing keys are compared without case wherever they stand, so also here.
fn condition<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Condition<Field>, D::Error> {
    let mut json = Value::deserialize(deserializer)?;
    fold_routing_keys(&mut json);
    Condition::deserialize(json).map_err(de::Error::custom)
}

fn fold_routing_keys(json: &mut Value) {
    match json {
        Value::Array(parts) => parts.iter_mut().for_each(fold_routing_keys),
        Value::Object(members) => {
            if members.get("field").is_some_and(|field| field == "routing_key") && !members.contains_key("exists") {
                members.insert("ignore_case".into(), Value::Bool(true));
            }
            members.values_mut().for_each(fold_routing_keys);
        }
        _ => {}
    }
}
