//! The message: <https://core.telegram.org/bots/api#sendmessage>, HTML with an inline keyboard.

use message::{Message, cut_bytes, html, line};
use reveille_sdk::Page;
use serde_json::{Value, json};

use crate::{Buttons, Settings};

/// Telegram takes 4,096 characters.
const TEXT_MAX_BYTES: usize = 3_500;
/// Facts that are not in title and lead already.
const FACTS: [&str; 4] = ["Service", "Team", "Acknowledged by", "Reported by"];
const DETAILS_MAX: usize = 1_000;
const INCIDENTS_MAX: usize = 5;
/// Longest text that a button carries, in bytes.
const DATA_MAX_BYTES: usize = 64;

/// The message without its chat.
pub fn message(page: &Page, settings: &Settings) -> Value {
    let message = Message::of(page, Some(&settings.time_zone));
    let mut rows = vec![message.lead.clone()];
    if let [one] = message.incidents.as_slice() {
        rows.extend(
            one.facts.iter().filter(|fact| FACTS.contains(&fact.name.as_str())).map(|fact| format!("{}: {}", fact.name, fact.value)),
        );
        rows.extend(one.details.as_ref().map(|details| message::block(details, DETAILS_MAX)));
    } else {
        rows.extend(message.incidents.iter().take(INCIDENTS_MAX).map(|incident| format!("• {}", incident.title)));
        let untold = message.more + message.incidents.len().saturating_sub(INCIDENTS_MAX);
        rows.extend((untold > 0).then(|| format!("and {untold} more")));
    }
    rows.retain(|row| !row.is_empty());
    // Cut before it is escaped, so that no entity is cut in two.
    let text = html(&cut_bytes(rows.join("\n"), TEXT_MAX_BYTES));
    json!({
        "text": format!("<b>{}</b>\n{text}", html(&line(&message.headline(), 300))),
        "parse_mode": "HTML",
        "link_preview_options": { "is_disabled": true },
        // An edit without choices takes the buttons away.
        "reply_markup": { "inline_keyboard": keyboard(page, &message, settings.buttons) },
    })
}

fn keyboard(page: &Page, message: &Message, buttons: Buttons) -> Vec<Value> {
    let link = |text: &str, url: &str| json!({ "text": line(text, 60), "url": url });
    let answers: Vec<Value> = match buttons {
        Buttons::Press => {
            let fitting = page.choices().iter().filter(|choice| choice.token.len() <= DATA_MAX_BYTES);
            fitting.map(|choice| json!({ "text": line(&choice.text, 60), "callback_data": choice.token })).collect()
        }
        Buttons::Link => message.buttons.iter().map(|button| link(&button.text, &button.url)).collect(),
    };
    let links =
        message.url.iter().map(|url| link("Open the incident", url)).chain(message.runbook.iter().map(|place| link("Runbook", &place.url)));
    // Telegram refuses the whole message for a button to a host without a dot.
    let links: Vec<Value> = links.filter(|button| button["url"].as_str().is_some_and(is_public)).collect();
    let answers = answers.into_iter().filter(|button| button["url"].as_str().is_none_or(is_public)).collect();
    [answers, links].into_iter().filter(|row| !row.is_empty()).map(Value::Array).collect()
}

fn is_public(url: &str) -> bool {
    let host = url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let name = host.split(':').next().unwrap_or_default();
    name.contains('.') && !name.starts_with("127.")
}
