//! What a person or a sender wants done to an incident.

use super::{Change, Ground, Moment, Transition, fire_again, lines};
use crate::alert::{DETAILS_LIMIT_BYTES, Status, cut};
use crate::care::{Answer, Asked, Purpose};
use crate::command::{Actor, Command, Operation, Priority};
use crate::decision::Outcome;
use crate::escalation::Target;
use crate::id::{IncidentId, UserId};
use crate::incident::Incident;
use crate::timeline::LineKind;

/// An acknowledgement says nothing new for so long after the last one, in seconds.
const CONFIRMED_SECONDS: i64 = 60;

/// The answer to who gave a command, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Done(String),
    Refused(String),
}

/// Does what the command says to `incident`, which the caller found by the command's subject; `None`: there is none. The ground holds it
/// and the open incident of its key. What is already so is done once more without a trace.
pub fn obey(ground: &mut Ground, command: &Command, incident: Option<IncidentId>, moment: Moment<'_>) -> (Change, Said) {
    let mut transition = Transition::on(ground, moment);
    let Some(id) = incident.filter(|id| transition.ground.incident(*id).is_some()) else {
        return (transition.ends(Outcome::Recorded, None), Said::Refused("there is no such incident".to_owned()));
    };
    let actor = &command.actor;
    let said = match &command.operation {
        Operation::Acknowledge => transition.acknowledge_by(id, actor),
        Operation::Unacknowledge => transition.give_back(id, actor),
        Operation::Resolve => transition.resolve_by(id, actor),
        Operation::AddNote(text) => transition.add_note(id, actor, text),
        Operation::SetPriority(priority) => transition.set_priority(id, actor, *priority),
        Operation::Snooze(until) => transition.snooze(id, actor, *until),
        Operation::EndSnooze(until) => transition.end_snooze(id, *until),
        Operation::ReturnStale(since) => transition.return_stale(id, *since),
        Operation::AutoResolve(last_alert_at) => transition.auto_resolve(id, *last_alert_at),
        Operation::Reroute(targets) => transition.reroute(id, actor, targets),
        Operation::AddResponders(targets) => transition.add_responders(id, actor, targets),
        Operation::Decline => transition.decline(id, actor),
        Operation::ResolveAs(mark, reason) => transition.resolve_as(id, actor, *mark, reason),
        Operation::Reopen => transition.reopen(id, actor),
        Operation::Take => transition.take_over(id, actor),
        Operation::SetRole(role, user) => transition.set_role(id, actor, role, user.as_ref()),
        Operation::Inform(message) => transition.inform(id, actor, message),
        Operation::Link(related) => transition.link(id, actor, related),
        Operation::Unlink(related) => transition.unlink(id, actor, related),
        Operation::Merge(target) => transition.merge(id, actor, *target),
        Operation::Split(alerts, title) => transition.split(id, actor, alerts, title.as_deref()),
    };
    let outcome = match (&said, &command.operation) {
        (Said::Done(_), Operation::Acknowledge | Operation::Take | Operation::Snooze(_) | Operation::Decline) => Outcome::Acknowledged,
        (Said::Done(_), Operation::Resolve | Operation::ResolveAs(..) | Operation::AutoResolve(_) | Operation::Merge(_)) => {
            Outcome::Resolved
        }
        _ => Outcome::Recorded,
    };
    (transition.ends(outcome, Some(id)), said)
}

impl Transition<'_> {
    pub(super) fn status(&self, id: IncidentId) -> Status {
        self.ground.incident(id).map_or(Status::Resolved, |i| i.status)
    }

    fn acknowledge_by(&mut self, id: IncidentId, actor: &Actor) -> Said {
        let status = self.status(id);
        let known = match actor {
            Actor::User(user, _) => self.ground.incident(id).is_some_and(|i| i.responders.contains(user) && !self.has_more_to_say(i, user)),
            _ => status == Status::Acknowledged,
        };
        let rested = self.ground.incident(id).is_some_and(|i| i.care.snoozed_until.is_some());
        let joined = matches!(actor, Actor::User(user, _) if self.ground.incident(id).is_some_and(|i| i.responders.contains(user)));
        match status {
            Status::Resolved => Said::Refused(format!("incident {id} is already resolved")),
            Status::Acknowledged if known => Said::Done(format!("incident {id} was already acknowledged")),
            Status::Acknowledged | Status::Firing => {
                let how = match status {
                    Status::Acknowledged if joined => " again",
                    Status::Acknowledged => " too",
                    _ => "",
                };
                let rested = if rested { ": the snooze is over" } else { "" };
                let text = format!("{} acknowledged{how}{}{rested}", lines::name(actor), lines::way(actor));
                self.acknowledge(id, text, actor.clone());
                Said::Done(format!("incident {id} is acknowledged"))
            }
        }
    }

    /// Whether another acknowledgement by somebody who is on it already means something: it ends a snooze, answers a call for help, or
    /// restarts the clock after which it would fire again; pressing twice does not.
    fn has_more_to_say(&self, incident: &Incident, user: &UserId) -> bool {
        let care = &incident.care;
        let asked =
            |a: &Asked| a.answer == Answer::Open && (a.target == Target::User(user.clone()) || self.ground.paged.contains(&a.number));
        let stale = care.timers.contains_key(&Purpose::Return)
            && care.confirmed_at.is_none_or(|then| self.at().since(then) >= CONFIRMED_SECONDS * 1000);
        care.snoozed_until.is_some() || care.asked.iter().any(asked) || stale
    }

    fn give_back(&mut self, id: IncidentId, actor: &Actor) -> Said {
        match self.status(id) {
            Status::Resolved => Said::Refused(format!("incident {id} is already resolved")),
            Status::Firing => Said::Done(format!("incident {id} was not acknowledged")),
            Status::Acknowledged => {
                if let Some(incident) = self.touch(id) {
                    fire_again(incident);
                }
                let text = format!("{} gave it back{}", lines::name(actor), lines::way(actor));
                self.line(id, LineKind::Unacknowledged, text, actor.clone(), None);
                Said::Done(format!("incident {id} escalates again"))
            }
        }
    }

    fn resolve_by(&mut self, id: IncidentId, actor: &Actor) -> Said {
        if self.status(id) == Status::Resolved {
            return Said::Done(format!("incident {id} was already resolved"));
        }
        let text = format!("{} resolved it{}", lines::name(actor), lines::way(actor));
        self.resolve(id, text, actor.clone());
        Said::Done(format!("incident {id} is resolved"))
    }

    fn add_note(&mut self, id: IncidentId, actor: &Actor, text: &str) -> Said {
        let text = cut(text.trim(), DETAILS_LIMIT_BYTES);
        if text.is_empty() {
            return Said::Refused("a note needs text".to_owned());
        }
        self.touch(id);
        self.line(id, LineKind::Noted, format!("{}: {text}", lines::name(actor)), actor.clone(), None);
        Said::Done(format!("the note stands on incident {id}"))
    }

    fn set_priority(&mut self, id: IncidentId, actor: &Actor, priority: Priority) -> Said {
        let word = priority.as_str();
        if self.ground.incident(id).is_some_and(|i| i.priority == Some(priority)) {
            return Said::Done(format!("incident {id} already has priority {word}"));
        }
        if let Some(incident) = self.touch(id) {
            incident.priority = Some(priority);
        }
        let text = format!("{} set the priority to {word}{}", lines::name(actor), lines::way(actor));
        self.line(id, LineKind::PrioritySet, text, actor.clone(), None);
        Said::Done(format!("incident {id} has priority {word}"))
    }
}
