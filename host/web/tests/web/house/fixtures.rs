//! Who there is and what happened: two teams, and incidents as they come at night, the hostile ones too.

use super::doubles::{DoublePlugin, cited};
use domain::alert::{Alert, Link, Severity, Status};
use domain::command::{Actor, Priority};
use domain::contact::Contact;
use domain::decision::{Decision, Grouping, NoteKind, Outcome, PluginRef, Stage, StageNote, Verdict};
use domain::escalation::{Policy, Run, RunState, Step, Target};
use domain::id::{
    AlertId, DeadLetterId, DecisionId, IncidentId, IntegrationId, JournalId, OutboxId, OverrideId, PolicyId, Revision, RunId, TeamId,
    UserId,
};
use domain::incident::{AlertState, Incident};
use domain::installation::{Door, Installation, Integration, OnFailure, PluginUse, Service, Team, User};
use domain::page::{Outbox, OutboxState, Purpose};
use domain::schedule::{Override, Rotation, Turn};
use domain::time::Millis;
use domain::timeline::{Cause, Line, LineKind};
use ports::store::{DeadLetter, DeadLetterKind, DeadLetterState, DecisionRow};
use ports::{Placed, Snapshot, Stages, Store, Tx};
use std::collections::BTreeMap;
use std::sync::Arc;

fn user(id: &str, name: &str, admin: bool) -> (UserId, User) {
    let user = User {
        id: id.into(),
        name: name.into(),
        time_zone: "Europe/Rome".into(),
        language: "en".into(),
        contacts: vec![],
        admin,
        break_glass: false,
    };
    (id.into(), user)
}

fn team(id: &str, name: &str, members: &[&str]) -> (TeamId, Team) {
    let members = members.iter().map(|id| UserId::from(*id)).collect();
    (
        id.into(),
        Team { id: id.into(), name: name.into(), members, default_policy: None, storm: None, care: domain::care::CareRules::default() },
    )
}

fn rotation(id: &str, team: &str, members: &[&str], turn: Turn) -> Rotation {
    Rotation {
        id: id.into(),
        team: team.into(),
        members: members.iter().map(|id| UserId::from(*id)).collect(),
        time_zone: "Europe/Rome".into(),
        turn,
        starts: "2026-01-05T09:00".parse().unwrap(),
    }
}

fn integration(id: &str, team: &str) -> (IntegrationId, Integration) {
    let normalize = PluginUse { plugin: "generic".into(), settings: "{}".into(), on_failure: OnFailure::Skip };
    let integration = Integration {
        id: id.into(),
        team: team.into(),
        door: Door::Normalize(normalize),
        pipeline: "main".into(),
        default_policy: None,
        body_limit_bytes: 1 << 20,
        expire_after_seconds: None,
        rate: None,
    };
    (id.into(), integration)
}

/// Teams shop (alice, bob) and ops (carol), and root who administers.
pub fn installation() -> Installation {
    let service = Service {
        id: "checkout".into(),
        name: "Checkout".into(),
        team: Some("shop".into()),
        runbook: Some("https://runbooks.example.org/checkout".into()),
        tier: Some("1".into()),
        extra: vec![],
    };
    let policy = Policy {
        id: "shop".into(),
        team: "shop".into(),
        steps: vec![Step { delay_seconds: 0, targets: vec![Target::Rotation("primary".into())] }],
        repeat: 0,
        repeat_delay_seconds: 300,
    };
    let rotations = [
        rotation("primary", "shop", &["alice", "bob", "mira"], Turn::Weeks(1)),
        rotation("secondary", "shop", &["bob", "alice"], Turn::Days(3)),
        rotation("ops", "ops", &[], Turn::Weeks(1)),
    ];
    Installation {
        revision: Revision(3),
        users: [
            user("alice", "Alice Moretti", false),
            user("bob", "Bob Lindqvist", false),
            user("mira", "Mira Kovač", false),
            user("carol", "Carol Okafor", false),
            user("root", "Root", true),
        ]
        .into(),
        teams: [team("shop", "Shop", &["alice", "bob", "mira"]), team("ops", "Operations", &["carol"])].into(),
        rotations: rotations.into_iter().map(|rotation| (rotation.id.clone(), rotation)).collect(),
        policies: [(PolicyId::from("shop"), policy)].into(),
        services: [(service.id.clone(), service)].into(),
        integrations: [integration("shop-prometheus", "shop"), integration("ops-nagios", "ops")].into(),
        default_policy: "shop".into(),
        ..Installation::default()
    }
}

