//! The plugin that contract 1.0.0 was released with. Every later host has to load that very file, ask each of its hooks, answer each of its
//! imports, and get these answers. Nothing here may be changed to make a new host pass: a host that needs that has broken the contract.

mod house;

use domain::action::{Action, Change as IncidentChange, Risk, RunbookRun, Step, Thread};
use domain::alert::{Alert, Edit, Link, Severity, Status};
use domain::command::{Actor, Command, Operation, Priority, Subject};
use domain::contact::Contact;
use domain::decision::{Grouping, Patch, Stage, Threshold, Verdict};
use domain::escalation::{Destination, Target, Urgency};
use domain::id::IncidentId;
use domain::inbound::{Change, Event, Heartbeat, Inbound, Method, Refusal, Reply};
use domain::interaction::{About, Came, Interaction, Receipt, Said, Wish};
use domain::page::{Authorization, Choice, Delivery, HttpRequest, HttpResponse, Mail, Purpose, Request, Response};
use domain::time::Millis;
use house::kept::Kept;
use house::{House, full_alert, said, user, view};
use ports::hot::StateSlot;
use ports::plugin::{IncidentEvent, Page, StateLimits};
use ports::{CallFailure, Instance, Plugin, PluginHost};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;

const SHA256: &str = "96e70b68e3ec0365f293e5dea89e371e830e4064c93a836dab28a8f1fec6eedd";
const HOOKS: [&str; 8] = ["normalize", "enrich", "filter", "dedupe", "route", "automate", "notify", "interact"];

/// What the guest says of [`full_alert`].
const ALERT: &str = "status=Status::Firing; severity=Severity::Critical; entity=checkout-latency; summary=Checkout is slow; details=p99 is 4 s; \
                     source=prometheus; service=checkout; routing_key=shop; group=latency; started_at=1000; received_at=2000; \
                     expires_at=3000; labels=host:web1,team:payments,zone:a; annotations=dashboard:d1,runbook:r1; \
                     links=https://graphs.example/1";
/// What the guest says of [`view`], but for its alert.
const INCIDENT: &str = "id=7; status=Status::Firing; severity=Severity::Critical; alert_count=3; key=checkout; title=Checkout is slow; \
                        priority=Priority::P2; service=checkout; routing_key=shop; opened_at=5000; teams=shop; responders=alice; \
                        url=https://reveille.example/i/7; labels=host:web1,team:payments,zone:a; links=https://graphs.example/1";

fn incident() -> String {
    format!("{INCIDENT}; alert=({ALERT})")
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/contract/v1.0")
}

fn house() -> House {
    let house = House::new();
    house.install_folder("contract", &folder());
    house
}

fn plugin(house: &House, stage: Stage) -> Arc<dyn Plugin> {
    house.prepare("contract", stage, "{}").expect("every later host loads it")
}

fn asked(stage: Stage) -> Box<dyn Instance> {
    plugin(&house(), stage).instance()
}

