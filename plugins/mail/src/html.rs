//! The HTML of the mail: the same words, with buttons that a thumb can hit. No script, no picture, nothing loaded from outside.

use message::{Kind, Message, Place, Summary, html};
use reveille_sdk::types::Severity;

/// The whole document, with what a reply has to quote at its end. Every value is escaped; addresses were checked to be web addresses.
pub fn with_reply(message: &Message, reply: &str) -> String {
    let mut out = String::with_capacity(4096);
    out.push_str("<!doctype html><html><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">");
    out.push_str("<meta name=\"color-scheme\" content=\"light dark\"></head>");
    out.push_str("<body style=\"font:16px/1.45 sans-serif;margin:0;padding:12px;max-width:640px\">");
    out.push_str(&format!(
        "<p style=\"margin:0 0 8px;border-left:6px solid {};padding-left:10px;font-size:18px\"><b>{}</b> {}</p>",
        colour(message.kind),
        html(message.kind.word()),
        html(&message.title)
    ));
    if !message.lead.is_empty() {
        out.push_str(&format!("<p style=\"margin:0 0 8px\">{}</p>", html(&message.lead)));
    }
    if let Some(runbook) = &message.runbook {
        out.push_str(&format!("<p style=\"margin:0 0 8px\">{}</p>", link(runbook)));
    }
    buttons(message, &mut out);
    draft(message, &mut out);
    let several = message.incidents.len() > 1;
    for incident in &message.incidents {
        section(incident, several, &mut out);
    }
    if message.more > 0 {
        out.push_str(&format!("<p>and {} more.</p>", message.more));
    }
    out.push_str(reply);
    out.push_str("</body></html>");
    out
}

fn buttons(message: &Message, out: &mut String) {
    if message.buttons.is_empty() {
        return;
    }
    out.push_str("<p style=\"margin:12px 0\">");
    for (place, button) in message.buttons.iter().enumerate() {
        let fill = if place == 0 { "#1a5fb4" } else { "#5e5c64" };
        out.push_str(&format!(
            "<a href=\"{}\" style=\"display:inline-block;margin:0 8px 8px 0;padding:12px 20px;border-radius:6px;background:{fill};color:#ffffff;text-decoration:none\">{}</a>",
            html(&button.url),
            html(&button.text)
        ));
    }
    out.push_str("</p>");
}

fn draft(message: &Message, out: &mut String) {
    if let Some(body) = &message.body {
        out.push_str(&format!("<p style=\"white-space:pre-wrap\">{}</p>", html(body)));
    }
    let fields = message.fields.iter().map(|field| (field.name.as_str(), field.value.as_str()));
    table(fields, out);
}

fn section(incident: &Summary, several: bool, out: &mut String) {
    out.push_str(&format!("<h2 style=\"font-size:16px;margin:16px 0 4px\">{}</h2>", html(&incident.title)));
    table(incident.facts.iter().map(|fact| (fact.name.as_str(), fact.value.as_str())), out);
    if let Some(details) = &incident.details {
        out.push_str(&format!("<p style=\"white-space:pre-wrap;margin:8px 0\">{}</p>", html(details)));
    }
    table(incident.labels.iter().map(|label| (label.name.as_str(), label.value.as_str())), out);
    let runbook = incident.runbook.iter().filter(|_| several);
    let places: Vec<String> = runbook.chain(&incident.places).map(link).chain(incident.url.iter().map(|url| page(url))).collect();
    if !places.is_empty() {
        out.push_str(&format!("<p style=\"margin:8px 0\">{}</p>", places.join(" &middot; ")));
    }
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>, out: &mut String) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    out.push_str("<table style=\"border-collapse:collapse\">");
    for (name, value) in rows {
        out.push_str(&format!(
            "<tr><td style=\"padding:1px 12px 1px 0;vertical-align:top;opacity:.7\">{}</td><td style=\"padding:1px 0\">{}</td></tr>",
            html(name),
            html(value)
        ));
    }
    out.push_str("</table>");
}

fn link(place: &Place) -> String {
    format!("<a href=\"{}\">{}</a>", html(&place.url), html(&place.text))
}

fn page(url: &str) -> String {
    format!("<a href=\"{}\">Incident</a>", html(url))
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Firing(Severity::Critical) => "#c01c28",
        Kind::Firing(Severity::Error) => "#e66100",
        Kind::Firing(Severity::Warning) => "#e5a50a",
        Kind::Firing(Severity::Info) => "#1a5fb4",
        Kind::Resolved => "#26a269",
        Kind::Acknowledged => "#813d9c",
        Kind::Approval | Kind::Reminder | Kind::Thread | Kind::Test => "#5e5c64",
    }
}
