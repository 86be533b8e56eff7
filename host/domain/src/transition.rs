//! Where alerts meet incidents: what a decision, a command, a notice or an alert's own time does to them.
//!
//! Pure: the caller loads the rows that one input touches into a [`Ground`], gets them back changed together with a [`Change`] that says
//! which ones and why, and writes those in one transaction. Whatever is not said here does not happen to an incident at the commit.

mod alert;
mod closing;
mod command;
mod hold;
mod lines;
mod moving;
mod notice;
mod people;
mod resting;
mod wake;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod response_cases;
#[cfg(test)]
mod world;

pub use alert::decide;
pub use command::{Said, obey};
pub use hold::{Held, wake_held};
pub use moving::split_words;
pub use notice::{RETRIGGER_SECONDS, note, notice_key};
pub use wake::wake;

use crate::alert::{DETAILS_LIMIT_BYTES, LINKS_LIMIT, Severity, Status};
use crate::care::Answer;
use crate::command::Actor;
use crate::decision::Outcome;
use crate::escalation::Target;
use crate::expiry::Availability;
use crate::id::{AlertId, IncidentId, UserId};
use crate::incident::{AlertState, Incident, Window};
use crate::time::Millis;
use crate::timeline::{Cause, Line, LineKind};

/// A suppression without an end.
pub const FOREVER: Millis = Millis(i64::MAX);
/// Entities beyond so many join an incident without a line of their own; they are counted all the same.
pub const LISTED_ENTITIES_LIMIT: u32 = 500;

/// The rows that one input touches, as they stand.
#[derive(Debug, Clone, Default)]
pub struct Ground {
    /// The state of the entity.
    pub alert: Option<AlertState>,
    /// The incident that the alert is recorded on, the open one of the key, the one that a command means; each once.
    pub incidents: Vec<Incident>,
    /// Which open incident new alerts of the key join. For a firing decision the decision's key is meant, otherwise the key of the
    /// incident that the input follows.
    pub open: Option<IncidentId>,
    /// The arrivals under the key.
    pub window: Option<Window>,
    /// The firing alerts that wait under the key; needed only where a threshold is about to be reached.
    pub waiting: Vec<AlertState>,
    /// The alerts on the incident that a command means, where it moves or counts them; at most [`crate::care::MOVED_LIMIT`] and one more.
    pub alerts: Vec<AlertState>,
    /// The keys of incidents that were merged into the one that a command means, with the open incident of each.
    pub keys: Vec<(String, Option<IncidentId>)>,
    /// For whose call for help the actor of a command was paged, by [`crate::care::Asked::number`].
    pub paged: Vec<u32>,
}

impl Ground {
    /// The incident with this id, if it was loaded.
    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.iter().find(|i| i.id == id)
    }

    fn incident_mut(&mut self, id: IncidentId) -> Option<&mut Incident> {
        self.incidents.iter_mut().find(|i| i.id == id)
    }
}

/// What surrounds an input.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// When the input came in: all that is reckoned, is reckoned with this.
    pub at: Millis,
    /// An id for a new alert row; unused unless one is made.
    pub alert: AlertId,
    /// An id for a new incident; unused unless one opens.
    pub incident: IncidentId,
    /// When the host could take alerts in.
    pub availability: &'a Availability,
}

/// What happened: which rows of the [`Ground`] are to be written, and the lines that tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub outcome: Outcome,
    /// The incident that the input came to.
    pub incident: Option<IncidentId>,
    /// [`Ground::alert`] changed.
    pub alert: bool,
    /// [`Ground::waiting`] changed, all of it.
    pub waiting: bool,
    /// [`Ground::window`] changed.
    pub window: bool,
    /// [`Ground::open`] changed.
    pub open: bool,
    /// Those of [`Ground::incidents`] that changed, each once.
    pub incidents: Vec<IncidentId>,
    pub lines: Vec<(IncidentId, Line)>,
    /// Those of [`Ground::alerts`] that changed.
    pub moved: Vec<AlertId>,
    /// Keys whose new alerts join another incident from now on.
    pub keys: Vec<(String, IncidentId)>,
    /// Stakeholders are to be told.
    pub informs: bool,
}

impl Change {
    fn none() -> Self {
        Self {
            outcome: Outcome::Recorded,
            incident: None,
            alert: false,
            waiting: false,
            window: false,
            open: false,
            incidents: Vec::new(),
            lines: Vec::new(),
            moved: Vec::new(),
            keys: Vec::new(),
            informs: false,
        }
    }
}

/// One input at work on its ground.
struct Transition<'a> {
    ground: &'a mut Ground,
    moment: Moment<'a>,
    change: Change,
}

impl<'a> Transition<'a> {
    fn on(ground: &'a mut Ground, moment: Moment<'a>) -> Self {
        Self { ground, moment, change: Change::none() }
    }

    fn at(&self) -> Millis {
        self.moment.at
    }

    fn ends(mut self, outcome: Outcome, incident: Option<IncidentId>) -> Change {
        self.change.outcome = outcome;
        self.change.incident = incident;
        self.change
    }

