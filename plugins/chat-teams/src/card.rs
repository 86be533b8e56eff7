//! The card: <https://adaptivecards.io/explorer/>, in the envelope that a Workflows webhook takes:
//! <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>.

use message::{Kind, Message, line};
use reveille_sdk::Page;
use reveille_sdk::types::Severity;
use serde_json::{Value, json};

/// Teams refuses a message over 28 KB.
const BODY_MAX_BYTES: usize = 24 * 1024;
/// Facts of an incident that are shown.
const FACTS_MAX: usize = 8;
const DETAILS_MAX: usize = 1_000;
/// Teams shows six buttons.
const ACTIONS_MAX: usize = 6;

/// The message with its card. What would make it too large for Teams is left out, the details first.
pub fn message(page: &Page, zone: &str) -> Value {
    let message = Message::of(page, Some(zone));
    let whole = envelope(&message, true);
    if whole.to_string().len() <= BODY_MAX_BYTES { whole } else { envelope(&message, false) }
}

fn envelope(message: &Message, whole: bool) -> Value {
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": message.headline(),
        "msteams": { "width": "Full" },
        "body": body(message, whole),
        "actions": actions(message),
    });
    json!({
        "type": "message",
        "summary": message.headline(),
        "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card }],
    })
}

fn body(message: &Message, whole: bool) -> Vec<Value> {
    let title = json!({ "type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": true, "text": plain(&message.headline()) });
    let mut body = vec![json!({ "type": "Container", "style": style(message.kind), "bleed": true, "items": [title] })];
    if !message.lead.is_empty() {
        body.push(text(&plain(&message.lead)));
    }
    for incident in &message.incidents {
        if message.incidents.len() > 1 {
            body.push(json!({ "type": "TextBlock", "weight": "Bolder", "wrap": true, "text": plain(&incident.title) }));
        }
        if !whole {
            continue;
        }
        let facts: Vec<Value> =
            incident.facts.iter().take(FACTS_MAX).map(|f| json!({ "title": f.name, "value": plain(&f.value) })).collect();
        if !facts.is_empty() {
            body.push(json!({ "type": "FactSet", "facts": facts }));
        }
        if let Some(details) = &incident.details {
            body.push(text(&plain(&message::block(details, DETAILS_MAX))));
        }
    }
    if message.more > 0 {
        body.push(text(&format!("and {} more", message.more)));
    }
    body
}

/// Buttons open pages: the answers first, for they need no sign-in.
fn actions(message: &Message) -> Vec<Value> {
    let answers = message.buttons.iter().map(|button| (button.text.as_str(), button.url.as_str()));
    let incident = message.url.iter().map(|url| ("Open the incident", url.as_str()));
    let runbook = message.runbook.iter().map(|place| ("Runbook", place.url.as_str()));
    let all = answers.chain(incident).chain(runbook).take(ACTIONS_MAX);
    all.map(|(title, url)| json!({ "type": "Action.OpenUrl", "title": line(title, 60), "url": url })).collect()
}

fn text(text: &str) -> Value {
    json!({ "type": "TextBlock", "wrap": true, "text": text })
}

fn style(kind: Kind) -> &'static str {
    match kind {
        Kind::Firing(Severity::Critical | Severity::Error) => "attention",
        Kind::Firing(Severity::Warning) | Kind::Approval => "warning",
        Kind::Resolved => "good",
        Kind::Acknowledged => "accent",
        _ => "default",
    }
}

/// Text blocks read a little Markdown: what an alert says must not become a link or a list.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
