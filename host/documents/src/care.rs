//! What a team wants of the host about its incidents: when an acknowledgement has grown old, and when silence means that it is over.

use crate::text::Delay;
use domain::alert::Severity;
use domain::care::CareRules;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One delay for all severities, or one for each that is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DelayEntry {
    All(Delay),
    Each(DelayBySeverity),
}

/// A delay by severity; those that are not named have none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelayBySeverity {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Delay>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Delay>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Delay>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<Delay>,
}

/// The two ways to write it, for the schema.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)] // Only its schema is made.
enum Written {
    /// For all severities.
    All(Delay),
    Each(DelayBySeverity),
}

impl JsonSchema for DelayEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DelayEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

impl DelayEntry {
    fn of(&self, severity: Severity) -> Option<u32> {
        let delay = match self {
            Self::All(delay) => Some(delay),
            Self::Each(each) => match severity {
                Severity::Info => each.info.as_ref(),
                Severity::Warning => each.warning.as_ref(),
                Severity::Error => each.error.as_ref(),
                Severity::Critical => each.critical.as_ref(),
            },
        };
        delay.map(|delay| delay.0)
    }

    /// Whether one of its delays is shorter than a minute: the host would chase its own tail.
    pub(crate) fn is_too_short(&self) -> bool {
        Severity::ALL.into_iter().filter_map(|severity| self.of(severity)).any(|seconds| seconds < 60)
    }
}

/// As the middle of the house sees it.
pub(crate) fn rules(return_after: Option<&DelayEntry>, auto_resolve_after: Option<&DelayEntry>) -> CareRules {
    let by_severity = |entry: Option<&DelayEntry>| Severity::ALL.map(|severity| entry.and_then(|entry| entry.of(severity)));
    CareRules { return_after_seconds: by_severity(return_after), auto_resolve_after_seconds: by_severity(auto_resolve_after) }
}
