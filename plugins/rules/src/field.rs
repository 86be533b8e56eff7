//! The fields that rules name: those of an alert, and the names that VictorOps rules have for them.

use std::borrow::Cow;
use std::str::FromStr;

use reveille_sdk::types::{Severity, Status};
use reveille_sdk::{Alert, AlertField, Record as _, UnknownField};
use serde::{Deserialize, Deserializer, de};

/// A field that a rule reads or sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// One of the alert's own.
    Alert(AlertField),
    /// VictorOps' word for status and severity together.
    MessageType,
}

impl FromStr for Field {
    type Err = UnknownField;

    /// A custom field of VictorOps is a label: `labels.NAME`.
    fn from_str(name: &str) -> Result<Self, UnknownField> {
        Ok(Self::Alert(match name {
            "message_type" => return Ok(Self::MessageType),
            "entity_id" => AlertField::Entity,
            "state_message" => AlertField::Details,
            "entity_display_name" => AlertField::Summary,
            "monitoring_tool" => AlertField::Source,
            other => other.parse()?,
        }))
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

impl reveille_sdk::Field for Field {
    fn reads(&self) -> String {
        match self {
            Self::Alert(field) => reveille_sdk::Field::reads(field),
            // Made of status and severity, which always come. Under its own name it can be read back.
            Self::MessageType => "message_type".into(),
        }
    }
}

impl Field {
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
