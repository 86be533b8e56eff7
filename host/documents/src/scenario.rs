//! A scenario for `reveille simulate`: a small YAML file that says what is supposed to happen, checked against the installation that it is
//! played in.

use crate::limits::BYTES_LIMIT;
use crate::node::{Node, Place, Segment, read_yaml};
use crate::problem::{Problem, hint, in_order};
use crate::shape::{self, Report};
use crate::text::{Delay, Name, Text as _};
use domain::alert::Severity;
use domain::command::Operation;
use domain::escalation::{Target, Urgency};
use domain::id::{IntegrationId, OverrideId, PolicyId, RotationId, TeamId, UserId};
use domain::installation::Installation;
use domain::schedule::Override;
use domain::simulation::{Answer, Arrival, Route, Scenario};
use domain::time::Millis;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;
use std::sync::LazyLock;

/// How long after the last thing that happens the simulation goes on, unless `until` says so.
const AFTERWARDS_SECONDS: u32 = 4 * 3600;
/// The longest simulation, in milliseconds: a year.
const LONGEST_MS: i64 = 366 * 86_400_000;
/// Most incidents, answers and overrides, each.
const ITEMS_LIMIT: usize = 1000;

/// What is supposed to happen.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScenarioText {
    /// Wall-clock time with its zone, such as `2026-03-29T01:30 Europe/Rome`. The output is written in this zone.
    starts: String,
    /// Where it ends; default: four hours after the last thing that happens.
    #[serde(default)]
    until: Option<String>,
    /// In the order of their numbers, from 1.
    incidents: Vec<IncidentText>,
    /// Who answers what.
    #[serde(default)]
    answers: Vec<AnswerText>,
    /// Who takes a rotation's place.
    #[serde(default)]
    overrides: Vec<OverrideText>,
}

/// An incident that opens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IncidentText {
    /// Default: at the start. `+5m` is five minutes after it.
    #[serde(default)]
    at: Option<String>,
    /// The team that it belongs to; default: that of the integration, the service or the policy.
    #[serde(default)]
    team: Option<Name>,
    /// Where it goes, whatever the route plugins would say.
    #[serde(default)]
    policy: Option<Name>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    routing_key: Option<String>,
    /// The sender: its default policy is the first fallback, and its pipeline is asked.
    #[serde(default)]
    integration: Option<Name>,
    /// Default: critical.
    #[serde(default)]
    severity: SeverityText,
    #[serde(default)]
    title: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum SeverityText {
    Info,
    Warning,
    Error,
    #[default]
    Critical,
}

/// Somebody answers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AnswerText {
    at: String,
    /// The number of the incident; default: 1.
    #[serde(default)]
    #[schemars(range(min = 1))]
    incident: Option<u32>,
    who: Name,
    does: DoesText,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum DoesText {
    Acknowledge,
    GiveBack,
    Resolve,
}

/// Somebody takes a rotation's place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OverrideText {
    rotation: Name,
    user: Name,
    from: String,
    until: String,
}

/// A scenario, and the zone that its people think in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioFile {
    pub scenario: Scenario,
    /// IANA name: the zone of `starts`.
    pub zone: String,
}

/// The JSON Schema of a scenario, for editors.
pub fn schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
        let mut schema = crate::schema::generate::<ScenarioText>();
        schema["title"] = "Scenario for reveille simulate".into();
        schema
    });
    &SCHEMA
}

/// Reads a scenario, or tells every problem with its line. `file` is its name for messages.
pub fn read(file: &str, text: &str, installation: &Installation) -> Result<ScenarioFile, Vec<Problem>> {
    let refuse = |place, message: String| Err(vec![Problem::new(file, place, "", message)]);
    if text.len() > BYTES_LIMIT {
        return refuse(Place::default(), format!("this is too large: {} bytes, at most {BYTES_LIMIT}", text.len()));
    }
    let nodes = match read_yaml(text) {
        Ok(nodes) => nodes,
        Err((place, message)) => return refuse(place, format!("this is not YAML: {message}")),
    };
    let [node] = &nodes[..] else {
        return refuse(Place::default(), format!("a scenario is one document, and here are {}", nodes.len()));
    };
    let mut problems = Vec::new();
    shape::check(schema(), node, &mut Vec::new(), &mut Report { file, subject: "", problems: &mut problems });
    if !problems.is_empty() {
        return Err(in_order(problems));
    }
    let written: ScenarioText = match serde_json::from_value(node.to_json()) {
        Ok(written) => written,
        Err(error) => return refuse(node.place, error.to_string()),
    };
    let mut reading = Reading { file, node, installation, zone: TimeZone::UTC, starts: Millis(0), problems };
    let scenario = reading.scenario(&written);
    let zone = reading.zone.iana_name().unwrap_or("UTC").to_owned();
    if reading.problems.is_empty() { Ok(ScenarioFile { scenario, zone }) } else { Err(in_order(reading.problems)) }
}