    fn line(&mut self, incident: IncidentId, kind: LineKind, text: String, actor: Actor, cause: Option<Cause>) {
        let text = crate::alert::cut(&text, DETAILS_LIMIT_BYTES);
        self.change.lines.push((incident, Line { at: self.moment.at, kind, text, actor, cause }));
    }

    /// The incident, marked as changed. Every id that comes here was found in the ground.
    fn touch(&mut self, id: IncidentId) -> Option<&mut Incident> {
        if !self.change.incidents.contains(&id) {
            self.change.incidents.push(id);
        }
        self.ground.incident_mut(id)
    }

    fn set_open(&mut self, open: Option<IncidentId>) {
        self.ground.open = open;
        self.change.open = true;
    }

    /// The open incident that the entity is firing (or acknowledged) on.
    fn attached(&self) -> Option<IncidentId> {
        let state = self.ground.alert.as_ref().filter(|s| s.status != Status::Resolved)?;
        self.ground.incident(state.incident?).filter(|i| i.is_open()).map(|i| i.id)
    }

    /// Brings the incident's severity in line with what fires on it; a rise calls for the router.
    fn settle_severity(&mut self, id: IncidentId, actor: &Actor) {
        let Some(incident) = self.ground.incident(id) else { return };
        let (before, acknowledged) = (incident.severity, incident.acknowledged_severity);
        let retriggers = incident.status == Status::Acknowledged;
        let Some(worst) = incident.worst_firing().filter(|worst| *worst != before) else { return };
        let rose = worst > before;
        let retriggers = retriggers && rose && acknowledged.is_none_or(|then| worst > then);
        let calls = rose && (retriggers || incident.status == Status::Firing);
        if let Some(incident) = self.touch(id) {
            incident.severity = worst;
            incident.route_due |= calls;
            if retriggers {
                fire_again(incident);
            }
        }
        self.line(id, LineKind::SeverityChanged, lines::severity_changed(before, worst), actor.clone(), None);
        if retriggers {
            self.line(id, LineKind::Unacknowledged, lines::retriggered(acknowledged, worst), Actor::Host, None);
        }
    }

    fn resolve(&mut self, id: IncidentId, text: String, actor: Actor) {
        let at = self.at();
        if let Some(incident) = self.touch(id) {
            incident.status = Status::Resolved;
            incident.resolved_at = Some(at);
            incident.route_due = false;
            incident.care.snoozed_until = None;
            for asked in incident.care.asked.iter_mut().filter(|asked| asked.answer == Answer::Open) {
                asked.answer = Answer::Over;
            }
        }
        if self.ground.open == Some(id) {
            self.set_open(None);
        }
        self.line(id, LineKind::Resolved, text, actor, None);
    }

    fn acknowledge(&mut self, id: IncidentId, text: String, actor: Actor) {
        let at = self.at();
        let paged = self.ground.paged.clone();
        if let Some(incident) = self.touch(id) {
            if incident.status != Status::Acknowledged {
                incident.status = Status::Acknowledged;
                incident.acknowledged_at = Some(at);
                incident.acknowledged_severity = Some(incident.severity);
                // Somebody is on it: what was not routed yet pages nobody; a higher severity or giving it back routes it again.
                incident.route_due &= incident.care.asked.iter().any(|asked| asked.answer == Answer::Open);
            }
            incident.care.snoozed_until = None;
            incident.care.confirmed_at = Some(at);
            if let Actor::User(user, _) = &actor
                && !incident.responders.contains(user)
            {
                incident.responders.push(user.clone());
            }
            if let Actor::User(user, _) = &actor {
                accept(incident, user, &paged);
            }
        }
        self.line(id, LineKind::Acknowledged, text, actor, None);
    }
}

/// Nobody answers for it any more: it escalates again from the start.
fn fire_again(incident: &mut Incident) {
    incident.status = Status::Firing;
    incident.acknowledged_at = None;
    incident.acknowledged_severity = None;
    incident.responders.clear();
    incident.route_due = true;
    incident.care.snoozed_until = None;
    incident.care.confirmed_at = None;
    incident.care.epoch = incident.care.epoch.saturating_add(1);
}

/// Whoever was asked to help, by name or because this call for help paged them, is on it.
fn accept(incident: &mut Incident, user: &UserId, paged: &[u32]) {
    for asked in incident.care.asked.iter_mut().filter(|asked| asked.answer == Answer::Open) {
        if asked.target == Target::User(user.clone()) || paged.contains(&asked.number) {
            asked.answer = Answer::Accepted;
            asked.user = Some(user.clone());
        }
    }
}

/// Keeps of the incident's labels those that this alert has too, and adds its links.
fn share(incident: &mut Incident, alert: &crate::alert::Alert) {
    incident.labels.retain(|(name, value)| alert.label(name) == Some(value));
    for link in &alert.links {
        if incident.links.len() < LINKS_LIMIT && !incident.links.contains(link) {
            incident.links.push(link.clone());
        }
    }
}

fn place(severity: Severity) -> usize {
    severity as usize
}
