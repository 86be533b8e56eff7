//! The message: <https://discord.com/developers/docs/resources/message#create-message>, an embed and a row of buttons.

use message::{Kind, Message, line};
use reveille_sdk::Page;
use reveille_sdk::types::Severity;
use serde_json::{Value, json};

use crate::press::CUSTOM_ID_PREFIX;
use crate::{Buttons, Settings};

/// Limits of embeds, in characters.
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 2_000;
const FIELD_MAX: usize = 300;
const FIELDS_MAX: usize = 8;
const CONTENT_MAX: usize = 300;
const LABEL_MAX: usize = 80;
/// Discord shows five buttons in a row.
const ROW_MAX: usize = 5;
/// Embeds of one message that Discord's 6,000 characters have room for.
const INCIDENTS_MAX: usize = 2;

/// The message without its channel.
pub fn message(page: &Page, settings: &Settings) -> Value {
    let message = Message::of(page, Some(&settings.time_zone));
    let mut embeds: Vec<Value> = Vec::new();
    for (place, incident) in message.incidents.iter().take(INCIDENTS_MAX).enumerate() {
        let mut description = if place == 0 { escaped(&message.lead) } else { String::new() };
        if let Some(details) = &incident.details {
            description = format!("{description}\n{}", escaped(details));
        }
        let facts: Vec<Value> = incident
            .facts
            .iter()
            .take(FIELDS_MAX)
            .map(|fact| json!({ "name": line(&fact.name, 80), "value": message::block(&escaped(&fact.value), FIELD_MAX), "inline": true }))
            .collect();
        let mut embed = json!({
            "title": line(&escaped(&incident.title), TITLE_MAX),
            "description": message::block(&description, DESCRIPTION_MAX),
            "color": color(message.kind),
            "fields": facts,
        });
        if let Some(url) = &incident.url {
            embed["url"] = json!(url);
        }
        embeds.push(embed);
    }
    if embeds.is_empty() {
        embeds.push(json!({ "description": message::block(&escaped(&message.lead), DESCRIPTION_MAX), "color": color(message.kind) }));
    }
    let untold = message.more + message.incidents.len().saturating_sub(INCIDENTS_MAX);
    let more = if untold > 0 { format!(" and {untold} more") } else { String::new() };
    json!({
        "content": format!("**{}**{more}", line(&escaped(&message.headline()), CONTENT_MAX)),
        "embeds": embeds,
        // An alert calls nobody by an `@`.
        "allowed_mentions": { "parse": [] },
        "components": rows(page, &message, settings.buttons),
    })
}

/// Rows of buttons: those that answer, and those that open something.
fn rows(page: &Page, message: &Message, buttons: Buttons) -> Vec<Value> {
    let pressed = page.choices().iter().enumerate().map(|(place, choice)| {
        let style = if place == 0 { 1 } else { 2 };
        json!({ "type": 2, "style": style, "label": line(&choice.text, LABEL_MAX), "custom_id": format!("{CUSTOM_ID_PREFIX}{}", choice.token) })
    });
    let link = |label: &str, url: &str| json!({ "type": 2, "style": 5, "label": line(label, LABEL_MAX), "url": url });
    let mut links: Vec<Value> = Vec::new();
    links.extend(message.buttons.iter().filter(|_| buttons == Buttons::Link).map(|button| link(&button.text, &button.url)));
    links.extend(message.url.iter().map(|url| link("Open the incident", url)));
    links.extend(message.runbook.iter().map(|place| link("Runbook", &place.url)));
    // Discord takes an address of 512 characters on a button.
    links.retain(|button| button["url"].as_str().is_some_and(|url| url.len() <= 512));
    let pressed: Vec<Value> = if buttons == Buttons::Press { pressed.collect() } else { Vec::new() };
    let rows = pressed.chunks(ROW_MAX).take(2).chain(links.chunks(ROW_MAX).take(2));
    rows.map(|row| json!({ "type": 1, "components": row })).collect()
}

fn color(kind: Kind) -> u32 {
    match kind {
        Kind::Firing(Severity::Critical | Severity::Error) => 0xc6_2828,
        Kind::Firing(Severity::Warning) | Kind::Approval => 0xef_6c00,
        Kind::Firing(Severity::Info) | Kind::Reminder | Kind::Thread | Kind::Test => 0x15_65c0,
        Kind::Acknowledged => 0x6a_1b9a,
        Kind::Resolved => 0x2e_7d32,
    }
}

/// Text as it is, without Markdown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '|' | '<' | '>') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
