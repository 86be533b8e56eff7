//! How an incident ends, what it turned out to be, that it was not over after all, and what has to do with it.

use super::command::Said;
use super::{Transition, fire_again, lines, place};
use crate::alert::{Status, cut};
use crate::care::{Closing, REASON_LIMIT_BYTES, RELATED_LIMIT, Related};
use crate::command::{Actor, Mark};
use crate::id::IncidentId;
use crate::timeline::LineKind;

impl Transition<'_> {
    /// Resolves and says what it was; on a resolved one, only says it.
    pub(super) fn resolve_as(&mut self, id: IncidentId, actor: &Actor, mark: Option<Mark>, reason: &str) -> Said {
        let closing = Closing { mark, reason: cut(reason.trim(), REASON_LIMIT_BYTES) };
        let Some(incident) = self.ground.incident(id) else { return Said::Refused(format!("there is no incident {id}")) };
        let says_nothing = closing.mark.is_none() && closing.reason.is_empty();
        if !incident.is_open() && (says_nothing || incident.care.closing.as_ref() == Some(&closing)) {
            return Said::Done(format!("incident {id} was already resolved"));
        }
        let (is_open, by, way) = (incident.is_open(), lines::name(actor), lines::way(actor));
        let because = if closing.reason.is_empty() { String::new() } else { format!(": {}", closing.reason) };
        let what = mark.map(Mark::words);
        if !says_nothing && let Some(incident) = self.touch(id) {
            incident.care.closing = Some(closing);
        }
        if is_open {
            let what = what.map(|what| format!(" as {what}")).unwrap_or_default();
            self.resolve(id, format!("{by} resolved it{what}{way}{because}"), actor.clone());
            return Said::Done(format!("incident {id} is resolved{what}"));
        }
        let text = match what {
            Some(what) => format!("{by} marked it as {what}{way}{because}"),
            None => format!("{by} says why it ended{way}{because}"),
        };
        self.line(id, LineKind::Marked, text, actor.clone(), None);
        Said::Done(format!("incident {id} is marked{}", what.map(|what| format!(" as {what}")).unwrap_or_default()))
    }

    /// It was not over: it fires and escalates again, with those of its alerts that still fire.
    pub(super) fn reopen(&mut self, id: IncidentId, actor: &Actor) -> Said {
        let Some(incident) = self.ground.incident(id) else { return Said::Refused(format!("there is no incident {id}")) };
        if incident.is_open() {
            return Said::Done(format!("incident {id} is open"));
        }
        if let Some(target) = incident.care.merged_into {
            return Said::Refused(format!("incident {id} was merged into incident {target}: reopen that one"));
        }
        let mut firing = [0; 4];
        for state in self.ground.alerts.iter().filter(|s| s.incident == Some(id) && s.status != Status::Resolved && s.counted) {
            firing[place(state.severity)] += 1;
        }
        if let Some(incident) = self.touch(id) {
            incident.firing = firing;
            incident.severity = incident.worst_firing().unwrap_or(incident.severity);
            incident.resolved_at = None;
            incident.care.closing = None;
            fire_again(incident);
        }
        // No alert has the key of one that was split off.
        let has_key = self.ground.incident(id).is_some_and(|incident| incident.care.split_from.is_none());
        if has_key && self.ground.open.is_none() {
            self.set_open(Some(id));
        }
        self.line(id, LineKind::Reopened, format!("{} reopened it{}", lines::name(actor), lines::way(actor)), actor.clone(), None);
        Said::Done(format!("incident {id} is open again"))
    }

    /// Puts something beside it that has to do with it.
    pub(super) fn link(&mut self, id: IncidentId, actor: &Actor, related: &Related) -> Said {
        let Some(incident) = self.ground.incident(id) else { return Said::Refused(format!("there is no incident {id}")) };
        if *related == Related::Incident(id) {
            return Said::Refused("an incident cannot be linked to itself".to_owned());
        }
        if incident.care.related.iter().any(|known| is_same(known, related)) {
            return Said::Done(format!("incident {id} is already linked to {related}"));
        }
        if incident.care.related.len() >= RELATED_LIMIT {
            return Said::Refused(format!("{RELATED_LIMIT} links on one incident are the most"));
        }
        if let Some(incident) = self.touch(id) {
            incident.care.related.push(related.clone());
        }
        let text = format!("{} linked it to {related}{}", lines::name(actor), lines::way(actor));
        self.line(id, LineKind::Linked, text, actor.clone(), None);
        Said::Done(format!("incident {id} is linked to {related}"))
    }

    /// Takes such a link away.
    pub(super) fn unlink(&mut self, id: IncidentId, actor: &Actor, related: &Related) -> Said {
        let Some(incident) = self.ground.incident(id) else { return Said::Refused(format!("there is no incident {id}")) };
        let Some(known) = incident.care.related.iter().find(|known| is_same(known, related)).cloned() else {
            return Said::Done(format!("incident {id} is not linked to {related}"));
        };
        if let Some(incident) = self.touch(id) {
            incident.care.related.retain(|other| *other != known);
        }
        let text = format!("{} took the link to {known} away{}", lines::name(actor), lines::way(actor));
        self.line(id, LineKind::Linked, text, actor.clone(), None);
        Said::Done(format!("incident {id} is not linked to {known} any more"))
    }
}

/// The same incident, or the same address whatever it is called.
fn is_same(one: &Related, other: &Related) -> bool {
    match (one, other) {
        (Related::Page { url, .. }, Related::Page { url: other, .. }) => url == other,
        _ => one == other,
    }
}
