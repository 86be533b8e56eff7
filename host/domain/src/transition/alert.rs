//! What a decision about an alert does: it opens an incident, joins one, waits, repeats, acknowledges or recovers.

use super::{Change, FOREVER, Ground, LISTED_ENTITIES_LIMIT, Moment, Transition, lines, place, share};
use crate::alert::{Alert, Severity, Status};
use crate::care::Care;
use crate::command::Actor;
use crate::decision::{Decision, Grouping, NoteKind, Outcome, StageNote, Threshold, Verdict};
use crate::id::{DecisionId, IncidentId, IntegrationId, Revision, TeamId};
use crate::incident::{AlertState, Incident, Window};
use crate::time::Millis;
use crate::timeline::LineKind;
use std::sync::Arc;

/// Applies a decision. The ground holds the entity's state, the incident recorded on it, and, for a firing one, the open incident of the
/// decision's key with its window; otherwise the open incident of the recorded incident's key.
pub fn decide(ground: &mut Ground, decision: &Decision, moment: Moment<'_>) -> Change {
    let at = moment.at;
    let suppression = match &decision.verdict {
        Verdict::Drop { .. } => return Transition::on(ground, moment).ends(Outcome::Dropped, None),
        Verdict::Suppress { until, .. } => Some(until.unwrap_or(FOREVER)).filter(|until| *until > at),
        Verdict::Keep => None,
    };
    let report = Report {
        decision: decision.id,
        revision: decision.revision,
        team: &decision.team,
        integration: decision.integration.as_ref(),
        alert: &decision.alert,
        key: decision.incident_key(),
        grouping: decision.grouping.as_ref(),
        suppression,
        default_route: decision.default_route,
        notes: &decision.notes,
    };
    let transition = Transition::on(ground, moment);
    match decision.alert.status {
        Status::Firing => transition.fire(&report),
        Status::Acknowledged => transition.acknowledged(&report),
        Status::Resolved => transition.recovered(&report),
    }
}

/// A report about an entity, after all stages.
pub struct Report<'a> {
    pub decision: DecisionId,
    pub revision: Revision,
    pub team: &'a TeamId,
    pub integration: Option<&'a IntegrationId>,
    pub alert: &'a Arc<Alert>,
    pub key: &'a str,
    pub grouping: Option<&'a Grouping>,
    /// Pages nobody until then.
    pub suppression: Option<Millis>,
    pub default_route: bool,
    pub notes: &'a [StageNote],
}

impl Report<'_> {
    fn actor(&self) -> Actor {
        lines::reporter(self.integration)
    }

    fn is_info(&self) -> bool {
        self.alert.severity == Severity::Info
    }

    fn note(&self, kind: &NoteKind) -> Option<&StageNote> {
        self.notes.iter().find(|note| std::mem::discriminant(&note.kind) == std::mem::discriminant(kind))
    }

    /// Whether it counts among what fires: `info` is for the record, and what is suppressed pages nobody.
    fn counts(&self) -> bool {
        self.suppression.is_none() && !self.is_info()
    }
}

