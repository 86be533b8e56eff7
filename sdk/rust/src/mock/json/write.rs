//! What goes out.

use serde_json::{Map, Value, json};

use crate::types::{
    Action, Authorization, Command, Destination, Edit, Event, Grouping, HttpRequest, Interaction, Label, Link, Mail, Normalized, Operation,
    Outcome, Patch, Receipt, Refusal, Reply, Request, Step, Subject, Target, Thread, Verdict,
};
use crate::wire::types as wire;

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

fn alert(alert: &wire::Alert) -> Value {
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
        Event::Command(one) => json!({ "command": command(one) }),
    }
}

fn command(command: &Command) -> Value {
    let subject = match &command.subject {
        Subject::Incident(id) => json!({ "incident": id }),
        Subject::Entity(entity) => json!({ "entity": entity }),
        Subject::Latest => json!("latest"),
    };
    let actor = command.actor.as_ref().map(|actor| json!({ "kind": actor.kind, "address": actor.address }));
    object([("subject", subject), ("actor", json!(actor)), ("operation", operation(&command.operation))])
}

fn receipt(receipt: &Receipt) -> Value {
    object([("page", json!(receipt.page)), ("delivered", json!(receipt.delivered)), ("reason", json!(receipt.reason))])
}

pub(in crate::mock) fn interaction(interaction: &Interaction) -> Value {
    object([
        ("commands", interaction.commands.iter().map(command).collect()),
        ("receipts", interaction.receipts.iter().map(receipt).collect()),
    ])
}

pub(in crate::mock) fn reply(reply: &Reply) -> Value {
    json!({ "status": reply.status, "content_type": reply.content_type, "body": text(&reply.body) })
}

pub(in crate::mock) fn normalized(normalized: &Normalized) -> Value {
    object([
        ("events", Value::Array(normalized.events.iter().map(event).collect())),
        ("reply", normalized.reply.as_ref().map_or(Value::Null, reply)),
        ("confirm_url", json!(normalized.confirm_url)),
    ])
}

pub(in crate::mock) fn refusal(refusal: &Refusal) -> Value {
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

pub(in crate::mock) fn patch(patch: &Patch) -> Value {
    json!({ "edits": patch.edits.iter().map(edit).collect::<Value>(), "reason": patch.reason })
}

pub(in crate::mock) fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Keep => json!("keep"),
        Verdict::Suppress(it) => json!({ "suppress": object([("reason", json!(it.reason)), ("until", json!(it.until))]) }),
        Verdict::Drop(reason) => json!({ "drop": reason }),
    }
}

pub(in crate::mock) fn grouping(grouping: &Grouping) -> Value {
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

pub(in crate::mock) fn destination(destination: &Destination) -> Value {
    json!({ "target": target(&destination.target), "urgency": destination.urgency.as_str(), "reason": destination.reason })
}

fn thread(thread: &Thread) -> Value {
    object([
        ("connection", json!(thread.connection)),
        ("title", json!(thread.title)),
        ("body", json!(thread.body)),
        ("fields", labels(&thread.fields)),
    ])
}

pub(in crate::mock) fn action(action: &Action) -> Value {
    let step = match &action.step {
        Step::Call(request) => json!({ "call": http_request(request) }),
        Step::RunRunbook(run) => json!({ "run_runbook": object([
            ("runbook", json!(run.runbook)),
            ("arguments", labels(&run.arguments)),
            ("dry_run", json!(run.dry_run)),
        ]) }),
        Step::Page(one) => json!({ "page": destination(one) }),
        Step::SetPriority(priority) => json!({ "set_priority": priority.as_str() }),
        Step::AddNote(note) => json!({ "add_note": note }),
        Step::OpenTicket(one) => json!({ "open_ticket": thread(one) }),
        Step::OpenChannel(one) => json!({ "open_channel": thread(one) }),
    };
    json!({ "key": action.key, "step": step, "risk": action.risk.as_str(), "reason": action.reason })
}

fn http_request(request: &HttpRequest) -> Value {
    let authorization = match &request.authorization {
        None => Value::Null,
        Some(Authorization { scheme, user: None, secret }) => json!({ scheme: secret }),
        Some(Authorization { scheme, user: Some(user), secret }) => json!({ scheme: [user, secret] }),
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

pub(in crate::mock) fn request(request: &Request) -> Value {
    match request {
        Request::Http(http) => json!({ "http": http_request(http) }),
        Request::Mail(it) => json!({ "mail": mail(it) }),
    }
}

pub(in crate::mock) fn outcome(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Accepted(reference) => json!({ "accepted": reference }),
        Outcome::Delivered(reference) => json!({ "delivered": reference }),
        Outcome::Proceed(next) => json!({ "proceed": request(next) }),
        Outcome::RetrySeconds((seconds, reason)) => json!({ "retry_seconds": [seconds, reason] }),
        Outcome::Failed(reason) => json!({ "failed": reason }),
    }
}
