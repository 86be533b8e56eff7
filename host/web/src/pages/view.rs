//! What incidents, alerts and lines look like to one viewer: rows turned into words, in the viewer's zone and with people's names.

use crate::api::shape::{did_word, outbox_word};
use crate::app::App;
use crate::pages::excerpt::{Excerpt, web_address};
use crate::pages::moment::{Moment, zone};
use crate::principal::{Action, Principal};
use domain::alert::{Alert, Severity, Status};
use domain::decision::{NoteKind, PluginRef, Stage};
use domain::escalation::{Run, RunState};
use domain::id::{Revision, UserId};
use domain::incident::{AlertState, Incident};
use domain::installation::Installation;
use domain::page::{Outbox, OutboxState, Purpose};
use domain::time::Millis;
use domain::timeline::{Line, LineKind};
use jiff::tz::TimeZone;
use ports::store::DecisionRow;
use std::sync::Arc;

/// Through whose eyes.
pub struct Lens {
    pub now: Millis,
    pub zone: TimeZone,
    pub installation: Arc<Installation>,
}

impl Lens {
    /// Of a member, or of a token without one (UTC).
    pub fn of(app: &App, user: Option<&UserId>) -> Self {
        let installation = app.parts.live.load().installation.clone();
        let zone = user.and_then(|id| installation.users.get(id)).map_or(TimeZone::UTC, |user| zone(&user.time_zone));
        Self { now: app.now(), zone, installation }
    }

    pub fn moment(&self, at: Millis) -> Moment {
        Moment::new(at, self.now, &self.zone)
    }

    /// What people call somebody.
    pub fn name(&self, user: &UserId) -> String {
        self.installation.users.get(user).map_or_else(|| user.0.clone(), |user| user.name.clone())
    }
}

/// A severity as pages show it: by word, shape and colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    pub word: &'static str,
    /// Names shape and colour.
    pub class: &'static str,
}

impl From<Severity> for Badge {
    fn from(severity: Severity) -> Self {
        let word = match severity {
            Severity::Info => "Info",
            Severity::Warning => "Warning",
            Severity::Error => "Error",
            Severity::Critical => "Critical",
        };
        Self { word, class: severity.as_str() }
    }
}

/// Where an incident or an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub word: &'static str,
    pub class: &'static str,
    /// Nobody has answered.
    pub firing: bool,
    /// Somebody has to do something.
    pub open: bool,
}

impl From<Status> for Standing {
    fn from(status: Status) -> Self {
        let word = match status {
            Status::Firing => "Needs an answer",
            Status::Acknowledged => "Acknowledged",
            Status::Resolved => "Resolved",
        };
        Self { word, class: status.as_str(), firing: status == Status::Firing, open: status != Status::Resolved }
    }
}

/// An incident in a list.
pub struct Row {
    pub id: u64,
    pub title: String,
    pub severity: Badge,
    pub status: Standing,
    pub priority: Option<&'static str>,
    pub team: String,
    pub service: Option<String>,
    pub opened: Moment,
    /// From opening to resolution, for resolved ones.
    pub lasted: Option<String>,
    pub firing: u32,
    /// Names of those who are on it.
    pub who: String,
    pub may_change: bool,
}

impl Row {
    pub fn new(incident: &Incident, lens: &Lens, caller: &Principal) -> Self {
        Self {
            id: incident.id.0,
            title: domain::alert::cut(&incident.title, 600),
            severity: incident.severity.into(),
            status: incident.status.into(),
            priority: incident.priority.map(domain::command::Priority::as_str),
            team: team_name(incident, lens),
            service: incident.service.as_ref().map(|service| service_name(service, lens)),
            opened: lens.moment(incident.opened_at),
            lasted: incident.resolved_at.map(|end| crate::pages::moment::span(end.since(incident.opened_at))),
            firing: incident.firing.iter().sum(),
            who: incident.responders.iter().map(|user| lens.name(user)).collect::<Vec<_>>().join(", "),
            may_change: caller.may(Action::Change, &incident.team),
        }
    }
}

fn team_name(incident: &Incident, lens: &Lens) -> String {
    if incident.team.0.is_empty() {
        return "Reveille itself".into();
    }
    lens.installation.teams.get(&incident.team).map_or_else(|| incident.team.0.clone(), |team| team.name.clone())
}

fn service_name(service: &str, lens: &Lens) -> String {
    lens.installation.services.get(service).map_or_else(|| domain::alert::cut(service, 60), |known| known.name.clone())
}

/// Somebody who was told.
pub struct Told {
    pub name: String,
    pub contact: String,
    pub state: &'static str,
    pub at: Moment,
    pub error: Option<Excerpt>,
}