/// The installation in force, with plugins at every stage.
pub fn snapshot() -> Snapshot {
    let placed = |names: &[&str]| -> Vec<Placed> {
        names.iter().map(|name| Placed { plugin: DoublePlugin::named(name), on_failure: OnFailure::Skip }).collect()
    };
    let stages = Stages {
        enrich: placed(&["catalog", "rules"]),
        filter: placed(&["rules"]),
        dedupe: placed(&["correlate"]),
        route: placed(&["route"]),
        automate: Vec::new(),
    };
    Snapshot {
        revision: Revision(3),
        installation: Arc::new(installation()),
        normalizers: [
            ("shop-prometheus".into(), DoublePlugin::named("alertmanager")),
            ("ops-nagios".into(), DoublePlugin::named("generic")),
        ]
        .into(),
        interactors: BTreeMap::new(),
        pipelines: [("main".into(), stages)].into(),
        notify: BTreeMap::from([("mail".to_owned(), DoublePlugin::named("mail")), ("ntfy".to_owned(), DoublePlugin::named("ntfy"))]),
    }
}

/// Installation without anything in it, as it is before the first `config apply`.
pub fn nothing() -> Snapshot {
    let mut installation = installation();
    installation.rotations.clear();
    installation.integrations.clear();
    Snapshot { installation: Arc::new(installation), ..Snapshot::default() }
}

/// An incident of a team that opened so many minutes ago.
pub fn incident(id: u64, team: &str, title: &str, severity: Severity, status: Status, opened_at: Millis) -> Incident {
    let mut firing = [0; 4];
    firing[severity as usize] = u32::from(status != Status::Resolved);
    Incident {
        id: IncidentId(id),
        team: team.into(),
        key: format!("key-{id}"),
        title: title.into(),
        status,
        severity,
        priority: None,
        service: None,
        routing_key: None,
        opened_at,
        acknowledged_at: None,
        resolved_at: None,
        last_alert_at: opened_at,
        alert_count: 1,
        entity_count: 1,
        acknowledged_severity: None,
        firing,
        responders: vec![],
        labels: vec![],
        links: vec![],
        related: vec![],
        integration: Some("shop-prometheus".into()),
        default_route: false,
        own: false,
        route_due: false,
        routed_severity: Some(severity),
        version: 1,
        care: domain::care::Care::default(),
    }
}

fn state(id: u64, incident: &Incident, alert: Alert, decision: u64) -> AlertState {
    AlertState {
        id: AlertId(id),
        team: incident.team.clone(),
        entity: alert.entity.clone(),
        status: alert.status,
        severity: alert.severity,
        incident: Some(incident.id),
        key: incident.key.clone(),
        integration: incident.integration.clone(),
        first_at: alert.received_at,
        last_at: alert.received_at,
        count: 3,
        counted: true,
        suppressed_until: None,
        expires_at: None,
        last_decision: DecisionId(decision),
        alert: Arc::new(alert),
    }
}

fn note(stage: Stage, plugin: &str, kind: NoteKind, reason: &str) -> StageNote {
    StageNote { stage, plugin: cited(plugin), kind, reason: reason.into() }
}

fn decided(id: u64, incident: &Incident, alert: &Alert, outcome: Outcome, notes: Vec<StageNote>, at: Millis) -> DecisionRow {
    let grouping = Grouping {
        incident_key: incident.key.clone(),
        entity: None,
        window_seconds: None,
        threshold: None,
        title: None,
        related: vec![],
        reason: "same service".into(),
    };
    let decision = Decision {
        id: DecisionId(id),
        partition: 7,
        revision: Revision(3),
        team: incident.team.clone(),
        integration: incident.integration.clone(),
        alert: Arc::new(alert.clone()),
        verdict: Verdict::Keep,
        grouping: Some(grouping),
        default_route: false,
        notes,
    };
    DecisionRow { decision, incident: Some(incident.id), outcome, at }
}

fn line(at: Millis, kind: LineKind, text: &str, cause: Option<(Stage, Arc<PluginRef>, &str)>) -> Line {
    let cause = cause.map(|(stage, plugin, reason)| Cause { stage, plugin, revision: Revision(3), reason: reason.into() });
    Line { at, kind, text: text.into(), actor: Actor::Host, cause }
}

fn page(id: u64, incident: IncidentId, user: &str, kind: &str, state: OutboxState, at: Millis) -> Outbox {
    Outbox {
        id: OutboxId(id),
        key: format!("{incident}-{id}"),
        incident: Some(incident),
        run: Some(RunId(1)),
        user: Some(user.into()),
        contact: Contact { kind: kind.into(), address: format!("{user}@example.org") },
        contact_index: 0,
        purpose: Purpose::Escalation(1),
        state,
        tries: 1,
        queued_at: at,
        next_at: None,
        reference: None,
        last_error: (state == OutboxState::Failed).then(|| "550 no such mailbox".into()),
    }
}

