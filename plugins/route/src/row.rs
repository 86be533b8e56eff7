//! One route, checked and ready to ask.

use matching::Pattern;
use reveille_sdk::types::{Priority, Severity, Target, Urgency};
use reveille_sdk::{Error, Incident, IncidentField, Result};

use crate::DESTINATIONS_MAX;
use crate::hours::Hours;
use crate::settings::RouteSettings;

/// Longest text with `*`, in bytes.
const TEXT_MAX_BYTES: usize = 1_024;

/// A route.
#[derive(Debug)]
pub struct Row {
    service: Vec<Pattern>,
    team: Vec<Pattern>,
    severity: Vec<Severity>,
    priority: Vec<Priority>,
    routing_key: Vec<Pattern>,
    labels: Vec<(String, Vec<Pattern>)>,
    hours: Option<Hours>,
    /// Who has to know.
    pub targets: Vec<Target>,
    /// How much of a hurry.
    pub urgency: Urgency,
    /// Why, with the route's name.
    pub reason: String,
    /// Whether later routes are asked too.
    pub goes_on: bool,
}

impl Row {
    /// Checks one route; pointers begin at it. `number` counts from 1.
    pub fn compile(settings: &RouteSettings, number: usize) -> Result<Self> {
        if settings.to.is_empty() || settings.to.len() > DESTINATIONS_MAX {
            return Err(Error::setting("/to", format!("must have 1 to {DESTINATIONS_MAX} destinations")));
        }
        let name = settings.name.clone().unwrap_or_else(|| number.to_string());
        let labels = settings.labels.iter().map(|(label, texts)| {
            let wildcards = wildcards(texts, &format!("/labels/{}", label.replace('~', "~0").replace('/', "~1")))?;
            if wildcards.is_empty() {
                return Err(Error::setting("/labels", format!("`{label}` has no values: write [\"*\"] for any")));
            }
            Ok((label.clone(), wildcards))
        });
        Ok(Self {
            service: wildcards(&settings.service, "/service")?,
            team: wildcards(&settings.team, "/team")?,
            severity: settings.severity.clone(),
            priority: settings.priority.clone(),
            routing_key: wildcards(&settings.routing_key, "/routing_key")?,
            labels: labels.collect::<Result<_>>()?,
            hours: settings.hours.as_ref().map(Hours::compile).transpose().map_err(|error| error.within("/hours"))?,
            targets: settings.to.clone(),
            urgency: settings.urgency,
            reason: match &settings.reason {
                Some(reason) => format!("route `{name}`: {reason}"),
                None => format!("route `{name}`"),
            },
            goes_on: settings.goes_on,
        })
    }

    /// Whether this incident is meant. What an incident does not have is not meant by any value.
    pub fn applies(&self, incident: &Incident) -> bool {
        (self.severity.is_empty() || self.severity.contains(&incident.severity()))
            && (self.service.is_empty() || one(&self.service, incident.service()))
            && (self.routing_key.is_empty() || one(&self.routing_key, incident.routing_key()))
            && (self.priority.is_empty() || incident.priority().is_some_and(|priority| self.priority.contains(&priority)))
            && (self.team.is_empty() || incident.teams().iter().any(|team| one(&self.team, Some(team))))
            && self.labels.iter().all(|(label, values)| one(values, incident.label(label)))
            && self.hours.as_ref().is_none_or(|hours| incident.opened_at().is_some_and(|at_ms| hours.hold(at_ms)))
    }

    /// The fields that it asks for.
    pub fn reads(&self) -> Vec<IncidentField> {
        let asked = [
            (!self.service.is_empty(), IncidentField::Service),
            (!self.routing_key.is_empty(), IncidentField::RoutingKey),
            (!self.priority.is_empty(), IncidentField::Priority),
            (!self.team.is_empty(), IncidentField::Teams),
            (self.hours.is_some(), IncidentField::OpenedAt),
        ];
        let named = asked.into_iter().filter(|(asked, _)| *asked).map(|(_, field)| field);
        named.chain(self.labels.iter().map(|(label, _)| IncidentField::Label(label.clone()))).collect()
    }
}

fn one(wanted: &[Pattern], text: Option<&str>) -> bool {
    text.is_some_and(|text| wanted.iter().any(|wildcard| wildcard.matches(text)))
}

/// Texts with `*`; letter case does not count.
fn wildcards(texts: &[String], pointer: &str) -> Result<Vec<Pattern>> {
    let parsed = texts.iter().enumerate().map(|(place, text)| match text.len() {
        0 => Err(Error::setting(format!("{pointer}/{place}"), "is empty")),
        1..=TEXT_MAX_BYTES => Ok(Pattern::wildcard(text, true)),
        _ => Err(Error::setting(format!("{pointer}/{place}"), format!("is longer than {TEXT_MAX_BYTES} bytes"))),
    });
    parsed.collect()
}
