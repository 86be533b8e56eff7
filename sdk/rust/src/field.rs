//! Fields by name, as `reads`, templates and matchers of settings name them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A name that is no field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    name: String,
    known: &'static [&'static str],
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no field: known are {}", self.name, self.known.join(", "))
    }
}

impl std::error::Error for UnknownField {}

/// Something whose fields can be asked for by name: [`Alert`](crate::Alert) and [`Incident`](crate::Incident).
pub trait Record {
    /// The names.
    type Field: Field;

    /// The field as text; `None` where it is absent.
    fn get(&self, field: &Self::Field) -> Option<Cow<'_, str>>;
}

/// A name of a field, parsed once when settings are read.
pub trait Field: FromStr<Err = UnknownField> + fmt::Debug + Clone + PartialEq {
    /// The name as `reads` spells it, to be returned from [`Plugin::reads`](crate::Plugin::reads).
    fn reads(&self) -> String;
}

/// A field of an alert.
///
/// ```
/// use reveille_sdk::{AlertField, Field};
///
/// let field: AlertField = "labels.k8s.pod".parse().unwrap();
/// assert_eq!(field, AlertField::Label("k8s.pod".into()));
/// assert_eq!(field.reads(), "labels.k8s.pod");
/// assert!("label.x".parse::<AlertField>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of that name in the contract")]
pub enum AlertField {
    Entity,
    Status,
    Severity,
    Summary,
    Details,
    Source,
    Service,
    RoutingKey,
    Group,
    StartedAt,
    ReceivedAt,
    ExpiresAt,
    Label(String),
    Annotation(String),
}

const ALERT_FIELDS: &[&str] = &[
    "entity",
    "status",
    "severity",
    "summary",
    "details",
    "source",
    "service",
    "routing_key",
    "group",
    "started_at",
    "received_at",
    "expires_at",
    "labels.NAME",
    "annotations.NAME",
];

impl FromStr for AlertField {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        Ok(match name {
            "entity" => Self::Entity,
            "status" => Self::Status,
            "severity" => Self::Severity,
            "summary" => Self::Summary,
            "details" => Self::Details,
            "source" => Self::Source,
            "service" => Self::Service,
            "routing_key" => Self::RoutingKey,
            "group" => Self::Group,
            "started_at" => Self::StartedAt,
            "received_at" => Self::ReceivedAt,
            "expires_at" => Self::ExpiresAt,
            _ => match name.split_once('.') {
                Some(("labels", label)) if !label.is_empty() => Self::Label(label.into()),
                Some(("annotations", label)) if !label.is_empty() => Self::Annotation(label.into()),
                _ => return Err(UnknownField { name: name.into(), known: ALERT_FIELDS }),
            },
        })
    }
}

impl Field for AlertField {
    fn reads(&self) -> String {
        let fixed = match self {
            Self::Label(name) => return format!("labels.{name}"),
            Self::Annotation(name) => return format!("annotations.{name}"),
            Self::Entity => "entity",
            Self::Status => "status",
            Self::Severity => "severity",
            Self::Summary => "summary",
            Self::Details => "details",
            Self::Source => "source",
            Self::Service => "service",
            Self::RoutingKey => "routing_key",
            Self::Group => "group",
            Self::StartedAt => "started_at",
            Self::ReceivedAt => "received_at",
            Self::ExpiresAt => "expires_at",
        };
        fixed.into()
    }
}

/// A field of an incident, or of its newest alert.
///
/// ```
/// use reveille_sdk::{AlertField, Field, IncidentField};
///
/// let field: IncidentField = "alert.source".parse().unwrap();
/// assert_eq!(field, IncidentField::Newest(AlertField::Source));
/// assert_eq!(field.reads(), "incident.alerts.source");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of that name in the contract")]
pub enum IncidentField {
    Id,
    Key,
    Title,
    Status,
    Severity,
    Priority,
    Service,
    RoutingKey,
    OpenedAt,
    Url,
    AlertCount,
    /// The ids of the teams in charge, joined by commas.
    Teams,
    Label(String),
    /// `alert.<field>`: of the newest alert.
    Newest(AlertField),
}

const INCIDENT_FIELDS: &[&str] = &[
    "id",
    "key",
    "title",
    "status",
    "severity",
    "priority",
    "service",
    "routing_key",
    "opened_at",
    "url",
    "alert_count",
    "teams",
    "labels.NAME",
    "alert.FIELD",
];

impl FromStr for IncidentField {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        Ok(match name {
            "id" => Self::Id,
            "key" => Self::Key,
            "title" => Self::Title,
            "status" => Self::Status,
            "severity" => Self::Severity,
            "priority" => Self::Priority,
            "service" => Self::Service,
            "routing_key" => Self::RoutingKey,
            "opened_at" => Self::OpenedAt,
            "url" => Self::Url,
            "alert_count" => Self::AlertCount,
            "teams" => Self::Teams,
            _ => match name.split_once('.') {
                Some(("labels", label)) if !label.is_empty() => Self::Label(label.into()),
                Some(("alert", field)) => Self::Newest(field.parse()?),
                _ => return Err(UnknownField { name: name.into(), known: INCIDENT_FIELDS }),
            },
        })
    }
}

impl Field for IncidentField {
    fn reads(&self) -> String {
        let fixed = match self {
            Self::Label(name) => return format!("incident.labels.{name}"),
            Self::Newest(field) => return format!("incident.alerts.{}", field.reads()),
            Self::Id => "incident.id",
            Self::Key => "incident.key",
            Self::Title => "incident.title",
            Self::Status => "incident.status",
            Self::Severity => "incident.severity",
            Self::Priority => "incident.priority",
            Self::Service => "incident.service",
            Self::RoutingKey => "incident.routing_key",
            Self::OpenedAt => "incident.opened_at",
            Self::Url => "incident.url",
            Self::AlertCount => "incident.alert_count",
            Self::Teams => "incident.teams",
        };
        fixed.into()
    }
}

/// `Deserialize` through the name, so that a settings type can hold a field.
macro_rules! deserialize_by_name {
    ($($field:ty),*) => {$(
        impl<'de> serde::Deserialize<'de> for $field {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = Cow::<'de, str>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
deserialize_by_name!(AlertField, IncidentField);
