//! The JSON that a receiver gets. Its shape is a promise: fields may be added, none changes its meaning while `version` is 1.

use message::json_without_placeholders;
use reveille_sdk::types::{Draft, Label, Link, Priority, Purpose, User};
use reveille_sdk::{Alert, Incident, Page};
use serde_json::{Map, Value, json};

/// The shape's version.
const VERSION: u32 = 1;
/// What the egress takes is 128 KiB.
const BODY_MAX_BYTES: usize = 120 * 1024;

/// The body of this page, with at most so many of each incident's newest alerts. What would make it too large for the egress is
/// left out, alerts first, and `truncated` says so.
pub fn of(page: &Page, alerts_max: usize) -> String {
    let mut alerts = alerts_max;
    let mut incidents = page.incidents().len();
    loop {
        let truncated = alerts < alerts_max || incidents < page.incidents().len();
        let body = json_without_placeholders(&document(page, alerts, incidents, truncated).to_string());
        if body.len() <= BODY_MAX_BYTES || (alerts == 0 && incidents == 0) {
            return body;
        }
        if alerts > 0 { alerts /= 2 } else { incidents /= 2 }
    }
}

fn document(page: &Page, alerts_max: usize, incidents_max: usize, truncated: bool) -> Value {
    json!({
        "version": VERSION,
        "id": page.id(),
        "at_ms": page.at(),
        "purpose": purpose(page.purpose()),
        "recipient": page.recipient().map(user),
        "incidents": page.incidents().iter().take(incidents_max).map(|i| incident(i, alerts_max)).collect::<Vec<_>>(),
        "choices": page.choices().iter().map(|c| json!({"text": c.text, "token": c.token, "url": c.url})).collect::<Vec<_>>(),
        "previous": page.previous(),
        "truncated": truncated,
    })
}

fn purpose(purpose: &Purpose) -> Value {
    match purpose {
        Purpose::Escalation(step) => json!({"kind": "escalation", "step": step}),
        Purpose::Update(text) => json!({"kind": "update", "text": text}),
        Purpose::Approval(text) => json!({"kind": "approval", "text": text}),
        Purpose::Reminder(text) => json!({"kind": "reminder", "text": text}),
        Purpose::OpenTicket(draft) => thread("open-ticket", draft),
        Purpose::OpenChannel(draft) => thread("open-channel", draft),
        Purpose::Test(code) => json!({"kind": "test", "code": code}),
    }
}

fn thread(kind: &str, draft: &Draft) -> Value {
    json!({"kind": kind, "title": draft.title, "body": draft.body, "fields": map(&draft.fields)})
}

fn user(user: &User) -> Value {
    json!({"id": user.id, "name": user.name, "time_zone": user.time_zone, "language": user.language})
}

fn incident(incident: &Incident, alerts_max: usize) -> Value {
    json!({
        "id": incident.id(),
        "key": incident.key(),
        "title": incident.title(),
        "status": incident.status().as_str(),
        "severity": incident.severity().as_str(),
        "priority": incident.priority().map(Priority::as_str),
        "service": incident.service(),
        "routing_key": incident.routing_key(),
        "opened_at_ms": incident.opened_at(),
        "teams": incident.teams(),
        "responders": incident.responders().iter().map(user).collect::<Vec<_>>(),
        "url": incident.url(),
        "labels": map(incident.labels()),
        "links": links(incident.links()),
        "alert_count": incident.alert_count(),
        "alerts": incident.alerts().iter().take(alerts_max).map(alert).collect::<Vec<_>>(),
    })
}

fn alert(alert: &Alert) -> Value {
    json!({
        "entity": alert.entity(),
        "status": alert.status().as_str(),
        "severity": alert.severity().as_str(),
        "summary": alert.summary(),
        "details": alert.details(),
        "source": alert.source(),
        "service": alert.service(),
        "started_at_ms": alert.started_at(),
        "received_at_ms": alert.received_at(),
        "labels": map(alert.labels()),
        "annotations": map(alert.annotations()),
        "links": links(alert.links()),
    })
}

fn links(links: &[Link]) -> Vec<Value> {
    links.iter().map(|link| json!({"url": link.url, "text": link.text, "image": link.image})).collect()
}

fn map(labels: &[Label]) -> Map<String, Value> {
    labels.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect()
}
