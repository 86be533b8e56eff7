//! One incident in a message: its title and the facts that a reader needs, in the order that they are needed.

use reveille_sdk::types::{Link, Status};
use reveille_sdk::{Alert, Incident};

use crate::{Zone, address, block, line};

const TITLE_MAX_CHARS: usize = 160;
const VALUE_MAX_CHARS: usize = 300;
const DETAILS_MAX_CHARS: usize = 1_500;
const LABELS_MAX: usize = 16;
const PLACES_MAX: usize = 8;
const PEOPLE_MAX: usize = 5;

/// A named fact, such as `Service: checkout-api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub name: String,
    /// What is so.
    pub value: String,
}

/// A link for the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What is there.
    pub text: String,
    /// Absolute web address.
    pub url: String,
}

/// One incident, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What is broken, on one line, with the service where the title does not name it.
    pub title: String,
    /// How bad, where, how often, who.
    pub facts: Vec<Fact>,
    /// Labels that all of its alerts have in common.
    pub labels: Vec<Fact>,
    /// What the newest alert said, where it says more than the title.
    pub details: Option<String>,
    /// Where to read what to do.
    pub runbook: Option<Place>,
    /// Other links.
    pub places: Vec<Place>,
    /// Its page in Reveille.
    pub url: Option<String>,
}

impl Summary {
    /// The words for this incident, read at `now_ms` (milliseconds since 1970) in this zone.
    pub fn of(incident: &Incident, zone: &Zone, now_ms: i64) -> Self {
        let title = title(incident);
        let (runbook, places) = places(incident);
        Self {
            facts: facts(incident, zone, now_ms),
            labels: incident.labels().iter().take(LABELS_MAX).map(|(name, value)| fact(name, value)).collect(),
            details: details(incident, &title),
            runbook,
            places,
            url: incident.url().and_then(address).map(str::to_owned),
            title,
        }
    }
}

/// What is broken: the title, or the newest alert's summary, or at least which incident it is.
fn title(incident: &Incident) -> String {
    let newest = incident.alerts().first();
    let words = [incident.title(), newest.and_then(Alert::summary), newest.and_then(Alert::entity)];
    let mut title = words
        .into_iter()
        .flatten()
        .map(|text| line(text, TITLE_MAX_CHARS))
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| format!("Incident {}", line(incident.id(), 32)));
    if let Some(service) = incident.service().map(|s| line(s, 64)).filter(|s| !s.is_empty())
        && !title.to_lowercase().contains(&service.to_lowercase())
    {
        title.push_str(&format!(" ({service})"));
    }
    title
}

fn facts(incident: &Incident, zone: &Zone, now_ms: i64) -> Vec<Fact> {
    let mut facts = Vec::with_capacity(8);
    let status = match incident.status() {
        Status::Firing => "",
        Status::Acknowledged => ", acknowledged",
        Status::Resolved => ", resolved",
    };
    let priority = incident.priority().map(|p| format!(", {}", p.as_str().to_uppercase())).unwrap_or_default();
    facts.push(fact("Severity", &format!("{}{priority}{status}", incident.severity())));
    if let Some(opened_at) = incident.opened_at() {
        facts.push(fact("Since", &zone.since(opened_at, now_ms)));
    }
    if let Some(service) = incident.service() {
        facts.push(fact("Service", service));
    }
    if !incident.teams().is_empty() {
        facts.push(fact("Team", &incident.teams().join(", ")));
    }
    if !incident.responders().is_empty() {
        let names: Vec<&str> = incident.responders().iter().take(PEOPLE_MAX).map(|user| user.name.as_str()).collect();
        facts.push(fact("Acknowledged by", &names.join(", ")));
    }
    if incident.alert_count() > 1 {
        facts.push(fact("Alerts", &incident.alert_count().to_string()));
    }
    if let Some(source) = incident.alerts().first().and_then(Alert::source) {
        facts.push(fact("Reported by", source));
    }
    facts.retain(|fact| !fact.value.is_empty());
    facts
}

/// The newest alert's summary and details, without what the title already says.
fn details(incident: &Incident, title: &str) -> Option<String> {
    let newest = incident.alerts().first()?;
    let summary = newest.summary().map(|s| line(s, VALUE_MAX_CHARS)).filter(|s| !s.is_empty() && !title.starts_with(s.as_str()));
    let details = newest.details().map(|d| block(d, DETAILS_MAX_CHARS)).filter(|d| !d.is_empty() && !title.starts_with(d.as_str()));
    match (summary, details) {
        (Some(summary), Some(details)) if details.starts_with(&summary) => Some(details),
        (Some(summary), Some(details)) => Some(format!("{summary}\n{details}")),
        (one, other) => one.or(other),
    }
}

/// The runbook, and the other links. A picture is a link here: most readers do not load pictures.
fn places(incident: &Incident) -> (Option<Place>, Vec<Place>) {
    let of_alert = incident.alerts().first().into_iter().flat_map(Alert::links);
    let mut places: Vec<Place> = Vec::new();
    for link in incident.links().iter().chain(of_alert) {
        if let Some(place) = place(link)
            && !places.iter().any(|known| known.url == place.url)
        {
            places.push(place);
        }
    }
    let runbook = places.iter().position(|p| p.text.to_lowercase().contains("runbook")).map(|at| places.remove(at));
    let runbook = runbook.or_else(|| incident.alerts().first().and_then(annotated_runbook));
    places.truncate(PLACES_MAX);
    (runbook, places)
}

/// A runbook that the newest alert carries as an annotation, as Prometheus rules do.
fn annotated_runbook(alert: &Alert) -> Option<Place> {
    let url = ["runbook_url", "runbook"].into_iter().filter_map(|name| alert.annotation(name)).find_map(address)?;
    Some(Place { text: "Runbook".into(), url: url.to_owned() })
}

fn place(link: &Link) -> Option<Place> {
    let url = address(&link.url)?.to_owned();
    let text = line(&link.text, 80);
    Some(Place { text: if text.is_empty() { "Link".into() } else { text }, url })
}

fn fact(name: &str, value: &str) -> Fact {
    Fact { name: line(name, 80), value: line(value, VALUE_MAX_CHARS) }
}
