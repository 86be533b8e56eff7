//! What a person or a sender wants done to an incident.

use super::{Change, Ground, Moment, Transition, fire_again, lines};
use crate::alert::{DETAILS_LIMIT_BYTES, Status, cut};
use crate::command::{Actor, Command, Operation, Priority};
use crate::decision::Outcome;
use crate::id::IncidentId;
use crate::timeline::LineKind;

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
    };
    let outcome = match (&said, &command.operation) {
        (Said::Done(_), Operation::Acknowledge) => Outcome::Acknowledged,
        (Said::Done(_), Operation::Resolve) => Outcome::Resolved,
        _ => Outcome::Recorded,
    };
    (transition.ends(outcome, Some(id)), said)
}

impl Transition<'_> {
    fn status(&self, id: IncidentId) -> Status {
        self.ground.incident(id).map_or(Status::Resolved, |i| i.status)
    }

    fn acknowledge_by(&mut self, id: IncidentId, actor: &Actor) -> Said {
        let status = self.status(id);
        let known = match actor {
            Actor::User(user, _) => self.ground.incident(id).is_some_and(|i| i.responders.contains(user)),
            _ => status == Status::Acknowledged,
        };
        match status {
            Status::Resolved => Said::Refused(format!("incident {id} is already resolved")),
            Status::Acknowledged if known => Said::Done(format!("incident {id} was already acknowledged")),
            Status::Acknowledged | Status::Firing => {
                let too = if status == Status::Acknowledged { " too" } else { "" };
                let text = format!("{} acknowledged{too}{}", lines::name(actor), lines::way(actor));
                self.acknowledge(id, text, actor.clone());
                Said::Done(format!("incident {id} is acknowledged"))
            }
        }
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
