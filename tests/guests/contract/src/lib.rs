//! Answers all eight hooks of contract 1.0, uses every function of every import, and gives every case of every type that a plugin can give.
//! It is compiled once per release of the contract and kept: every later host has to load it and get the answers that it gives today.

wit_bindgen::generate!({
    path: "../../../wit/v1.0",
    world: "reveille:plugin/plugin",
    generate_all,
});

mod said;

use exports::reveille::plugin::automate::{Action, IncidentEvent, Risk, RunbookRun, Step, Thread};
use exports::reveille::plugin::dedupe::{Grouping, Threshold};
use exports::reveille::plugin::enrich::Patch;
use exports::reveille::plugin::filter::{Suppression, Verdict};
use exports::reveille::plugin::interact::{CommandResult, Interaction, Receipt};
use exports::reveille::plugin::normalize::{Change, Event, Heartbeat, Normalized, Refusal};
use exports::reveille::plugin::notify::{Outcome, Page, Purpose, Request, Response};
use exports::reveille::plugin::{automate, dedupe, enrich, filter, interact, lifecycle, normalize, notify, route};
use reveille::plugin::types::{
    Alert, Authorization, Command, Contact, Destination, Edit, Error, HttpRequest, Inbound, InboundMessage, Incident, Link, Mail, Method,
    Operation, Priority, Reply, Severity, Status, Subject, Target, Urgency,
};
use reveille::plugin::{assets, keys, log, lookup, state};
use std::cell::RefCell;

