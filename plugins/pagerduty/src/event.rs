//! An event: <https://developer.pagerduty.com/docs/send-alert-event>. Where the incident stands says what it does there.

use message::{Message, json_without_placeholders, line};
use reveille_sdk::types::{Priority, Purpose, Severity, Status};
use reveille_sdk::{Alert, Incident, Page};
use serde_json::{Map, Value, json};

/// Further calls of one page.
pub const FURTHER_MAX: u32 = 3;
/// PagerDuty's limit, in characters.
const SUMMARY_MAX: usize = 1_024;
const DETAILS_MAX: usize = 4_000;
const LABELS_MAX: usize = 64;

/// The event about the incident at this place; of a test there is one.
pub fn of(page: &Page, place: usize, source: &str) -> Option<String> {
    let key = &page.contact().address;
    let event = match (page.incidents().get(place), page.purpose()) {
        (Some(incident), _) => about(incident, page, source),
        (None, Purpose::Test(code)) if place == 0 => test(page, code, source),
        (None, _) => return None,
    };
    // The key goes in as it is, for it may be a placeholder; nothing else can hold one.
    let rest = json_without_placeholders(&event.to_string());
    Some(format!("{{\"routing_key\":\"{key}\",{}", &rest[1..]))
}

fn about(incident: &Incident, page: &Page, source: &str) -> Value {
    let dedup_key = format!("{source}-{}", incident.id());
    let action = match incident.status() {
        Status::Firing => "trigger",
        Status::Acknowledged => "acknowledge",
        Status::Resolved => "resolve",
    };
    if incident.status() != Status::Firing {
        return json!({ "event_action": action, "dedup_key": dedup_key });
    }
    let message = Message::of(page, None);
    let summary = incident
        .title()
        .or_else(|| incident.alerts().first().and_then(Alert::summary))
        .map_or(message.title, |text| line(text, SUMMARY_MAX));
    let newest = incident.alerts().first();
    let mut payload = json!({
        "summary": summary,
        "source": newest.and_then(Alert::entity).map_or_else(|| source.to_owned(), |entity| line(entity, 200)),
        "severity": incident.severity().as_str(),
        "custom_details": details(incident),
    });
    if let Some(service) = incident.service() {
        payload["component"] = json!(line(service, 200));
    }
    let mut event = json!({ "event_action": action, "dedup_key": dedup_key, "payload": payload, "client": source });
    if let Some(url) = incident.url().and_then(message::address) {
        event["client_url"] = json!(url);
        event["links"] = json!([{ "href": url, "text": "Open in Reveille" }]);
    }
    event
}

fn details(incident: &Incident) -> Map<String, Value> {
    let mut details = Map::new();
    details.insert("incident".into(), json!(incident.id()));
    details.insert("alerts".into(), json!(incident.alert_count()));
    if let Some(priority) = incident.priority() {
        details.insert("priority".into(), json!(Priority::as_str(priority)));
    }
    if let Some(text) = incident.alerts().first().and_then(Alert::details) {
        details.insert("details".into(), json!(message::block(text, DETAILS_MAX)));
    }
    for (name, value) in incident.labels().iter().take(LABELS_MAX) {
        details.insert(format!("label {}", line(name, 80)), json!(line(value, 300)));
    }
    details
}

/// Proves the key: it opens an incident of the lowest severity that says the code.
fn test(page: &Page, code: &str, source: &str) -> Value {
    json!({
        "event_action": "trigger",
        "dedup_key": format!("{source}-test-{}", page.id()),
        "payload": { "summary": format!("Your Reveille code is {}: nothing is broken", line(code, 32)), "source": source, "severity": Severity::Info.as_str() },
        "client": source,
    })
}
