//! How the API spells the domain's things: snake case, instants in RFC 3339. The domain carries no wire format of its own.

use crate::api::arranged::{AskedShape, UpdateShape, incident_link, page_link};
use domain::alert::{Alert, Label, Link};
use domain::command::Actor;
use domain::decision::{NoteKind, PluginRef, Verdict};
use domain::escalation::{Run, RunState, Target, Urgency};
use domain::incident::{AlertState, Incident};
use domain::page::{Outbox, OutboxState, Purpose};
use domain::time::Millis;
use domain::timeline::Line;
use ports::store::{DeadLetter, DeadLetterKind, DeadLetterState, DecisionRow};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An instant as RFC 3339 in UTC.
pub fn instant(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.rfc3339(), |at| at.to_string())
}

fn labels(list: &[Label]) -> BTreeMap<String, String> {
    list.iter().cloned().collect()
}

/// A page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListOf<T> {
    pub items: Vec<T>,
    /// What to pass as `before` for the next ones; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_before: Option<u64>,
}

impl<T> ListOf<T> {
    /// A full page has a next one, `id` tells where it begins.
    pub fn page(items: Vec<T>, limit: u32, id: impl Fn(&T) -> u64) -> Self {
        let next_before = items.last().filter(|_| items.len() >= limit as usize).map(id);
        Self { items, next_before }
    }

    /// A list that is always given whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_before: None }
    }
}

/// An incident.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Incident)]
pub struct IncidentShape {
    pub id: u64,
    /// Empty for incidents about the server itself.
    pub team: String,
    pub key: String,
    pub title: String,
    /// `firing`, `acknowledged` or `resolved`.
    pub status: &'static str,
    /// `info`, `warning`, `error` or `critical`.
    pub severity: &'static str,
    pub priority: Option<&'static str>,
    pub service: Option<String>,
    pub routing_key: Option<String>,
    pub integration: Option<String>,
    pub opened_at: String,
    pub acknowledged_at: Option<String>,
    pub resolved_at: Option<String>,
    pub last_alert_at: String,
    /// Repeats included.
    pub alert_count: u32,
    /// Users who acknowledged it.
    pub responders: Vec<String>,
    /// What all of its alerts have in common.
    pub labels: BTreeMap<String, String>,
    pub links: Vec<LinkShape>,
    pub related: Vec<String>,
    /// Rests until then; then it fires again.
    pub snoozed_until: Option<String>,
    /// Who was asked to help, and what they said.
    pub asked: Vec<AskedShape>,
    /// By the role's name.
    pub roles: BTreeMap<String, String>,
    /// `false-alarm` or `not-actionable`, where somebody said so.
    pub mark: Option<&'static str>,
    /// Why it was resolved, where somebody said so.
    pub reason: Option<String>,
    /// The latest update for stakeholders.
    pub update: Option<UpdateShape>,
    /// Incidents that people linked it to.
    pub linked_incidents: Vec<u64>,
    /// Addresses that people linked it to.
    pub linked_pages: Vec<LinkShape>,
    /// The incident that has its alerts now.
    pub merged_into: Option<u64>,
    /// The incident that its alerts came from.
    pub split_from: Option<u64>,
    pub url: String,
}

impl IncidentShape {
    pub fn new(incident: &Incident, public_url: &str) -> Self {
        let care = &incident.care;
        Self {
            id: incident.id.0,
            team: incident.team.0.clone(),
            key: incident.key.clone(),
            title: incident.title.clone(),
            status: incident.status.as_str(),
            severity: incident.severity.as_str(),
            priority: incident.priority.map(domain::command::Priority::as_str),
            service: incident.service.clone(),
            routing_key: incident.routing_key.clone(),
            integration: incident.integration.as_ref().map(|id| id.0.clone()),
            opened_at: instant(incident.opened_at),
            acknowledged_at: incident.acknowledged_at.map(instant),
            resolved_at: incident.resolved_at.map(instant),
            last_alert_at: instant(incident.last_alert_at),
            alert_count: incident.alert_count,
            responders: incident.responders.iter().map(|user| user.0.clone()).collect(),
            labels: labels(&incident.labels),
            links: incident.links.iter().map(LinkShape::new).collect(),
            related: incident.related.clone(),
            snoozed_until: care.snoozed_until.map(instant),
            asked: care.asked.iter().map(AskedShape::new).collect(),
            roles: care.roles.iter().map(|(role, user)| (role.clone(), user.0.clone())).collect(),
            mark: care.closing.as_ref().and_then(|closing| closing.mark).map(domain::command::Mark::as_str),
            reason: care.closing.as_ref().map(|closing| closing.reason.clone()).filter(|reason| !reason.is_empty()),
            update: care.update.as_ref().map(UpdateShape::new),
            linked_incidents: care.related.iter().filter_map(incident_link).collect(),
            linked_pages: care.related.iter().filter_map(page_link).collect(),
            merged_into: care.merged_into.map(|id| id.0),
            split_from: care.split_from.map(|id| id.0),
            url: format!("{public_url}/incidents/{}", incident.id),
        }
    }
}