/// What stands above the fold: what, since when, how bad, what to do first, who is on it.
pub struct Head {
    pub id: u64,
    pub title: Excerpt,
    pub severity: Badge,
    pub status: Standing,
    pub priority: Option<&'static str>,
    pub team: String,
    pub service: Option<String>,
    pub tier: Option<String>,
    pub opened: Moment,
    pub acknowledged: Option<Moment>,
    pub resolved: Option<Moment>,
    pub lasted: String,
    /// Reveille opened it about itself: no alert is in it.
    pub own: bool,
    /// Entities that fire now.
    pub firing: u32,
    /// Entities in it, recovered ones included.
    pub entities: u32,
    /// Reports so far, repeats included.
    pub reports: u32,
    pub runbook: Option<String>,
    /// Names of those who acknowledged.
    pub who: Vec<String>,
    /// Each person once, those first whom a page has reached.
    pub told: Vec<Told>,
    /// When the next step of the escalation is due, such as `2 min`; an empty text is "now".
    pub next_step: Option<String>,
    pub version: u64,
}

impl Head {
    pub fn new(incident: &Incident, alerts: &[AlertState], runs: &[Run], pages: &[Outbox], lens: &Lens) -> Self {
        let service = incident.service.as_ref();
        let known = service.and_then(|id| lens.installation.services.get(id.as_str()));
        let next_at = runs.iter().filter(|run| run.state == RunState::Active).filter_map(|run| run.next_at).min();
        Self {
            id: incident.id.0,
            title: Excerpt::new(&incident.title, 120),
            severity: incident.severity.into(),
            status: incident.status.into(),
            priority: incident.priority.map(domain::command::Priority::as_str),
            team: team_name(incident, lens),
            service: service.map(|service| service_name(service, lens)),
            tier: known.and_then(|service| service.tier.clone()),
            opened: lens.moment(incident.opened_at),
            acknowledged: incident.acknowledged_at.map(|at| lens.moment(at)),
            resolved: incident.resolved_at.map(|at| lens.moment(at)),
            lasted: crate::pages::moment::span(incident.resolved_at.unwrap_or(lens.now).since(incident.opened_at)),
            own: incident.own,
            firing: incident.firing.iter().sum(),
            entities: incident.entity_count,
            reports: incident.alert_count,
            runbook: known.and_then(|service| service.runbook.as_deref()).and_then(web_address).or_else(|| runbook(incident, alerts)),
            who: incident.responders.iter().map(|user| lens.name(user)).collect(),
            told: told(pages, lens),
            next_step: next_at.map(|at| if at <= lens.now { String::new() } else { crate::pages::moment::span(at.since(lens.now)) }),
            version: incident.version,
        }
    }
}

/// What to do first, where the catalog does not say: a link or an annotation that calls itself a runbook.
fn runbook(incident: &Incident, alerts: &[AlertState]) -> Option<String> {
    let alerts = alerts.iter().map(|state| &state.alert);
    let links = incident.links.iter().chain(alerts.clone().flat_map(|alert| &alert.links));
    let by_link = links.filter(|link| link.text.to_lowercase().contains("runbook")).find_map(|link| web_address(&link.url));
    let named =
        |(name, value): &(String, String)| if matches!(name.as_str(), "runbook" | "runbook_url") { web_address(value) } else { None };
    by_link.or_else(|| alerts.clone().flat_map(|alert| &alert.annotations).find_map(named))
}

fn told(pages: &[Outbox], lens: &Lens) -> Vec<Told> {
    let mut seen: Vec<&UserId> = Vec::new();
    let mut list = Vec::new();
    let mut pages: Vec<&Outbox> = pages.iter().filter(|row| matches!(row.purpose, Purpose::Escalation(_))).collect();
    // Of each person the page that came furthest: one that arrived says more than one that failed.
    pages.sort_by_key(|row| (row.state != OutboxState::Accepted, std::cmp::Reverse(row.queued_at)));
    for row in pages {
        let Some(user) = row.user.as_ref().filter(|user| !seen.contains(user)) else { continue };
        seen.push(user);
        list.push(one_told(row, user, lens));
    }
    list
}

/// A page to somebody.
pub fn one_told(row: &Outbox, user: &UserId, lens: &Lens) -> Told {
    Told {
        name: lens.name(user),
        contact: row.contact.kind.clone(),
        state: outbox_word(row.state),
        at: lens.moment(row.queued_at),
        error: row.last_error.as_deref().map(|error| Excerpt::new(error, 200)),
    }
}

/// A plugin's part in something, and why.
pub struct Citation {
    pub stage: &'static str,
    pub did: &'static str,
    pub plugin: String,
    pub version: String,
    /// The first twelve digits; the whole is in the tooltip.
    pub digest: String,
    pub whole_digest: String,
    pub revision: u64,
    pub reason: Excerpt,
    /// A stage that failed.
    pub failed: bool,
}

