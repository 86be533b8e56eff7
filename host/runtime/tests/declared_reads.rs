//! A plugin sees what its manifest declares, less what its settings leave out, and nothing else. The guest `dump` tells what it received.

mod house;

use domain::action::{Action, ActionResult, Change, Risk, Step};
use domain::alert::Severity;
use domain::contact::Contact;
use domain::decision::Stage;
use domain::inbound::{Inbound, Method};
use domain::interaction::{About, Came, Interaction, Receipt, Said, Wish};
use domain::page::{Choice, Delivery, HttpResponse, Purpose, Request, Response};
use domain::time::Millis;
use house::{House, full_alert, said, user, view};
use ports::CallFailure;
use ports::plugin::{IncidentEvent, Page};

const HOOKS: &str = r#""normalize", "enrich", "filter", "dedupe", "route", "notify", "automate", "interact""#;

fn seen(reads: &str, settings: &str) -> String {
    let house = House::new();
    house.install("dump", "dump", HOOKS, &format!("reads = [{reads}]\n"));
    let plugin = house.prepare("dump", Stage::Filter, settings).expect("prepare dump");
    said(plugin.instance().filter(&full_alert()).expect("dump gives a verdict"))
}

#[test]
fn only_declared_fields_of_an_alert_cross_the_boundary() {
    let always = "status=Status::Firing; severity=Severity::Critical";
    for (reads, expected) in [
        ("", ""),
        (r#""summary""#, "; summary=Checkout is slow"),
        (r#""entity", "received_at""#, "; entity=checkout-latency; received_at=2000"),
        (r#""labels.team", "labels.absent""#, "; labels=team:payments"),
        (r#""labels.*", "annotations.runbook""#, "; labels=host:web1,team:payments,zone:a; annotations=runbook:r1"),
        (
            r#""details", "source", "group", "links""#,
            "; details=p99 is 4 s; source=prometheus; group=latency; links=https://graphs.example/1",
        ),
        (r#""incident.*", "page.*""#, ""),
        (
            r#""*""#,
            "; entity=checkout-latency; summary=Checkout is slow; details=p99 is 4 s; source=prometheus; service=checkout; routing_key=shop; \
             group=latency; started_at=1000; received_at=2000; expires_at=3000; labels=host:web1,team:payments,zone:a; \
             annotations=dashboard:d1,runbook:r1; links=https://graphs.example/1",
        ),
    ] {
        assert_eq!(seen(reads, "{}"), format!("{always}{expected}"), "{reads}");
    }
}

#[test]
fn configure_narrows_the_manifest() {
    let narrowed = seen(r#""summary", "labels.*", "service""#, r#"{"reads":["labels.team","service"]}"#);
    assert_eq!(narrowed, "status=Status::Firing; severity=Severity::Critical; service=checkout; labels=team:payments");
}

#[test]
fn configure_cannot_widen_the_manifest() {
    let house = House::new();
    house.install("dump", "dump", HOOKS, "reads = [\"labels.team\"]\n");
    let refused = |settings: &str| house.refused("dump", Stage::Filter, settings);
    assert_eq!(
        refused(r#"{"reads":["labels.team","summary"]}"#),
        "`configure` wants to read `summary`, which plugin.toml does not declare: add \"summary\" to `reads`"
    );
    assert!(refused(r#"{"reads":["labels.*"]}"#).contains("wants to read `labels.*`"));
    assert!(refused(r#"{"reads":["sumary"]}"#).contains("gave back `sumary`, which is no field"));
}

#[test]
fn enrich_and_dedupe_see_the_same_fields() {
    let house = House::new();
    house.install("dump", "dump", HOOKS, "reads = [\"summary\"]\n");
    let expected = "status=Status::Firing; severity=Severity::Critical; summary=Checkout is slow";
    let enrich = house.prepare("dump", Stage::Enrich, "{}").unwrap();
    assert_eq!(enrich.instance().enrich(&full_alert()).unwrap().reason, expected);
    let dedupe = house.prepare("dump", Stage::Dedupe, "{}").unwrap();
    let grouping = dedupe.instance().dedupe(&full_alert()).unwrap().unwrap();
    assert_eq!((grouping.incident_key.as_str(), grouping.reason.as_str()), ("all", expected));
}

#[test]
fn only_declared_fields_of_an_incident_cross_the_boundary() {
    let always = "id=7; status=Status::Firing; severity=Severity::Critical; alert_count=3";
    for (reads, expected) in [
        (r#""summary", "labels.*""#, ""),
        (r#""incident.title", "incident.labels.team""#, "; title=Checkout is slow; labels=team:payments"),
        (
            r#""incident.teams", "incident.responders", "incident.url", "incident.opened_at""#,
            "; opened_at=5000; teams=shop; responders=alice; url=https://reveille.example/i/7",
        ),
        (
            r#""incident.alerts.summary", "incident.alerts.labels.host""#,
            "; alert=(status=Status::Firing; severity=Severity::Critical; summary=Checkout is slow; labels=host:web1)",
        ),
        (
            r#""incident.key", "incident.priority", "incident.service", "incident.routing_key", "incident.links""#,
            "; key=checkout; priority=Priority::P2; service=checkout; routing_key=shop; links=https://graphs.example/1",
        ),
    ] {
        let house = House::new();
        house.install("dump", "dump", HOOKS, &format!("reads = [{reads}]\n"));
        let plugin = house.prepare("dump", Stage::Route, "{}").unwrap();
        let destinations = plugin.instance().route(&view()).unwrap();
        assert_eq!(destinations[0].reason, format!("{always}{expected}"), "{reads}");
    }
}

#[test]
fn an_incidents_event_comes_whole_and_its_incident_as_declared() {
    let house = House::new();
    house.install("dump", "dump", HOOKS, "reads = [\"incident.title\"]\n");
    let mut instance = house.prepare("dump", Stage::Automate, "{}").unwrap().instance();
    let finished = ActionResult { key: "restart".into(), ok: false, output: "no such host".into(), response: Some(404) };
    for (change, told) in [
        (Change::Opened, "opened"),
        (Change::SeverityChanged(Severity::Error), "severity-changed Severity::Error"),
        (Change::Acknowledged("alice".into()), "acknowledged alice Alice Europe/Rome"),
        (Change::Acknowledged("gone".into()), "acknowledged gone gone UTC"),
        (Change::Escalated(2), "escalated 2"),
        (Change::ActionFinished(finished), "action-finished restart false no such host Some(404)"),
    ] {
        let actions = instance.automate(&IncidentEvent { at: Millis(7000), change, incident: view() }).unwrap();
        let always = "id=7; status=Status::Firing; severity=Severity::Critical; alert_count=3; title=Checkout is slow";
        let note = Step::AddNote(format!("at=7000; change={told}; {always}"));
        assert_eq!(actions, [Action { key: "note".into(), step: note, risk: Risk::Safe, reason: "as seen".into() }]);
    }
}

#[test]
fn what_people_say_outside_is_read_and_answered() {
    let house = House::new();
    house.install("dump", "dump", HOOKS, "headers = [\"X-Sig\"]\n");
    let mut instance = house.prepare("dump", Stage::Interact, "{}").unwrap().instance();
    let header = |name: &str| (name.to_owned(), "1".to_owned());
    let inbound = Inbound {
        id: "in-1".into(),
        received_at: Millis(4000),
        method: Method::Post,
        url: "https://reveille.example/in/***".into(),
        path: Vec::new(),
        query: Vec::new(),
        headers: vec![header("x-other"), header("x-sig")],
        body: b"t1\npage m7".to_vec(),
    };
    let said = |wish| {
        let actor = Some(Contact { kind: "chat".into(), address: "U1".into() });
        Said { about: About::Latest, actor, wish }
    };
    let seen =
        "id=in-1; received_at=4000; method=Method::Post; url=https://reveille.example/in/***; path=; headers=x-sig:1; body=t1\npage m7";
    let expected = Interaction {
        commands: vec![said(Wish::AddNote(seen.into())), said(Wish::Choose("t1".into()))],
        receipts: vec![Receipt { page: "m7".into(), delivered: true, reason: None }],
    };
    assert_eq!(instance.read(&inbound).unwrap(), expected);
    let results = [Came::Done("Acknowledged".into()), Came::Refused("too late".into()), Came::UnknownActor];
    let reply = instance.answer(&inbound, &results).unwrap().unwrap();
    let body = "in-1: CommandResult::Done(\"Acknowledged\"), CommandResult::Refused(\"too late\"), CommandResult::UnknownActor";
    assert_eq!((reply.status, String::from_utf8(reply.body).unwrap().as_str()), (200, body));

    // Sixteen commands are the most, and the guest adds one of its own.
    let lines = |count: usize| Inbound { body: "t\n".repeat(count).into_bytes(), ..inbound.clone() };
    assert_eq!(instance.read(&lines(15)).unwrap().commands.len(), 16);
    assert_eq!(instance.read(&lines(16)), Err(CallFailure::Trapped("gave 17 commands, and 16 are the most".into())));
}

fn page() -> Page {
    Page {
        id: "7-1-1-0-alice-0-0".into(),
        at: Millis(9000),
        purpose: Purpose::Escalation(2),
        contact: Contact { kind: "ntfy".into(), address: "alice-phone".into() },
        recipient: Some(user()),
        incidents: vec![view()],
        choices: vec![Choice { text: "Acknowledge".into(), token: "t1".into(), url: "https://reveille.example/l/x".into() }],
        previous: Some("m1".into()),
    }
}

#[test]
fn only_declared_fields_of_a_page_cross_the_boundary() {
    let always = "id=7-1-1-0-alice-0-0; at=9000; purpose=escalation 2; contact=ntfy alice-phone";
    let bare = "; incident=[id=7; status=Status::Firing; severity=Severity::Critical; alert_count=3]";
    for (reads, expected) in [
        ("", String::new()),
        (r#""page.recipient""#, "; recipient=alice Europe/Rome it".into()),
        (r#""page.*""#, "; recipient=alice Europe/Rome it; choice=t1 https://reveille.example/l/x; previous=m1".into()),
    ] {
        let house = House::new();
        house.install("dump", "dump", HOOKS, &format!("reads = [{reads}]\n"));
        let plugin = house.prepare("dump", Stage::Notify, "{}").unwrap();
        let Request::Http(http) = plugin.instance().render(&page()).unwrap() else { panic!("dump sends HTTP") };
        assert_eq!(String::from_utf8(http.body).unwrap(), format!("{always}{expected}{bare}"), "{reads}");
    }
}

#[test]
fn an_answer_is_interpreted_with_its_step() {
    let house = House::new();
    house.install("dump", "dump", HOOKS, "");
    let mut instance = house.prepare("dump", Stage::Notify, "{}").unwrap().instance();
    let http = Response::Http(HttpResponse { status: 202, headers: Vec::new(), body: b"ok".to_vec() });
    let accepted = |text: &str| Ok(Delivery::Accepted(Some(text.to_owned())));
    assert_eq!(instance.interpret(&page(), 1, &http), accepted("7-1-1-0-alice-0-0 1 202 ok"));
    assert_eq!(instance.interpret(&page(), 0, &Response::Mail(250, "queued".into())), accepted("7-1-1-0-alice-0-0 0 250 queued"));
}

#[test]
fn a_normalizer_sees_the_headers_that_it_declares() {
    let house = House::new();
    house.install("dump", "dump", HOOKS, "headers = [\"X-Signature\"]\n");
    let plugin = house.prepare("dump", Stage::Normalize, "{}").unwrap();
    assert_eq!(plugin.headers(), ["x-signature"]);
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let inbound = Inbound {
        id: "in-1".into(),
        received_at: Millis(4000),
        method: Method::Post,
        url: "https://reveille.example/in/***/shop?x=1".into(),
        path: vec!["shop".into()],
        query: vec![label("x", "1")],
        headers: vec![label("user-agent", "curl"), label("x-signature", "abc")],
        body: b"{}".to_vec(),
    };
    let refusal = plugin.instance().normalize(&inbound).unwrap().unwrap_err();
    assert_eq!(
        refusal.reason,
        "id=in-1; received_at=4000; method=Method::Post; url=https://reveille.example/in/***/shop?x=1; path=shop; query=x:1; \
         headers=x-signature:abc; body={}"
    );
}
