//! What goes in: alerts, incidents and pages, with only the fields that the plugin may read. Everything borrows; an absent field costs nothing.

use crate::bindings::v1_0::exports::reveille::plugin::{automate, interact, normalize, notify};
use crate::bindings::v1_0::reveille::plugin::types::{
    self, AlertParam, ContactParam, HttpResponse, InboundHttp, InboundMessage, Incident, LinkParam, Method, Priority, Severity, Status,
    User,
};
use crate::reads::{AlertReads, Names, Reads, alert_bit, incident_bit, page_bit};
use domain::action::Change;
use domain::alert::{Alert, Label, Link};
use domain::inbound::Inbound;
use domain::interaction::Came;
use domain::page::{Purpose, Response};
use ports::plugin::{IncidentEvent, IncidentView, Page};

type Pair<'a> = (&'a str, &'a str);
/// An alert as it is passed in.
pub(crate) type AlertIn<'a> = AlertParam<'a>;

/// Lists that keep their memory from call to call.
#[derive(Default)]
pub(crate) struct Scratch {
    labels: Vec<Pair<'static>>,
    annotations: Vec<Pair<'static>>,
}

/// The lists of one alert, as far as they may be read.
pub(crate) struct Lists<'a> {
    labels: Vec<Pair<'a>>,
    annotations: Vec<Pair<'a>>,
    links: Vec<LinkParam<'a>>,
}

impl<'a> Lists<'a> {
    pub(crate) fn select(reads: &AlertReads, alert: &'a Alert, scratch: &mut Scratch) -> Self {
        let mut labels: Vec<Pair<'a>> = std::mem::take(&mut scratch.labels);
        let mut annotations: Vec<Pair<'a>> = std::mem::take(&mut scratch.annotations);
        pick(&reads.labels, &alert.labels, &mut labels);
        pick(&reads.annotations, &alert.annotations, &mut annotations);
        let links = if reads.has(alert_bit::LINKS) { links(&alert.links) } else { Vec::new() };
        Self { labels, annotations, links }
    }

    /// Gives the memory back for the next call.
    pub(crate) fn give_back(self, scratch: &mut Scratch) {
        scratch.labels = emptied(self.labels);
        scratch.annotations = emptied(self.annotations);
    }
}

/// The same memory without what it held, so that it can hold borrows of another life: the standard library collects in place.
fn emptied(mut list: Vec<Pair<'_>>) -> Vec<Pair<'static>> {
    list.clear();
    list.into_iter().map(|_| ("", "")).collect()
}

/// Both lists are sorted: what was passed by is not looked at again.
fn pick<'a>(names: &Names, from: &'a [Label], into: &mut Vec<Pair<'a>>) {
    match names {
        Names::All => into.extend(from.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        Names::Some(names) => {
            let mut rest = from;
            for name in names {
                match rest.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
                    Ok(at) => {
                        into.push((&rest[at].0, &rest[at].1));
                        rest = &rest[at + 1..];
                    }
                    Err(at) => rest = &rest[at..],
                }
            }
        }
    }
}

fn links(from: &[Link]) -> Vec<LinkParam<'_>> {
    from.iter().map(|link| LinkParam { url: &link.url, text: &link.text, image: link.image }).collect()
}

fn text(declared: bool, text: Option<&String>) -> Option<&str> {
    if declared { text.map(String::as_str) } else { None }
}

/// The alert as the plugin sees it.
#[inline]
pub(crate) fn alert<'a>(reads: &AlertReads, alert: &'a Alert, lists: &'a Lists<'a>) -> AlertParam<'a> {
    AlertParam {
        entity: text(reads.has(alert_bit::ENTITY), Some(&alert.entity)),
        status: status(alert.status),
        severity: severity(alert.severity),
        summary: text(reads.has(alert_bit::SUMMARY), alert.summary.as_ref()),
        details: text(reads.has(alert_bit::DETAILS), alert.details.as_ref()),
        source: text(reads.has(alert_bit::SOURCE), alert.source.as_ref()),
        service: text(reads.has(alert_bit::SERVICE), alert.service.as_ref()),
        routing_key: text(reads.has(alert_bit::ROUTING_KEY), alert.routing_key.as_ref()),
        group: text(reads.has(alert_bit::GROUP), alert.group.as_ref()),
        started_at: alert.started_at.filter(|_| reads.has(alert_bit::STARTED_AT)).map(|at| at.0),
        received_at: reads.has(alert_bit::RECEIVED_AT).then_some(alert.received_at.0),
        expires_at: alert.expires_at.filter(|_| reads.has(alert_bit::EXPIRES_AT)).map(|at| at.0),
        labels: &lists.labels,
        annotations: &lists.annotations,
        links: &lists.links,
    }
}

fn status(status: domain::alert::Status) -> Status {
    match status {
        domain::alert::Status::Firing => Status::Firing,
        domain::alert::Status::Acknowledged => Status::Acknowledged,
        domain::alert::Status::Resolved => Status::Resolved,
    }
}

