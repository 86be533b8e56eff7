//! The JSON that the service worker of Reveille's pages shows, and the headers by which a push service treats it (RFC 8030).

use message::{Message, cut_bytes, json_without_placeholders};
use reveille_sdk::Page;
use reveille_sdk::types::Purpose;
use serde::Serialize;

/// What every push service takes is 3,993 bytes; sealing adds what is missing to 4,096.
const BODY_MAX_BYTES: usize = 3_900;
/// Tried in this order, until the whole fits: a locked phone shows less than the first anyway.
const TEXT_MAX_BYTES: [usize; 3] = [1_200, 300, 0];
/// Browsers show no more buttons.
const ACTIONS_MAX: usize = 2;
const INCIDENTS_MAX: usize = 5;

#[derive(Serialize)]
struct Notification<'a> {
    title: String,
    body: String,
    /// A later notification with the same tag takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    /// Whether it makes itself heard again where it takes another's place, and stays until somebody looks.
    loud: bool,
    /// What a tap opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action<'a>>,
}

#[derive(Serialize)]
struct Action<'a> {
    text: &'a str,
    /// POST does it.
    url: &'a str,
}

/// The body, small enough for every push service.
pub fn body(page: &Page) -> String {
    let message = Message::of(page, None);
    let mut json = String::new();
    for limit in TEXT_MAX_BYTES {
        json = notification(page, &message, limit);
        if json.len() <= BODY_MAX_BYTES {
            break;
        }
    }
    json
}

fn notification(page: &Page, message: &Message, limit_bytes: usize) -> String {
    let notification = Notification {
        title: format!("{} {}", message.kind.word(), message.title),
        body: cut_bytes(text(message), limit_bytes),
        tag: tag(page),
        loud: is_loud(page),
        // The page that needs no sign-in, where there is one.
        url: message.buttons.first().map(|button| button.url.as_str()).or(message.url.as_deref()),
        actions: message.buttons.iter().take(ACTIONS_MAX).map(|button| Action { text: &button.text, url: &button.url }).collect(),
    };
    json_without_placeholders(&serde_json::to_string(&notification).unwrap_or_else(|_| "{}".into()))
}

fn text(message: &Message) -> String {
    let mut rows = vec![message.lead.clone()];
    match message.incidents.as_slice() {
        [one] => rows.extend(one.details.clone()),
        many => rows.extend(many.iter().take(INCIDENTS_MAX).map(|incident| format!("• {}", incident.title))),
    }
    let untold = message.more + message.incidents.len().saturating_sub(INCIDENTS_MAX);
    if untold > 0 {
        rows.push(format!("and {untold} more"));
    }
    if let Some(runbook) = &message.runbook {
        rows.push(format!("{}: {}", runbook.text, runbook.url));
    }
    rows.retain(|row| !row.is_empty());
    rows.join("\n")
}

/// What is about one incident replaces what was said of it before.
fn tag(page: &Page) -> Option<String> {
    page.incidents().first().map(|incident| format!("incident-{}", incident.id()))
}

/// A message that a push service still keeps gives way to a newer one of the same topic: at most 32 characters of base64url.
pub fn topic(page: &Page) -> Option<String> {
    tag(page).filter(|tag| tag.len() <= 32 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
}

fn is_loud(page: &Page) -> bool {
    !matches!(page.purpose(), Purpose::Update(_) | Purpose::Reminder(_))
}

/// `high` wakes a phone that saves its battery.
pub fn urgency(page: &Page) -> &'static str {
    if is_loud(page) { "high" } else { "normal" }
}