impl Citation {
    pub fn new(stage: Stage, did: &'static str, plugin: &PluginRef, revision: Revision, reason: &str) -> Self {
        Self {
            stage: stage.as_str(),
            did,
            plugin: plugin.name.clone(),
            version: plugin.version.clone(),
            digest: plugin.digest.chars().take(12).collect(),
            whole_digest: plugin.digest.clone(),
            revision: revision.0,
            reason: Excerpt::new(reason, 240),
            failed: matches!(did, "skipped" | "default-route"),
        }
    }
}

/// The plugins' part in a decision.
pub fn citations(row: &DecisionRow) -> Vec<Citation> {
    let cite = |note: &domain::decision::StageNote| {
        let did = if let NoteKind::Edited(edits) = &note.kind { edited_words(edits.len()) } else { did_word(&note.kind) };
        Citation::new(note.stage, did, &note.plugin, row.decision.revision, &note.reason)
    };
    row.decision.notes.iter().map(cite).collect()
}

fn edited_words(edits: usize) -> &'static str {
    if edits == 1 { "edited once" } else { "edited" }
}

/// An alert of an incident, with why it is here.
pub struct AlertView {
    pub id: u64,
    pub entity: Excerpt,
    pub title: Excerpt,
    pub severity: Badge,
    pub status: Standing,
    pub suppressed: bool,
    pub count: u32,
    pub last: Moment,
    pub integration: Option<String>,
    pub details: Option<Excerpt>,
    pub labels: Vec<(String, Excerpt)>,
    pub more_labels: usize,
    /// Such as `joined`.
    pub outcome: Option<String>,
    pub citations: Vec<Citation>,
}

/// So many labels of an alert stand on the incident's page.
const LABELS: usize = 6;

impl AlertView {
    pub fn new(state: &AlertState, decision: Option<&DecisionRow>, lens: &Lens) -> Self {
        let alert: &Alert = &state.alert;
        let label = |(name, value): &(String, String)| (domain::alert::cut(name, 60), Excerpt::new(value, 60));
        Self {
            id: state.id.0,
            entity: Excerpt::new(&state.entity, 90),
            title: Excerpt::new(alert.title(), 200),
            severity: state.severity.into(),
            status: state.status.into(),
            suppressed: state.suppressed_until.is_some_and(|until| until > lens.now),
            count: state.count,
            last: lens.moment(state.last_at),
            integration: state.integration.as_ref().map(|id| id.0.clone()),
            details: alert.details.as_deref().map(|details| Excerpt::new(details, 240)),
            labels: alert.labels.iter().take(LABELS).map(label).collect(),
            more_labels: alert.labels.len().saturating_sub(LABELS),
            outcome: decision.map(|row| row.outcome.words()),
            citations: decision.map(citations).unwrap_or_default(),
        }
    }
}

/// A line of the timeline.
pub struct LineView {
    pub at: Moment,
    /// How it stands out: `start`, `answer`, `good`, `page`, `bad` or nothing.
    pub tone: &'static str,
    pub text: Excerpt,
    pub note: bool,
    pub cause: Option<Citation>,
}

/// The lines of one day.
pub struct Day {
    pub name: String,
    pub lines: Vec<LineView>,
}

/// The newest `limit` lines, newest first, by day.
pub fn story(lines: &[Line], limit: usize, lens: &Lens) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for line in lines.iter().rev().take(limit) {
        let view = line_view(line, lens);
        match days.last_mut().filter(|day| day.name == view.at.day) {
            Some(day) => day.lines.push(view),
            None => days.push(Day { name: view.at.day.clone(), lines: vec![view] }),
        }
    }
    days
}

fn line_view(line: &Line, lens: &Lens) -> LineView {
    let tone = match line.kind {
        LineKind::Opened | LineKind::SeverityChanged => "start",
        LineKind::Acknowledged | LineKind::ActionApproved => "answer",
        LineKind::Resolved | LineKind::AlertResolved | LineKind::Delivered | LineKind::ActionDone => "good",
        LineKind::Paged | LineKind::Escalated | LineKind::Routed => "page",
        LineKind::DeliveryFailed | LineKind::StageFailed | LineKind::Exhausted | LineKind::StepSkipped | LineKind::ActionFailed => "bad",
        _ => "",
    };
    let cause = line.cause.as_ref().map(|cause| Citation::new(cause.stage, "", &cause.plugin, cause.revision, &cause.reason));
    LineView { at: lens.moment(line.at), tone, text: Excerpt::new(&line.text, 400), note: line.kind == LineKind::Noted, cause }
}