/// Fills a store with incidents as they stand at `now`.
pub async fn fill(store: &Arc<dyn Store>, now: Millis) {
    store.write(move |tx| fill_all(tx, now)).await.unwrap();
}

fn fill_all(tx: &mut dyn Tx, now: Millis) -> Result<(), ports::StoreError> {
    let ago = |minutes: i64| now.plus_millis(-minutes * 60_000);
    checkout(tx, now)?;
    hostile(tx, ago(11))?;
    let mut disk = incident(3, "shop", "Disk of db-2 will be full in 3 hours", Severity::Warning, Status::Firing, ago(48));
    disk.service = Some("orders-db".into());
    let mut queue = incident(4, "shop", "Payment queue is 12 minutes behind", Severity::Error, Status::Acknowledged, ago(75));
    queue.service = Some("payments".into());
    queue.responders = vec!["bob".into()];
    queue.acknowledged_at = Some(ago(70));
    queue.priority = Some(Priority::P2);
    let mut certificate =
        incident(5, "shop", "Certificate of shop.example.org ends in 6 days", Severity::Warning, Status::Acknowledged, ago(60 * 30));
    certificate.responders = vec!["alice".into(), "mira".into()];
    certificate.acknowledged_at = Some(ago(60 * 26));
    let mut search = incident(6, "shop", "Search answers 5 % of requests with an error", Severity::Error, Status::Resolved, ago(60 * 50));
    search.resolved_at = Some(ago(60 * 49));
    let router = incident(7, "ops", "Router core-1 does not answer", Severity::Critical, Status::Firing, ago(2));
    let mut own = incident(8, "", "4 bodies of ops-nagios could not be read", Severity::Error, Status::Firing, ago(20));
    own.own = true;
    for incident in [disk, queue, certificate, search, router, own] {
        tx.put_incident(&incident)?;
    }
    tx.put_override(&Override {
        id: OverrideId(1),
        rotation: "primary".into(),
        user: "bob".into(),
        from: now.plus_seconds(5 * 86_400),
        until: now.plus_seconds(6 * 86_400),
        by: "bob".into(),
    })?;
    letters(tx, ago(25))
}

