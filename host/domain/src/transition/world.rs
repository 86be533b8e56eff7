//! A tiny installation for tests: it keeps rows in maps and applies inputs as the committer does.

use super::{Change, Ground, Moment, Said, decide, note, notice_key, obey, wake};
use crate::alert::{Alert, Severity, Status};
use crate::command::{Actor, Command, Notice, Operation, Subject};
use crate::decision::{Decision, Grouping, Outcome, Threshold, Verdict};
use crate::expiry::Availability;
use crate::id::{AlertId, DecisionId, IncidentId, Revision, TeamId, UserId};
use crate::incident::{AlertState, Incident, Window};
use crate::time::Millis;
use crate::timeline::{Line, LineKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All rows.
#[derive(Debug, Default)]
pub struct World {
    pub alerts: BTreeMap<String, AlertState>,
    pub incidents: BTreeMap<IncidentId, Incident>,
    pub open: BTreeMap<String, IncidentId>,
    pub windows: BTreeMap<String, Window>,
    pub lines: Vec<(IncidentId, Line)>,
    pub availability: Availability,
    pub now: Millis,
    pub decisions: u64,
}

/// A report in a test's words.
#[derive(Debug, Clone)]
pub struct Reported {
    pub entity: &'static str,
    pub key: &'static str,
    pub status: Status,
    pub severity: Severity,
    pub verdict: Verdict,
    pub threshold: Option<Threshold>,
    pub window_seconds: Option<u32>,
    pub expires_at: Option<Millis>,
}

pub fn fires(entity: &'static str, key: &'static str, severity: Severity) -> Reported {
    Reported {
        entity,
        key,
        status: Status::Firing,
        severity,
        verdict: Verdict::Keep,
        threshold: None,
        window_seconds: None,
        expires_at: None,
    }
}

pub fn recovers(entity: &'static str) -> Reported {
    Reported { status: Status::Resolved, ..fires(entity, "other", Severity::Info) }
}

impl World {
    pub fn team() -> TeamId {
        TeamId::from("shop")
    }

    pub fn report(&mut self, reported: &Reported) -> Change {
        self.decisions += 1;
        let decision = Decision {
            id: DecisionId(self.decisions),
            partition: 0,
            revision: Revision(1),
            team: Self::team(),
            integration: Some("prometheus".into()),
            alert: Arc::new(Alert {
                status: reported.status,
                expires_at: reported.expires_at,
                ..Alert::firing(reported.entity, reported.severity, self.now)
            }),
            verdict: reported.verdict.clone(),
            grouping: Some(Grouping {
                incident_key: reported.key.to_owned(),
                entity: None,
                window_seconds: reported.window_seconds,
                threshold: reported.threshold,
                title: None,
                related: Vec::new(),
                reason: String::new(),
            }),
            default_route: false,
            notes: Vec::new(),
        };
        self.decide(&decision)
    }

    pub fn decide(&mut self, decision: &Decision) -> Change {
        let recorded = self.alerts.get(&decision.alert.entity).and_then(|s| s.incident);
        let key = match (decision.alert.status, recorded) {
            (Status::Firing, _) | (_, None) => decision.incident_key().to_owned(),
            (_, Some(id)) => self.incidents[&id].key.clone(),
        };
        let mut ground = self.ground(Some(&decision.alert.entity), recorded, &key);
        let change = self.moment(|moment| decide(&mut ground, decision, moment));
        self.keep(ground, &change, &key);
        change
    }

    pub fn wake(&mut self, entity: &str) -> Change {
        let state = self.alerts.get(entity);
        let recorded = state.and_then(|s| s.incident);
        let key = state.map(|s| s.key.clone()).unwrap_or_default();
        let mut ground = self.ground(Some(entity), recorded, &key);
        let change = self.moment(|moment| wake(&mut ground, moment));
        self.keep(ground, &change, &key);
        change
    }

    pub fn obey(&mut self, user: &str, operation: Operation, id: IncidentId) -> Said {
        let key = self.incidents.get(&id).map(|i| i.key.clone()).unwrap_or_default();
        let actor = Actor::User(UserId::from(user), "page link".into());
        let command = Command { subject: Subject::Incident(id), actor, operation };
        let mut ground = self.ground(None, Some(id), &key);
        if let Operation::Merge(target) = &command.operation {
            let further = self.incidents.get(target).filter(|i| ground.incident(i.id).is_none()).cloned();
            ground.incidents.extend(further);
            let keys = self.incidents.get(&id).map(|i| i.care.keys.clone()).unwrap_or_default();
            ground.keys = keys.into_iter().map(|key| (key.clone(), self.open.get(&key).copied())).collect();
        }
        if matches!(command.operation, Operation::Merge(_) | Operation::Split(..) | Operation::Reopen) {
            ground.alerts = self.alerts.values().filter(|s| s.incident == Some(id)).cloned().collect();
        }
        let (change, said) = self.moment(|moment| obey(&mut ground, &command, Some(id), moment));
        self.keep(ground, &change, &key);
        said
    }

    pub fn note(&mut self, cause: &str, over: bool) -> Change {
        let notice = Notice {
            cause: cause.to_owned(),
            summary: "Deliveries fail".into(),
            details: String::new(),
            severity: Severity::Error,
            integration: None,
            over,
        };
        let key = notice_key(cause);
        let mut ground = self.ground(None, None, &key);
        let change = self.moment(|moment| note(&mut ground, &notice, moment));
        self.keep(ground, &change, &key);
        change
    }

    pub fn later(&mut self, seconds: u32) {
        self.now = self.now.plus_seconds(seconds);
    }

    pub fn incident(&self, id: u64) -> &Incident {
        &self.incidents[&IncidentId(id)]
    }

    pub fn told(&self, id: u64) -> Vec<&str> {
        self.lines.iter().filter(|(incident, _)| incident.0 == id).map(|(_, line)| line.text.as_str()).collect()
    }

    fn moment<R>(&self, run: impl FnOnce(Moment<'_>) -> R) -> R {
        run(Moment {
            at: self.now,
            alert: AlertId(self.alerts.len() as u64 + 1),
            incident: IncidentId(self.incidents.len() as u64 + 1),
            availability: &self.availability,
        })
    }

    fn ground(&self, entity: Option<&str>, recorded: Option<IncidentId>, key: &str) -> Ground {
        let open = self.open.get(key).copied();
        let mut ids: Vec<IncidentId> = recorded.into_iter().chain(open).collect();
        ids.dedup();
        let waiting = |s: &&AlertState| s.key == key && s.incident.is_none() && s.status == Status::Firing && s.suppressed_until.is_none();
        Ground {
            alert: entity.and_then(|e| self.alerts.get(e).cloned()),
            incidents: ids.iter().filter_map(|id| self.incidents.get(id).cloned()).collect(),
            open,
            window: self.windows.get(key).cloned(),
            waiting: self.alerts.values().filter(waiting).cloned().collect(),
            ..Ground::default()
        }
    }

    fn keep(&mut self, ground: Ground, change: &Change, key: &str) {
        for state in ground.alerts.into_iter().filter(|s| change.moved.contains(&s.id)) {
            self.alerts.insert(state.entity.clone(), state);
        }
        for (key, target) in &change.keys {
            self.open.insert(key.clone(), *target);
        }
        let alerts = ground.alert.into_iter().filter(|_| change.alert).chain(ground.waiting.into_iter().filter(|_| change.waiting));
        for state in alerts {
            self.alerts.insert(state.entity.clone(), state);
        }
        for incident in ground.incidents.into_iter().filter(|i| change.incidents.contains(&i.id)) {
            self.incidents.insert(incident.id, incident);
        }
        if change.open {
            match ground.open {
                Some(id) => self.open.insert(key.to_owned(), id),
                None => self.open.remove(key),
            };
        }
        if change.window {
            self.windows.insert(key.to_owned(), ground.window.unwrap_or_default());
        }
        self.lines.extend(change.lines.iter().cloned());
    }

    /// What must hold whatever happened.
    pub fn assert_sound(&self) {
        for incident in self.incidents.values().filter(|i| i.is_open() && !i.own) {
            let on_it = |s: &&AlertState| s.incident == Some(incident.id) && s.status != Status::Resolved;
            for severity in Severity::ALL {
                let counted = self.alerts.values().filter(on_it).filter(|s| s.counted && s.severity == severity).count();
                assert_eq!(incident.firing[severity as usize] as usize, counted, "{incident:#?}");
            }
            let reopened = self.lines.iter().any(|(id, line)| *id == incident.id && line.kind == LineKind::Reopened);
            assert!(reopened || self.alerts.values().any(|s| on_it(&s)), "open, and nothing on it fires: {incident:#?}");
        }
        for (key, id) in &self.open {
            let incident = &self.incidents[id];
            // A key that came with a merge may outlive the incident, and the own key of one that took others in too, when its last alert ends
            // under another of its keys: the next alert under it opens another (`a_key_whose_incident_ended_under_another_opens_a_new_one`).
            let own = incident.key == *key && (incident.is_open() || !incident.care.keys.is_empty());
            assert!(own || incident.care.keys.contains(key), "{key} leads to {incident:#?}");
        }
        for state in self.alerts.values() {
            assert!(!state.counted || state.incident.is_some(), "{state:#?}");
        }
    }
}

/// The outcome of a change, for short comparisons.
pub fn waiting(have: u32, need: u32) -> Outcome {
    Outcome::Waiting { have, need }
}
