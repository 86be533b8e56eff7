//! What the operator may set.

use std::collections::BTreeMap;

use reveille_sdk::prelude::*;

/// Which labels mean what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    severity_label: String,
    severities: BTreeMap<String, Severity>,
    default_severity: Severity,
    /// The label that names the service.
    pub service_label: String,
    /// The label that holds the routing key.
    pub routing_key_label: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            severity_label: "severity".into(),
            severities: BTreeMap::new(),
            // An alert that says nothing about its severity is loud rather than lost; Alertmanager's own VictorOps client does the same.
            default_severity: Severity::Critical,
            service_label: "service".into(),
            routing_key_label: None,
        }
    }
}

impl Settings {
    /// The severity that the labels name: the operator's names first, then those in common use, in any letter case.
    pub fn severity(&self, labels: &BTreeMap<String, String>) -> Severity {
        let Some(name) = labels.get(&self.severity_label) else {
            return self.default_severity;
        };
        let own = self.severities.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, severity)| *severity);
        own.or_else(|| common(name)).unwrap_or(self.default_severity)
    }
}

fn common(name: &str) -> Option<Severity> {
    Some(match name.to_ascii_lowercase().as_str() {
        "critical" | "crit" | "page" | "emergency" | "fatal" | "disaster" | "p1" => Severity::Critical,
        "error" | "err" | "high" | "major" | "p2" => Severity::Error,
        "warning" | "warn" | "medium" | "minor" | "average" | "p3" => Severity::Warning,
        "info" | "information" | "informational" | "notice" | "low" | "none" | "debug" | "p4" | "p5" => Severity::Info,
        _ => return None,
    })
}