struct Reading<'a> {
    file: &'a str,
    node: &'a Node,
    installation: &'a Installation,
    zone: TimeZone,
    starts: Millis,
    problems: Vec<Problem>,
}

fn at(list: &str, index: usize, field: &str) -> Vec<Segment> {
    vec![Segment::Key(list.to_owned()), Segment::Index(index), Segment::Key(field.to_owned())]
}

fn top(field: &str) -> Vec<Segment> {
    vec![Segment::Key(field.to_owned())]
}

impl Reading<'_> {
    fn tell(&mut self, path: &[Segment], message: impl Into<String>) {
        let place = self.node.place_of(path);
        Report { file: self.file, subject: "", problems: &mut self.problems }.tell(place, path, message);
    }

    fn scenario(&mut self, written: &ScenarioText) -> Scenario {
        match starts(&written.starts) {
            Ok((starts, zone)) => (self.starts, self.zone) = (starts, zone),
            // Other times may be written after it, so they would all be wrong.
            Err(problem) => self.tell(&top("starts"), problem),
        }
        for (name, count) in
            [("incidents", written.incidents.len()), ("answers", written.answers.len()), ("overrides", written.overrides.len())]
        {
            if count > ITEMS_LIMIT {
                self.tell(&top(name), format!("these are too many: {count}, at most {ITEMS_LIMIT}"));
            }
        }
        if written.incidents.is_empty() {
            self.tell(&top("incidents"), "without an incident nobody is paged: give at least one");
        }
        let incidents: Vec<Arrival> = written.incidents.iter().enumerate().map(|(index, each)| self.arrival(index, each)).collect();
        let answers: Vec<Answer> = written.answers.iter().enumerate().map(|(index, each)| self.answer(index, each, &incidents)).collect();
        let overrides = written.overrides.iter().enumerate().map(|(index, each)| self.entry(index, each)).collect();
        let last = incidents.iter().map(|i| i.at).chain(answers.iter().map(|a| a.at)).max().unwrap_or(self.starts);
        let until = match &written.until {
            Some(text) => self.time(text, &top("until")),
            None => last.plus_seconds(AFTERWARDS_SECONDS),
        };
        if self.problems.is_empty() {
            if until <= self.starts {
                self.tell(&top("until"), "the simulation ends before it starts: give a later time");
            } else if until.since(self.starts) > LONGEST_MS {
                self.tell(&top("until"), "this is longer than a year: give an earlier time");
            }
        }
        Scenario { starts: self.starts, until, incidents, answers, overrides }
    }

    fn arrival(&mut self, index: usize, written: &IncidentText) -> Arrival {
        let starts = self.starts;
        let time = written.at.as_ref().map_or(starts, |text| self.time(text, &at("incidents", index, "at")));
        if time < starts {
            self.tell(&at("incidents", index, "at"), "this is before the scenario starts: start earlier, or let it happen later");
        }
        let installation = self.installation;
        self.known(index, "team", written.team.as_ref(), installation.teams.keys().map(TeamId::as_str));
        self.known(index, "policy", written.policy.as_ref(), installation.policies.keys().map(PolicyId::as_str));
        self.known(index, "integration", written.integration.as_ref(), installation.integrations.keys().map(IntegrationId::as_str));
        let integration = written.integration.as_ref().and_then(|name| installation.integrations.get(name.0.as_str()));
        let policy = written.policy.as_ref().and_then(|name| installation.policies.get(name.0.as_str()));
        let service = written.service.as_ref().and_then(|name| installation.services.get(name.as_str()));
        let named = written.team.as_ref().map(|name| TeamId(name.0.clone()));
        let team = named
            .or_else(|| integration.map(|i| i.team.clone()))
            .or_else(|| service.and_then(|s| s.team.clone()))
            .or_else(|| policy.map(|p| p.team.clone()));
        if team.is_none() && written.policy.is_none() && written.integration.is_none() {
            let path = [Segment::Key("incidents".to_owned()), Segment::Index(index)];
            self.tell(&path, "whose incident is this? Give `team`, `integration`, `policy`, or a `service` that belongs to a team");
        }
        let route = policy.map(|policy| Route {
            target: Target::Policy(policy.id.clone()),
            urgency: Urgency::Page,
            why: "as the scenario says".to_owned(),
        });
        Arrival {
            at: time,
            team: team.unwrap_or_default(),
            integration: integration.map(|i| i.id.clone()),
            title: written.title.clone().unwrap_or_else(|| format!("Incident {}", index + 1)),
            severity: match written.severity {
                SeverityText::Info => Severity::Info,
                SeverityText::Warning => Severity::Warning,
                SeverityText::Error => Severity::Error,
                SeverityText::Critical => Severity::Critical,
            },
            service: written.service.clone(),
            routing_key: written.routing_key.clone(),
            routes: route.into_iter().collect(),
        }
    }

    fn known<'n>(&mut self, index: usize, field: &str, name: Option<&Name>, names: impl Iterator<Item = &'n str> + Clone) {
        if let Some(Name(name)) = name.filter(|name| !names.clone().any(|known| known == name.0)) {
            self.tell(&at("incidents", index, field), format!("there is no {field} `{name}`{}", hint(name, names)));
        }
    }

    fn answer(&mut self, index: usize, written: &AnswerText, incidents: &[Arrival]) -> Answer {
        let time = self.time(&written.at, &at("answers", index, "at"));
        let number = written.incident.unwrap_or(1) as usize;
        match number.checked_sub(1).and_then(|place| incidents.get(place)) {
            None => {
                let count = incidents.len();
                self.tell(&at("answers", index, "incident"), format!("there is no incident {number}: they are counted from 1 to {count}"));
            }
            Some(incident) if time < incident.at => {
                self.tell(&at("answers", index, "at"), format!("incident {number} has not opened yet: answer it later"));
            }
            Some(_) => {}
        }
        let who = self.user(&written.who, &at("answers", index, "who"));
        let does = match written.does {
            DoesText::Acknowledge => Operation::Acknowledge,
            DoesText::GiveBack => Operation::Unacknowledge,
            DoesText::Resolve => Operation::Resolve,
        };
        Answer { at: time, incident: number.saturating_sub(1), who, does }
    }

    fn entry(&mut self, index: usize, written: &OverrideText) -> Override {
        let (from, until) =
            (self.time(&written.from, &at("overrides", index, "from")), self.time(&written.until, &at("overrides", index, "until")));
        if until <= from {
            self.tell(&at("overrides", index, "until"), "the override ends before it begins: give a later time");
        }
        let user = self.user(&written.user, &at("overrides", index, "user"));
        let name = &written.rotation.0;
        if !self.installation.rotations.contains_key(name.as_str()) {
            let hint = hint(name, self.installation.rotations.keys().map(RotationId::as_str));
            self.tell(&at("overrides", index, "rotation"), format!("there is no rotation `{name}`{hint}"));
        }
        // Of two that cover an instant the later one in the file wins, as the newer one does on a server.
        Override { id: OverrideId(u64::MAX / 2 + index as u64), rotation: name.clone().into(), by: user.clone(), user, from, until }
    }

    fn user(&mut self, name: &Name, path: &[Segment]) -> UserId {
        let users = &self.installation.users;
        if !users.contains_key(name.0.as_str()) {
            let hint = hint(&name.0, users.keys().map(UserId::as_str));
            self.tell(path, format!("there is no user `{}`{hint}", name.0));
        }
        UserId(name.0.clone())
    }

    fn time(&mut self, text: &str, path: &[Segment]) -> Millis {
        match time(text, &self.zone, self.starts) {
            Ok(time) => time,
            Err(problem) => {
                self.tell(path, problem);
                self.starts
            }
        }
    }
}

