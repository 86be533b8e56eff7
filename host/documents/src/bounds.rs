//! Bounds that documents set on what comes in.

use domain::installation::{Rate, StormBounds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many alerts an integration may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateEntry {
    /// Alerts a second in the long run.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub per_second: u32,
    /// Alerts at once, after a pause; default: ten seconds' worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub burst: Option<u32>,
}

impl RateEntry {
    pub(crate) fn to_domain(self) -> Rate {
        let per_second = self.per_second.max(1);
        Rate { per_second, burst: self.burst.unwrap_or(per_second.saturating_mul(10)).max(1) }
    }
}

/// From where on a team's alerts are a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StormEntry {
    /// Default: 6000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub alerts_per_minute: Option<u32>,
    /// Incidents that are new; default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub incidents_per_minute: Option<u32>,
}

impl StormEntry {
    pub(crate) fn to_domain(self) -> StormBounds {
        let usual = StormBounds::default();
        StormBounds {
            alerts_per_minute: self.alerts_per_minute.unwrap_or(usual.alerts_per_minute),
            incidents_per_minute: self.incidents_per_minute.unwrap_or(usual.incidents_per_minute),
        }
    }
}
