//! The message in Block Kit: a header, what is known, and a button for each choice.

use message::{Message, line};
use reveille_sdk::Page;
use serde_json::{Value, json};

/// Limits of Block Kit, in characters.
const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 2_900;
const BUTTON_MAX: usize = 75;
/// How the action ids of our buttons begin.
pub const ACTION_PREFIX: &str = "reveille-choice-";
/// Facts of an incident that are shown.
const FACTS_MAX: usize = 8;

/// Text and blocks of a page, without channel.
pub fn message(page: &Page, zone: &str) -> Value {
    let message = Message::of(page, Some(zone));
    let headline = line(&message.headline(), HEADER_MAX);
    let mut blocks = vec![json!({ "type": "header", "text": { "type": "plain_text", "text": headline } })];
    if !message.lead.is_empty() {
        blocks.push(section(&escaped(&message.lead)));
    }
    for incident in &message.incidents {
        let mut text = String::new();
        if message.incidents.len() > 1 {
            text += &format!("*{}*\n", escaped(&incident.title));
        }
        for fact in incident.facts.iter().take(FACTS_MAX) {
            text += &format!("*{}:* {}\n", escaped(&fact.name), escaped(&fact.value));
        }
        if let Some(details) = &incident.details {
            text += &escaped(details);
        }
        if !text.trim().is_empty() {
            blocks.push(section(&text));
        }
    }
    if message.more > 0 {
        blocks.push(section(&format!("and {} more", message.more)));
    }
    let mut links = Vec::new();
    if let Some(url) = &message.url {
        links.push(link(url, "Open the incident"));
    }
    if let Some(runbook) = &message.runbook {
        links.push(link(&runbook.url, "Runbook"));
    }
    if !links.is_empty() {
        blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": links.join("  ·  ") }] }));
    }
    let buttons: Vec<Value> = page.choices().iter().enumerate().map(|(place, choice)| button(place, &choice.text, &choice.token)).collect();
    if !buttons.is_empty() {
        blocks.push(json!({ "type": "actions", "elements": buttons }));
    }
    let text = if message.lead.is_empty() { headline } else { format!("{headline}: {}", message.lead) };
    json!({ "text": escaped(&text), "blocks": blocks })
}

fn section(text: &str) -> Value {
    let cut: String = text.chars().take(SECTION_MAX).collect();
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut } })
}

/// The most likely answer stands out.
fn button(place: usize, text: &str, token: &str) -> Value {
    let mut button = json!({
        "type": "button",
        "action_id": format!("{ACTION_PREFIX}{}", place + 1),
        "text": { "type": "plain_text", "text": line(text, BUTTON_MAX) },
        "value": token,
    });
    if place == 0 {
        button["style"] = json!("primary");
    }
    button
}

fn link(url: &str, text: &str) -> String {
    // A bar or an angle bracket would end the address.
    let url: String = url.chars().filter(|c| !matches!(c, '|' | '<' | '>')).collect();
    format!("<{}|{text}>", url.replace('&', "&amp;"))
}

/// The three characters that Slack reads as its own.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
