//! What comes in.

use serde::Deserialize;
use serde_json::Value;

use crate::types::{
    ActionResult, Choice, CommandResult, Contact, Draft, HttpResponse, IncidentChange, Label, Link, Method, Priority, Purpose, Response,
    Severity, Status, User,
};
use crate::wire::{automate, notify, types as wire};

/// Named values: an object.
#[derive(Deserialize, Default)]
#[serde(transparent)]
struct Labels(std::collections::BTreeMap<String, String>);

impl From<Labels> for Vec<Label> {
    fn from(labels: Labels) -> Self {
        labels.0.into_iter().collect()
    }
}

#[derive(Deserialize)]
#[serde(remote = "Link", deny_unknown_fields)]
struct LinkJson {
    url: String,
    text: String,
    #[serde(default)]
    image: bool,
}

#[derive(Deserialize)]
struct Linked(#[serde(with = "LinkJson")] Link);

fn links(links: Vec<Linked>) -> Vec<Link> {
    links.into_iter().map(|link| link.0).collect()
}

/// `alert.json`, and what stands in `alerts` of an incident. Times are milliseconds since 1970.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::mock) struct AlertJson {
    entity: Option<String>,
    status: Status,
    severity: Severity,
    summary: Option<String>,
    details: Option<String>,
    source: Option<String>,
    service: Option<String>,
    routing_key: Option<String>,
    group: Option<String>,
    started_at: Option<i64>,
    received_at: Option<i64>,
    expires_at: Option<i64>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Labels,
    #[serde(default)]
    links: Vec<Linked>,
}