/// The first instant and the zone of the scenario.
fn starts(text: &str) -> Result<(Millis, TimeZone), String> {
    let (moment, name) = text
        .trim()
        .split_once(char::is_whitespace)
        .ok_or_else(|| format!("`{text}` names no zone: write it as `2026-03-29T01:30 Europe/Rome`"))?;
    let zone = zone(name)?;
    Ok((time(moment, &zone, Millis(0))?, zone))
}

fn zone(name: &str) -> Result<TimeZone, String> {
    let name = crate::text::Zone::parse(name.trim())?.0;
    TimeZone::get(&name).map_err(|error| error.to_string())
}

/// `+5m` after the start, a wall-clock time with or without a zone, or RFC 3339 with an offset.
fn time(text: &str, home: &TimeZone, starts: Millis) -> Result<Millis, String> {
    let text = text.trim();
    if let Some(delay) = text.strip_prefix('+') {
        return Delay::parse(delay).map(|delay| starts.plus_seconds(delay.0));
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Millis(instant.as_millisecond()));
    }
    let (moment, zone) = match text.split_once(char::is_whitespace) {
        Some((moment, name)) => (moment, zone(name)?),
        None => (text, home.clone()),
    };
    let local = crate::text::LocalTime::parse(moment).map_err(|_| {
        format!("`{text}` is no time: write it as `2026-03-29T01:30`, `2026-03-29T01:30 Europe/Rome`, or `+5m` after the start")
    })?;
    instant(local.0, &zone)
}