thread_local! {
    static SETTINGS: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Contract;
export!(Contract);

/// Settings `{"reads":["summary"]}` narrow the reads; `{"refuse":true}` are refused.
impl lifecycle::Guest for Contract {
    fn configure(settings: String) -> Result<Vec<String>, Vec<lifecycle::Problem>> {
        if settings.contains("\"refuse\"") {
            let problem = |pointer: &str, message: &str| lifecycle::Problem { pointer: pointer.into(), message: message.into() };
            return Err(vec![problem("/refuse", "is not taken"), problem("", "nor is the rest")]);
        }
        let reads = settings.split('"').skip(3).step_by(2).map(String::from).collect();
        SETTINGS.set(settings);
        Ok(reads)
    }
}

/// The tables, files, keys and log that the host answers for.
fn imports() -> String {
    let levels = [log::Level::Debug, log::Level::Info, log::Level::Warning, log::Level::Error];
    for level in levels {
        log::write(level, "a line", &[("field".into(), "value".into())]);
    }
    let files: Vec<String> = assets::names().into_iter().map(|asset| format!("{}:{}", asset.name, asset.size)).collect();
    let part = assets::read("rules/a.txt", 1, 3).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let absent = assets::read("rules/b.txt", 0, 1).is_none();
    let row = lookup::find("hosts", "web1")
        .map(|row| row.map(|row| row.into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(",")));
    let none = lookup::find("hosts", "web9");
    format!("{} {part:?} {absent} {row:?} {none:?}", files.join(","))
}

/// Whether the body is signed as its header says, and what is told of an algorithm that there is not.
fn signatures(body: &[u8]) -> String {
    let signature = keys::sign("hook", "hmac-sha256", body).unwrap_or_default();
    let right = keys::verify("hook", "hmac-sha256", body, &signature);
    let wrong = keys::verify("hook", "hmac-sha256", b"other", &signature);
    let unknown = keys::sign("hook", "rot13", body).is_err();
    format!("{} {right:?} {wrong:?} {unknown}", signature.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// Every operation on what is remembered.
fn remembered() -> String {
    let text = |entry: Option<state::Entry>| entry.map(|entry| (String::from_utf8_lossy(&entry.value).into_owned(), entry.version));
    let before = state::get("last").map(text);
    let set = state::set("last", b"one", 60);
    let conflict = state::replace("last", None, b"two", 60);
    let replaced = set.as_ref().map_or(Err(state::StateError::Unavailable), |version| state::replace("last", Some(*version), b"two", 60));
    let after = state::get("last").map(text);
    let counter = (state::count("seen"), state::add("seen", 3, 60), state::add("seen", -1, 60), state::count("seen"));
    let over = state::set("last", b"", 0);
    let deleted = state::delete("last");
    format!("{before:?} {set:?} {conflict:?} {replaced:?} {after:?} {counter:?} {over:?} {deleted:?}")
}

fn link() -> Link {
    Link { url: "https://graphs.example/2".into(), text: "More".into(), image: true }
}

fn alert(entity: Option<&str>, status: Status) -> Alert {
    Alert {
        entity: entity.map(Into::into),
        status,
        severity: Severity::Warning,
        summary: Some("Disk almost full".into()),
        details: Some("91 %".into()),
        source: Some("probe".into()),
        service: Some("db".into()),
        routing_key: Some("dba".into()),
        group: Some("disks".into()),
        started_at: Some(500),
        received_at: None,
        expires_at: Some(9_000),
        labels: vec![("host".into(), "db1".into()), ("reveille.team".into(), "forged".into())],
        annotations: vec![("note".into(), "n".into())],
        links: vec![link()],
    }
}

impl normalize::Guest for Contract {
    fn run(request: Inbound) -> Result<Normalized, Refusal> {
        let body = match &request.message {
            InboundMessage::Http(http) => http.body.clone(),
            InboundMessage::Mail(mail) => mail.text.clone().into_bytes(),
        };
        let reply = |status, body: String| Some(Reply { status, content_type: "text/plain".into(), body: body.into_bytes() });
        if body.starts_with(b"refuse") {
            return Err(Refusal { reason: said::inbound(&request), reply: reply(422, "no".into()) });
        }
        let heartbeat = |name: &str, interval_seconds| Event::Heartbeat(Heartbeat { name: name.into(), interval_seconds });
        let change = |service: Option<&str>, at| {
            let (labels, links) = (vec![("version".into(), "7".into())], vec![link()]);
            Event::Change(Change { service: service.map(Into::into), summary: "Deployed".into(), at, labels, links })
        };
        let actor = Some(Contact { kind: "sms".into(), address: "+391".into() });
        let command = |subject, operation| Event::Command(Command { subject, actor: actor.clone(), operation });
        Ok(Normalized {
            events: vec![
                Event::Alert(alert(Some("db1"), Status::Firing)),
                Event::Alert(alert(None, Status::Resolved)),
                heartbeat("nightly", Some(3600)),
                heartbeat("hourly", None),
                change(Some("db"), Some(400)),
                change(None, None),
                command(Subject::Entity("db1".into()), Operation::Acknowledge),
                command(Subject::Incident("7".into()), Operation::SetPriority(Priority::P1)),
            ],
            reply: reply(202, signatures(&body)),
            confirm_url: Some("https://sender.example/confirm".into()),
        })
    }
}

impl enrich::Guest for Contract {
    fn run(alert: Alert) -> Result<Patch, Error> {
        let edits = vec![
            Edit::SetLabel(("tier".into(), "1".into())),
            Edit::RemoveLabel("zone".into()),
            Edit::SetAnnotation(("runbook".into(), "r2".into())),
            Edit::RemoveAnnotation("dashboard".into()),
            Edit::AddLink(link()),
            Edit::SetSeverity(Severity::Info),
            Edit::SetStatus(Status::Acknowledged),
            Edit::SetSummary("s".into()),
            Edit::SetDetails("d".into()),
            Edit::SetService("v".into()),
            Edit::SetRoutingKey("k".into()),
            Edit::SetGroup("g".into()),
            Edit::SetEntity("e".into()),
        ];
        Ok(Patch { edits, reason: said::alert(&alert) })
    }
}

/// The summary says which answer is wanted.
impl filter::Guest for Contract {
    fn run(alert: Alert) -> Result<Verdict, Error> {
        let suppress = |until| Ok(Verdict::Suppress(Suppression { reason: "quiet".into(), until }));
        match alert.summary.as_deref().unwrap_or_default() {
            "suppress" => suppress(None),
            "suppress until" => suppress(Some(3_000)),
            "imports" => Ok(Verdict::Drop(imports())),
            "state" => Ok(Verdict::Drop(remembered())),
            "settings" => Ok(Verdict::Drop(SETTINGS.with_borrow(Clone::clone))),
            "rejected" => Err(Error::Rejected("not mine".into())),
            "internal" => Err(Error::Internal("my fault".into())),
            "unavailable" => Err(Error::Unavailable("nobody's fault".into())),
            "trap" => panic!("as told"),
            _ => Ok(Verdict::Keep),
        }
    }
}

impl dedupe::Guest for Contract {
    fn run(alert: Alert) -> Result<Option<Grouping>, Error> {
        let plain = Grouping {
            incident_key: "plain".into(),
            entity: None,
            window_seconds: None,
            threshold: None,
            title: None,
            related: Vec::new(),
            reason: "nothing else".into(),
        };
        Ok(match alert.status {
            Status::Resolved => None,
            Status::Acknowledged => Some(plain),
            Status::Firing => Some(Grouping {
                incident_key: "whole".into(),
                entity: Some("new".into()),
                window_seconds: Some(600),
                threshold: Some(Threshold { count: 3, within_seconds: 60 }),
                title: Some("Title".into()),
                related: vec!["a".into(), "b".into()],
                reason: said::alert(&alert),
            }),
        })
    }
}

impl route::Guest for Contract {
    fn run(incident: Incident) -> Result<Vec<Destination>, Error> {
        let to = |target, urgency, reason: String| Destination { target, urgency, reason };
        Ok(vec![
            to(Target::EscalationPolicy("p".into()), Urgency::Page, said::incident(&incident)),
            to(Target::Rotation("r".into()), Urgency::Ticket, "second".into()),
            to(Target::Team("t".into()), Urgency::Quiet, "third".into()),
            to(Target::User("u".into()), Urgency::Page, "fourth".into()),
        ])
    }
}

fn http(authorization: Option<Authorization>, body: String) -> HttpRequest {
    HttpRequest {
        method: Method::Put,
        url: "https://push.example/{{secret:topic}}".into(),
        headers: vec![("x-title".into(), "t".into())],
        body: body.into_bytes(),
        authorization,
    }
}

fn bearer() -> Option<Authorization> {
    Some(Authorization { scheme: "bearer".into(), user: None, secret: "token".into() })
}

impl automate::Guest for Contract {
    fn run(event: IncidentEvent) -> Result<Vec<Action>, Error> {
        let reason = said::event(&event);
        let thread = |title: &str| Thread {
            connection: "board".into(),
            title: title.into(),
            body: "b".into(),
            fields: vec![("f".into(), "1".into())],
        };
        let run = RunbookRun { runbook: "restart".into(), arguments: vec![("host".into(), "db1".into())], dry_run: true };
        let page = Destination { target: Target::Team("t".into()), urgency: Urgency::Page, reason: "more hands".into() };
        let steps = [
            (Step::Call(http(bearer(), "{}".into())), Risk::Dangerous),
            (Step::RunRunbook(run), Risk::Reversible),
            (Step::Page(page), Risk::Safe),
            (Step::SetPriority(Priority::P2), Risk::Safe),
            (Step::AddNote("note".into()), Risk::Safe),
            (Step::OpenTicket(thread("ticket")), Risk::Safe),
            (Step::OpenChannel(thread("channel")), Risk::Safe),
        ];
        let action = |(n, (step, risk))| Action { key: format!("a{n}"), step, risk, reason: reason.clone() };
        Ok(steps.into_iter().enumerate().map(action).collect())
    }
}

impl notify::Guest for Contract {
    fn render(page: Page) -> Result<Request, Error> {
        if let Purpose::Test(code) = &page.purpose {
            return Ok(Request::Mail(Mail {
                to: vec!["alice@team.example".into()],
                subject: "Test".into(),
                text: code.clone(),
                html: Some(format!("<p>{code}</p>")),
                in_reply_to: Some("m0".into()),
            }));
        }
        let authorization = Some(Authorization { scheme: "basic".into(), user: Some("bot".into()), secret: "token".into() });
        Ok(Request::Http(http(authorization, said::page(&page))))
    }

    /// Each step has its outcome.
    fn interpret(page: Page, step: u32, response: Response) -> Result<Outcome, Error> {
        let answer = said::response(&response);
        Ok(match step {
            0 => Outcome::Proceed(Request::Http(http(None, answer))),
            1 => Outcome::RetrySeconds((30, answer)),
            2 => Outcome::Accepted(Some(answer)),
            3 => Outcome::Delivered(None),
            _ => Outcome::Failed(format!("{} {answer}", page.id)),
        })
    }
}

impl interact::Guest for Contract {
    fn read(request: Inbound) -> Result<Interaction, Error> {
        let actor = Contact { kind: "chat".into(), address: "U1".into() };
        let target = || Target::Rotation("r".into());
        let operations = [
            Operation::Acknowledge,
            Operation::Unacknowledge,
            Operation::Resolve,
            Operation::SnoozeSeconds(600),
            Operation::Reroute(vec![target(), Target::User("u".into())]),
            Operation::AddResponder(target()),
            Operation::AddNote(said::inbound(&request)),
            Operation::SetPriority(Priority::P5),
            Operation::Choose("t1".into()),
        ];
        let subject = |n: usize| match n % 3 {
            0 => Subject::Incident("7".into()),
            1 => Subject::Entity("db1".into()),
            _ => Subject::Latest,
        };
        let command = |(n, operation)| Command { subject: subject(n), actor: (n > 0).then(|| actor.clone()), operation };
        let receipt =
            |page: &str, delivered, reason: Option<&str>| Receipt { page: page.into(), delivered, reason: reason.map(Into::into) };
        Ok(Interaction {
            commands: operations.into_iter().enumerate().map(command).collect(),
            receipts: vec![receipt("m1", true, None), receipt("m2", false, Some("unknown number"))],
        })
    }

    fn answer(request: Inbound, results: Vec<CommandResult>) -> Result<Option<Reply>, Error> {
        if results.is_empty() {
            return Ok(None);
        }
        let result = |result: &CommandResult| match result {
            CommandResult::Done(text) => format!("done {text}"),
            CommandResult::Refused(text) => format!("refused {text}"),
            CommandResult::UnknownActor => "unknown".into(),
        };
        let body = format!("{}: {}", request.id, results.iter().map(result).collect::<Vec<_>>().join("; "));
        Ok(Some(Reply { status: 200, content_type: "text/plain".into(), body: body.into_bytes() }))
    }
}
