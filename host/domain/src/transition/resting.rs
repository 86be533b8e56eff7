//! An incident that rests for a while, and what the host does when its time has come: what people asked for, or what their team wants.

use super::command::Said;
use super::{Transition, fire_again, lines};
use crate::alert::Status;
use crate::care::SNOOZE_LIMIT_SECONDS;
use crate::command::Actor;
use crate::id::IncidentId;
use crate::time::Millis;
use crate::timeline::LineKind;

impl Transition<'_> {
    /// Acknowledged until then.
    pub(super) fn snooze(&mut self, id: IncidentId, actor: &Actor, until: Millis) -> Said {
        let when = until.rfc3339();
        let Some(incident) = self.ground.incident(id).filter(|i| i.is_open()) else {
            return Said::Refused(format!("incident {id} is already resolved"));
        };
        if until <= self.at() {
            return Said::Refused(format!("a snooze ends in the future, and {when} is past"));
        }
        if until > self.at().plus_seconds(SNOOZE_LIMIT_SECONDS) {
            return Said::Refused(format!("a snooze lasts {} days at most", SNOOZE_LIMIT_SECONDS / 86_400));
        }
        if incident.care.snoozed_until == Some(until) {
            return Said::Done(format!("incident {id} is already snoozed until {when}"));
        }
        let (was_firing, severity) = (incident.status == Status::Firing, incident.severity);
        let at = self.at();
        if let Some(incident) = self.touch(id) {
            if was_firing {
                incident.status = Status::Acknowledged;
                incident.acknowledged_at = Some(at);
                incident.acknowledged_severity = Some(severity);
                incident.route_due &= incident.care.asked.iter().any(|asked| asked.answer == crate::care::Answer::Open);
            }
            incident.care.snoozed_until = Some(until);
            if let Actor::User(user, _) = actor
                && !incident.responders.contains(user)
            {
                incident.responders.push(user.clone());
            }
        }
        self.line(
            id,
            LineKind::Snoozed,
            format!("{} snoozed it until {when}{}", lines::name(actor), lines::way(actor)),
            actor.clone(),
            None,
        );
        Said::Done(format!("incident {id} is snoozed until {when}"))
    }

    /// The host looks at a snooze whose end has come; one that was changed or answered since is left alone.
    pub(super) fn end_snooze(&mut self, id: IncidentId, until: Millis) -> Said {
        let due = self
            .ground
            .incident(id)
            .is_some_and(|i| i.status == Status::Acknowledged && i.care.snoozed_until == Some(until) && until <= self.moment.at);
        if !due {
            return Said::Refused(format!("incident {id} is not snoozed until {}", until.rfc3339()));
        }
        self.fires_again(id, "The snooze is over: it fires again".to_owned());
        Said::Done(format!("incident {id} fires again"))
    }

    /// The host looks at an acknowledgement that grew old; one that was renewed or answered since is left alone.
    pub(super) fn return_stale(&mut self, id: IncidentId, since: Millis) -> Said {
        let due = self.ground.incident(id).is_some_and(|i| {
            i.status == Status::Acknowledged && i.care.snoozed_until.is_none() && i.care.confirmed_at.max(i.acknowledged_at) == Some(since)
        });
        if !due {
            return Said::Refused(format!("incident {id} has not been acknowledged since {}", since.rfc3339()));
        }
        let on_it: Vec<String> = self.ground.incident(id).into_iter().flat_map(|i| &i.responders).map(ToString::to_string).collect();
        let who = if on_it.is_empty() { String::new() } else { format!(" by {}", on_it.join(", ")) };
        let for_ = lasted(self.at().since(since));
        self.fires_again(id, format!("Acknowledged{who} for {for_} and not resolved: it fires again"));
        Said::Done(format!("incident {id} fires again"))
    }

    fn fires_again(&mut self, id: IncidentId, text: String) {
        if let Some(incident) = self.touch(id) {
            fire_again(incident);
        }
        self.line(id, LineKind::Unacknowledged, text, Actor::Host, None);
    }

    /// The host looks at an incident that had no alert for long; one that had is left alone.
    pub(super) fn auto_resolve(&mut self, id: IncidentId, last_alert_at: Millis) -> Said {
        let due =
            self.ground.incident(id).is_some_and(|i| i.is_open() && i.last_alert_at == last_alert_at && i.care.snoozed_until.is_none());
        if !due {
            return Said::Refused(format!("incident {id} had an alert after {}", last_alert_at.rfc3339()));
        }
        let for_ = lasted(self.at().since(last_alert_at));
        self.resolve(id, format!("Resolved: no alert came for {for_}"), Actor::Host);
        Said::Done(format!("incident {id} is resolved"))
    }
}

/// A time that has passed, in its two largest units: `2 h 5 min`.
fn lasted(millis: i64) -> String {
    let minutes = millis.max(0) / 60_000;
    match (minutes / 1440, minutes % 1440 / 60, minutes % 60) {
        (0, 0, 0) => format!("{} s", millis.max(0) / 1000),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
