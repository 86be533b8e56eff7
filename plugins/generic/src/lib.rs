//! Takes any JSON: the settings say by JSON pointers where each field of an alert is.

mod mapping;
mod pointer;
mod source;

use reveille_sdk::prelude::*;
use serde_json::Value;

use crate::mapping::Mapping;
use crate::source::Scope;

/// The plugin.
#[derive(Debug)]
pub struct Generic(Mapping);

#[plugin]
impl Normalize for Generic {
    type Settings = Mapping;

    fn new(mapping: Mapping) -> Result<Self> {
        mapping.check()?;
        Ok(Self(mapping))
    }

    fn normalize(&self, request: &Inbound) -> Result<Normalized, Refusal> {
        let http = request.http()?;
        let body: Value = http.json()?;
        let routing_key = http.path().last().map(String::as_str);
        let report = |alert: &Value| self.0.report(&Scope { body: &body, alert }, routing_key);
        let Some(alerts) = &self.0.alerts else {
            return Ok(Normalized::events([report(&body)]));
        };
        match alerts.find_in(&body) {
            Some(Value::Array(alerts)) => Ok(Normalized::events(alerts.iter().map(report))),
            _ => Err(Refusal::because(format!("there is no array of alerts at `{alerts}`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        mock::cases("fixtures", |case| case.normalize::<Generic>());
    }
}