/// A link for people.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Link)]
pub struct LinkShape {
    pub url: String,
    pub text: String,
}

impl LinkShape {
    fn new(link: &Link) -> Self {
        Self { url: link.url.clone(), text: link.text.clone() }
    }
}

/// An alert as it was last reported, and how it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub struct AlertShape {
    pub id: u64,
    pub entity: String,
    pub status: &'static str,
    pub severity: &'static str,
    pub summary: Option<String>,
    pub details: Option<String>,
    pub source: Option<String>,
    pub service: Option<String>,
    pub routing_key: Option<String>,
    pub integration: Option<String>,
    pub first_at: String,
    pub last_at: String,
    pub count: u32,
    pub expires_at: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub links: Vec<LinkShape>,
}

impl AlertShape {
    pub fn new(state: &AlertState) -> Self {
        let alert: &Alert = &state.alert;
        Self {
            id: state.id.0,
            entity: state.entity.clone(),
            status: state.status.as_str(),
            severity: state.severity.as_str(),
            summary: alert.summary.clone(),
            details: alert.details.clone(),
            source: alert.source.clone(),
            service: alert.service.clone(),
            routing_key: alert.routing_key.clone(),
            integration: state.integration.as_ref().map(|id| id.0.clone()),
            first_at: instant(state.first_at),
            last_at: instant(state.last_at),
            count: state.count,
            expires_at: state.expires_at.map(instant),
            labels: labels(&alert.labels),
            annotations: labels(&alert.annotations),
            links: alert.links.iter().map(LinkShape::new).collect(),
        }
    }
}

/// Whom an escalation reaches, such as `policy shop`.
pub fn target_words(target: &Target) -> String {
    match target {
        Target::Policy(id) => format!("policy {id}"),
        Target::Rotation(id) => format!("rotation {id}"),
        Target::Team(id) => format!("team {id}"),
        Target::User(id) => format!("user {id}"),
        other => other.to_string(),
    }
}

/// The word for an urgency.
pub fn urgency_word(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Page => "page",
        Urgency::Ticket => "ticket",
        Urgency::Quiet => "quiet",
    }
}

/// An escalation of an incident.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Run)]
pub struct RunShape {
    pub id: u64,
    pub target: String,
    /// `active`, `stopped` or `exhausted`.
    pub state: &'static str,
    /// The step that is due next, from 1.
    pub step: u32,
    /// Which time through, from 1.
    pub round: u32,
    pub next_at: Option<String>,
    pub last_resort: bool,
    pub reason: String,
    pub started_at: String,
}

impl RunShape {
    pub fn new(run: &Run) -> Self {
        Self {
            id: run.id.0,
            target: target_words(&run.target),
            state: match run.state {
                RunState::Active => "active",
                RunState::Stopped => "stopped",
                RunState::Exhausted => "exhausted",
            },
            step: run.step + 1,
            round: run.repeat + 1,
            next_at: run.next_at.map(instant),
            last_resort: run.last_resort,
            reason: run.reason.clone(),
            started_at: instant(run.started_at),
        }
    }
}

/// The word for a delivery's state.
pub fn outbox_word(state: OutboxState) -> &'static str {
    match state {
        OutboxState::Queued => "queued",
        OutboxState::Sending => "sending",
        OutboxState::Accepted => "accepted",
        OutboxState::Failed => "failed",
        OutboxState::Cancelled => "cancelled",
    }
}

/// A message to a person; the address stays with the person's configuration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub struct PageShape {
    pub id: u64,
    pub user: Option<String>,
    /// The kind of contact, such as `mail`.
    pub contact: String,
    /// `escalation`, `update` or `test`.
    pub purpose: &'static str,
    pub state: &'static str,
    pub tries: u32,
    pub queued_at: String,
    pub next_at: Option<String>,
    pub last_error: Option<String>,
}

impl PageShape {
    pub fn new(row: &Outbox) -> Self {
        Self {
            id: row.id.0,
            user: row.user.as_ref().map(|user| user.0.clone()),
            contact: row.contact.kind.clone(),
            purpose: match row.purpose {
                Purpose::Escalation(_) => "escalation",
                Purpose::Update(_) => "update",
                Purpose::Reminder(_) => "reminder",
                Purpose::Test(_) => "test",
            },
            state: outbox_word(row.state),
            tries: row.tries,
            queued_at: instant(row.queued_at),
            next_at: row.next_at.map(instant),
            last_error: row.last_error.clone(),
        }
    }
}

/// A plugin as decisions cite it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PluginRef)]
pub struct PluginShape {
    pub name: String,
    pub version: String,
    /// Hex SHA-256 of the component.
    pub digest: String,
}

impl PluginShape {
    pub fn new(plugin: &PluginRef) -> Self {
        Self { name: plugin.name.clone(), version: plugin.version.clone(), digest: plugin.digest.clone() }
    }
}

