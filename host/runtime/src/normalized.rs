//! What a normalizer made of a request, put in order: labels sorted, entities filled in, the time of arrival set by the host.

use crate::bindings::v1_0::exports::reveille::plugin::normalize as wire;
use crate::bindings::v1_0::reveille::plugin::types;
use crate::lift::{Lift, REASON_LIMIT_BYTES, URL_LIMIT_BYTES, is_reserved, priority, severity, status};
use domain::alert::{
    Alert, DETAILS_LIMIT_BYTES, LABEL_NAME_LIMIT_BYTES, LABEL_VALUE_LIMIT_BYTES, LABELS_LIMIT, Label, SUMMARY_LIMIT_BYTES,
};
use domain::care::TARGETS_LIMIT;
use domain::command::{Actor, Command, Operation, Subject};
use domain::id::{IncidentId, IntegrationId};
use domain::inbound::{Change, EVENTS_LIMIT, Event, Heartbeat, Inbound, Normalized, Refusal, Reply};
use domain::time::Millis;
use ports::CallFailure;

/// Longest body of a reply, in bytes.
const REPLY_BODY_LIMIT_BYTES: usize = 16 * 1024;

type Lifted<T> = Result<T, CallFailure>;

impl Lift {
    /// What happened, in our words.
    pub(crate) fn normalized(&mut self, normalized: wire::Normalized, inbound: &Inbound) -> Lifted<Normalized> {
        let mut index = 0_usize;
        let events = self.list(normalized.events, EVENTS_LIMIT, "events", |lift, event| {
            let event = lift.event(event, inbound, index);
            index += 1;
            event
        })?;
        let confirm_url = self.optional(normalized.confirm_url, usize::MAX)?;
        if confirm_url.as_ref().is_some_and(|url| url.len() > URL_LIMIT_BYTES) {
            return Err(CallFailure::Trapped(format!("its confirm-url is over {URL_LIMIT_BYTES} bytes")));
        }
        Ok(Normalized { events, reply: normalized.reply.map(|reply| self.reply(reply)).transpose()?, confirm_url })
    }

    /// Why it does not take the request.
    pub(crate) fn refusal(&mut self, refusal: wire::Refusal) -> Lifted<Refusal> {
        let reason = self.text(refusal.reason, REASON_LIMIT_BYTES)?;
        Ok(Refusal { reason, reply: refusal.reply.map(|reply| self.reply(reply)).transpose()? })
    }

    /// The answer to an HTTP sender.
    pub(crate) fn reply(&mut self, reply: types::Reply) -> Lifted<Reply> {
        if !(200..500).contains(&reply.status) {
            return Err(CallFailure::Internal(format!("gave a reply with status {}; 200 to 499 are allowed", reply.status)));
        }
        if reply.content_type.chars().any(char::is_control) {
            return Err(CallFailure::Internal("gave a reply whose content type holds control characters".into()));
        }
        let content_type = self.text(reply.content_type, LABEL_NAME_LIMIT_BYTES)?;
        Ok(Reply { status: reply.status, content_type, body: self.bytes(reply.body, REPLY_BODY_LIMIT_BYTES, "the body of its reply")? })
    }

    fn event(&mut self, event: wire::Event, inbound: &Inbound, index: usize) -> Lifted<Event> {
        Ok(match event {
            wire::Event::Alert(alert) => Event::Alert(Box::new(self.alert(alert, inbound, index)?)),
            wire::Event::Heartbeat(heartbeat) => Event::Heartbeat(Heartbeat {
                name: self.text(heartbeat.name, LABEL_NAME_LIMIT_BYTES)?,
                interval_seconds: heartbeat.interval_seconds,
            }),
            wire::Event::Change(change) => Event::Change(Change {
                service: self.optional(change.service, LABEL_VALUE_LIMIT_BYTES)?,
                summary: self.text(change.summary, SUMMARY_LIMIT_BYTES)?,
                at: change.at.map(Millis),
                labels: self.labels(change.labels)?,
                links: self.links(change.links)?,
            }),
            wire::Event::Command(command) => Event::Command(self.command(command, inbound)?),
        })
    }

    fn alert(&mut self, alert: types::AlertResult, inbound: &Inbound, index: usize) -> Lifted<Alert> {
        let entity = alert.entity.filter(|entity| !entity.is_empty());
        Ok(Alert {
            entity: self.entity(entity.unwrap_or_else(|| format!("{}-{index}", inbound.id)))?,
            status: status(alert.status),
            severity: severity(alert.severity),
            summary: self.optional(alert.summary, SUMMARY_LIMIT_BYTES)?,
            details: self.optional(alert.details, DETAILS_LIMIT_BYTES)?,
            source: self.optional(alert.source, LABEL_VALUE_LIMIT_BYTES)?,
            service: self.optional(alert.service, LABEL_VALUE_LIMIT_BYTES)?,
            routing_key: self.optional(alert.routing_key, LABEL_VALUE_LIMIT_BYTES)?,
            group: self.optional(alert.group, LABEL_VALUE_LIMIT_BYTES)?,
            started_at: alert.started_at.map(Millis),
            received_at: inbound.received_at,
            expires_at: alert.expires_at.map(Millis),
            labels: self.labels(alert.labels)?,
            annotations: self.labels(alert.annotations)?,
            links: self.links(alert.links)?,
        })
    }

    /// Sorted by name; where a name comes twice, the last one counts.
    fn labels(&mut self, labels: Vec<types::LabelResult>) -> Lifted<Vec<Label>> {
        let mut labels = self.list(labels, LABELS_LIMIT, "labels", Self::label)?;
        labels.retain(|(name, _)| !name.is_empty() && !is_reserved(name));
        labels.reverse();
        labels.sort_by(|a, b| a.0.cmp(&b.0));
        labels.dedup_by(|later, kept| later.0 == kept.0);
        Ok(labels)
    }

    /// Without an actor it is the integration's own, which is not known here: the empty id, for the front door to fill in.
    fn command(&mut self, command: types::Command, inbound: &Inbound) -> Lifted<Command> {
        let later = |what: &str| CallFailure::Internal(format!("gave the command `{what}`, which this host does not carry out yet"));
        let subject = match command.subject {
            types::Subject::Incident(id) => {
                let number = id.parse().map_err(|_| CallFailure::Internal(format!("gave `{id}` as the id of an incident")))?;
                Subject::Incident(IncidentId(number))
            }
            types::Subject::Entity(entity) => Subject::Entity(self.entity(entity)?),
            types::Subject::Latest => return Err(later("latest")),
        };
        let actor = match command.actor {
            None => Actor::Integration(IntegrationId::default()),
            Some(contact) => Actor::Outside(self.contact(contact)?),
        };
        let operation = match command.operation {
            types::Operation::Acknowledge => Operation::Acknowledge,
            types::Operation::Unacknowledge => Operation::Unacknowledge,
            types::Operation::Resolve => Operation::Resolve,
            types::Operation::AddNote(note) => Operation::AddNote(self.text(note, DETAILS_LIMIT_BYTES)?),
            types::Operation::SetPriority(value) => Operation::SetPriority(priority(value)),
            types::Operation::SnoozeSeconds(seconds) => Operation::Snooze(inbound.received_at.plus_seconds(seconds)),
            types::Operation::Reroute(targets) => Operation::Reroute(self.list(targets, TARGETS_LIMIT, "targets", Self::target)?),
            types::Operation::AddResponder(target) => Operation::AddResponders(vec![self.target(target)?]),
            types::Operation::Choose(_) => return Err(later("choose")),
        };
        Ok(Command { subject, actor, operation })
    }
}
