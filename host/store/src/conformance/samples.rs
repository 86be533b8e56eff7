//! Values with every field filled in, so that a lost field is seen.

use domain::alert::{Alert, Edit, Link, Severity, Status};
use domain::care::Care;
use domain::command::{Actor, Priority};
use domain::contact::Contact;
use domain::decision::{Decision, Grouping, NoteKind, Outcome, PluginRef, Stage, StageNote, Threshold, Verdict};
use domain::escalation::{Run, RunState, Target};
use domain::id::{AlertId, DecisionId, IncidentId, JournalId, OutboxId, Revision, RunId};
use domain::inbound::{Event, Inbound, Method};
use domain::incident::{AlertState, Incident};
use domain::journal::{Entry, Record, Sender};
use domain::page::{Outbox, OutboxState, Purpose};
use domain::time::Millis;
use domain::timeline::{Cause, Line, LineKind};
use ports::store::{Credential, CredentialKind, DeadLetter, DeadLetterKind, DeadLetterState, DecisionRow};
use std::sync::Arc;

/// Text that breaks what is careless: quotes, a zero byte, right-to-left, a flag, combining marks.
pub(super) const AWKWARD: &str = "it's \"x\" \0 \\ %_ \u{202e}עברית🇮🇹 e\u{301}\n\u{feff}";

fn plugin(name: &str) -> Arc<PluginRef> {
    Arc::new(PluginRef { name: name.into(), version: "0.1.0".into(), digest: "a".repeat(64) })
}

fn alert(entity: &str) -> Alert {
    Alert {
        entity: entity.into(),
        status: Status::Firing,
        severity: Severity::Critical,
        summary: Some(AWKWARD.into()),
        details: Some("one\ntwo".into()),
        source: Some("prometheus".into()),
        service: Some("checkout".into()),
        routing_key: Some("shop".into()),
        group: Some("g".into()),
        started_at: Some(Millis(1_000)),
        received_at: Millis(2_000),
        expires_at: Some(Millis(240_000)),
        labels: vec![("alertname".into(), "HighLatency".into()), ("empty".into(), String::new()), ("zone".into(), AWKWARD.into())],
        annotations: vec![("runbook".into(), "https://wiki.example/run?a=b&c=d".into())],
        links: vec![Link { url: "https://g.example/".into(), text: "graph".into(), image: true }],
    }
}

/// The state of an alert that fires on no incident, last decided by `decision`.
pub fn alert_state(id: AlertId, team: &str, entity: &str, decision: DecisionId) -> AlertState {
    AlertState {
        id,
        team: team.into(),
        entity: entity.into(),
        status: Status::Firing,
        severity: Severity::Critical,
        incident: None,
        key: format!("key of {entity}"),
        integration: Some("shop-prometheus".into()),
        first_at: Millis(1_000),
        last_at: Millis(2_000),
        count: 3,
        counted: true,
        suppressed_until: None,
        expires_at: None,
        alert: Arc::new(alert(entity)),
        last_decision: decision,
    }
}

/// A decision on the same alert as [`alert_state`] has.
pub fn decision_row(id: DecisionId, team: &str, entity: &str) -> DecisionRow {
    let note = |stage, kind| StageNote { stage, plugin: plugin("rules"), kind, reason: AWKWARD.into() };
    DecisionRow {
        decision: Decision {
            id,
            partition: 63,
            revision: Revision(7),
            team: team.into(),
            integration: Some("shop-prometheus".into()),
            alert: Arc::new(alert(entity)),
            verdict: Verdict::Suppress { reason: "maintenance".into(), until: Some(Millis(9_000)) },
            grouping: Some(Grouping {
                incident_key: "checkout".into(),
                entity: Some("e".into()),
                window_seconds: Some(300),
                threshold: Some(Threshold { count: 3, within_seconds: 60 }),
                title: Some("Checkout is slow".into()),
                related: vec!["db".into()],
                reason: "same service".into(),
            }),
            default_route: true,
            notes: vec![
                note(Stage::Enrich, NoteKind::Edited(vec![Edit::SetLabel("a".into(), "b".into()), Edit::SetSeverity(Severity::Info)])),
                note(Stage::Filter, NoteKind::Suppressed),
                note(Stage::Dedupe, NoteKind::Grouped),
            ],
        },
        incident: Some(IncidentId(1)),
        outcome: Outcome::Waiting { have: 1, need: 3 },
        at: Millis(2_500),
    }
}

