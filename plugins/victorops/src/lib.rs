//! Takes alerts as the VictorOps REST endpoint does: one flat JSON object per post, whatever its content type.

mod message;

use reveille_sdk::prelude::*;
use serde_json::{Map, Value, json};

use crate::message::Message;

/// What the operator may set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    service_field: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { service_field: "service".into() }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct VictorOps(Settings);

#[plugin]
impl Normalize for VictorOps {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        Ok(Self(settings))
    }

    fn normalize(&self, request: &Inbound) -> Result<Normalized, Refusal> {
        self.take(request).map_err(|refusal| {
            let reply = Reply::json(400, &json!({ "result": "failure", "message": refusal.reason }));
            refusal.reply(reply)
        })
    }
}

impl VictorOps {
    fn take(&self, request: &Inbound) -> Result<Normalized, Refusal> {
        let http = request.http()?;
        let body: Map<String, Value> = http.json()?;
        let message = Message::read(body, request.id(), &self.0.service_field)?;
        let mut answer = json!({ "result": "success", "entity_id": message.entity });
        if let Some(note) = &message.note {
            answer["message"] = json!(note);
        }
        let reply = Reply::json(200, &answer);
        let mut report = message.into_report();
        if let Some(routing_key) = http.path().first() {
            report = report.routing_key(routing_key);
        }
        Ok(Normalized::events([report]).reply(reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        mock::cases("fixtures", |case| case.normalize::<VictorOps>());
    }
}
