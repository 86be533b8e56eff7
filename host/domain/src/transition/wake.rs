//! What an alert's own time does: nobody reported it again, or its suppression ends.

use super::alert::Report;
use super::{Change, Ground, Moment, Transition, lines, place};
use crate::alert::{Severity, Status};
use crate::decision::Outcome;
use crate::id::{IncidentId, Revision};
use crate::time::Millis;
use crate::timeline::LineKind;

/// Applies what is due on an alert at the moment. The ground holds its state, the incident recorded on it, and the open incident of
/// [`crate::incident::AlertState::key`]. Nothing is due if it was reported again in the meantime.
pub fn wake(ground: &mut Ground, moment: Moment<'_>) -> Change {
    let transition = Transition::on(ground, moment);
    let Some(state) = transition.ground.alert.as_ref().filter(|s| s.status != Status::Resolved) else {
        return transition.ends(Outcome::Recorded, None);
    };
    // Reckoned anew: an outage since the last report may have moved the end.
    let expires_at = state.alert.expires_at.map(|end| moment.availability.due(state.last_at, end));
    let due = |instant: Option<Millis>| instant.is_some_and(|i| i <= moment.at);
    if due(expires_at) {
        return transition.expire();
    }
    let ended = due(state.suppressed_until);
    if expires_at == state.expires_at && !ended {
        let incident = transition.attached();
        return transition.ends(Outcome::Recorded, incident);
    }
    transition.go_on(expires_at, ended)
}

impl Transition<'_> {
    fn expire(self) -> Change {
        let Some(state) = &self.ground.alert else { return self.ends(Outcome::Recorded, None) };
        let was = Some((state.counted, state.severity));
        let (text, actor) = (lines::expired(state.alert.title()), lines::reporter(state.integration.as_ref()));
        let attached = self.attached();
        self.recover(attached, was, LineKind::AlertExpired, text, actor)
    }

    /// It still fires: its end moved, its suppression is over, or both.
    fn go_on(mut self, expires_at: Option<Millis>, ended: bool) -> Change {
        let attached = self.attached();
        if let Some(state) = &mut self.ground.alert {
            state.expires_at = expires_at;
            self.change.alert = true;
        }
        match attached {
            _ if !ended => self.ends(Outcome::Recorded, attached),
            Some(id) => self.count_again(id),
            None => self.set_free(),
        }
    }

    /// Its suppression is over and it is on an open incident.
    fn count_again(mut self, id: IncidentId) -> Change {
        let Some(state) = &mut self.ground.alert else { return self.ends(Outcome::Recorded, None) };
        let severity = state.severity;
        let counts = severity != Severity::Info && !state.counted;
        state.suppressed_until = None;
        state.counted |= counts;
        let text = lines::suppression_ended(state.alert.title(), severity);
        let actor = lines::reporter(state.integration.as_ref());
        if counts {
            if let Some(incident) = self.touch(id) {
                incident.firing[place(severity)] += 1;
            }
            self.line(id, LineKind::Joined, text, actor.clone(), None);
            self.settle_severity(id, &actor);
        }
        self.ends(Outcome::Joined, Some(id))
    }

    /// Its suppression is over and no open incident has it: it goes on as if kept.
    fn set_free(self) -> Change {
        let Some(state) = &mut self.ground.alert else { return self.ends(Outcome::Recorded, None) };
        state.suppressed_until = None;
        let before = state.clone();
        // It is not reported once more, only looked at once more.
        state.count = state.count.saturating_sub(1);
        let report = Report {
            decision: before.last_decision,
            revision: Revision::default(),
            team: &before.team,
            integration: before.integration.as_ref(),
            alert: &before.alert,
            key: &before.key,
            grouping: None,
            suppression: None,
            default_route: false,
            notes: &[],
        };
        let alert_changed = self.change.alert;
        let (ground, moment) = (&mut *self.ground, self.moment);
        let mut change = Transition::on(ground, moment).fire(&report);
        if let Some(state) = &mut ground.alert {
            state.last_at = before.last_at;
            state.first_at = before.first_at;
            state.count = before.count;
            state.expires_at = before.expires_at;
        }
        change.alert |= alert_changed;
        change
    }
}