fn severity(severity: domain::alert::Severity) -> Severity {
    match severity {
        domain::alert::Severity::Info => Severity::Info,
        domain::alert::Severity::Warning => Severity::Warning,
        domain::alert::Severity::Error => Severity::Error,
        domain::alert::Severity::Critical => Severity::Critical,
    }
}

fn priority(priority: domain::command::Priority) -> Priority {
    match priority {
        domain::command::Priority::P1 => Priority::P1,
        domain::command::Priority::P2 => Priority::P2,
        domain::command::Priority::P3 => Priority::P3,
        domain::command::Priority::P4 => Priority::P4,
        domain::command::Priority::P5 => Priority::P5,
    }
}

fn user(user: &domain::installation::User) -> User<'_> {
    User { id: user.id.as_str(), name: &user.name, time_zone: &user.time_zone, language: &user.language }
}

/// The lists of one incident, as far as they may be read.
struct Parts<'a> {
    view: &'a IncidentView,
    id: String,
    teams: Vec<&'a str>,
    responders: Vec<User<'a>>,
    labels: Vec<Pair<'a>>,
    links: Vec<LinkParam<'a>>,
    alerts: Vec<(&'a Alert, Lists<'a>)>,
}

/// Most alerts that come with an incident.
const ALERTS_LIMIT: usize = 20;

impl<'a> Parts<'a> {
    fn select(reads: &Reads, view: &'a IncidentView) -> Self {
        let incident = &view.incident;
        let mut labels = Vec::new();
        pick(&reads.incident_labels, &incident.labels, &mut labels);
        let alerts = if reads.incident(incident_bit::ALERTS) { view.alerts.as_slice() } else { &[] };
        let team = Some(incident.team.as_str()).filter(|team| reads.incident(incident_bit::TEAMS) && !team.is_empty());
        let responders = if reads.incident(incident_bit::RESPONDERS) { view.responders.as_slice() } else { &[] };
        let select = |alert: &'a Alert| (alert, Lists::select(&reads.incident_alerts, alert, &mut Scratch::default()));
        Self {
            view,
            id: incident.id.to_string(),
            teams: team.into_iter().collect(),
            responders: responders.iter().map(user).collect(),
            labels,
            links: if reads.incident(incident_bit::LINKS) { links(&incident.links) } else { Vec::new() },
            alerts: alerts.iter().take(ALERTS_LIMIT).map(select).collect(),
        }
    }

