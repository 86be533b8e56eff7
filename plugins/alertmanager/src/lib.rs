//! Takes alerts from Alertmanager's webhook (version 4) and, as Alertmanager's API v2 does, from Prometheus itself.

mod alert;
mod fingerprint;
mod settings;
mod webhook;

use reveille_sdk::prelude::*;
use serde_json::Value;

use crate::alert::AlertJson;
pub use crate::fingerprint::fingerprint;
use crate::settings::Settings;
use crate::webhook::Webhook;

/// The last segments of the address of API v2.
const API_V2: [&str; 3] = ["api", "v2", "alerts"];

/// The plugin.
#[derive(Debug)]
pub struct Alertmanager(Settings);

#[plugin]
impl Normalize for Alertmanager {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        Ok(Self(settings))
    }

    fn normalize(&self, request: &Inbound) -> Result<Normalized, Refusal> {
        self.take(request).map_err(|refusal| {
            // Alertmanager answers with a JSON string.
            let reply = Reply::json(400, &Value::String(refusal.reason.clone()));
            refusal.reply(reply)
        })
    }
}

impl Alertmanager {
    fn take(&self, request: &Inbound) -> Result<Normalized, Refusal> {
        let http = request.http()?;
        let path: Vec<&str> = http.path().iter().map(String::as_str).collect();
        let reports = if path.ends_with(&API_V2) {
            let alerts: Vec<AlertJson> = http.json()?;
            let are_all_bare = !alerts.is_empty() && alerts.iter().all(|alert| alert.labels.is_empty());
            if are_all_bare {
                return Err(Refusal::because("at least one label pair required"));
            }
            alerts.into_iter().map(|alert| alert.into_posted(&self.0, request.received_at())).collect()
        } else {
            http.json::<Webhook>()?.into_reports(&self.0, path.first().copied())
        };
        Ok(Normalized::events::<Report>(reports).reply(Reply::empty(200)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        mock::cases("fixtures", |case| case.normalize::<Alertmanager>());
    }
}
