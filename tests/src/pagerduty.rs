//! A fake PagerDuty: keeps the incidents that the Events API opens, acknowledges and resolves, as it documents them.

use crate::provider::{Answer, Provider, Seen};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The integration key of a service.
pub const KEY: &str = "R0123456789ABCDEFGHIJKLMNOPQRSTU";

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub summary: String,
    pub severity: String,
    /// `triggered`, `acknowledged` or `resolved`.
    pub status: String,
    /// Events that it got.
    pub events: u32,
}

/// Incidents by dedup key.
#[derive(Default)]
pub struct Service {
    pub incidents: BTreeMap<String, Opened>,
}

/// Starts it.
pub fn start() -> Provider<Service> {
    Provider::start(Service::default(), take)
}

fn take(service: &mut Service, seen: &Seen) -> Answer {
    let invalid = |why: &str| Err((400, json!({ "status": "invalid event", "message": "Event object is invalid", "errors": [why] })));
    if (seen.method.as_str(), seen.path.as_str()) != ("POST", "/v2/enqueue") {
        return Err((404, Value::Null));
    }
    let body = match seen.json() {
        Ok(body) => body,
        Err(why) => return invalid(why),
    };
    if body["routing_key"] != KEY {
        return invalid("'routing_key' is invalid");
    }
    let Some(key) = body["dedup_key"].as_str().filter(|key| (1..=255).contains(&key.len())) else {
        return invalid("'dedup_key' is missing");
    };
    let known = service.incidents.get_mut(key);
    match (body["event_action"].as_str(), known) {
        (Some("trigger"), known) => {
            let payload = &body["payload"];
            let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
            let severe = ["critical", "error", "warning", "info"].contains(&text("severity").as_str());
            if !(1..=1024).contains(&text("summary").chars().count()) || text("source").is_empty() || !severe {
                return invalid("'payload' lacks summary, source or severity");
            }
            let events = known.map_or(0, |opened| opened.events) + 1;
            let opened = Opened { summary: text("summary"), severity: text("severity"), status: "triggered".into(), events };
            service.incidents.insert(key.to_owned(), opened);
        }
        (Some("acknowledge"), Some(opened)) => (opened.status, opened.events) = ("acknowledged".into(), opened.events + 1),
        (Some("resolve"), Some(opened)) => (opened.status, opened.events) = ("resolved".into(), opened.events + 1),
        _ => return invalid("'event_action' is wrong, or nothing is known by this dedup_key"),
    }
    Ok((202, json!({ "status": "success", "message": "Event processed", "dedup_key": key })))
}
