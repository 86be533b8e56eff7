//! The values of the contract as JSON, for folders of examples: what comes in is read, what goes out is written.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::types::{
    Authorization, Choice, Contact, Destination, Draft, Edit, Event, Grouping, HttpRequest, HttpResponse, Label, Link, Mail, Method,
    Normalized, Operation, Outcome, Patch, Priority, Purpose, Refusal, Reply, Request, Response, Severity, Status, Subject, Target, User,
    Verdict,
};
use crate::wire::{notify, types as wire};

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
pub(super) struct AlertJson {
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
pub(super) struct IncidentJson {
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
pub(super) struct PageJson {
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
pub(super) struct ResponseJson {
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
pub(super) struct RequestJson {
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
    pub(super) fn into_wire(self, raw: Option<Vec<u8>>) -> wire::Inbound {
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

/// An object without the members that say nothing.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let says = |value: &Value| !value.is_null() && *value != json!([]) && *value != json!({});
    Value::Object(members.into_iter().filter(|(_, value)| says(value)).map(|(name, value)| (name.into(), value)).collect())
}

fn labels(labels: &[Label]) -> Value {
    Value::Object(labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
}

fn link(link: &Link) -> Value {
    object([("url", json!(link.url)), ("text", json!(link.text)), ("image", if link.image { json!(true) } else { Value::Null })])
}

fn text(bytes: &[u8]) -> Value {
    json!(String::from_utf8_lossy(bytes))
}

pub(super) fn alert(alert: &wire::Alert) -> Value {
    object([
        ("entity", json!(alert.entity)),
        ("status", json!(alert.status.as_str())),
        ("severity", json!(alert.severity.as_str())),
        ("summary", json!(alert.summary)),
        ("details", json!(alert.details)),
        ("source", json!(alert.source)),
        ("service", json!(alert.service)),
        ("routing_key", json!(alert.routing_key)),
        ("group", json!(alert.group)),
        ("started_at", json!(alert.started_at)),
        ("received_at", json!(alert.received_at)),
        ("expires_at", json!(alert.expires_at)),
        ("labels", labels(&alert.labels)),
        ("annotations", labels(&alert.annotations)),
        ("links", alert.links.iter().map(link).collect()),
    ])
}

fn target(target: &Target) -> Value {
    match target {
        Target::EscalationPolicy(id) => json!({ "escalation_policy": id }),
        Target::Rotation(id) => json!({ "rotation": id }),
        Target::Team(id) => json!({ "team": id }),
        Target::User(id) => json!({ "user": id }),
    }
}

fn operation(operation: &Operation) -> Value {
    match operation {
        Operation::Acknowledge => json!("acknowledge"),
        Operation::Unacknowledge => json!("unacknowledge"),
        Operation::Resolve => json!("resolve"),
        Operation::SnoozeSeconds(seconds) => json!({ "snooze_seconds": seconds }),
        Operation::Reroute(targets) => json!({ "reroute": targets.iter().map(target).collect::<Value>() }),
        Operation::AddResponder(whom) => json!({ "add_responder": target(whom) }),
        Operation::AddNote(note) => json!({ "add_note": note }),
        Operation::SetPriority(priority) => json!({ "set_priority": priority.as_str() }),
        Operation::Choose(token) => json!({ "choose": token }),
    }
}

fn event(event: &Event) -> Value {
    match event {
        Event::Alert(one) => json!({ "alert": alert(one) }),
        Event::Heartbeat(beat) => {
            json!({ "heartbeat": object([("name", json!(beat.name)), ("interval_seconds", json!(beat.interval_seconds))]) })
        }
        Event::Change(change) => json!({ "change": object([
            ("service", json!(change.service)),
            ("summary", json!(change.summary)),
            ("at", json!(change.at)),
            ("labels", labels(&change.labels)),
            ("links", change.links.iter().map(link).collect()),
        ]) }),
        Event::Command(command) => {
            let subject = match &command.subject {
                Subject::Incident(id) => json!({ "incident": id }),
                Subject::Entity(entity) => json!({ "entity": entity }),
                Subject::Latest => json!("latest"),
            };
            let actor = command.actor.as_ref().map(|actor| json!({ "kind": actor.kind, "address": actor.address }));
            json!({ "command": object([
                ("subject", subject),
                ("actor", json!(actor)),
                ("operation", operation(&command.operation)),
            ]) })
        }
    }
}

fn reply(reply: &Reply) -> Value {
    json!({ "status": reply.status, "content_type": reply.content_type, "body": text(&reply.body) })
}

pub(super) fn normalized(normalized: &Normalized) -> Value {
    object([
        ("events", Value::Array(normalized.events.iter().map(event).collect())),
        ("reply", normalized.reply.as_ref().map_or(Value::Null, reply)),
        ("confirm_url", json!(normalized.confirm_url)),
    ])
}

pub(super) fn refusal(refusal: &Refusal) -> Value {
    json!({ "refused": object([
        ("reason", json!(refusal.reason)),
        ("reply", refusal.reply.as_ref().map_or(Value::Null, reply)),
    ]) })
}

fn edit(edit: &Edit) -> Value {
    match edit {
        Edit::SetLabel((name, value)) => json!({ "set_label": [name, value] }),
        Edit::RemoveLabel(name) => json!({ "remove_label": name }),
        Edit::SetAnnotation((name, value)) => json!({ "set_annotation": [name, value] }),
        Edit::RemoveAnnotation(name) => json!({ "remove_annotation": name }),
        Edit::AddLink(one) => json!({ "add_link": link(one) }),
        Edit::SetSeverity(severity) => json!({ "set_severity": severity.as_str() }),
        Edit::SetStatus(status) => json!({ "set_status": status.as_str() }),
        Edit::SetSummary(text) => json!({ "set_summary": text }),
        Edit::SetDetails(text) => json!({ "set_details": text }),
        Edit::SetService(text) => json!({ "set_service": text }),
        Edit::SetRoutingKey(text) => json!({ "set_routing_key": text }),
        Edit::SetGroup(text) => json!({ "set_group": text }),
        Edit::SetEntity(text) => json!({ "set_entity": text }),
    }
}

pub(super) fn patch(patch: &Patch) -> Value {
    json!({ "edits": patch.edits.iter().map(edit).collect::<Value>(), "reason": patch.reason })
}

pub(super) fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Keep => json!("keep"),
        Verdict::Suppress(it) => json!({ "suppress": object([("reason", json!(it.reason)), ("until", json!(it.until))]) }),
        Verdict::Drop(reason) => json!({ "drop": reason }),
    }
}

pub(super) fn grouping(grouping: &Grouping) -> Value {
    let threshold = grouping.threshold.map(|it| json!({ "count": it.count, "within_seconds": it.within_seconds }));
    object([
        ("incident_key", json!(grouping.incident_key)),
        ("entity", json!(grouping.entity)),
        ("window_seconds", json!(grouping.window_seconds)),
        ("threshold", json!(threshold)),
        ("title", json!(grouping.title)),
        ("related", json!(grouping.related)),
        ("reason", json!(grouping.reason)),
    ])
}

pub(super) fn destination(destination: &Destination) -> Value {
    json!({ "target": target(&destination.target), "urgency": destination.urgency.as_str(), "reason": destination.reason })
}

fn http_request(request: &HttpRequest) -> Value {
    let authorization = match &request.authorization {
        None => Value::Null,
        Some(Authorization::Bearer(secret)) => json!({ "bearer": secret }),
        Some(Authorization::Basic((user, secret))) => json!({ "basic": [user, secret] }),
    };
    object([
        ("method", json!(request.method.as_str())),
        ("url", json!(request.url)),
        ("headers", labels(&request.headers)),
        ("body", text(&request.body)),
        ("authorization", authorization),
    ])
}

fn mail(mail: &Mail) -> Value {
    object([
        ("to", json!(mail.to)),
        ("subject", json!(mail.subject)),
        ("text", json!(mail.text)),
        ("html", json!(mail.html)),
        ("in_reply_to", json!(mail.in_reply_to)),
    ])
}

pub(super) fn request(request: &Request) -> Value {
    match request {
        Request::Http(http) => json!({ "http": http_request(http) }),
        Request::Mail(it) => json!({ "mail": mail(it) }),
    }
}

pub(super) fn outcome(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Accepted(reference) => json!({ "accepted": reference }),
        Outcome::Delivered(reference) => json!({ "delivered": reference }),
        Outcome::Proceed(next) => json!({ "proceed": request(next) }),
        Outcome::RetrySeconds((seconds, reason)) => json!({ "retry_seconds": [seconds, reason] }),
        Outcome::Failed(reason) => json!({ "failed": reason }),
    }
}
