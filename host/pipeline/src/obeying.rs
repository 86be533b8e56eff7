//! Commands at the commit: the rows that each needs besides its incident, and the messages that follow from it.

use crate::batch::{Batch, recorded};
use crate::rows::Wanted;
use domain::care::{Answer, MOVED_LIMIT};
use domain::command::{Actor, Command, Message, Operation, Subject};
use domain::contact::Contact;
use domain::decision::Outcome;
use domain::escalation::Target;
use domain::id::{AlertId, IncidentId, TeamId, UserId};
use domain::incident::Incident;
use domain::page::{Outbox, OutboxState, Purpose};
use domain::time::Millis;
use domain::transition::{self, Moment, Said};
use ports::{Snapshot, StoreError, Tx};
use std::collections::BTreeSet;

impl Batch<'_> {
    pub(crate) fn obey(&mut self, command: &Command, team: Option<&TeamId>, at: Millis) -> Result<Said, StoreError> {
        let id = match (&command.subject, team) {
            (Subject::Incident(id), _) => Some(*id),
            (Subject::Entity(entity), Some(team)) => self.rows.alert(team, entity)?.and_then(recorded),
            (Subject::Entity(_), None) => None,
        };
        let owner = match id {
            Some(id) => self.rows.tx.incident(id)?.map(|incident| incident.team),
            None => None,
        };
        // An incident that this very transaction opened is in no row yet: then the sender's team is its owner.
        let owner = owner.or_else(|| team.cloned()).unwrap_or_default();
        // A sender's commands stay within its team.
        let id = id.filter(|_| team.is_none_or(|team| *team == owner));
        let paged = match id {
            Some(id) => self.paged_for(id, command)?,
            None => Vec::new(),
        };
        if let (Operation::Split(chosen, _), Some(id)) = (&command.operation, id)
            && let Some(said) = self.split_before(id, chosen)?
        {
            return Ok(said);
        }
        let splits = matches!(command.operation, Operation::Split(..));
        let (alert, incident) = if splits { self.rows.fresh()? } else { Default::default() };
        let wanted = Wanted { team: &owner, entity: None, key: None, incident: id, threshold: None };
        let mut taken = self.rows.take(wanted)?;
        if let Some(id) = id {
            self.rows.take_further(&mut taken.ground, &owner, id, &command.operation)?;
        }
        taken.ground.paged = paged;
        let moment = Moment { at, alert, incident, availability: self.availability };
        let (change, said) = transition::obey(&mut taken.ground, command, id, moment);
        self.committed.answered |= matches!(change.outcome, Outcome::Acknowledged | Outcome::Resolved);
        if let (true, Operation::Inform(message), Some(id)) = (change.informs, &command.operation, id)
            && let Some(incident) = taken.ground.incident(id)
        {
            inform(self.rows.tx, incident, message, self.rows.snapshot, at)?;
            self.committed.messages = true;
        }
        self.rows.give_back(&owner, None, taken, change);
        Ok(said)
    }

    /// What was answered when these alerts were split off from the incident before, if they were: whoever asks again, because the answer was
    /// lost on its way, is told the same.
    fn split_before(&mut self, id: IncidentId, chosen: &[AlertId]) -> Result<Option<Said>, StoreError> {
        if chosen.is_empty() || chosen.len() > MOVED_LIMIT as usize {
            return Ok(None);
        }
        let mut made = None;
        for alert in chosen {
            let on = self.rows.incident_of(*alert)?;
            if on.is_none() || on == Some(id) || made.is_some_and(|made| Some(made) != on) {
                return Ok(None);
            }
            made = on;
        }
        let Some(made) = made else { return Ok(None) };
        let was_split = self.rows.incident(made)?.is_some_and(|incident| incident.care.split_from == Some(id));
        Ok(was_split.then(|| Said::Done(transition::split_words(chosen.len(), id, made))))
    }

    /// For whose call for help the actor was paged: those that name a policy, a rotation or a team, which may have meant them.
    fn paged_for(&mut self, id: IncidentId, command: &Command) -> Result<Vec<u32>, StoreError> {
        let Actor::User(user, _) = &command.actor else { return Ok(Vec::new()) };
        if !matches!(command.operation, Operation::Acknowledge | Operation::Take | Operation::Decline) {
            return Ok(Vec::new());
        }
        let Some(incident) = self.rows.incident(id)? else { return Ok(Vec::new()) };
        let open = |incident: &Incident| {
            incident.care.asked.iter().any(|asked| asked.answer == Answer::Open && !matches!(asked.target, Target::User(_)))
        };
        if !open(incident) {
            return Ok(Vec::new());
        }
        let told: BTreeSet<_> =
            self.rows.tx.outbox_of(id)?.into_iter().filter(|row| row.user.as_ref() == Some(user)).filter_map(|row| row.run).collect();
        let runs = self.rows.tx.runs_of(id)?;
        Ok(runs.into_iter().filter(|run| told.contains(&run.id)).filter_map(|run| run.ask).collect())
    }
}

/// Queues an update for each stakeholder, each address once.
fn inform(tx: &mut dyn Tx, incident: &Incident, message: &Message, snapshot: &Snapshot, at: Millis) -> Result<(), StoreError> {
    let Some(update) = &incident.care.update else { return Ok(()) };
    let members = message.users.iter().filter_map(|user| Some((Some(user), contact_of(user, snapshot)?)));
    let others = message.contacts.iter().map(|contact| (None, contact));
    let mut told: Vec<&Contact> = Vec::new();
    for (user, contact) in members.chain(others) {
        if told.contains(&contact) {
            continue;
        }
        told.push(contact);
        let row = Outbox {
            id: tx.new_outbox_id()?,
            key: format!("{}-s-{}-{}", incident.id, incident.care.updates, told.len()),
            incident: Some(incident.id),
            run: None,
            user: user.cloned(),
            contact: contact.clone(),
            contact_index: 0,
            purpose: Purpose::Update(format!("Update by {}: {}", update.by, update.text)),
            state: OutboxState::Queued,
            tries: 0,
            queued_at: at,
            next_at: Some(at),
            reference: None,
            last_error: None,
            again: None,
        };
        tx.add_outbox(&row)?;
    }
    Ok(())
}

/// Where a member reads what is not urgent: by mail, or else by the first contact whose plugin takes updates, or else by the first.
fn contact_of<'a>(user: &UserId, snapshot: &'a Snapshot) -> Option<&'a Contact> {
    let contacts = &snapshot.installation.users.get(user)?.contacts;
    let takes = |contact: &Contact| {
        let plugin = snapshot.notify.get(&contact.kind);
        plugin.is_some_and(|p| p.info().contacts.iter().any(|c| c.kind == contact.kind && c.purposes.iter().any(|word| word == "update")))
    };
    let mail = contacts.iter().find(|method| method.contact.kind == "mail");
    let any = || contacts.iter().find(|method| takes(&method.contact));
    mail.or_else(any).or(contacts.first()).map(|method| &method.contact)
}
