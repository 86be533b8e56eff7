//! The JSON that ntfy publishes: <https://docs.ntfy.sh/publish/#publish-as-json>.

use message::{Kind, Message, cut_bytes, json_without_placeholders};
use reveille_sdk::Page;
use reveille_sdk::types::{Purpose, Severity};
use serde::Serialize;

use crate::{Buttons, Settings};

/// ntfy turns a longer message (4,096 bytes) into an attachment that no locked phone shows.
const MESSAGE_MAX_BYTES: usize = 3_800;
/// ntfy shows no more buttons.
const ACTIONS_MAX: usize = 3;
const INCIDENTS_MAX: usize = 5;

#[derive(Serialize)]
struct Publish<'a> {
    title: &'a str,
    message: &'a str,
    priority: u8,
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Action<'a> {
    #[serde(rename = "action")]
    kind: &'static str,
    label: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    /// Takes the notification away once the tap worked.
    clear: bool,
}

/// The request's body. The topic goes in as it is, for it may be a placeholder; nothing else can hold one.
pub fn body(topic: &str, page: &Page, settings: &Settings) -> String {
    let message = Message::of(page, Some(&settings.time_zone));
    let title = title(&message);
    let text = text(&message);
    let mut tags = vec![emoji(message.kind)];
    tags.extend(settings.tags.iter().map(String::as_str));
    let publish = Publish {
        title: &title,
        message: &text,
        priority: priority(page, message.kind, settings),
        tags,
        // A tap on the message opens the page that needs no sign-in, where there is one.
        click: message.buttons.first().map(|button| button.url.as_str()).or(message.url.as_deref()),
        actions: message.buttons.iter().take(ACTIONS_MAX).map(|button| action(button, settings.buttons)).collect(),
        sequence_id: page.previous().filter(|_| settings.replace && matches!(page.purpose(), Purpose::Update(_))),
    };
    let json = serde_json::to_string(&publish).unwrap_or_else(|_| "{}".into());
    format!("{{\"topic\":\"{topic}\",{}", json_without_placeholders(&json[1..]))
}

/// `CRITICAL Error rate above 5 % (checkout-api)`.
fn title(message: &Message) -> String {
    format!("{} {}", message.kind.word(), message.title)
}

fn text(message: &Message) -> String {
    let mut rows: Vec<String> = Vec::with_capacity(12);
    rows.push(message.lead.clone());
    if let Some(runbook) = &message.runbook {
        rows.push(format!("{}: {}", runbook.text, runbook.url));
    }
    rows.extend(message.body.clone());
    rows.extend(message.fields.iter().map(|field| format!("{}: {}", field.name, field.value)));
    if let [one] = message.incidents.as_slice() {
        rows.extend(one.details.clone());
        rows.extend(
            one.facts
                .iter()
                .filter(|fact| matches!(fact.name.as_str(), "Team" | "Acknowledged by"))
                .map(|f| format!("{}: {}", f.name, f.value)),
        );
    } else {
        rows.extend(message.incidents.iter().take(INCIDENTS_MAX).map(|incident| format!("• {}", incident.title)));
    }
    let untold = message.more + if message.incidents.len() > 1 { message.incidents.len().saturating_sub(INCIDENTS_MAX) } else { 0 };
    if untold > 0 {
        rows.push(format!("and {untold} more"));
    }
    rows.extend(message.buttons.iter().skip(ACTIONS_MAX).map(|button| format!("{}: {}", button.text, button.url)));
    rows.retain(|row| !row.is_empty());
    cut_bytes(rows.join("\n"), MESSAGE_MAX_BYTES)
}

fn action(button: &message::Button, mode: Buttons) -> Action<'_> {
    let (kind, method) = match mode {
        Buttons::Act => ("http", Some("POST")),
        Buttons::Show => ("view", None),
    };
    Action { kind, label: &button.text, url: &button.url, method, clear: mode == Buttons::Act }
}

/// News is as loud as news; only what needs somebody now is as loud as its severity.
fn priority(page: &Page, kind: Kind, settings: &Settings) -> u8 {
    let p = &settings.priorities;
    match (page.purpose(), kind) {
        (Purpose::Escalation(_), Kind::Firing(Severity::Critical)) => p.critical,
        (Purpose::Escalation(_), Kind::Firing(Severity::Error)) => p.error,
        (Purpose::Escalation(_), Kind::Firing(Severity::Warning)) => p.warning,
        (Purpose::Escalation(_), _) => p.info,
        (Purpose::Approval(_), _) => p.error,
        _ => p.other,
    }
}

/// A tag that ntfy draws as a picture before the title.
fn emoji(kind: Kind) -> &'static str {
    match kind {
        Kind::Firing(Severity::Critical) => "rotating_light",
        Kind::Firing(Severity::Error) => "red_circle",
        Kind::Firing(Severity::Warning) => "warning",
        Kind::Firing(Severity::Info) => "information_source",
        Kind::Acknowledged => "eyes",
        Kind::Resolved => "white_check_mark",
        Kind::Approval => "raised_hand",
        Kind::Reminder => "calendar",
        Kind::Thread => "ticket",
        Kind::Test => "wave",
    }
}