/// A record of a posted body.
pub fn record(entity: &str, body: Vec<u8>) -> Record {
    Record {
        received_at: Millis(2_000),
        entry: Entry::Taken {
            from: Sender { integration: "shop-prometheus".into(), team: "shop".into() },
            raw: Inbound {
                id: "i-1".into(),
                received_at: Millis(2_000),
                method: Method::Post,
                url: "https://reveille.example/in/***".into(),
                path: vec!["a b".into()],
                query: vec![("q".into(), AWKWARD.into())],
                headers: vec![("content-type".into(), "application/json".into())],
                body,
            },
            events: vec![Event::Alert(Box::new(alert(entity)))],
            plugin: (*plugin("alertmanager")).clone(),
        },
    }
}

pub(crate) fn incident(id: IncidentId, team: &str) -> Incident {
    Incident {
        id,
        team: team.into(),
        key: "checkout".into(),
        title: AWKWARD.into(),
        status: Status::Firing,
        severity: Severity::Error,
        priority: Some(Priority::P2),
        service: Some("checkout".into()),
        routing_key: Some("shop".into()),
        opened_at: Millis(2_000),
        acknowledged_at: Some(Millis(3_000)),
        acknowledged_severity: Some(Severity::Error),
        entity_count: 5,
        resolved_at: None,
        last_alert_at: Millis(2_500),
        alert_count: 12,
        firing: [0, 1, 2, 3],
        responders: vec!["alice".into(), "bob".into()],
        labels: vec![("zone".into(), "a".into())],
        links: vec![Link { url: "https://g.example/".into(), text: "graph".into(), image: false }],
        related: vec!["db".into()],
        integration: Some("shop-prometheus".into()),
        default_route: true,
        own: true,
        route_due: false,
        routed_severity: Some(Severity::Warning),
        version: 4,
        care: Care {
            epoch: 2,
            snoozed_until: Some(Millis(9_000)),
            roles: [("scribe".to_owned(), "bob".into())].into(),
            timers: [(domain::care::Purpose::Snooze, Millis(9_000))].into(),
            ..Care::default()
        },
    }
}

pub(super) fn line(at: i64, text: &str) -> Line {
    Line {
        at: Millis(at),
        kind: LineKind::SeverityChanged,
        text: text.into(),
        actor: Actor::User("alice".into(), "page link".into()),
        cause: Some(Cause { stage: Stage::Filter, plugin: plugin("rules"), revision: Revision(7), reason: AWKWARD.into() }),
    }
}

pub(super) fn run(id: RunId, incident: IncidentId, next_at: Option<Millis>) -> Run {
    Run {
        id,
        incident,
        target: Target::Rotation("primary".into()),
        state: RunState::Active,
        step: 1,
        repeat: 2,
        next_at,
        last_resort: true,
        reason: AWKWARD.into(),
        cause: line(0, "").cause,
        started_at: Millis(2_000),
        ask: Some(1),
        epoch: 2,
    }
}

pub(super) fn outbox(id: OutboxId, key: &str, incident: Option<IncidentId>, next_at: Option<Millis>) -> Outbox {
    Outbox {
        id,
        key: key.into(),
        incident,
        run: Some(RunId(1)),
        user: Some("alice".into()),
        contact: Contact { kind: "mail".into(), address: "alice@example.org".into() },
        contact_index: 1,
        purpose: Purpose::Update(AWKWARD.into()),
        state: OutboxState::Queued,
        tries: 2,
        queued_at: Millis(2_000),
        next_at,
        reference: Some("<1@reveille.example>".into()),
        last_error: Some("451 try later".into()),
        again: Some(domain::page::Again { every_seconds: 600, round: 2, paged_at: Millis(1_000) }),
    }
}

pub(super) fn dead_letter(id: domain::id::DeadLetterId) -> DeadLetter {
    DeadLetter {
        id,
        at: Millis(2_000),
        record: JournalId(5),
        decision: Some(DecisionId::new(JournalId(5), 3)),
        integration: Some("shop-prometheus".into()),
        kind: DeadLetterKind::Parked,
        reason: AWKWARD.into(),
        state: DeadLetterState::Waiting,
        tries: 1,
        next_at: Some(Millis(5_000)),
    }
}

pub(super) fn credential(id: &str, kind: CredentialKind) -> Credential {
    Credential {
        id: id.into(),
        kind,
        user: Some("alice".into()),
        integration: Some("shop-prometheus".into()),
        label: AWKWARD.into(),
        scope: "respond/shop read".into(),
        detail: "$argon2id$v=19$".into(),
        created_at: Millis(1_000),
        expires_at: Some(Millis(9_000)),
        last_used_at: Some(Millis(2_000)),
    }
}
