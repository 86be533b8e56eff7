//! The post: a message attachment with facts and buttons, after
//! <https://developers.mattermost.com/integrate/reference/message-attachments/> and
//! <https://developers.mattermost.com/integrate/plugins/interactive-messages/>.

use message::{Kind, Message, line};
use reveille_sdk::types::Severity;
use reveille_sdk::{Page, Result};
use serde_json::{Value, json};

use crate::Settings;
use crate::press;

/// Facts of an incident that are shown.
const FACTS_MAX: usize = 8;
const DETAILS_MAX: usize = 1_500;
/// Incidents of a bundled page.
const INCIDENTS_MAX: usize = 5;

/// The post without its channel.
pub fn message(page: &Page, settings: &Settings) -> Result<Value> {
    let message = Message::of(page, Some(&settings.time_zone));
    let headline = escaped(&message.headline());
    let mut attachments: Vec<Value> = Vec::new();
    for incident in message.incidents.iter().take(INCIDENTS_MAX) {
        let facts: Vec<Value> = incident
            .facts
            .iter()
            .take(FACTS_MAX)
            .map(|fact| json!({ "title": escaped(&fact.name), "value": escaped(&fact.value), "short": true }))
            .collect();
        let mut attachment = json!({
            "fallback": line(&message.headline(), 200),
            "color": color(message.kind),
            "title": line(&incident.title, 200),
            "text": escaped(&message::block(incident.details.as_deref().unwrap_or_default(), DETAILS_MAX)),
            "fields": facts,
        });
        if let Some(url) = &incident.url {
            attachment["title_link"] = json!(url);
        }
        attachments.push(attachment);
    }
    if attachments.is_empty() {
        attachments
            .push(json!({ "fallback": line(&message.headline(), 200), "color": color(message.kind), "text": escaped(&message.lead) }));
    }
    let (buttons, links) = answers(page, &message, settings)?;
    if !buttons.is_empty()
        && let Some(last) = attachments.last_mut()
    {
        last["actions"] = json!(buttons);
    }
    let mut text = format!("**{headline}**");
    let untold = message.more + message.incidents.len().saturating_sub(INCIDENTS_MAX);
    let more = if untold > 0 { format!("and {untold} more") } else { String::new() };
    for row in [escaped(&message.lead), more, links].into_iter().filter(|row| !row.is_empty()) {
        text = format!("{text}\n{row}");
    }
    Ok(json!({ "message": text, "props": { "attachments": attachments } }))
}

/// Buttons where somebody hears them, and a line of links.
fn answers(page: &Page, message: &Message, settings: &Settings) -> Result<(Vec<Value>, String)> {
    let mut links: Vec<String> = message.runbook.iter().map(|place| link(&place.text, &place.url)).collect();
    let Some(url) = &settings.url else {
        links.splice(0..0, message.buttons.iter().map(|button| link(&button.text, &button.url)));
        return Ok((Vec::new(), links.join("  ·  ")));
    };
    let mut buttons = Vec::with_capacity(page.choices().len());
    for (place, choice) in page.choices().iter().enumerate() {
        buttons.push(json!({
            // Mattermost takes letters and digits only.
            "id": format!("choice{}", place + 1),
            "name": line(&choice.text, 60),
            "type": "button",
            "style": if place == 0 { "primary" } else { "default" },
            "integration": { "url": url, "context": press::context(&choice.token, &settings.signing_key)? },
        }));
    }
    Ok((buttons, links.join("  ·  ")))
}

fn link(text: &str, url: &str) -> String {
    format!("[{}]({})", escaped(text), url.replace(')', "%29"))
}

fn color(kind: Kind) -> &'static str {
    match kind {
        Kind::Firing(Severity::Critical | Severity::Error) => "#c62828",
        Kind::Firing(Severity::Warning) | Kind::Approval => "#ef6c00",
        Kind::Firing(Severity::Info) | Kind::Reminder | Kind::Thread | Kind::Test => "#1565c0",
        Kind::Acknowledged => "#6a1b9a",
        Kind::Resolved => "#2e7d32",
    }
}

/// Text as it is: no Markdown, and nobody is called by an `@` in an alert.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '|' | '<' | '>' => out.extend(['\\', character]),
            // A character of no width after it keeps a mention from being one.
            '@' => out.push_str("@\u{2060}"),
            other => out.push(other),
        }
    }
    out
}
