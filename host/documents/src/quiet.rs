//! Documents about quiet: maintenance windows, inhibition rules, and heartbeats whose silence is loud.

use crate::bundle::Placed;
use crate::kinds::Document;
use crate::node::Segment;
use crate::problem::Problem;
use crate::text::{Delay, LocalTime, MatcherText, Name, Zone};
use domain::alert::Severity;
use domain::heartbeat::Heartbeat;
use domain::inhibition::{EQUAL_LIMIT, Inhibition};
use domain::installation::Installation;
use domain::matcher::{Matcher, Matchers};
use domain::recurrence::Recurrence;
use domain::silence::{Silence, SilenceError, When};
use domain::time::Millis;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shortest interval of a heartbeat, in seconds.
const EVERY_SECONDS: u32 = 10;
/// How much later a heartbeat may come, unless its document says so, in seconds.
const GRACE_SECONDS: u32 = 60;

/// A time in which what matches pages nobody; what still fires at its end pages then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceDocument {
    pub id: Name,
    /// Whose alerts; default: all teams'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Name>,
    /// All have to hold: `service="checkout"`, `host=~"web-.*"`.
    pub matchers: Vec<MatcherText>,
    /// The user who answers for it.
    pub owner: Name,
    /// What it is for.
    pub purpose: String,
    /// IANA name of the zone of `starts` and `ends`; default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Zone>,
    /// Wall-clock time of the first instant.
    pub starts: LocalTime,
    /// Wall-clock time of the first instant after. This or `lasts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<LocalTime>,
    /// How long it lasts, each time. This or `ends`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Delay>,
    /// When it comes again, as RFC 5545 writes it: `FREQ=WEEKLY;BYDAY=SU`. Needs `lasts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrule: Option<String>,
}

/// While a source fires, its targets page nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InhibitionDocument {
    pub id: Name,
    /// Whose alerts, on both sides; default: all teams', also across teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Name>,
    /// What is worse.
    pub source: Vec<MatcherText>,
    /// What follows from it.
    pub target: Vec<MatcherText>,
    /// Labels or fields that have to be equal in both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equal: Vec<String>,
}

/// A sign of life that is expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatDocument {
    pub id: Name,
    /// The team that is told when it stays away.
    pub team: Name,
    /// How often it has to come.
    pub every: Delay,
    /// How much later it may come; default: `1m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Delay>,
    /// How bad it is when it stays away; default: `critical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<SeverityWord>,
    /// Who is paged then; default: the team's default policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Name>,
    /// Alerts of the team that are signs of life, such as `alertname="Watchdog"`; they open no incident.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<MatcherText>,
}

/// A severity that pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SeverityWord {
    Warning,
    Error,
    Critical,
}

impl SeverityWord {
    fn to_domain(self) -> Severity {
        match self {
            Self::Warning => Severity::Warning,
            Self::Error => Severity::Error,
            Self::Critical => Severity::Critical,
        }
    }
}

fn matchers(texts: &[MatcherText]) -> Vec<Matcher> {
    texts.iter().map(|text| text.0.clone()).collect()
}

impl MaintenanceDocument {
    fn zone(&self) -> String {
        self.time_zone.as_ref().map_or_else(|| "UTC".to_owned(), |zone| zone.0.clone())
    }

    fn instant(&self, at: &LocalTime) -> Option<Millis> {
        let zone = TimeZone::get(&self.zone()).ok()?;
        let at = zone.to_ambiguous_timestamp(at.0).compatible().ok()?;
        Some(Millis(at.as_millisecond()))
    }

    /// As the host keeps it; `None`: its times do not fit, which is told.
    fn to_domain(&self) -> Option<Silence> {
        let from = self.instant(&self.starts)?;
        let when = match (&self.rrule, &self.ends, &self.lasts) {
            (Some(rule), None, Some(lasts)) => When::Again {
                recurrence: Recurrence { rule: rule.clone(), starts: self.starts.0, time_zone: self.zone() },
                seconds: lasts.0,
            },
            (None, Some(ends), None) => When::Once { from, until: self.instant(ends)? },
            (None, None, Some(lasts)) => When::Once { from, until: from.plus_seconds(lasts.0) },
            _ => return None,
        };
        Some(Silence {
            id: format!("maintenance/{}", self.id.0),
            team: self.team.as_ref().map(|team| team.0.clone().into()),
            matchers: matchers(&self.matchers),
            when,
            owner: self.owner.0.clone(),
            purpose: self.purpose.clone(),
            updated_at: Millis(0),
            ended_at: None,
        })
    }
}

