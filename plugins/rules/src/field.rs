//! The fields that rules name: those of an alert, and the names that VictorOps rules have for them.

use std::borrow::Cow;
use std::fmt;

use reveille_sdk::types::{Severity, Status};
use reveille_sdk::{Alert, AlertField, Field as _, Record as _};

/// A field that a rule reads or sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// One of the alert's own.
    Alert(AlertField),
    /// VictorOps' word for status and severity together.
    MessageType,
}

/// A name that is no field.
#[derive(Debug)]
pub struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; also entity_id, message_type, state_message, entity_display_name, monitoring_tool", self.0)
    }
}

impl Field {
    /// The field of this name. A custom field of VictorOps is a label: `labels.NAME`.
    pub fn parse(name: &str) -> Result<Self, Unknown> {
        Ok(Self::Alert(match name {
            "message_type" => return Ok(Self::MessageType),
            "entity_id" => AlertField::Entity,
            "state_message" => AlertField::Details,
            "entity_display_name" => AlertField::Summary,
            "monitoring_tool" => AlertField::Source,
            other => other.parse().map_err(|why| Unknown(format!("{why}")))?,
        }))
    }

    /// The names as the host spells them.
    pub fn reads(&self) -> String {
        match self {
            Self::Alert(field) => field.reads(),
            // Made of status and severity, which always come.
            Self::MessageType => AlertField::Severity.reads(),
        }
    }

    /// What it holds in this alert.
    pub fn of<'a>(&self, alert: &'a Alert) -> Option<Cow<'a, str>> {
        match self {
            Self::Alert(field) => alert.get(field),
            Self::MessageType => Some(Cow::Borrowed(message_type(alert.status(), alert.severity()))),
        }
    }
}

/// VictorOps' word for a status and a severity.
pub fn message_type(status: Status, severity: Severity) -> &'static str {
    match (status, severity) {
        (Status::Resolved, _) => "RECOVERY",
        (Status::Acknowledged, _) => "ACKNOWLEDGEMENT",
        (Status::Firing, Severity::Critical | Severity::Error) => "CRITICAL",
        (Status::Firing, Severity::Warning) => "WARNING",
        (Status::Firing, Severity::Info) => "INFO",
    }
}

/// The status and severity of VictorOps' word, in any letter case; a severity only where the word says one.
pub fn of_message_type(word: &str) -> Option<(Status, Option<Severity>)> {
    Some(match word.to_ascii_uppercase().as_str() {
        "CRITICAL" => (Status::Firing, Some(Severity::Critical)),
        "WARNING" => (Status::Firing, Some(Severity::Warning)),
        "INFO" => (Status::Firing, Some(Severity::Info)),
        "ACKNOWLEDGEMENT" => (Status::Acknowledged, None),
        "RECOVERY" | "OK" => (Status::Resolved, None),
        _ => return None,
    })
}