impl Transition<'_> {
    pub(super) fn fire(mut self, report: &Report<'_>) -> Change {
        if let Some(id) = self.attached() {
            return self.repeat(id, report);
        }
        let joinable = self.joinable(report);
        // A word for the record has nothing to open, and takes nothing away from what waits or is suppressed.
        let held =
            self.ground.alert.as_ref().is_some_and(|s| s.status == Status::Firing && s.incident.is_none() && s.severity != Severity::Info);
        if report.is_info() && (joinable.is_none() || held) {
            return self.ends(Outcome::Recorded, None);
        }
        if let Some(id) = joinable {
            return self.join(id, report);
        }
        if report.suppression.is_some() {
            self.record(report, None, false);
            return self.ends(Outcome::Suppressed, None);
        }
        if let Some(threshold) = report.grouping.and_then(|g| g.threshold)
            && let Some(have) = self.below(threshold)
        {
            self.record(report, None, false);
            return self.ends(Outcome::Waiting { have, need: threshold.count }, None);
        }
        self.open(report)
    }

    /// The open incident of the key, unless it was quiet for longer than the grouping allows.
    fn joinable(&self, report: &Report<'_>) -> Option<IncidentId> {
        let incident = self.ground.incident(self.ground.open?).filter(|i| i.is_open())?;
        let quiet_ms = self.at().since(incident.last_alert_at);
        let window = report.grouping.and_then(|g| g.window_seconds);
        window.is_none_or(|seconds| quiet_ms <= i64::from(seconds) * 1000).then_some(incident.id)
    }

    /// Counts the arrival; gives how many there are as long as they are too few.
    fn below(&mut self, threshold: Threshold) -> Option<u32> {
        let at = self.at();
        let oldest = at.plus_millis(-i64::from(threshold.within_seconds) * 1000);
        let mut arrivals = self.ground.window.take().unwrap_or_default().arrivals;
        arrivals.push(at);
        arrivals.retain(|arrival| *arrival >= oldest);
        let have = arrivals.len() as u32;
        self.change.window = true;
        if have >= threshold.count {
            self.ground.window = Some(Window::default());
            return None;
        }
        self.ground.window = Some(Window { arrivals });
        Some(have)
    }

    /// The same entity again: counted, and no line unless something about it changed.
    fn repeat(mut self, id: IncidentId, report: &Report<'_>) -> Change {
        let at = self.at();
        let Some(state) = &self.ground.alert else { return self.ends(Outcome::Recorded, None) };
        let (was_counted, was, was_suppressed) = (state.counted, state.severity, state.suppressed_until.is_some());
        // A word for the record about something that fires changes neither its severity nor whether it counts.
        let aside = report.is_info() && was != Severity::Info;
        let says_more = aside && state.alert.summary != report.alert.summary;
        let labels_differ = state.alert.labels != report.alert.labels || state.alert.links != report.alert.links;
        let (counts, severity) = if aside { (was_counted, was) } else { (report.counts(), report.alert.severity) };

        if aside {
            self.record_aside(report);
        } else {
            self.record(report, Some(id), counts);
        }
        let newly_default = report.default_route && self.ground.incident(id).is_some_and(|i| !i.default_route);
        if let Some(incident) = self.touch(id) {
            incident.alert_count = incident.alert_count.saturating_add(1);
            incident.last_alert_at = incident.last_alert_at.max(at);
            if was_counted {
                incident.firing[place(was)] = incident.firing[place(was)].saturating_sub(1);
            }
            if counts {
                incident.firing[place(severity)] += 1;
            }
            if labels_differ && !aside {
                share(incident, report.alert);
            }
            if newly_default {
                incident.default_route = true;
                incident.route_due |= incident.status == Status::Firing;
            }
        }
        let title = report.alert.title();
        let mut outcome = Outcome::Repeated;
        if says_more {
            self.line(id, LineKind::Noted, format!("{}: {title} (info)", lines::name(&report.actor())), report.actor(), None);
        } else if report.suppression.is_some() {
            outcome = Outcome::Suppressed;
            if !was_suppressed {
                self.suppressed_line(id, report);
            }
        } else if counts && !was_counted {
            outcome = Outcome::Joined;
            let text =
                if was_suppressed { lines::suppression_ended(title, severity) } else { lines::joined(&report.actor(), title, severity) };
            self.line(id, LineKind::Joined, text, report.actor(), None);
        }
        if newly_default {
            self.note_lines(id, report, |kind| matches!(kind, NoteKind::DefaultRoute));
        }
        self.settle_severity(id, &report.actor());
        self.ends(outcome, Some(id))
    }

    fn join(mut self, id: IncidentId, report: &Report<'_>) -> Change {
        let at = self.at();
        let belonged = self.ground.alert.as_ref().is_some_and(|s| s.incident == Some(id));
        self.record(report, Some(id), report.counts());
        let newly_default = report.default_route && self.ground.incident(id).is_some_and(|i| !i.default_route);
        let mut entities = 0;
        if let Some(incident) = self.touch(id) {
            incident.alert_count = incident.alert_count.saturating_add(1);
            incident.last_alert_at = incident.last_alert_at.max(at);
            if !belonged {
                incident.entity_count = incident.entity_count.saturating_add(1);
            }
            if report.counts() {
                incident.firing[place(report.alert.severity)] += 1;
            }
            share(incident, report.alert);
            if newly_default {
                incident.default_route = true;
                incident.route_due |= incident.status == Status::Firing;
            }
            entities = incident.entity_count;
        }
        self.joined_lines(id, report, entities);
        self.settle_severity(id, &report.actor());
        let outcome = if report.suppression.is_some() { Outcome::Suppressed } else { Outcome::Joined };
        self.ends(outcome, Some(id))
    }

    fn joined_lines(&mut self, id: IncidentId, report: &Report<'_>, entities: u32) {
        if entities > LISTED_ENTITIES_LIMIT {
            return;
        }
        if report.suppression.is_some() {
            self.suppressed_line(id, report);
        } else {
            let mut text = lines::joined(&report.actor(), report.alert.title(), report.alert.severity);
            if entities == LISTED_ENTITIES_LIMIT {
                text = lines::last_listed(text);
            }
            let cause = report.note(&NoteKind::Grouped).map(|note| lines::cause(note, report.revision));
            self.line(id, LineKind::Joined, text, report.actor(), cause);
        }
        self.note_lines(id, report, |kind| !matches!(kind, NoteKind::Grouped | NoteKind::Suppressed));
    }

    fn suppressed_line(&mut self, id: IncidentId, report: &Report<'_>) {
        let note = report.note(&NoteKind::Suppressed);
        let text = lines::suppressed(report.alert.title(), report.alert.severity, report.suppression, note);
        let cause = note.map(|note| lines::cause(note, report.revision));
        self.line(id, LineKind::Suppressed, text, report.actor(), cause);
    }

    fn note_lines(&mut self, id: IncidentId, report: &Report<'_>, wanted: impl Fn(&NoteKind) -> bool) {
        for note in report.notes.iter().filter(|note| wanted(&note.kind)) {
            if let Some((kind, text)) = lines::of_note(note, report.key, report.suppression) {
                self.line(id, kind, text, report.actor(), Some(lines::cause(note, report.revision)));
            }
        }
    }

    fn open(mut self, report: &Report<'_>) -> Change {
        let (id, at) = (self.moment.incident, self.at());
        self.record(report, Some(id), true);
        let mut incident = new_incident(id, at, report);
        // Those that waited for the threshold come with it.
        let entity = &report.alert.entity;
        self.ground.waiting.retain(|state| state.entity != *entity && waits(state));
        for state in &mut self.ground.waiting {
            state.incident = Some(id);
            state.counted = true;
            incident.firing[place(state.severity)] += 1;
            incident.entity_count += 1;
            incident.alert_count = incident.alert_count.saturating_add(state.count);
            share(&mut incident, &state.alert);
        }
        incident.severity = incident.worst_firing().unwrap_or(report.alert.severity);
        let title = incident.title.clone();
        let severity = incident.severity;
        self.ground.incidents.push(incident);
        self.change.incidents.push(id);
        self.change.waiting = !self.ground.waiting.is_empty();
        self.set_open(Some(id));

        self.line(id, LineKind::Opened, lines::opened(&report.actor(), &title, severity), report.actor(), None);
        self.note_lines(id, report, |_| true);
        for at in 0..self.ground.waiting.len().min(LISTED_ENTITIES_LIMIT as usize) {
            let state = &self.ground.waiting[at];
            let actor = lines::reporter(state.integration.as_ref());
            let text = lines::joined(&actor, state.alert.title(), state.severity);
            self.line(id, LineKind::Joined, text, actor, None);
        }
        self.ends(Outcome::Opened, Some(id))
    }

    fn acknowledged(mut self, report: &Report<'_>) -> Change {
        let Some(id) = self.attached() else { return self.ends(Outcome::Recorded, None) };
        let at = self.at();
        if let Some(state) = &mut self.ground.alert {
            // What it said when it fired, and the decision on that, stay: they are why people were paged.
            state.status = Status::Acknowledged;
            state.last_at = at;
            self.change.alert = true;
        }
        if self.ground.incident(id).is_some_and(|i| i.status == Status::Firing) {
            let actor = report.actor();
            let text = format!("{} acknowledged: {}", lines::name(&actor), report.alert.title());
            self.acknowledge(id, text, actor);
        }
        self.ends(Outcome::Acknowledged, Some(id))
    }

    fn recovered(self, report: &Report<'_>) -> Change {
        let Some(state) = self.ground.alert.as_ref().filter(|state| state.status != Status::Resolved) else {
            return self.ends(Outcome::Recorded, None);
        };
        // A recovery often says less than the alert did: what it said when it fired stays, and names it here.
        let title = state.alert.title().to_owned();
        let attached = self.attached();
        let was = self.ground.alert.as_ref().map(|s| (s.counted, s.severity));
        self.recover(attached, was, LineKind::AlertResolved, lines::recovered(&title), report.actor())
    }

    /// The entity fires no more; the last one to say so resolves the incident.
    pub(super) fn recover(
        mut self,
        attached: Option<IncidentId>,
        was: Option<(bool, Severity)>,
        kind: LineKind,
        text: String,
        actor: Actor,
    ) -> Change {
        let at = self.at();
        if let Some(state) = &mut self.ground.alert {
            state.status = Status::Resolved;
            state.counted = false;
            state.suppressed_until = None;
            state.expires_at = None;
            state.last_at = at;
            self.change.alert = true;
        }
        let Some(id) = attached else { return self.ends(Outcome::Recorded, None) };
        let (mut left, mut entities) = (0, 0);
        if let Some(incident) = self.touch(id) {
            if let Some((true, severity)) = was {
                incident.firing[place(severity)] = incident.firing[place(severity)].saturating_sub(1);
            }
            incident.last_alert_at = incident.last_alert_at.max(at);
            left = incident.firing.iter().sum();
            entities = incident.entity_count;
        }
        if entities <= LISTED_ENTITIES_LIMIT || left == 0 {
            self.line(id, kind, text, actor.clone(), None);
        }
        if left == 0 {
            self.resolve(id, lines::all_recovered(entities), actor);
        } else {
            self.settle_severity(id, &actor);
        }
        self.ends(Outcome::Resolved, Some(id))
    }

    /// Writes what is now known of the entity.
    fn record(&mut self, report: &Report<'_>, incident: Option<IncidentId>, counted: bool) {
        let at = self.at();
        let expires_at = report.alert.expires_at.map(|end| self.moment.availability.due(at, end));
        let attached = self.attached();
        self.change.alert = true;
        let Some(state) = &mut self.ground.alert else {
            self.ground.alert = Some(AlertState {
                id: self.moment.alert,
                team: report.team.clone(),
                entity: report.alert.entity.clone(),
                status: Status::Firing,
                severity: report.alert.severity,
                incident,
                key: report.key.to_owned(),
                integration: report.integration.cloned(),
                first_at: at,
                last_at: at,
                count: 1,
                counted,
                suppressed_until: report.suppression,
                expires_at,
                alert: Arc::clone(report.alert),
                last_decision: report.decision,
            });
            return;
        };
        // Resolved by itself or by a person, it begins anew; one that waits or is suppressed goes on.
        if state.status == Status::Resolved || (attached.is_none() && state.incident.is_some()) {
            state.first_at = at;
            state.count = 0;
        }
        // While it is on an open incident it stays under the key that it came with, whatever a newer configuration computes.
        if attached.is_none() {
            report.key.clone_into(&mut state.key);
        }
        state.status = Status::Firing;
        state.severity = report.alert.severity;
        state.incident = incident;
        state.integration = report.integration.cloned();
        state.last_at = at;
        state.count = state.count.saturating_add(1);
        state.counted = counted;
        state.suppressed_until = report.suppression;
        state.expires_at = expires_at;
        state.alert = Arc::clone(report.alert);
        state.last_decision = report.decision;
    }

    /// A word for the record about something that fires: only its times move.
    fn record_aside(&mut self, report: &Report<'_>) {
        let at = self.at();
        let expires_at = report.alert.expires_at.map(|end| self.moment.availability.due(at, end));
        if let Some(state) = &mut self.ground.alert {
            state.last_at = at;
            state.count = state.count.saturating_add(1);
            let alert = Arc::make_mut(&mut state.alert);
            alert.summary.clone_from(&report.alert.summary);
            if expires_at.is_some() {
                state.expires_at = expires_at;
                alert.expires_at = report.alert.expires_at;
            }
            state.last_decision = report.decision;
            self.change.alert = true;
        }
    }
}