fn instant(local: DateTime, zone: &TimeZone) -> Result<Millis, String> {
    let found = zone.to_ambiguous_timestamp(local);
    let name = zone.iana_name().unwrap_or("this zone");
    if let jiff::tz::AmbiguousOffset::Gap { before, after } = found.offset() {
        let clock = local.strftime("%H:%M");
        return Err(format!(
            "there is no {clock} in {name} on that day, the clocks go forward then: take an earlier or a later time, or give the offset, as in `{}{}` or `…{}`",
            local.strftime("%Y-%m-%dT%H:%M"),
            offset(before),
            offset(after)
        ));
    }
    // Where the clocks show it twice, the first is meant, as for handoffs; the second is written with its offset.
    found.earlier().map(|instant| Millis(instant.as_millisecond())).map_err(|error| error.to_string())
}

fn offset(offset: jiff::tz::Offset) -> String {
    let minutes = offset.seconds() / 60;
    format!("{}{:02}:{:02}", if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instants from the rules of the zones: Rome goes from +1 to +2 on 29 March 2026 at 01:00Z, and back on 25 October at 01:00Z.
    #[test]
    fn times_are_read_as_people_write_them() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let starts = Millis(1_774_744_200_000); // 2026-03-29T00:30:00Z
        let read = |text| time(text, &rome, starts).map(Millis::rfc3339);
        assert_eq!(read("+5m"), Ok("2026-03-29T00:35:00Z".into()));
        assert_eq!(read("2026-03-29T01:30"), Ok("2026-03-29T00:30:00Z".into()));
        assert_eq!(read("2026-03-29T03:00"), Ok("2026-03-29T01:00:00Z".into()));
        assert_eq!(read("2026-03-29T03:00 Europe/London"), Ok("2026-03-29T02:00:00Z".into()));
        assert_eq!(read("2026-10-25T02:30"), Ok("2026-10-25T00:30:00Z".into()), "the first of two");
        assert_eq!(read("2026-10-25T02:30+01:00"), Ok("2026-10-25T01:30:00Z".into()), "the second, by its offset");
        let gap = read("2026-03-29T02:30").unwrap_err();
        assert!(gap.contains("no 02:30 in Europe/Rome") && gap.contains("+01:00") && gap.contains("+02:00"), "{gap}");
        assert!(read("tomorrow").unwrap_err().contains("write it as"));
        assert!(starts_at("2026-03-29T01:30").unwrap_err().contains("names no zone"));
        assert_eq!(starts_at("2026-03-29T01:30 Europe/Rome"), Ok(("2026-03-29T00:30:00Z".into(), "Europe/Rome".into())));
    }

    fn starts_at(text: &str) -> Result<(String, String), String> {
        super::starts(text).map(|(at, zone)| (at.rfc3339(), zone.iana_name().unwrap().to_owned()))
    }
}