impl HeartbeatDocument {
    fn to_domain(&self) -> Heartbeat {
        Heartbeat {
            id: self.id.0.clone(),
            team: self.team.0.clone().into(),
            every_seconds: self.every.0,
            grace_seconds: self.grace.as_ref().map_or(GRACE_SECONDS, |grace| grace.0),
            severity: self.severity.map_or(Severity::Critical, SeverityWord::to_domain),
            policy: self.policy.as_ref().map(|policy| policy.0.clone().into()),
            alerts: matchers(&self.alerts),
        }
    }
}

fn key(name: &str) -> [Segment; 1] {
    [Segment::Key(name.to_owned())]
}

/// What these documents must hold whatever the others say.
pub(crate) fn rules(placed: &Placed, problems: &mut Vec<Problem>) {
    match &placed.document {
        Document::Maintenance(d) => maintenance_rules(placed, d, problems),
        Document::Inhibition(d) => {
            for (field, list) in [("source", &d.source), ("target", &d.target)] {
                if let Err(error) = Matchers::compile(&matchers(list)) {
                    placed.tell(&key(field), error.to_string(), problems);
                }
            }
            if d.equal.len() > EQUAL_LIMIT {
                placed.tell(&key("equal"), format!("these are too many: at most {EQUAL_LIMIT}"), problems);
            }
        }
        Document::Heartbeat(d) => {
            if d.every.0 < EVERY_SECONDS {
                placed.tell(&key("every"), format!("is too short: at least {EVERY_SECONDS}s"), problems);
            }
            if !d.alerts.is_empty()
                && let Err(error) = Matchers::compile(&matchers(&d.alerts))
            {
                placed.tell(&key("alerts"), error.to_string(), problems);
            }
        }
        _ => {}
    }
}

fn maintenance_rules(placed: &Placed, d: &MaintenanceDocument, problems: &mut Vec<Problem>) {
    match (&d.ends, &d.lasts) {
        (Some(_), Some(_)) => return placed.tell(&key("lasts"), "give `ends` or `lasts`, not both", problems),
        (None, None) => return placed.tell(&[], "`ends` is missing (or `lasts`, such as `2h`)", problems),
        (Some(_), None) if d.rrule.is_some() => return placed.tell(&key("ends"), "with `rrule`, give `lasts` instead", problems),
        _ => {}
    }
    let Some(silence) = d.to_domain() else { return placed.tell(&key("starts"), "is no time of this zone", problems) };
    if let Err(error) = silence.check() {
        let (field, words) = match &error {
            SilenceError::Matchers(error) => ("matchers", error.to_string()),
            SilenceError::NoPurpose => ("purpose", "say in a few words what it is for".to_owned()),
            SilenceError::NoOwner => ("owner", "say whose it is".to_owned()),
            SilenceError::TooLong => ("purpose", error.to_string()),
            SilenceError::Recurrence(words) => ("rrule", words.clone()),
            SilenceError::Times | SilenceError::Over => {
                (if d.ends.is_some() { "ends" } else { "lasts" }, "it has to end after it starts, and to last 366 days at most".to_owned())
            }
        };
        placed.tell(&key(field), words, problems);
    }
}

/// Adds what the document says.
pub(crate) fn into_installation(document: &Document, made: &mut Installation) {
    match document {
        Document::Maintenance(d) => made.maintenance.extend(d.to_domain().map(|silence| (d.id.0.clone(), silence))),
        Document::Inhibition(d) => {
            let inhibition = Inhibition {
                id: d.id.0.clone(),
                team: d.team.as_ref().map(|team| team.0.clone().into()),
                source: matchers(&d.source),
                target: matchers(&d.target),
                equal: d.equal.clone(),
            };
            made.inhibitions.insert(d.id.0.clone(), inhibition);
        }
        Document::Heartbeat(d) => drop(made.heartbeats.insert(d.id.0.clone(), d.to_domain())),
        _ => {}
    }
}