/// Firing, for no incident yet, and not because it is suppressed.
fn waits(state: &AlertState) -> bool {
    state.status == Status::Firing && state.incident.is_none() && state.suppressed_until.is_none() && state.severity != Severity::Info
}

fn new_incident(id: IncidentId, at: Millis, report: &Report<'_>) -> Incident {
    let alert = report.alert;
    let mut firing = [0; 4];
    firing[place(alert.severity)] = 1;
    Incident {
        id,
        team: report.team.clone(),
        key: report.key.to_owned(),
        title: report.grouping.and_then(|g| g.title.clone()).unwrap_or_else(|| alert.title().to_owned()),
        status: Status::Firing,
        severity: alert.severity,
        priority: None,
        service: alert.service.clone(),
        routing_key: alert.routing_key.clone(),
        opened_at: at,
        acknowledged_at: None,
        acknowledged_severity: None,
        resolved_at: None,
        last_alert_at: at,
        alert_count: 1,
        entity_count: 1,
        firing,
        responders: Vec::new(),
        labels: alert.labels.clone(),
        links: alert.links.clone(),
        related: report.grouping.map(|g| g.related.clone()).unwrap_or_default(),
        integration: report.integration.cloned(),
        default_route: report.default_route,
        own: false,
        route_due: true,
        routed_severity: None,
        version: 0,
        care: Care::default(),
    }
}