impl From<AlertJson> for wire::Alert {
    fn from(json: AlertJson) -> Self {
        Self {
            entity: json.entity,
            status: json.status,
            severity: json.severity,
            summary: json.summary,
            details: json.details,
            source: json.source,
            service: json.service,
            routing_key: json.routing_key,
            group: json.group,
            started_at: json.started_at,
            received_at: json.received_at,
            expires_at: json.expires_at,
            labels: json.labels.into(),
            annotations: json.annotations.into(),
            links: links(json.links),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserJson {
    id: String,
    name: String,
    #[serde(default)]
    time_zone: String,
    #[serde(default)]
    language: String,
}

impl From<UserJson> for User {
    fn from(json: UserJson) -> Self {
        Self { id: json.id, name: json.name, time_zone: json.time_zone, language: json.language }
    }
}

/// `incident.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::mock) struct IncidentJson {
    id: String,
    key: Option<String>,
    title: Option<String>,
    status: Status,
    severity: Severity,
    priority: Option<Priority>,
    service: Option<String>,
    routing_key: Option<String>,
    opened_at: Option<i64>,
    #[serde(default)]
    teams: Vec<String>,
    #[serde(default)]
    responders: Vec<UserJson>,
    url: Option<String>,
    #[serde(default)]
    labels: Labels,
    alert_count: Option<u32>,
    #[serde(default)]
    alerts: Vec<AlertJson>,
    #[serde(default)]
    links: Vec<Linked>,
}

impl From<IncidentJson> for wire::Incident {
    fn from(json: IncidentJson) -> Self {
        Self {
            alert_count: json.alert_count.unwrap_or(json.alerts.len() as u32),
            id: json.id,
            key: json.key,
            title: json.title,
            status: json.status,
            severity: json.severity,
            priority: json.priority,
            service: json.service,
            routing_key: json.routing_key,
            opened_at: json.opened_at,
            teams: json.teams,
            responders: json.responders.into_iter().map(Into::into).collect(),
            url: json.url,
            labels: json.labels.into(),
            alerts: json.alerts.into_iter().map(Into::into).collect(),
            links: links(json.links),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionResultJson {
    key: String,
    ok: bool,
    #[serde(default)]
    output: String,
    response: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChangeJson {
    Opened,
    AlertJoined,
    SeverityChanged(Severity),
    Acknowledged(UserJson),
    Unacknowledged,
    Reopened,
    Resolved,
    Escalated(u32),
    ActionFinished(ActionResultJson),
}

impl From<ChangeJson> for IncidentChange {
    fn from(json: ChangeJson) -> Self {
        match json {
            ChangeJson::Opened => Self::Opened,
            ChangeJson::AlertJoined => Self::AlertJoined,
            ChangeJson::SeverityChanged(severity) => Self::SeverityChanged(severity),
            ChangeJson::Acknowledged(user) => Self::Acknowledged(user.into()),
            ChangeJson::Unacknowledged => Self::Unacknowledged,
            ChangeJson::Reopened => Self::Reopened,
            ChangeJson::Resolved => Self::Resolved,
            ChangeJson::Escalated(step) => Self::Escalated(step),
            ChangeJson::ActionFinished(it) => {
                Self::ActionFinished(ActionResult { key: it.key, ok: it.ok, output: it.output, response: it.response })
            }
        }
    }
}

/// `event.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::mock) struct EventJson {
    #[serde(default)]
    at: i64,
    change: ChangeJson,
    incident: IncidentJson,
}

impl From<EventJson> for automate::IncidentEvent {
    fn from(json: EventJson) -> Self {
        Self { at: json.at, change: json.change.into(), incident: json.incident.into() }
    }
}

/// What stands in `results.json`: `{"done": "…"}`, `{"refused": "…"}` or `"unknown_actor"`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::mock) enum CommandResultJson {
    Done(String),
    Refused(String),
    UnknownActor,
}

impl From<CommandResultJson> for CommandResult {
    fn from(json: CommandResultJson) -> Self {
        match json {
            CommandResultJson::Done(text) => Self::Done(text),
            CommandResultJson::Refused(text) => Self::Refused(text),
            CommandResultJson::UnknownActor => Self::UnknownActor,
        }
    }
}

#[derive(Deserialize)]
#[serde(remote = "Draft", deny_unknown_fields)]
struct DraftJson {
    title: String,
    body: String,
    #[serde(default)]
    fields: Vec<Label>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PurposeJson {
    Escalation(u32),
    Update(String),
    Approval(String),
    Reminder(String),
    OpenTicket(#[serde(with = "DraftJson")] Draft),
    OpenChannel(#[serde(with = "DraftJson")] Draft),
    Test(String),
}

impl From<PurposeJson> for Purpose {
    fn from(json: PurposeJson) -> Self {
        match json {
            PurposeJson::Escalation(step) => Self::Escalation(step),
            PurposeJson::Update(text) => Self::Update(text),
            PurposeJson::Approval(text) => Self::Approval(text),
            PurposeJson::Reminder(text) => Self::Reminder(text),
            PurposeJson::OpenTicket(draft) => Self::OpenTicket(draft),
            PurposeJson::OpenChannel(draft) => Self::OpenChannel(draft),
            PurposeJson::Test(code) => Self::Test(code),
        }
    }
}

#[derive(Deserialize)]
struct ContactJson {
    kind: String,
    address: String,
}

#[derive(Deserialize)]
struct ChoiceJson {
    text: String,
    token: String,
    url: String,
}

/// `page.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::mock) struct PageJson {
    id: String,
    at: i64,
    purpose: PurposeJson,
    contact: ContactJson,
    recipient: Option<UserJson>,
    #[serde(default)]
    incidents: Vec<IncidentJson>,
    #[serde(default)]
    choices: Vec<ChoiceJson>,
    previous: Option<String>,
}

impl From<PageJson> for notify::Page {
    fn from(json: PageJson) -> Self {
        let choice = |choice: ChoiceJson| Choice { text: choice.text, token: choice.token, url: choice.url };
        Self {
            id: json.id,
            at: json.at,
            purpose: json.purpose.into(),
            contact: Contact { kind: json.contact.kind, address: json.contact.address },
            recipient: json.recipient.map(Into::into),
            incidents: json.incidents.into_iter().map(Into::into).collect(),
            choices: json.choices.into_iter().map(choice).collect(),
            previous: json.previous,
        }
    }
}

#[derive(Deserialize)]
struct HttpResponseJson {
    status: u16,
    #[serde(default)]
    headers: Labels,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnswerJson {
    Http(HttpResponseJson),
    Mail(u16, String),
}

/// `response.json`: `{"step": 0, "http": {"status": 200, …}}` or `{"mail": [250, "queued"]}`.
#[derive(Deserialize)]
pub(in crate::mock) struct ResponseJson {
    #[serde(default)]
    pub step: u32,
    #[serde(flatten)]
    answer: AnswerJson,
}

impl From<ResponseJson> for Response {
    fn from(json: ResponseJson) -> Self {
        match json.answer {
            AnswerJson::Http(http) => {
                Self::Http(HttpResponse { status: http.status, headers: http.headers.into(), body: http.body.into_bytes() })
            }
            AnswerJson::Mail(code, text) => Self::Mail((code, text)),
        }
    }
}

/// `request.json`: an HTTP request, or with `mail` a mail. A body that is no string is written as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::mock) struct RequestJson {
    #[serde(default = "default_id")]
    id: String,
    #[serde(default)]
    received_at: i64,
    #[serde(default = "default_method")]
    method: Method,
    #[serde(default)]
    url: String,
    #[serde(default)]
    path: Vec<String>,
    #[serde(default)]
    query: Vec<Label>,
    #[serde(default)]
    headers: Labels,
    #[serde(default)]
    body: Value,
    mail: Option<MailJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailJson {
    sender: String,
    recipient: String,
    subject: String,
    text: String,
}

fn default_id() -> String {
    "inbound-1".into()
}

fn default_method() -> Method {
    Method::Post
}

impl RequestJson {
    /// `raw`, if there is one, is the body.
    pub(in crate::mock) fn into_wire(self, raw: Option<Vec<u8>>) -> wire::Inbound {
        let body = match (raw, self.body) {
            (Some(raw), _) => raw,
            (None, Value::Null) => Vec::new(),
            (None, Value::String(text)) => text.into_bytes(),
            (None, json) => json.to_string().into_bytes(),
        };
        let headers = self.headers.into();
        let message = match self.mail {
            Some(MailJson { sender, recipient, subject, text }) => {
                wire::InboundMessage::Mail(wire::InboundMail { sender, recipient, subject, text, headers })
            }
            None => wire::InboundMessage::Http(wire::InboundHttp {
                method: self.method,
                url: self.url,
                path: self.path,
                query: self.query,
                headers,
                body,
            }),
        };
        wire::Inbound { id: self.id, received_at: self.received_at, message }
    }
}
