//! Says every field that it received. Its settings `{"reads":["summary"]}` are what its `configure` gives back.

wit_bindgen::generate!({
    path: "../../../wit/v1.0",
    inline: "package test:dump; world dump {
        export reveille:plugin/lifecycle@1.0.0; export reveille:plugin/normalize@1.0.0; export reveille:plugin/enrich@1.0.0;
        export reveille:plugin/filter@1.0.0; export reveille:plugin/dedupe@1.0.0; export reveille:plugin/route@1.0.0;
        export reveille:plugin/notify@1.0.0; export reveille:plugin/automate@1.0.0; export reveille:plugin/interact@1.0.0;
    }",
    world: "test:dump/dump",
    generate_all,
});

use exports::reveille::plugin::dedupe::Grouping;
use exports::reveille::plugin::enrich::Patch;
use exports::reveille::plugin::filter::Verdict;
use exports::reveille::plugin::normalize::{Inbound, Normalized, Refusal};
use exports::reveille::plugin::notify::{Outcome, Page, Purpose, Request, Response};
use exports::reveille::plugin::automate::{Action, IncidentChange as Change, IncidentEvent, Risk, Step};
use exports::reveille::plugin::interact::{CommandResult, Interaction, Receipt};
use exports::reveille::plugin::{automate, dedupe, enrich, filter, interact, lifecycle, normalize, notify, route};
use reveille::plugin::types::{
    Alert, Command, Contact, Destination, Error, HttpRequest, InboundMessage, Incident, Label, Link, Method, Operation, Reply, Subject,
    Target, Urgency, User,
};

struct Dump;

impl lifecycle::Guest for Dump {
    fn configure(settings: String) -> Result<Vec<String>, Vec<lifecycle::Problem>> {
        Ok(settings.split('"').skip(3).step_by(2).map(String::from).collect())
    }
}

/// `name=value` of what is there, apart by `; `.
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

fn alert(alert: &Alert) -> String {
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

fn incident(incident: &Incident) -> String {
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

fn page(page: &Page) -> String {
    let mut said = Said::default();
    said.add("id", &page.id);
    said.add("at", page.at);
    said.add(
        "purpose",
        match &page.purpose {
            Purpose::Escalation(step) => format!("escalation {step}"),
            Purpose::Update(text) => format!("update {text}"),
            Purpose::Test(code) => format!("test {code}"),
            _ => "other".into(),
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

fn inbound(request: &Inbound) -> String {
    let mut said = Said::default();
    said.add("id", &request.id);
    said.add("received_at", request.received_at);
    if let InboundMessage::Http(http) = &request.message {
        said.add("method", format!("{:?}", http.method));
        said.add("url", &http.url);
        said.add("path", http.path.join("/"));
        said.labels("query", &http.query);
        said.labels("headers", &http.headers);
        said.add("body", String::from_utf8_lossy(&http.body));
    }
    said.0
}

fn change(change: &Change) -> String {
    match change {
        Change::Opened => "opened".into(),
        Change::AlertJoined => "alert-joined".into(),
        Change::SeverityChanged(severity) => format!("severity-changed {severity:?}"),
        Change::Acknowledged(user) => format!("acknowledged {} {} {}", user.id, user.name, user.time_zone),
        Change::Unacknowledged => "unacknowledged".into(),
        Change::Reopened => "reopened".into(),
        Change::Resolved => "resolved".into(),
        Change::Escalated(step) => format!("escalated {step}"),
        Change::ActionFinished(result) => {
            format!("action-finished {} {} {} {:?}", result.key, result.ok, result.output, result.response)
        }
    }
}

impl normalize::Guest for Dump {
    fn run(request: Inbound) -> Result<Normalized, Refusal> {
        Err(Refusal { reason: inbound(&request), reply: None })
    }
}

impl automate::Guest for Dump {
    fn run(event: IncidentEvent) -> Result<Vec<Action>, Error> {
        let note = format!("at={}; change={}; {}", event.at, change(&event.change), incident(&event.incident));
        Ok(vec![Action { key: "note".into(), step: Step::AddNote(note), risk: Risk::Safe, reason: "as seen".into() }])
    }
}

impl interact::Guest for Dump {
    /// Each line of the body is a command; one that begins with `page ` is news about that page.
    fn read(request: Inbound) -> Result<Interaction, Error> {
        let InboundMessage::Http(http) = &request.message else { return Err(Error::Rejected("a mail".into())) };
        let body = String::from_utf8_lossy(&http.body).into_owned();
        let actor = || Some(Contact { kind: "chat".into(), address: "U1".into() });
        let command = |operation| Command { subject: Subject::Latest, actor: actor(), operation };
        let mut interaction = Interaction { commands: vec![command(Operation::AddNote(inbound(&request)))], receipts: Vec::new() };
        for line in body.lines().filter(|line| !line.is_empty()) {
            match line.strip_prefix("page ") {
                Some(page) => interaction.receipts.push(Receipt { page: page.into(), delivered: true, reason: None }),
                None => interaction.commands.push(command(Operation::Choose(line.into()))),
            }
        }
        Ok(interaction)
    }
    fn answer(request: Inbound, results: Vec<CommandResult>) -> Result<Option<Reply>, Error> {
        let results: Vec<String> = results.iter().map(|result| format!("{result:?}")).collect();
        let body = format!("{}: {}", request.id, results.join(", ")).into_bytes();
        Ok(Some(Reply { status: 200, content_type: "text/plain".into(), body }))
    }
}

impl enrich::Guest for Dump {
    fn run(one: Alert) -> Result<Patch, Error> {
        Ok(Patch { edits: Vec::new(), reason: alert(&one) })
    }
}

impl filter::Guest for Dump {
    fn run(one: Alert) -> Result<Verdict, Error> {
        Ok(Verdict::Drop(alert(&one)))
    }
}

impl dedupe::Guest for Dump {
    fn run(one: Alert) -> Result<Option<Grouping>, Error> {
        Ok(Some(Grouping {
            incident_key: "all".into(),
            entity: None,
            window_seconds: None,
            threshold: None,
            title: None,
            related: Vec::new(),
            reason: alert(&one),
        }))
    }
}

impl route::Guest for Dump {
    fn run(one: Incident) -> Result<Vec<Destination>, Error> {
        Ok(vec![Destination { target: Target::Team("ops".into()), urgency: Urgency::Page, reason: incident(&one) }])
    }
}

impl notify::Guest for Dump {
    fn render(one: Page) -> Result<Request, Error> {
        Ok(Request::Http(HttpRequest {
            method: Method::Post,
            url: "https://push.example/".into(),
            headers: Vec::new(),
            body: page(&one).into_bytes(),
            authorization: None,
        }))
    }
    fn interpret(one: Page, step: u32, response: Response) -> Result<Outcome, Error> {
        let answer = match response {
            Response::Http(http) => format!("{} {}", http.status, String::from_utf8_lossy(&http.body)),
            Response::Mail((code, text)) => format!("{code} {text}"),
        };
        Ok(Outcome::Accepted(Some(format!("{} {step} {answer}", one.id))))
    }
}

export!(Dump);
