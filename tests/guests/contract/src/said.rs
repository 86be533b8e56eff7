//! What the host passed in, in words: `name=value` of every field that is there, apart by `; `.

use crate::exports::reveille::plugin::automate::{IncidentChange, IncidentEvent};
use crate::exports::reveille::plugin::notify::{Page, Purpose, Response};
use crate::reveille::plugin::types::{Alert, Inbound, InboundMessage, Incident, Label, Link, User};

#[derive(Default)]
struct Said(String);

impl Said {
    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        if !self.0.is_empty() {
            self.0.push_str("; ");
        }
        self.0.push_str(&format!("{name}={value}"));
    }

    fn option(&mut self, name: &str, value: &Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    fn labels(&mut self, name: &str, list: &[Label]) {
        if !list.is_empty() {
            self.add(name, list.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(","));
        }
    }

    fn links(&mut self, list: &[Link]) {
        if !list.is_empty() {
            self.add("links", list.iter().map(|link| link.url.as_str()).collect::<Vec<_>>().join(","));
        }
    }
}

pub fn alert(alert: &Alert) -> String {
    let mut said = Said::default();
    said.add("status", format!("{:?}", alert.status));
    said.add("severity", format!("{:?}", alert.severity));
    said.option("entity", &alert.entity);
    said.option("summary", &alert.summary);
    said.option("details", &alert.details);
    said.option("source", &alert.source);
    said.option("service", &alert.service);
    said.option("routing_key", &alert.routing_key);
    said.option("group", &alert.group);
    said.option("started_at", &alert.started_at);
    said.option("received_at", &alert.received_at);
    said.option("expires_at", &alert.expires_at);
    said.labels("labels", &alert.labels);
    said.labels("annotations", &alert.annotations);
    said.links(&alert.links);
    said.0
}

fn people(list: &[User]) -> String {
    list.iter().map(|user| user.id.as_str()).collect::<Vec<_>>().join(",")
}

pub fn incident(incident: &Incident) -> String {
    let mut said = Said::default();
    said.add("id", &incident.id);
    said.add("status", format!("{:?}", incident.status));
    said.add("severity", format!("{:?}", incident.severity));
    said.add("alert_count", incident.alert_count);
    said.option("key", &incident.key);
    said.option("title", &incident.title);
    said.option("priority", &incident.priority.map(|priority| format!("{priority:?}")));
    said.option("service", &incident.service);
    said.option("routing_key", &incident.routing_key);
    said.option("opened_at", &incident.opened_at);
    if !incident.teams.is_empty() {
        said.add("teams", incident.teams.join(","));
    }
    if !incident.responders.is_empty() {
        said.add("responders", people(&incident.responders));
    }
    said.option("url", &incident.url);
    said.labels("labels", &incident.labels);
    said.links(&incident.links);
    for one in &incident.alerts {
        said.add("alert", format!("({})", alert(one)));
    }
    said.0
}

pub fn page(page: &Page) -> String {
    let mut said = Said::default();
    said.add("id", &page.id);
    said.add("at", page.at);
    said.add(
        "purpose",
        match &page.purpose {
            Purpose::Escalation(step) => format!("escalation {step}"),
            Purpose::Update(text) => format!("update {text}"),
            Purpose::Test(code) => format!("test {code}"),
            Purpose::Approval(text) => format!("approval {text}"),
            Purpose::Reminder(text) => format!("reminder {text}"),
            Purpose::OpenTicket(draft) => format!("open-ticket {} {} {}", draft.title, draft.body, draft.fields.len()),
            Purpose::OpenChannel(draft) => format!("open-channel {} {} {}", draft.title, draft.body, draft.fields.len()),
        },
    );
    said.add("contact", format!("{} {}", page.contact.kind, page.contact.address));
    if let Some(user) = &page.recipient {
        said.add("recipient", format!("{} {} {}", user.id, user.time_zone, user.language));
    }
    for choice in &page.choices {
        said.add("choice", format!("{} {}", choice.token, choice.url));
    }
    said.option("previous", &page.previous);
    for one in &page.incidents {
        said.add("incident", format!("[{}]", incident(one)));
    }
    said.0
}

pub fn inbound(request: &Inbound) -> String {
    let mut said = Said::default();
    said.add("id", &request.id);
    said.add("received_at", request.received_at);
    match &request.message {
        InboundMessage::Http(http) => {
            said.add("method", format!("{:?}", http.method));
            said.add("url", &http.url);
            said.add("path", http.path.join("/"));
            said.labels("query", &http.query);
            said.labels("headers", &http.headers);
            said.add("body", String::from_utf8_lossy(&http.body));
        }
        InboundMessage::Mail(mail) => {
            said.add("sender", &mail.sender);
            said.add("recipient", &mail.recipient);
            said.add("subject", &mail.subject);
            said.labels("headers", &mail.headers);
            said.add("text", &mail.text);
        }
    }
    said.0
}

fn change(change: &IncidentChange) -> String {
    match change {
        IncidentChange::Opened => "opened".into(),
        IncidentChange::AlertJoined => "alert-joined".into(),
        IncidentChange::SeverityChanged(severity) => format!("severity-changed {severity:?}"),
        IncidentChange::Acknowledged(user) => format!("acknowledged {} {} {}", user.id, user.name, user.time_zone),
        IncidentChange::Unacknowledged => "unacknowledged".into(),
        IncidentChange::Reopened => "reopened".into(),
        IncidentChange::Resolved => "resolved".into(),
        IncidentChange::Escalated(step) => format!("escalated {step}"),
        IncidentChange::ActionFinished(result) => {
            format!("action-finished {} {} {} {:?}", result.key, result.ok, result.output, result.response)
        }
    }
}

/// What happened to an incident, and the incident.
pub fn event(event: &IncidentEvent) -> String {
    format!("at={}; change={}; {}", event.at, change(&event.change), incident(&event.incident))
}

/// What came back.
pub fn response(response: &Response) -> String {
    match response {
        Response::Http(http) => {
            let mut said = Said::default();
            said.add("status", http.status);
            said.labels("headers", &http.headers);
            said.add("body", String::from_utf8_lossy(&http.body));
            said.0
        }
        Response::Mail((code, text)) => format!("mail {code} {text}"),
    }
}
