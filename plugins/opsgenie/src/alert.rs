//! An alert: <https://docs.opsgenie.com/docs/alert-api>. Where the incident stands says what is done to it there.

use message::{Message, block, json_without_placeholders, line};
use reveille_sdk::types::{Priority, Purpose, Severity, Status};
use reveille_sdk::{Alert, Incident, Page};
use serde_json::{Map, Value, json};
use wording::form;

/// Further calls of one page.
pub const FURTHER_MAX: u32 = 3;
/// Opsgenie's limits, in characters.
const MESSAGE_MAX: usize = 130;
const DESCRIPTION_MAX: usize = 10_000;
const ENTITY_MAX: usize = 512;
const LABELS_MAX: usize = 64;

/// The path after `/v2/alerts` and the body of the call about the incident at this place; of a test there is one.
pub fn of(page: &Page, place: usize, source: &str) -> Option<(String, String)> {
    let (path, body) = match (page.incidents().get(place), page.purpose()) {
        (Some(incident), _) => about(incident, page, source),
        (None, Purpose::Test(code)) if place == 0 => (String::new(), test(page, code, source)),
        (None, _) => return None,
    };
    Some((path, json_without_placeholders(&body.to_string())))
}

/// What the page's first alert is called there.
pub fn alias_of(page: &Page, source: &str) -> String {
    page.incidents().first().map_or_else(|| format!("{source}-test-{}", page.id()), |incident| alias(incident, source))
}

fn alias(incident: &Incident, source: &str) -> String {
    format!("{source}-{}", incident.id())
}

fn about(incident: &Incident, page: &Page, source: &str) -> (String, Value) {
    let alias = alias(incident, source);
    let said = match page.purpose() {
        Purpose::Update(text) => line(text, 1_000),
        _ => String::new(),
    };
    let closing = json!({ "source": source, "note": said });
    let path = |verb: &str| format!("/{}/{verb}?identifierType=alias", form::in_query(&alias).replace('+', "%20"));
    match incident.status() {
        Status::Acknowledged => (path("acknowledge"), closing),
        Status::Resolved => (path("close"), closing),
        Status::Firing => (String::new(), create(incident, page, &alias, source)),
    }
}

fn create(incident: &Incident, page: &Page, alias: &str, source: &str) -> Value {
    let message = Message::of(page, None);
    let newest = incident.alerts().first();
    let title = incident.title().or_else(|| newest.and_then(Alert::summary)).map_or(message.title, |text| line(text, 1_000));
    let mut description = newest.and_then(Alert::details).map(|text| block(text, DESCRIPTION_MAX)).unwrap_or_default();
    if let Some(url) = incident.url().and_then(message::address) {
        format!("{description}\n{url}").trim_start().clone_into(&mut description);
    }
    if title.chars().count() > MESSAGE_MAX {
        description = format!("{title}\n{description}");
    }
    let mut body = json!({
        "message": line(&title, MESSAGE_MAX),
        "alias": alias,
        "description": description,
        "details": details(incident),
        "source": source,
        "priority": priority(incident),
    });
    if let Some(entity) = newest.and_then(Alert::entity) {
        body["entity"] = json!(line(entity, ENTITY_MAX));
    }
    body
}

fn details(incident: &Incident) -> Map<String, Value> {
    let mut details = Map::new();
    details.insert("incident".into(), json!(incident.id()));
    details.extend(incident.service().map(|service| ("service".to_owned(), json!(line(service, 200)))));
    details.extend(incident.labels().iter().take(LABELS_MAX).map(|(name, value)| (line(name, 80), json!(line(value, 300)))));
    details
}

/// What people decided, else by severity.
fn priority(incident: &Incident) -> &'static str {
    match (incident.priority(), incident.severity()) {
        (Some(Priority::P1), _) | (None, Severity::Critical) => "P1",
        (Some(Priority::P2), _) | (None, Severity::Error) => "P2",
        (Some(Priority::P3), _) | (None, Severity::Warning) => "P3",
        (Some(Priority::P4), _) => "P4",
        (Some(Priority::P5), _) | (None, Severity::Info) => "P5",
    }
}

/// Proves the key: it opens an alert of the lowest priority that says the code.
fn test(page: &Page, code: &str, source: &str) -> Value {
    json!({
        "message": format!("Your Reveille code is {}: nothing is broken", line(code, 32)),
        "alias": format!("{source}-test-{}", page.id()),
        "source": source,
        "priority": "P5",
    })
}
