//! A fake Opsgenie: keeps the alerts that its Alert API creates, acknowledges and closes, as it documents them.

use crate::provider::{Answer, Provider, Seen};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The API key of an integration.
pub const KEY: &str = "eb243592-faa2-4ba2-a551-1afdf565c889";

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub message: String,
    pub priority: String,
    /// `open`, `acknowledged` or `closed`.
    pub status: String,
}

/// Alerts by alias.
#[derive(Default)]
pub struct Account {
    pub alerts: BTreeMap<String, Opened>,
}

/// Starts it.
pub fn start() -> Provider<Account> {
    Provider::start(Account::default(), take)
}

fn take(account: &mut Account, seen: &Seen) -> Answer {
    let refused = |status: u16, why: &str| Err((status, json!({ "message": why, "took": 0.0, "requestId": "r" })));
    if seen.header("authorization") != format!("GenieKey {KEY}") {
        return refused(401, "Could not authenticate");
    }
    let body = match seen.json() {
        Ok(body) => body,
        Err(why) => return refused(422, why),
    };
    let Some(rest) = seen.path.strip_prefix("/v2/alerts").filter(|_| seen.method == "POST") else { return refused(404, "Not found") };
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    if rest.is_empty() {
        let fits = (1..=130).contains(&text("message").chars().count())
            && (1..=512).contains(&text("alias").chars().count())
            && text("description").chars().count() <= 15_000
            && text("source").chars().count() <= 100
            && ["P1", "P2", "P3", "P4", "P5"].contains(&text("priority").as_str())
            && body["details"].as_object().is_none_or(|details| details.values().all(Value::is_string));
        if !fits {
            return refused(422, "Request body is not processable");
        }
        account.alerts.insert(text("alias"), Opened { message: text("message"), priority: text("priority"), status: "open".into() });
    } else {
        let (alias, verb) = rest[1..].split_once('/').unwrap_or_default();
        if seen.query != "identifierType=alias" {
            return refused(422, "identifierType is missing");
        }
        let Some(alert) = account.alerts.get_mut(alias) else { return refused(404, "Alert does not exist") };
        alert.status = match verb {
            "acknowledge" => "acknowledged".into(),
            "close" => "closed".into(),
            _ => return refused(404, "Not found"),
        };
    }
    Ok((202, json!({ "result": "Request will be processed", "took": 0.1, "requestId": "43a29c5c-3dbf-4fa4-9c26-f4f71023e120" })))
}