fn checkout(tx: &mut dyn Tx, now: Millis) -> Result<(), ports::StoreError> {
    let ago = |seconds: i64| now.plus_millis(-seconds * 1000);
    let mut it = incident(1, "shop", "Checkout is slow: p99 4.2 s", Severity::Critical, Status::Firing, ago(240));
    it.service = Some("checkout".into());
    it.alert_count = 7;
    it.entity_count = 2;
    it.firing = [0, 0, 1, 1];
    it.labels = vec![("cluster".into(), "eu-1".into()), ("env".into(), "production".into())];
    it.links = vec![Link { url: "https://graphs.example.org/d/checkout".into(), text: "Latency".into(), image: false }];
    tx.put_incident(&it)?;
    let mut slow = Alert::firing("checkout/latency", Severity::Critical, ago(60));
    slow.summary = Some("Checkout is slow: p99 4.2 s".into());
    slow.details = Some("99th percentile of POST /checkout is 4.2 s over 5 minutes, the objective is 0.8 s.".into());
    slow.labels = [
        ("cluster", "eu-1"),
        ("env", "production"),
        ("job", "checkout"),
        ("pod", "checkout-7d9f"),
        ("region", "eu-south-1"),
        ("severity", "page"),
        ("team", "shop"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let mut errors = Alert::firing("checkout/errors", Severity::Error, ago(90));
    errors.summary = Some("3 % of checkouts fail".into());
    let edits = vec![domain::alert::Edit::SetService("checkout".into())];
    let notes = |first: &str| {
        vec![
            note(Stage::Enrich, "catalog", NoteKind::Edited(edits.clone()), "service checkout: owner shop, tier 1, runbook"),
            note(Stage::Dedupe, "correlate", NoteKind::Grouped, first),
        ]
    };
    tx.add_decision(&decided(1024, &it, &slow, Outcome::Opened, notes("first alert of service checkout"), ago(240)))?;
    let mut skipped = notes("same service within 10 minutes");
    skipped.insert(1, note(Stage::Filter, "rules", NoteKind::Skipped, "took longer than its deadline of 50 ms"));
    tx.add_decision(&decided(2048, &it, &errors, Outcome::Joined, skipped, ago(200)))?;
    tx.put_alert(&state(1, &it, slow, 1024))?;
    tx.put_alert(&state(2, &it, errors, 2048))?;
    let run = Run {
        id: RunId(1),
        incident: it.id,
        target: Target::Policy("shop".into()),
        state: RunState::Active,
        step: 1,
        repeat: 0,
        next_at: Some(now.plus_seconds(100)),
        last_resort: false,
        reason: "service checkout belongs to team shop".into(),
        cause: None,
        started_at: ago(239),
        ask: None,
        epoch: 0,
    };
    tx.put_run(&run)?;
    tx.add_outbox(&page(1, it.id, "alice", "ntfy", OutboxState::Accepted, ago(238)))?;
    tx.add_outbox(&page(2, it.id, "alice", "mail", OutboxState::Failed, ago(236)))?;
    for (at, kind, text, cause) in [
        (240, LineKind::Opened, "Opened by shop-prometheus: Checkout is slow: p99 4.2 s (critical)", None),
        (
            240,
            LineKind::Edited,
            "Enriched by catalog: service, runbook",
            Some((Stage::Enrich, cited("catalog"), "service checkout: owner shop, tier 1, runbook")),
        ),
        (239, LineKind::Routed, "Routed to policy shop", Some((Stage::Route, cited("route"), "service checkout belongs to team shop"))),
        (238, LineKind::Paged, "Paged alice by ntfy (step 1)", Some((Stage::Notify, cited("ntfy"), ""))),
        (236, LineKind::DeliveryFailed, "Mail to alice failed: 550 no such mailbox", Some((Stage::Notify, cited("mail"), ""))),
        (
            200,
            LineKind::StageFailed,
            "Stage filter skipped: rules took longer than its deadline of 50 ms",
            Some((Stage::Filter, cited("rules"), "took longer than its deadline of 50 ms")),
        ),
        (
            200,
            LineKind::Grouped,
            "3 % of checkouts fail joined by correlate: same service",
            Some((Stage::Dedupe, cited("correlate"), "same service within 10 minutes")),
        ),
        (120, LineKind::Noted, "mira: a deployment of checkout went out at 03:05, looks related", None),
    ] {
        tx.add_line(it.id, &line(ago(at), kind, text, cause))?;
    }
    Ok(())
}

/// What a hostile sender writes.
pub const SCRIPT: &str = "<script>alert('x')</script><img src=x onerror=alert(1)>";

fn hostile(tx: &mut dyn Tx, at: Millis) -> Result<(), ports::StoreError> {
    let title = format!("{SCRIPT} \u{202e}gnihtyna si siht\u{202c} שלום العالم 🔥🔥🔥 {}", "W".repeat(900));
    let mut it = incident(2, "shop", &title, Severity::Critical, Status::Firing, at);
    it.service = Some(format!("svc-{}", "x".repeat(400)));
    it.links = vec![Link { url: "javascript:alert(1)".into(), text: "runbook".into(), image: false }];
    it.labels = (0..128).map(|n| (format!("label_{n:03}_{}", "n".repeat(60)), "v".repeat(300))).collect();
    tx.put_incident(&it)?;
    let mut alert = Alert::firing(format!("entity/{}", "e".repeat(500)), Severity::Critical, at);
    alert.summary = Some(title);
    alert.details = Some(format!("{SCRIPT}\n{}", "a long line of details that never ends ".repeat(520)));
    alert.labels = (0..128).map(|n| (format!("label_{n:03}"), format!("{SCRIPT}{}", "y".repeat(200)))).collect();
    alert.annotations = vec![("note".into(), "مرحبا بالعالم ".repeat(40)), ("runbook_url".into(), "javascript:alert(2)".into())];
    alert.links = vec![Link { url: "javascript:alert(3)".into(), text: "click".into(), image: true }];
    let notes = vec![note(Stage::Dedupe, "correlate", NoteKind::Grouped, &format!("{SCRIPT} {}", "reason ".repeat(200)))];
    tx.add_decision(&decided(3072, &it, &alert, Outcome::Opened, notes, at))?;
    tx.put_alert(&state(3, &it, alert, 3072))?;
    tx.add_line(it.id, &line(at, LineKind::Opened, &format!("Opened by shop-prometheus: {SCRIPT} {}", "z".repeat(2000)), None))
}

fn letters(tx: &mut dyn Tx, at: Millis) -> Result<(), ports::StoreError> {
    for (id, integration, kind, reason) in [
        (1, "shop-prometheus", DeadLetterKind::Rejected, "alerts[2].labels: expected an object, found a string (line 14, column 20)"),
        (2, "ops-nagios", DeadLetterKind::Parked, "normalizer generic trapped: unreachable"),
    ] {
        tx.put_dead_letter(&DeadLetter {
            id: DeadLetterId(id),
            at,
            record: JournalId(id),
            decision: None,
            integration: Some(integration.into()),
            kind,
            reason: reason.into(),
            state: DeadLetterState::Waiting,
            tries: 1,
            next_at: None,
        })?;
    }
    Ok(())
}
