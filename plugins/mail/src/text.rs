//! The plain text of the mail. Its first two lines are what a phone shows under the subject.

use std::fmt::Write as _;

use message::{Message, Summary};

/// The whole text.
pub fn body(message: &Message) -> String {
    let mut out = String::with_capacity(2048);
    opening(message, &mut out);
    for button in &message.buttons {
        let _ = writeln!(out, "{}: {}", button.text, button.url);
    }
    if let Some(body) = &message.body {
        let _ = write!(out, "\n{body}\n");
    }
    for field in &message.fields {
        let _ = writeln!(out, "{}: {}", field.name, field.value);
    }
    for incident in &message.incidents {
        out.push('\n');
        section(incident, message.incidents.len() > 1, &mut out);
    }
    if message.more > 0 {
        let _ = write!(out, "\nand {} more.\n", message.more);
    }
    out
}

fn opening(message: &Message, out: &mut String) {
    if !message.lead.is_empty() {
        let _ = writeln!(out, "{}", message.lead);
    }
    if let Some(runbook) = &message.runbook {
        let _ = writeln!(out, "{}: {}", runbook.text, runbook.url);
    }
    if !message.buttons.is_empty() && !out.is_empty() {
        out.push('\n');
    }
}

fn section(incident: &Summary, several: bool, out: &mut String) {
    let _ = writeln!(out, "{}", incident.title);
    for fact in &incident.facts {
        let _ = writeln!(out, "  {}: {}", fact.name, fact.value);
    }
    if let Some(details) = &incident.details {
        out.push('\n');
        for row in details.lines() {
            let _ = writeln!(out, "  {row}");
        }
        out.push('\n');
    }
    for label in &incident.labels {
        let _ = writeln!(out, "  {} = {}", label.name, label.value);
    }
    if let Some(runbook) = incident.runbook.as_ref().filter(|_| several) {
        let _ = writeln!(out, "  {}: {}", runbook.text, runbook.url);
    }
    for place in &incident.places {
        let _ = writeln!(out, "  {}: {}", place.text, place.url);
    }
    if let Some(url) = &incident.url {
        let _ = writeln!(out, "  Incident: {url}");
    }
}
