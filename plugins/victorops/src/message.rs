//! One message of the VictorOps REST endpoint, and what it means.

use reveille_sdk::json::{epoch_millis, flatten, text};
use reveille_sdk::prelude::*;
use serde_json::{Map, Value};

/// Annotations of the sender: `vo_annotate.u.Title` is a link, `.i` an image, `.s` a note.
const ANNOTATE: &str = "vo_annotate.";

/// The annotation that tells of a message type that VictorOps does not know.
const UNKNOWN_TYPE: &str = "reveille.message_type";
/// Longest piece of an unknown type that is told back, in characters.
const TOLD_CHARS: usize = 64;

/// A message with its known fields taken out; `rest` is what the sender says beyond them.
pub struct Message {
    /// The sender's, or the id of the request.
    pub entity: String,
    /// What has to be said about it, such as that its type is unknown.
    pub note: Option<String>,
    status: Status,
    severity: Severity,
    summary: Option<String>,
    details: Option<String>,
    source: Option<String>,
    service: Option<String>,
    started_at: Option<i64>,
    rest: Map<String, Value>,
}

impl Message {
    /// Takes a body apart. Only `message_type` is required.
    pub fn read(mut body: Map<String, Value>, inbound_id: &str, service_field: &str) -> Result<Self, Refusal> {
        let Some(kind) = take_text(&mut body, "message_type") else {
            return Err(Refusal::because("Missing fields: message_type"));
        };
        let known = meaning(&kind);
        let note = known.is_none().then(|| note_of(&kind));
        // The vendor takes an unknown type as INFO. A typing error must not keep a page back.
        let (status, severity) = known.unwrap_or((Status::Firing, Severity::Critical));
        let entity = take_text(&mut body, "entity_id");
        let details = take_text(&mut body, "state_message");
        // The service stays among the labels, where rules made for the vendor look for it.
        let service = body.get(service_field).and_then(text);
        let first_line = || details.as_deref().and_then(|text| text.lines().next()).map(str::to_string);
        let summary = take_text(&mut body, "entity_display_name").or_else(|| entity.clone()).or_else(first_line);
        let started_at = take_time(&mut body, "state_start_time").or_else(|| take_time(&mut body, "timestamp"));
        Ok(Self {
            entity: entity.unwrap_or_else(|| inbound_id.into()),
            note,
            status,
            severity,
            summary,
            details,
            source: take_text(&mut body, "monitoring_tool"),
            service,
            started_at,
            rest: body,
        })
    }

    /// The alert, without the routing key, which stands in the address.
    pub fn into_report(self) -> Report {
        let mut report = Report::new(self.status, self.severity).entity(self.entity);
        report = report.summary(self.summary.unwrap_or_default()).details(self.details.unwrap_or_default());
        report = report.source(self.source.unwrap_or_default()).service(self.service.unwrap_or_default());
        if let Some(started_at) = self.started_at {
            report = report.started_at(started_at);
        }
        if let Some(note) = self.note {
            report = report.annotation(UNKNOWN_TYPE, note);
        }
        let mut annotations = Vec::new();
        for (name, value) in &self.rest {
            if name.starts_with("vo_annotate") {
                flatten(name, value, &mut |name, value| annotations.extend(text(value).map(|value| (name.to_string(), value))));
            } else {
                report = report.flatten(name, value);
            }
        }
        annotations.into_iter().fold(report, |report, (name, value)| annotate(report, &name, value))
    }
}

/// Status and severity of a message type, in any letter case; `None`: there is no such type.
fn meaning(kind: &str) -> Option<(Status, Severity)> {
    Some(match kind.trim().to_ascii_uppercase().as_str() {
        "CRITICAL" => (Status::Firing, Severity::Critical),
        "WARNING" => (Status::Firing, Severity::Warning),
        "ACKNOWLEDGEMENT" | "ACK" => (Status::Acknowledged, Severity::Info),
        "RECOVERY" | "OK" => (Status::Resolved, Severity::Info),
        "INFO" => (Status::Firing, Severity::Info),
        _ => return None,
    })
}

fn note_of(kind: &str) -> String {
    let kind = kind.trim();
    let told: String = kind.chars().take(TOLD_CHARS).collect();
    let more = if told.len() < kind.len() { "…" } else { "" };
    format!("message_type {told}{more} is unknown: taken as critical")
}

/// Takes a field that is a scalar with something in it; anything else stays.
fn take_text(body: &mut Map<String, Value>, name: &str) -> Option<String> {
    let value = body.get(name).and_then(text).filter(|text| !text.trim().is_empty())?;
    body.shift_remove(name);
    Some(value)
}

/// Takes a field that is a time; anything else stays.
fn take_time(body: &mut Map<String, Value>, name: &str) -> Option<i64> {
    let time = body.get(name).and_then(epoch_millis)?;
    body.shift_remove(name);
    Some(time)
}

fn annotate(report: Report, name: &str, value: String) -> Report {
    let Some((kind, title)) = name.strip_prefix(ANNOTATE).and_then(|rest| rest.split_once('.')) else {
        return report.annotation(name, value);
    };
    match kind {
        "u" => report.link(Link::new(value, title)),
        "i" => report.link(Link::image(value, title)),
        "s" => report.annotation(title, value),
        _ => report.annotation(name, value),
    }
}
