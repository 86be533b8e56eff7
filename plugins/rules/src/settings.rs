//! Rules as the operator writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::condition::ConditionSettings;

/// All rules, in order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The first one is asked first.
    pub rules: Vec<RuleSettings>,
}

/// One rule.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleSettings {
    /// What reasons call it; none: its number, from 1.
    pub name: Option<String>,
    /// Set it to leave the rule out.
    pub disabled: bool,
    /// When it applies.
    pub when: ConditionSettings,
    /// Notes, links and pictures to add.
    pub annotate: Vec<AnnotationSettings>,
    /// Fields to set, by name; the empty text removes.
    pub set: BTreeMap<String, String>,
    /// Pages nobody.
    pub suppress: Option<SuppressSettings>,
    /// For the journal only.
    pub drop: Option<DropSettings>,
    /// No later rule is asked.
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
