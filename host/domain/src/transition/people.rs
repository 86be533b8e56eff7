//! Who works on an incident: sending it elsewhere, asking for help, taking it over, roles, and telling those who only wait.

use super::command::Said;
use super::{Transition, fire_again, lines};
use crate::alert::{Status, cut};
use crate::care::{
    ASKED_LIMIT, Answer, Asked, Destination, RECIPIENTS_LIMIT, ROLE_LIMIT_BYTES, ROLES_LIMIT, TARGETS_LIMIT, UPDATE_LIMIT_BYTES, Update,
};
use crate::command::{Actor, Message};
use crate::escalation::Target;
use crate::id::{IncidentId, UserId};
use crate::timeline::LineKind;

impl Transition<'_> {
    /// Stops who is paged, and begins at the targets.
    pub(super) fn reroute(&mut self, id: IncidentId, actor: &Actor, targets: &[Target]) -> Said {
        let targets = match self.targets(id, targets) {
            Ok(targets) => targets,
            Err(why) => return Said::Refused(why),
        };
        let words = named(&targets);
        let same = |i: &crate::incident::Incident| {
            i.status == Status::Firing && i.care.destination.as_ref().is_some_and(|d| d.targets == targets && d.epoch == i.care.epoch)
        };
        if self.ground.incident(id).is_some_and(same) {
            return Said::Done(format!("incident {id} was already rerouted to {words}"));
        }
        let by = lines::name(actor);
        if let Some(incident) = self.touch(id) {
            fire_again(incident);
            incident.care.destination = Some(Destination { targets, by: by.clone(), epoch: incident.care.epoch });
        }
        self.line(id, LineKind::Rerouted, format!("{by} rerouted it to {words}{}", lines::way(actor)), actor.clone(), None);
        Said::Done(format!("incident {id} is rerouted to {words}"))
    }

    /// Pages the targets beside whoever is paged or on it.
    pub(super) fn add_responders(&mut self, id: IncidentId, actor: &Actor, targets: &[Target]) -> Said {
        let targets = match self.targets(id, targets) {
            Ok(targets) => targets,
            Err(why) => return Said::Refused(why),
        };
        let (at, by) = (self.at(), lines::name(actor));
        let Some(incident) = self.ground.incident(id) else { return Said::Refused(format!("there is no incident {id}")) };
        let on_it = |target: &Target| matches!(target, Target::User(user) if incident.responders.contains(user));
        let asked = |target: &Target| incident.care.asked.iter().any(|a| a.answer == Answer::Open && a.target == *target);
        let new: Vec<Target> = targets.iter().filter(|target| !on_it(target) && !asked(target)).cloned().collect();
        if new.is_empty() {
            return Said::Done(format!("{} {} already on incident {id} or asked to help", named(&targets), verb(&targets)));
        }
        if incident.care.asked.len() + new.len() > ASKED_LIMIT {
            return Said::Refused(format!("{ASKED_LIMIT} calls for help with one incident are the most"));
        }
        let words = named(&new);
        if let Some(incident) = self.touch(id) {
            for target in new {
                let number = incident.care.asked.len() as u32 + 1;
                incident.care.asked.push(Asked { number, target, by: by.clone(), at, answer: Answer::Open, user: None });
            }
            incident.route_due = true;
        }
        self.line(id, LineKind::ResponderAsked, format!("{by} asked {words} to help{}", lines::way(actor)), actor.clone(), None);
        Said::Done(format!("{words} {} asked to help with incident {id}", if words.contains(", ") { "are" } else { "is" }))
    }

    fn targets(&self, id: IncidentId, targets: &[Target]) -> Result<Vec<Target>, String> {
        if self.status(id) == Status::Resolved {
            return Err(format!("incident {id} is already resolved"));
        }
        let mut distinct: Vec<Target> = Vec::new();
        for target in targets {
            if !distinct.contains(target) {
                distinct.push(target.clone());
            }
        }
        match distinct.len() {
            0 => Err("say who: a user, rotation, team or policy".to_owned()),
            n if n > TARGETS_LIMIT => Err(format!("{n} targets are too many: {TARGETS_LIMIT} at most")),
            _ => Ok(distinct),
        }
    }

    /// Whoever was asked cannot.
    pub(super) fn decline(&mut self, id: IncidentId, actor: &Actor) -> Said {
        let Actor::User(user, _) = actor else { return Said::Refused("only somebody who was asked to help can decline".to_owned()) };
        let paged = self.ground.paged.clone();
        let mine = |asked: &Asked| asked.target == Target::User(user.clone()) || paged.contains(&asked.number);
        let Some(incident) = self.ground.incident(id) else { return Said::Refused(format!("there is no incident {id}")) };
        let declined = |asked: &Asked| asked.answer == Answer::Declined && asked.user.as_ref() == Some(user);
        if !incident.care.asked.iter().any(|asked| asked.answer == Answer::Open && mine(asked)) {
            return if incident.care.asked.iter().any(declined) {
                Said::Done(format!("you already declined to help with incident {id}"))
            } else {
                Said::Refused(format!("nobody waits for your answer on incident {id}"))
            };
        }
        if let Some(incident) = self.touch(id) {
            for asked in incident.care.asked.iter_mut().filter(|asked| asked.answer == Answer::Open && mine(asked)) {
                asked.answer = Answer::Declined;
                asked.user = Some(user.clone());
            }
        }
        self.line(id, LineKind::ResponderDeclined, format!("{user} declined to help{}", lines::way(actor)), actor.clone(), None);
        Said::Done(format!("incident {id} knows that you cannot help"))
    }

    /// The actor is on it, and nobody else.
    pub(super) fn take_over(&mut self, id: IncidentId, actor: &Actor) -> Said {
        let Actor::User(user, _) = actor else { return Said::Refused("only a person can take an incident over".to_owned()) };
        let Some(incident) = self.ground.incident(id).filter(|i| i.is_open()) else {
            return Said::Refused(format!("incident {id} is already resolved"));
        };
        let mine = incident.status == Status::Acknowledged && incident.responders == [user.clone()];
        if mine && incident.care.snoozed_until.is_none() {
            return Said::Done(format!("incident {id} is already yours alone"));
        }
        let others: Vec<String> = incident.responders.iter().filter(|other| *other != user).map(ToString::to_string).collect();
        let from = if others.is_empty() { String::new() } else { format!(" from {}", others.join(", ")) };
        let text = format!("{user} took it over{from}{}", lines::way(actor));
        if let Some(incident) = self.touch(id) {
            incident.responders.retain(|other| other == user);
        }
        self.acknowledge(id, text, actor.clone());
        Said::Done(format!("incident {id} is yours"))
    }

    /// Gives a role to somebody, or to nobody.
    pub(super) fn set_role(&mut self, id: IncidentId, actor: &Actor, role: &str, user: Option<&UserId>) -> Said {
        let role = role.trim().to_lowercase();
        if role.is_empty() || role.len() > ROLE_LIMIT_BYTES || role.chars().any(char::is_control) {
            return Said::Refused(format!("a role has a name of at most {ROLE_LIMIT_BYTES} bytes, such as commander, scribe or liaison"));
        }
        let Some(incident) = self.ground.incident(id) else { return Said::Refused(format!("there is no incident {id}")) };
        let before = incident.care.roles.get(&role);
        if before == user {
            let who = user.map_or("nobody", UserId::as_str);
            return Said::Done(format!("the {role} of incident {id} is already {who}"));
        }
        if before.is_none() && incident.care.roles.len() >= ROLES_LIMIT {
            return Said::Refused(format!("{ROLES_LIMIT} roles on one incident are the most"));
        }
        let by = lines::name(actor);
        let (text, said) = match user {
            Some(user) => (format!("{by} made {user} the {role}{}", lines::way(actor)), format!("the {role} of incident {id} is {user}")),
            None => (format!("{by} left the role of {role} empty{}", lines::way(actor)), format!("incident {id} has no {role} any more")),
        };
        if let Some(incident) = self.touch(id) {
            match user {
                Some(user) => incident.care.roles.insert(role, user.clone()),
                None => incident.care.roles.remove(&role),
            };
        }
        self.line(id, LineKind::RoleSet, text, actor.clone(), None);
        Said::Done(said)
    }

    /// Tells stakeholders how it stands; the caller queues the messages.
    pub(super) fn inform(&mut self, id: IncidentId, actor: &Actor, message: &Message) -> Said {
        let text = cut(message.text.trim(), UPDATE_LIMIT_BYTES);
        let recipients = message.users.len() + message.contacts.len();
        if text.is_empty() {
            return Said::Refused("an update needs text".to_owned());
        }
        if recipients > RECIPIENTS_LIMIT {
            return Said::Refused(format!("{recipients} recipients are too many: {RECIPIENTS_LIMIT} at most"));
        }
        let (at, by) = (self.at(), lines::name(actor));
        let known = |i: &crate::incident::Incident| {
            i.care.update.as_ref().is_some_and(|last| last.text == text && last.by == by && at.since(last.at) < 60_000)
        };
        if self.ground.incident(id).is_some_and(known) {
            return Said::Done(format!("incident {id} has just been told so"));
        }
        if let Some(incident) = self.touch(id) {
            incident.care.updates = incident.care.updates.saturating_add(1);
            incident.care.update = Some(Update { text: text.clone(), by: by.clone(), at });
        }
        let to = match recipients {
            0 => String::new(),
            1 => " (to 1 stakeholder)".to_owned(),
            n => format!(" (to {n} stakeholders)"),
        };
        self.line(id, LineKind::Informed, format!("Update by {by}{}{to}: {text}", lines::way(actor)), actor.clone(), None);
        self.change.informs = recipients > 0;
        Said::Done(format!("the update stands on incident {id}{to}"))
    }
}

/// Targets in words.
fn named(targets: &[Target]) -> String {
    targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn verb(targets: &[Target]) -> &'static str {
    if targets.len() == 1 { "is" } else { "are" }
}