/// Why a line stands on a timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cause)]
pub struct CauseShape {
    pub stage: &'static str,
    pub plugin: PluginShape,
    pub revision: u64,
    pub reason: String,
}

/// A line of a timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Line)]
pub struct LineShape {
    pub at: String,
    /// Such as `opened`.
    pub kind: &'static str,
    pub text: String,
    pub actor: String,
    pub cause: Option<CauseShape>,
}

impl LineShape {
    pub fn new(line: &Line) -> Self {
        let cause = line.cause.as_ref().map(|cause| CauseShape {
            stage: cause.stage.as_str(),
            plugin: PluginShape::new(&cause.plugin),
            revision: cause.revision.0,
            reason: cause.reason.clone(),
        });
        Self { at: instant(line.at), kind: line.kind.as_str(), text: line.text.clone(), actor: actor_words(&line.actor), cause }
    }
}

/// Who acted, in words.
pub fn actor_words(actor: &Actor) -> String {
    match actor {
        Actor::User(user, by) => format!("{user} by {by}"),
        Actor::Integration(id) => format!("integration {id}"),
        Actor::Outside(contact) => format!("{} {}", contact.kind, contact.address),
        Actor::Host => "host".into(),
    }
}

/// What a plugin did to an alert at a stage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StageNote)]
pub struct NoteShape {
    pub stage: &'static str,
    pub plugin: PluginShape,
    /// `edited`, `suppressed`, `dropped`, `grouped`, `skipped` or `default-route`.
    pub did: &'static str,
    /// How many edits it made.
    pub edits: usize,
    pub reason: String,
}

/// A word for what a plugin did.
pub fn did_word(kind: &NoteKind) -> &'static str {
    match kind {
        NoteKind::Edited(_) => "edited",
        NoteKind::Suppressed => "suppressed",
        NoteKind::Dropped => "dropped",
        NoteKind::Grouped => "grouped",
        NoteKind::Skipped => "skipped",
        NoteKind::DefaultRoute => "default-route",
    }
}

/// What the stages decided about one report of an alert.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decision)]
pub struct DecisionShape {
    pub id: u64,
    pub at: String,
    pub entity: String,
    pub revision: u64,
    /// `keep`, `suppress` or `drop`.
    pub verdict: &'static str,
    pub verdict_reason: Option<String>,
    pub incident_key: String,
    /// Such as `opened` or `waiting 2 of 3`.
    pub outcome: String,
    pub notes: Vec<NoteShape>,
}

impl DecisionShape {
    pub fn new(row: &DecisionRow) -> Self {
        let decision = &row.decision;
        let (verdict, verdict_reason) = match &decision.verdict {
            Verdict::Keep => ("keep", None),
            Verdict::Suppress { reason, .. } => ("suppress", Some(reason.clone())),
            Verdict::Drop { reason } => ("drop", Some(reason.clone())),
        };
        let note = |note: &domain::decision::StageNote| NoteShape {
            stage: note.stage.as_str(),
            plugin: PluginShape::new(&note.plugin),
            did: did_word(&note.kind),
            edits: if let NoteKind::Edited(edits) = &note.kind { edits.len() } else { 0 },
            reason: note.reason.clone(),
        };
        Self {
            id: decision.id.0,
            at: instant(row.at),
            entity: decision.alert.entity.clone(),
            revision: decision.revision.0,
            verdict,
            verdict_reason,
            incident_key: decision.incident_key().to_owned(),
            outcome: row.outcome.words(),
            notes: decision.notes.iter().map(note).collect(),
        }
    }
}

/// The word for a dead letter's kind.
pub fn letter_kind(kind: DeadLetterKind) -> &'static str {
    match kind {
        DeadLetterKind::Parked => "parked",
        DeadLetterKind::Rejected => "rejected",
        DeadLetterKind::Uncommitted => "uncommitted",
    }
}

/// The word for a dead letter's state.
pub fn letter_state(state: DeadLetterState) -> &'static str {
    match state {
        DeadLetterState::Waiting => "waiting",
        DeadLetterState::Replayed => "replayed",
        DeadLetterState::Discarded => "discarded",
    }
}

/// A body or a decision that is not on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub struct LetterShape {
    pub id: u64,
    pub at: String,
    /// The journal record that holds it.
    pub record: u64,
    pub integration: Option<String>,
    /// `parked` (the normalizer failed), `rejected` (it refused) or `uncommitted`.
    pub kind: &'static str,
    pub reason: String,
    /// `waiting`, `replayed` or `discarded`.
    pub state: &'static str,
    pub tries: u32,
    pub next_at: Option<String>,
}

impl LetterShape {
    pub fn new(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id.0,
            at: instant(letter.at),
            record: letter.record.0,
            integration: letter.integration.as_ref().map(|id| id.0.clone()),
            kind: letter_kind(letter.kind),
            reason: letter.reason.clone(),
            state: letter_state(letter.state),
            tries: letter.tries,
            next_at: letter.next_at.map(instant),
        }
    }
}