    fn alerts(&'a self, reads: &Reads) -> Vec<AlertParam<'a>> {
        self.alerts.iter().map(|(one, lists)| alert(&reads.incident_alerts, one, lists)).collect()
    }

    fn incident(&'a self, reads: &Reads, alerts: &'a [AlertParam<'a>]) -> Incident<'a> {
        let incident = &self.view.incident;
        Incident {
            id: &self.id,
            key: text(reads.incident(incident_bit::KEY), Some(&incident.key)),
            title: text(reads.incident(incident_bit::TITLE), Some(&incident.title)),
            status: status(incident.status),
            severity: severity(incident.severity),
            priority: incident.priority.filter(|_| reads.incident(incident_bit::PRIORITY)).map(priority),
            service: text(reads.incident(incident_bit::SERVICE), incident.service.as_ref()),
            routing_key: text(reads.incident(incident_bit::ROUTING_KEY), incident.routing_key.as_ref()),
            opened_at: reads.incident(incident_bit::OPENED_AT).then_some(incident.opened_at.0),
            teams: &self.teams,
            responders: &self.responders,
            url: text(reads.incident(incident_bit::URL), self.view.url.as_ref()),
            labels: &self.labels,
            alert_count: incident.alert_count,
            alerts,
            links: &self.links,
        }
    }
}

/// Calls `ask` with the incident as the plugin sees it.
pub(crate) fn with_incident<R>(reads: &Reads, view: &IncidentView, ask: impl FnOnce(Incident<'_>) -> R) -> R {
    let parts = Parts::select(reads, view);
    let alerts = parts.alerts(reads);
    ask(parts.incident(reads, &alerts))
}

/// Calls `ask` with what happened to an incident, and the incident as the plugin sees it.
pub(crate) fn with_event<R>(reads: &Reads, event: &IncidentEvent, ask: impl FnOnce(automate::IncidentEvent<'_>) -> R) -> R {
    with_incident(reads, &event.incident, |incident| {
        let change = match &event.change {
            Change::Opened => automate::IncidentChange::Opened,
            Change::AlertJoined => automate::IncidentChange::AlertJoined,
            Change::SeverityChanged(value) => automate::IncidentChange::SeverityChanged(severity(*value)),
            Change::Acknowledged(id) => automate::IncidentChange::Acknowledged(responder(&event.incident, id)),
            Change::Unacknowledged => automate::IncidentChange::Unacknowledged,
            Change::Reopened => automate::IncidentChange::Reopened,
            Change::Resolved => automate::IncidentChange::Resolved,
            Change::Escalated(step) => automate::IncidentChange::Escalated(*step),
            Change::ActionFinished(result) => automate::IncidentChange::ActionFinished(automate::ActionResult {
                key: &result.key,
                ok: result.ok,
                output: &result.output,
                response: result.response,
            }),
        };
        ask(automate::IncidentEvent { at: event.at.0, change, incident })
    })
}

/// The user behind an id; one that the incident no longer has is known by the id alone.
fn responder<'a>(view: &'a IncidentView, id: &'a domain::id::UserId) -> User<'a> {
    let known = view.responders.iter().find(|known| known.id == *id);
    known.map_or(User { id: id.as_str(), name: id.as_str(), time_zone: "UTC", language: "en" }, user)
}

/// What came of commands, in their order.
pub(crate) fn results<'a>(results: &'a [Came]) -> Vec<interact::CommandResult<'a>> {
    let result = |came: &'a Came| match came {
        Came::Done(text) => interact::CommandResult::Done(text.as_str()),
        Came::Refused(text) => interact::CommandResult::Refused(text.as_str()),
        Came::UnknownActor => interact::CommandResult::UnknownActor,
    };
    results.iter().map(result).collect()
}

/// Calls `ask` with the page as the plugin sees it.
pub(crate) fn with_page<R>(reads: &Reads, page: &Page, ask: impl FnOnce(notify::Page<'_>) -> R) -> R {
    let parts: Vec<Parts<'_>> = page.incidents.iter().map(|view| Parts::select(reads, view)).collect();
    let alerts: Vec<Vec<AlertParam<'_>>> = parts.iter().map(|part| part.alerts(reads)).collect();
    let incidents: Vec<Incident<'_>> = parts.iter().zip(&alerts).map(|(part, alerts)| part.incident(reads, alerts)).collect();
    let choices = if reads.page(page_bit::CHOICES) { page.choices.as_slice() } else { &[] };
    let choices: Vec<notify::Choice<'_>> =
        choices.iter().map(|choice| notify::Choice { text: &choice.text, token: &choice.token, url: &choice.url }).collect();
    ask(notify::Page {
        id: &page.id,
        at: page.at.0,
        purpose: match &page.purpose {
            Purpose::Escalation(step) => notify::Purpose::Escalation(*step),
            Purpose::Update(what) => notify::Purpose::Update(what),
            Purpose::Reminder(what) => notify::Purpose::Reminder(what),
            Purpose::Test(code) => notify::Purpose::Test(code),
        },
        contact: ContactParam { kind: &page.contact.kind, address: &page.contact.address },
        recipient: page.recipient.as_ref().filter(|_| reads.page(page_bit::RECIPIENT)).map(user),
        incidents: &incidents,
        choices: &choices,
        previous: text(reads.page(page_bit::PREVIOUS), page.previous.as_ref()),
    })
}

/// Calls `ask` with what came back.
pub(crate) fn with_response<R>(response: &Response, ask: impl FnOnce(notify::Response<'_>) -> R) -> R {
    match response {
        Response::Http(http) => {
            let headers = pairs(&http.headers);
            ask(notify::Response::Http(HttpResponse { status: http.status, headers: &headers, body: &http.body }))
        }
        Response::Mail(code, text) => ask(notify::Response::Mail((*code, text))),
    }
}

fn pairs(from: &[Label]) -> Vec<Pair<'_>> {
    from.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Calls `ask` with the request; only headers that the manifest declares are passed.
pub(crate) fn with_inbound<R>(declared: &[String], inbound: &Inbound, ask: impl FnOnce(normalize::Inbound<'_>) -> R) -> R {
    let path: Vec<&str> = inbound.path.iter().map(String::as_str).collect();
    let query = pairs(&inbound.query);
    let mut headers = pairs(&inbound.headers);
    headers.retain(|(name, _)| declared.iter().any(|header| header == name));
    let http = InboundHttp {
        method: match inbound.method {
            domain::inbound::Method::Get => Method::Get,
            domain::inbound::Method::Head => Method::Head,
            domain::inbound::Method::Post => Method::Post,
            domain::inbound::Method::Put => Method::Put,
            domain::inbound::Method::Patch => Method::Patch,
            domain::inbound::Method::Delete => Method::Delete,
        },
        url: &inbound.url,
        path: &path,
        query: &query,
        headers: &headers,
        body: &inbound.body,
    };
    ask(types::Inbound { id: &inbound.id, received_at: inbound.received_at.0, message: InboundMessage::Http(http) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_labels_come_sorted_and_those_that_are_not_there_are_left_out() {
        let label = |name: &str| (name.to_owned(), name.to_uppercase());
        let all = [label("a"), label("c"), label("e")];
        let names = |list: &[&str]| Names::Some(list.iter().map(|name| (*name).to_owned()).collect());
        for (names, expected) in [
            (Names::All, &["a", "c", "e"][..]),
            (names(&[]), &[]),
            (names(&["a", "e"]), &["a", "e"]),
            (names(&["0", "b", "c", "d", "f"]), &["c"]),
        ] {
            let mut picked = Vec::new();
            pick(&names, &all, &mut picked);
            assert_eq!(picked.iter().map(|(name, _)| *name).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn lists_keep_their_memory() {
        let mut list: Vec<Pair<'_>> = Vec::with_capacity(16);
        list.push(("a", "b"));
        assert_eq!(emptied(list).capacity(), 16);
    }
}