fn text(value: &str) -> String {
    value.to_owned()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn link() -> Link {
    Link { url: "https://graphs.example/2".into(), text: "More".into(), image: true }
}

/// Guards against a component that was built again, which would prove nothing about the released one.
#[test]
fn it_is_the_file_that_was_released() {
    let component = std::fs::read(folder().join("plugin.wasm")).unwrap();
    assert_eq!(hex::encode(Sha256::digest(&component)), SHA256);
    assert!(component.len() < 250_000);
}

#[test]
fn its_manifest_is_read() {
    let house = house();
    let installed = house.sandbox.installed();
    let info = installed[0].as_ref().unwrap();
    assert_eq!(info.hooks, HOOKS);
    assert_eq!((info.lookups.join(","), info.keys.join(","), info.headers.join(",")), (text("hosts"), text("hook"), text("x-signature")));
    assert_eq!(info.state, Some(StateLimits { schema: 2, keys: 100, bytes: 64 << 10 }));
    let contact = &info.contacts[0];
    assert_eq!((contact.kind.as_str(), contact.label.as_str(), contact.purposes.len()), ("pigeon", "Pigeon", 7));
}

#[test]
fn configure_narrows_and_refuses() {
    let house = house();
    let narrowed = house.prepare("contract", Stage::Enrich, r#"{"reads":["summary"]}"#).unwrap();
    let patch = narrowed.instance().enrich(&full_alert()).unwrap();
    assert_eq!(patch.reason, "status=Status::Firing; severity=Severity::Critical; summary=Checkout is slow");
    let told = "does not take its settings: /refuse: is not taken; nor is the rest";
    assert_eq!(house.refused("contract", Stage::Enrich, r#"{"refuse":true}"#), told);
}

fn inbound(body: &str) -> Inbound {
    Inbound {
        id: "in-1".into(),
        received_at: Millis(4000),
        method: Method::Patch,
        url: "https://reveille.example/in/***/a?b=1".into(),
        path: vec![text("a"), text("c d")],
        query: vec![pair("b", "1"), pair("b", "2")],
        headers: vec![pair("x-other", "hidden"), pair("x-signature", "s")],
        body: body.into(),
    }
}

fn seen(body: &str) -> String {
    format!(
        "id=in-1; received_at=4000; method=Method::Patch; url=https://reveille.example/in/***/a?b=1; path=a/c d; query=b:1,b:2; \
         headers=x-signature:s; body={body}"
    )
}

#[test]
fn normalize_gives_every_kind_of_event() {
    let normalized = asked(Stage::Normalize).normalize(&inbound("what do ya want for nothing?")).unwrap().unwrap();
    let alert = |entity: &str, status| Alert {
        status,
        summary: Some("Disk almost full".into()),
        details: Some("91 %".into()),
        source: Some("probe".into()),
        service: Some("db".into()),
        routing_key: Some("dba".into()),
        group: Some("disks".into()),
        started_at: Some(Millis(500)),
        expires_at: Some(Millis(9000)),
        // What the guest set under `reveille.` is left out.
        labels: vec![pair("host", "db1")],
        annotations: vec![pair("note", "n")],
        links: vec![link()],
        ..Alert::firing(entity, Severity::Warning, Millis(4000))
    };
    let change = |service: Option<&str>, at| {
        let (labels, links) = (vec![pair("version", "7")], vec![link()]);
        Event::Change(Change { service: service.map(text), summary: "Deployed".into(), at, labels, links })
    };
    let heartbeat = |name: &str, interval_seconds| Event::Heartbeat(Heartbeat { name: name.into(), interval_seconds });
    let actor = || Actor::Outside(Contact { kind: "sms".into(), address: "+391".into() });
    let command = |subject, operation| Event::Command(Command { subject, actor: actor(), operation });
    let expected = [
        Event::Alert(Box::new(alert("db1", Status::Firing))),
        Event::Alert(Box::new(alert("in-1-1", Status::Resolved))),
        heartbeat("nightly", Some(3600)),
        heartbeat("hourly", None),
        change(Some("db"), Some(Millis(400))),
        change(None, None),
        command(Subject::Entity("db1".into()), Operation::Acknowledge),
        command(Subject::Incident(IncidentId(7)), Operation::SetPriority(Priority::P1)),
    ];
    assert_eq!(normalized.events, expected);
    assert_eq!(normalized.confirm_url.as_deref(), Some("https://sender.example/confirm"));
    // RFC 4231, test case 2: the key is `Jefe`. It verifies its own data and no other, and there is no ROT13.
    let signed = "5bdcc146 Ok(true) Ok(false) true";
    assert_eq!(normalized.reply, Some(Reply { status: 202, content_type: "text/plain".into(), body: signed.into() }));
}

#[test]
fn normalize_refuses_with_a_reply() {
    let refusal = asked(Stage::Normalize).normalize(&inbound("refuse this")).unwrap().unwrap_err();
    let reply = Some(Reply { status: 422, content_type: "text/plain".into(), body: b"no".to_vec() });
    assert_eq!(refusal, Refusal { reason: seen("refuse this"), reply });
}

#[test]
fn enrich_makes_every_edit() {
    let edits = vec![
        Edit::SetLabel("tier".into(), "1".into()),
        Edit::RemoveLabel("zone".into()),
        Edit::SetAnnotation("runbook".into(), "r2".into()),
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
    assert_eq!(asked(Stage::Enrich).enrich(&full_alert()), Ok(Patch { edits, reason: ALERT.into() }));
}

fn filter(instance: &mut dyn Instance, summary: &str) -> Result<Verdict, CallFailure> {
    instance.filter(&Alert { summary: Some(summary.into()), ..full_alert() })
}

#[test]
fn filter_gives_every_verdict_and_every_error() {
    let mut instance = asked(Stage::Filter);
    let suppress = |until| Ok(Verdict::Suppress { reason: "quiet".into(), until });
    for (summary, expected) in [
        ("anything", Ok(Verdict::Keep)),
        ("suppress", suppress(None)),
        ("suppress until", suppress(Some(Millis(3000)))),
        ("settings", Ok(Verdict::Drop { reason: "{}".into() })),
        ("rejected", Err(CallFailure::Rejected("not mine".into()))),
        ("internal", Err(CallFailure::Internal("my fault".into()))),
        ("unavailable", Err(CallFailure::Unavailable("nobody's fault".into()))),
    ] {
        assert_eq!(filter(&mut *instance, summary), expected, "{summary}");
    }
    let Err(CallFailure::Trapped(why)) = filter(&mut *instance, "trap") else { panic!("it did not trap") };
    assert!(why.contains("as told"), "{why}");
    assert_eq!(filter(&mut *instance, "anything"), Ok(Verdict::Keep));
}

#[test]
fn files_and_tables_are_read() {
    let told = r#"rules/a.txt:6 Some("bcd") true Ok(Some("owner=web")) Ok(None)"#;
    assert_eq!(said(filter(&mut *asked(Stage::Filter), "imports").unwrap()), told);
}

#[test]
fn state_is_kept_and_its_faults_are_told() {
    let (house, slot) = (house(), Kept::new());
    let mut instance = plugin(&house, Stage::Filter).stateful(Arc::clone(&slot) as Arc<dyn StateSlot>);
    // Before, written, not over what is there, over its version, after; the counter before, +3, -1, after; no life is too short; deleted.
    let first = "Ok(None) Ok(1) Err(StateError::Conflict(Some(1))) Ok(2) Ok(Some((\"two\", 2))) (Ok(0), Ok(3), Ok(2), Ok(2)) \
                 Err(StateError::OverLimit) Ok(())";
    assert_eq!(said(filter(&mut *instance, "state").unwrap()), first);
    assert!(slot.get("last").unwrap().is_none() && slot.get("seen").unwrap().is_some());
    let without = said(filter(&mut *asked(Stage::Filter), "state").unwrap());
    assert!(without.starts_with("Err(StateError::Unavailable) Err(StateError::Unavailable)"), "{without}");
}

/// Guards against a fresh instance per call that misses what a warm one has: settings, narrowed reads, grants, files or its slot.
#[test]
fn isolation_per_call_changes_no_answer() {
    let answers = |isolation: &str| {
        let house = house();
        let path = house.plugin("contract").join("plugin.toml");
        let manifest = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, manifest.replace("isolation = \"warm\"", &format!("isolation = \"{isolation}\""))).unwrap();
        let settings = r#"{"reads":["summary","labels.*"]}"#;
        let filtering = house.prepare("contract", Stage::Filter, settings).unwrap();
        let mut filtering = filtering.stateful(Kept::new() as Arc<dyn StateSlot>);
        let mut enriching = house.prepare("contract", Stage::Enrich, settings).unwrap().instance();
        let twice = |what: &str, filtering: &mut dyn Instance| [(); 2].map(|()| filter(filtering, what));
        let all = ["state", "imports", "settings", "suppress until", "rejected", "unavailable", "trap"];
        let all = all.map(|what| twice(what, &mut *filtering));
        (all, [(); 2].map(|()| enriching.enrich(&full_alert())))
    };
    assert_eq!(answers("per-call"), answers("warm"));
}

#[test]
fn dedupe_groups_or_has_no_opinion() {
    let mut instance = asked(Stage::Dedupe);
    let of = |status| Alert { status, ..full_alert() };
    let plain = Grouping {
        incident_key: "plain".into(),
        entity: None,
        window_seconds: None,
        threshold: None,
        title: None,
        related: Vec::new(),
        reason: "nothing else".into(),
    };
    let whole = Grouping {
        incident_key: "whole".into(),
        entity: Some("new".into()),
        window_seconds: Some(600),
        threshold: Some(Threshold { count: 3, within_seconds: 60 }),
        title: Some("Title".into()),
        related: vec![text("a"), text("b")],
        reason: ALERT.into(),
    };
    assert_eq!(instance.dedupe(&of(Status::Resolved)), Ok(None));
    assert_eq!(instance.dedupe(&of(Status::Acknowledged)), Ok(Some(plain)));
    assert_eq!(instance.dedupe(&of(Status::Firing)), Ok(Some(whole)));
}

#[test]
fn route_names_every_kind_of_target_and_urgency() {
    let to = |target, urgency, reason: &str| Destination { target, urgency, reason: reason.to_owned() };
    let expected = [
        to(Target::Policy("p".into()), Urgency::Page, &incident()),
        to(Target::Rotation("r".into()), Urgency::Ticket, "second"),
        to(Target::Team("t".into()), Urgency::Quiet, "third"),
        to(Target::User("u".into()), Urgency::Page, "fourth"),
    ];
    assert_eq!(asked(Stage::Route).route(&view()).unwrap(), expected);
}

fn http(authorization: Option<Authorization>, body: &str) -> HttpRequest {
    HttpRequest {
        method: Method::Put,
        url: "https://push.example/{{secret:topic}}".into(),
        headers: vec![pair("x-title", "t")],
        body: body.into(),
        authorization,
    }
}

fn event(change: IncidentChange) -> IncidentEvent {
    IncidentEvent { at: Millis(7000), change, incident: view() }
}

#[test]
fn automate_wants_every_kind_of_step() {
    let thread = |title: &str| Thread { connection: "board".into(), title: title.into(), body: "b".into(), fields: vec![pair("f", "1")] };
    let page = Destination { target: Target::Team("t".into()), urgency: Urgency::Page, reason: "more hands".into() };
    let run = RunbookRun { runbook: "restart".into(), arguments: vec![pair("host", "db1")], dry_run: true };
    let bearer = Some(Authorization::Bearer("token".into()));
    let reason = format!("at=7000; change=opened; {}", incident());
    let action = |key: &str, step, risk| Action { key: key.into(), step, risk, reason: reason.clone() };
    let expected = [
        action("a0", Step::Call(http(bearer, "{}")), Risk::Dangerous),
        action("a1", Step::RunRunbook(run), Risk::Reversible),
        action("a2", Step::Page(page), Risk::Safe),
        action("a3", Step::SetPriority(Priority::P2), Risk::Safe),
        action("a4", Step::AddNote("note".into()), Risk::Safe),
        action("a5", Step::OpenTicket(thread("ticket")), Risk::Safe),
        action("a6", Step::OpenChannel(thread("channel")), Risk::Safe),
    ];
    assert_eq!(asked(Stage::Automate).automate(&event(IncidentChange::Opened)).unwrap(), expected);
}

#[test]
fn automate_is_told_of_every_change() {
    let mut instance = asked(Stage::Automate);
    let finished = domain::action::ActionResult { key: "a0".into(), ok: true, output: "done".into(), response: Some(204) };
    for (change, told) in [
        (IncidentChange::AlertJoined, "alert-joined"),
        (IncidentChange::SeverityChanged(Severity::Error), "severity-changed Severity::Error"),
        (IncidentChange::Acknowledged("alice".into()), "acknowledged alice Alice Europe/Rome"),
        (IncidentChange::Unacknowledged, "unacknowledged"),
        (IncidentChange::Reopened, "reopened"),
        (IncidentChange::Resolved, "resolved"),
        (IncidentChange::Escalated(2), "escalated 2"),
        (IncidentChange::ActionFinished(finished), "action-finished a0 true done Some(204)"),
    ] {
        let actions = instance.automate(&event(change)).unwrap();
        assert_eq!(actions[0].reason, format!("at=7000; change={told}; {}", incident()));
    }
}

fn page(purpose: Purpose) -> Page {
    Page {
        id: "7-1-1".into(),
        at: Millis(9000),
        purpose,
        contact: Contact { kind: "pigeon".into(), address: "loft".into() },
        recipient: Some(user()),
        incidents: vec![view()],
        choices: vec![Choice { text: "Acknowledge".into(), token: "t1".into(), url: "https://reveille.example/l/x".into() }],
        previous: Some("m0".into()),
    }
}

#[test]
fn notify_renders_http_and_mail() {
    let mut instance = asked(Stage::Notify);
    let basic = Some(Authorization::Basic("bot".into(), "token".into()));
    for (purpose, told) in [(Purpose::Escalation(2), "escalation 2"), (Purpose::Update("News".into()), "update News")] {
        let seen = format!(
            "id=7-1-1; at=9000; purpose={told}; contact=pigeon loft; recipient=alice Europe/Rome it; \
             choice=t1 https://reveille.example/l/x; previous=m0; incident=[{}]",
            incident()
        );
        assert_eq!(instance.render(&page(purpose)), Ok(Request::Http(http(basic.clone(), &seen))));
    }
    let mail = Mail {
        to: vec![text("alice@team.example")],
        subject: "Test".into(),
        text: "123".into(),
        html: Some("<p>123</p>".into()),
        in_reply_to: Some("m0".into()),
    };
    assert_eq!(instance.render(&page(Purpose::Test("123".into()))), Ok(Request::Mail(mail)));
}

#[test]
fn notify_reads_every_outcome() {
    let mut instance = asked(Stage::Notify);
    let answer = Response::Http(HttpResponse { status: 201, headers: vec![pair("x-id", "m1")], body: b"taken".to_vec() });
    let mut interpret = |step, response: &Response| instance.interpret(&page(Purpose::Escalation(1)), step, response).unwrap();
    let told = "status=201; headers=x-id:m1; body=taken";
    assert_eq!(interpret(0, &answer), Delivery::Proceed(Box::new(Request::Http(http(None, told)))));
    assert_eq!(interpret(1, &answer), Delivery::Retry(30, told.into()));
    assert_eq!(interpret(2, &answer), Delivery::Accepted(Some(told.into())));
    assert_eq!(interpret(3, &answer), Delivery::Delivered(None));
    assert_eq!(interpret(4, &Response::Mail(550, "no such user".into())), Delivery::Failed("7-1-1 mail 550 no such user".into()));
}

#[test]
fn interact_says_every_wish_and_answers_every_result() {
    let mut instance = asked(Stage::Interact);
    let rotation = || Target::Rotation("r".into());
    let wishes = [
        Wish::Acknowledge,
        Wish::Unacknowledge,
        Wish::Resolve,
        Wish::Snooze { seconds: 600 },
        Wish::Reroute(vec![rotation(), Target::User("u".into())]),
        Wish::AddResponder(rotation()),
        Wish::AddNote(seen("pressed")),
        Wish::SetPriority(Priority::P5),
        Wish::Choose("t1".into()),
    ];
    let said = |(n, wish): (usize, Wish)| Said {
        about: [About::Incident("7".into()), About::Entity("db1".into()), About::Latest][n % 3].clone(),
        actor: (n > 0).then(|| Contact { kind: "chat".into(), address: "U1".into() }),
        wish,
    };
    let receipt = |page: &str, delivered, reason: Option<&str>| Receipt { page: page.into(), delivered, reason: reason.map(text) };
    let expected = Interaction {
        commands: wishes.into_iter().enumerate().map(said).collect(),
        receipts: vec![receipt("m1", true, None), receipt("m2", false, Some("unknown number"))],
    };
    assert_eq!(instance.read(&inbound("pressed")), Ok(expected));

    let results = [Came::Done("Acknowledged".into()), Came::Refused("too late".into()), Came::UnknownActor];
    let body = b"in-1: done Acknowledged; refused too late; unknown".to_vec();
    let reply = Reply { status: 200, content_type: "text/plain".into(), body };
    assert_eq!(instance.answer(&inbound("pressed"), &results), Ok(Some(reply)));
    assert_eq!(instance.answer(&inbound("pressed"), &[]), Ok(None));
}
