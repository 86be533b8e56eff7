//! Alerts that people move from one incident to another: two that are one, and one that is two.

use super::command::Said;
use super::{Transition, lines, place, share};
use crate::alert::{Severity, Status, cut};
use crate::care::{Care, KEYS_LIMIT, MOVED_LIMIT};
use crate::command::Actor;
use crate::id::{AlertId, IncidentId};
use crate::incident::{AlertState, Incident};
use crate::timeline::LineKind;

/// Longest title that a person gives, in bytes.
const TITLE_LIMIT_BYTES: usize = 1024;

/// What is answered to a split, the first time and each time that it is asked for again.
pub fn split_words(count: usize, id: IncidentId, new: IncidentId) -> String {
    let alerts = if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") };
    format!("{alerts} of incident {id} {} incident {new} now", if count == 1 { "is" } else { "are" })
}

impl Transition<'_> {
    /// Moves all alerts of `id` to `target` and closes it; what recovers or comes under its key later finds `target`.
    pub(super) fn merge(&mut self, id: IncidentId, actor: &Actor, target: IncidentId) -> Said {
        match self.mergeable(id, target) {
            Err(said) => return said,
            Ok(()) => self.move_all(id, target),
        }
        let (by, way) = (lines::name(actor), lines::way(actor));
        let title = self.ground.incident(id).map(|i| i.title.clone()).unwrap_or_default();
        self.line(target, LineKind::Merged, format!("{by} merged incident {id} into it{way}: {title}"), actor.clone(), None);
        if let Some(incident) = self.touch(id) {
            incident.care.merged_into = Some(target);
            incident.firing = [0; 4];
        }
        self.line(id, LineKind::Merged, format!("{by} merged it into incident {target}{way}"), actor.clone(), None);
        let open = self.ground.open;
        self.resolve(id, format!("Resolved: it goes on as incident {target}"), actor.clone());
        // Its key leads to the target, unless something newer has it.
        if open.is_none() || open == Some(id) {
            self.set_open(Some(target));
        }
        let further = std::mem::take(&mut self.ground.keys);
        self.change.keys.extend(further.into_iter().filter(|(_, open)| *open == Some(id)).map(|(key, _)| (key, target)));
        self.settle_severity(target, actor);
        Said::Done(format!("incident {id} is merged into incident {target}"))
    }

    fn mergeable(&self, id: IncidentId, target: IncidentId) -> Result<(), Said> {
        let refused = |why: String| Err(Said::Refused(why));
        let Some(source) = self.ground.incident(id) else { return refused(format!("there is no incident {id}")) };
        if source.care.merged_into == Some(target) {
            return Err(Said::Done(format!("incident {id} was already merged into incident {target}")));
        }
        if id == target {
            return refused("an incident cannot be merged into itself".to_owned());
        }
        let Some(into) = self.ground.incident(target) else { return refused(format!("there is no incident {target}")) };
        if source.team != into.team {
            return refused(format!("incidents {id} and {target} are of different teams: link them instead"));
        }
        if source.own || into.own {
            return refused("an incident about Reveille itself is merged with no other".to_owned());
        }
        if !source.is_open() || !into.is_open() {
            let over = if source.is_open() { target } else { id };
            return refused(format!("incident {over} is already resolved"));
        }
        if self.ground.alerts.len() > MOVED_LIMIT as usize {
            return refused(format!("incident {id} has more than {MOVED_LIMIT} alerts: too many to move at once"));
        }
        if into.care.keys.len() + source.care.keys.len() >= KEYS_LIMIT {
            return refused(format!("{KEYS_LIMIT} incidents merged into one are the most"));
        }
        Ok(())
    }

    fn move_all(&mut self, id: IncidentId, target: IncidentId) {
        let mut moved = std::mem::take(&mut self.ground.alerts);
        moved.retain(|state| state.incident == Some(id));
        let Some(source) = self.ground.incident(id).cloned() else { return };
        if let Some(into) = self.touch(target) {
            for state in &moved {
                take_in(into, state);
            }
            into.alert_count = into.alert_count.saturating_add(source.alert_count);
            into.entity_count = into.entity_count.saturating_add(source.entity_count);
            into.last_alert_at = into.last_alert_at.max(source.last_alert_at);
            into.care.keys.push(source.key.clone());
            into.care.keys.extend(source.care.keys.iter().cloned());
        }
        for state in &mut moved {
            state.incident = Some(target);
        }
        self.change.moved.extend(moved.iter().map(|state| state.id));
        self.ground.alerts = moved;
    }

    /// Moves the chosen alerts to an incident of their own.
    pub(super) fn split(&mut self, id: IncidentId, actor: &Actor, chosen: &[AlertId], title: Option<&str>) -> Said {
        if self.status(id) == Status::Resolved {
            return Said::Refused(format!("incident {id} is already resolved"));
        }
        if let Err(why) = self.splittable(id, chosen) {
            return Said::Refused(why);
        }
        let new = self.moment.incident;
        let mut moved: Vec<AlertState> = std::mem::take(&mut self.ground.alerts);
        moved.retain(|state| chosen.contains(&state.id));
        let Some(mut made) = self.ground.incident(id).map(|source| self.split_off(source, new, &moved, title)) else {
            return Said::Refused(format!("there is no incident {id}"));
        };
        for state in &moved {
            take_in(&mut made, state);
        }
        made.severity = made.worst_firing().unwrap_or(made.severity);
        made.acknowledged_severity = made.acknowledged_severity.map(|_| made.severity);
        let (title, severity) = (made.title.clone(), made.severity);
        self.ground.incidents.push(made);
        self.change.incidents.push(new);
        for state in &mut moved {
            state.incident = Some(new);
        }
        self.change.moved.extend(moved.iter().map(|state| state.id));
        self.leave(id, &moved);
        self.ground.alerts = moved;

        let (by, way) = (lines::name(actor), lines::way(actor));
        let opened = format!("Split off from incident {id} by {by}{way}: {title} ({})", severity.as_str());
        self.line(new, LineKind::Opened, opened, actor.clone(), None);
        let count = self.ground.alerts.len();
        let alerts = if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") };
        self.line(id, LineKind::Split, format!("{by} split {alerts} off to incident {new}{way}"), actor.clone(), None);
        if self.ground.incident(id).is_some_and(|i| i.firing.iter().sum::<u32>() == 0) {
            self.resolve(id, format!("Resolved: what fires went to incident {new}"), actor.clone());
        } else {
            self.settle_severity(id, actor);
        }
        Said::Done(split_words(count, id, new))
    }

    fn splittable(&self, id: IncidentId, chosen: &[AlertId]) -> Result<(), String> {
        if chosen.is_empty() {
            return Err("say which alerts, by their ids".to_owned());
        }
        if chosen.len() > MOVED_LIMIT as usize {
            return Err(format!("{} alerts are too many to move at once: {MOVED_LIMIT} at most", chosen.len()));
        }
        let here: Vec<&AlertState> = self.ground.alerts.iter().filter(|state| state.incident == Some(id)).collect();
        if let Some(other) = chosen.iter().find(|alert| here.iter().all(|state| state.id != **alert)) {
            return Err(format!("alert {other} is not on incident {id}"));
        }
        let mine = |state: &&&AlertState| chosen.contains(&state.id);
        if here.iter().filter(mine).count() == here.len() {
            return Err(format!("these are all alerts of incident {id}: nothing would be left of it"));
        }
        if !here.iter().filter(mine).any(|state| state.status != Status::Resolved && state.counted) {
            return Err("none of these alerts fires".to_owned());
        }
        Ok(())
    }

    /// The new incident, without its alerts: whoever is on the old one is on it too.
    fn split_off(&self, source: &Incident, id: IncidentId, moved: &[AlertState], title: Option<&str>) -> Incident {
        let first = moved.iter().find(|state| state.status != Status::Resolved && state.counted).or(moved.first());
        let given = title.map(str::trim).filter(|title| !title.is_empty());
        let own = first.map_or_else(|| source.title.clone(), |state| state.alert.title().to_owned());
        let firing = source.status == Status::Firing;
        Incident {
            id,
            key: format!("{}/split/{id}", source.key),
            title: cut(given.unwrap_or(&own), TITLE_LIMIT_BYTES),
            severity: Severity::Warning,
            opened_at: self.moment.at,
            acknowledged_at: source.acknowledged_at.map(|_| self.moment.at),
            last_alert_at: moved.iter().map(|state| state.last_at).max().unwrap_or(self.moment.at),
            alert_count: moved.iter().fold(0, |sum, state| sum.saturating_add(state.count)),
            entity_count: moved.len() as u32,
            firing: [0; 4],
            service: first.and_then(|state| state.alert.service.clone()).or_else(|| source.service.clone()),
            routing_key: first.and_then(|state| state.alert.routing_key.clone()).or_else(|| source.routing_key.clone()),
            integration: first.and_then(|state| state.integration.clone()).or_else(|| source.integration.clone()),
            labels: first.map(|state| state.alert.labels.clone()).unwrap_or_default(),
            links: Vec::new(),
            related: Vec::new(),
            route_due: firing,
            routed_severity: None,
            version: 0,
            care: Care {
                split_from: Some(source.id),
                snoozed_until: source.care.snoozed_until,
                confirmed_at: source.care.confirmed_at.map(|_| self.moment.at),
                destination: source.care.destination.clone().map(|d| crate::care::Destination { epoch: 0, ..d }),
                ..Care::default()
            },
            ..source.clone()
        }
    }

    /// The alerts are not on `id` any more.
    fn leave(&mut self, id: IncidentId, moved: &[AlertState]) {
        if let Some(incident) = self.touch(id) {
            for state in moved {
                if state.counted && state.status != Status::Resolved {
                    incident.firing[place(state.severity)] = incident.firing[place(state.severity)].saturating_sub(1);
                }
                incident.alert_count = incident.alert_count.saturating_sub(state.count);
            }
            incident.entity_count = incident.entity_count.saturating_sub(moved.len() as u32);
        }
    }
}

/// Counts an alert among those of the incident.
fn take_in(incident: &mut Incident, state: &AlertState) {
    if state.counted && state.status != Status::Resolved {
        incident.firing[place(state.severity)] += 1;
    }
    share(incident, &state.alert);
}
