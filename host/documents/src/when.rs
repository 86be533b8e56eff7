//! Conditions as documents write them: severities, priorities, weekdays, hours in a zone.

use crate::text::{DayHours, Zone};
use domain::alert::Severity;
use domain::command::Priority;
use domain::when::When;
use jiff::civil::Weekday;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When something holds. What is left out holds always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenEntry {
    /// For incidents of one of these severities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severities: Vec<SeverityWord>,
    /// For incidents of one of these priorities; one that has none is of none of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub priorities: Vec<PriorityWord>,
    /// On these days; a night belongs to the day on which it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Day>,
    /// `09:00-17:00`, or `22:00-06:00` over midnight, by the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<DayHours>,
    /// IANA name of the zone of days and hours; default: the person's, for a step UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Zone>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeverityWord {
    Info,
    Warning,
    Error,
    Critical,
}

/// What people decided about importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PriorityWord {
    P1,
    P2,
    P3,
    P4,
    P5,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl WhenEntry {
    pub(crate) fn to_domain(&self) -> When {
        When {
            severities: self.severities.iter().map(|word| word.to_domain()).collect(),
            priorities: self.priorities.iter().map(|word| word.to_domain()).collect(),
            weekdays: self.weekdays.iter().map(|day| day.to_domain()).collect(),
            hours: self.hours.as_ref().map(|hours| hours.0),
            time_zone: self.time_zone.as_ref().map(|zone| zone.0.clone()),
        }
    }
}

impl SeverityWord {
    fn to_domain(self) -> Severity {
        match self {
            Self::Info => Severity::Info,
            Self::Warning => Severity::Warning,
            Self::Error => Severity::Error,
            Self::Critical => Severity::Critical,
        }
    }
}

impl PriorityWord {
    fn to_domain(self) -> Priority {
        match self {
            Self::P1 => Priority::P1,
            Self::P2 => Priority::P2,
            Self::P3 => Priority::P3,
            Self::P4 => Priority::P4,
            Self::P5 => Priority::P5,
        }
    }
}

impl Day {
    fn to_domain(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}
