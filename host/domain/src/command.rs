//! What somebody wants done to an incident: by link, page, API, CLI or a sender.

use crate::alert::Severity;
use crate::care::Related;
use crate::contact::Contact;
use crate::escalation::Target;
use crate::id::{AlertId, IncidentId, IntegrationId, UserId};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// A member of the installation, and by which way, such as `page link` or `API`.
    User(UserId, String),
    /// A sender.
    Integration(IntegrationId),
    /// Somebody known only by an address outside.
    Outside(Contact),
    /// The host itself.
    Host,
}

/// Which incident is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    Incident(IncidentId),
    /// The open one that this entity of the sender's team belongs to.
    Entity(String),
}

/// What is to be done. The journal keeps the place in this list: new ones come at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    Acknowledge,
    Unacknowledge,
    Resolve,
    AddNote(String),
    SetPriority(Priority),
    /// Let it rest until then; then it fires again and escalates from the start.
    Snooze(Millis),
    /// The host: the snooze until then is over.
    EndSnooze(Millis),
    /// The host: it has been acknowledged since then, for longer than its team wants.
    ReturnStale(Millis),
    /// The host: its last alert was then, longer ago than its team waits.
    AutoResolve(Millis),
    /// Send it there, instead of where it is.
    Reroute(Vec<Target>),
    /// Ask these to help: they are paged until they answer, whoever else is on it.
    AddResponders(Vec<Target>),
    /// The actor cannot help.
    Decline,
    /// Resolve and say what it was; on a resolved one, only say it.
    ResolveAs(Option<Mark>, String),
    Reopen,
    /// The actor is on it, and nobody else.
    Take,
    /// Who has a role; `None`: nobody.
    SetRole(String, Option<UserId>),
    /// Tell those who do not work on it how it stands.
    Inform(Message),
    Link(Related),
    Unlink(Related),
    /// Its alerts belong to that one.
    Merge(IncidentId),
    /// These of its alerts belong to an incident of their own, with this title.
    Split(Vec<AlertId>, Option<String>),
}

impl Operation {
    /// The word that the audit log uses, after `incident.`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Unacknowledge => "unacknowledge",
            Self::Resolve | Self::ResolveAs(..) => "resolve",
            Self::AddNote(_) => "note",
            Self::SetPriority(_) => "priority",
            Self::Snooze(_) => "snooze",
            Self::EndSnooze(_) => "end-snooze",
            Self::ReturnStale(_) => "return-stale",
            Self::AutoResolve(_) => "auto-resolve",
            Self::Reroute(_) => "reroute",
            Self::AddResponders(_) => "responders",
            Self::Decline => "decline",
            Self::Reopen => "reopen",
            Self::Take => "take",
            Self::SetRole(..) => "role",
            Self::Inform(_) => "update",
            Self::Link(_) => "link",
            Self::Unlink(_) => "unlink",
            Self::Merge(_) => "merge",
            Self::Split(..) => "split",
        }
    }

    /// What it says beyond its name, for the audit log; texts only by their length.
    pub fn details(&self) -> String {
        let targets = |targets: &[Target]| targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::AddNote(text) => format!("{} bytes", text.len()),
            Self::SetPriority(priority) => priority.as_str().to_owned(),
            Self::Snooze(until) => until.rfc3339(),
            Self::Reroute(to) | Self::AddResponders(to) => targets(to),
            Self::ResolveAs(mark, _) => mark.map(Mark::as_str).unwrap_or_default().to_owned(),
            Self::SetRole(role, user) => format!("{role}: {}", user.as_ref().map_or("nobody", UserId::as_str)),
            Self::Inform(message) => format!("{} bytes to {}", message.text.len(), message.users.len() + message.contacts.len()),
            Self::Link(related) | Self::Unlink(related) => related.to_string(),
            Self::Merge(target) => format!("into {target}"),
            Self::Split(alerts, _) => format!("{} alerts", alerts.len()),
            _ => String::new(),
        }
    }
}

/// What an incident turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Nothing was wrong.
    FalseAlarm,
    /// Something was, and nobody could or had to do anything.
    NotActionable,
}

impl Mark {
    /// The word that API and command line use; the same as serde's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FalseAlarm => "false-alarm",
            Self::NotActionable => "not-actionable",
        }
    }

    /// In the middle of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::FalseAlarm => "a false alarm",
            Self::NotActionable => "not actionable",
        }
    }
}

/// An update for stakeholders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub text: String,
    /// Each by the first of their contacts that takes updates.
    pub users: Vec<UserId>,
    /// Further addresses.
    pub contacts: Vec<Contact>,
}

/// What people decided about importance; `P1` comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    P1,
    P2,
    P3,
    P4,
    P5,
}

impl Priority {
    /// The word that API and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P1 => "p1",
            Self::P2 => "p2",
            Self::P3 => "p3",
            Self::P4 => "p4",
            Self::P5 => "p5",
        }
    }
}

/// A command as it is journaled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub subject: Subject,
    pub actor: Actor,
    pub operation: Operation,
}

/// What the host has to say about itself: opens an incident without asking any plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// One open incident per cause, such as `breaker/rules` or `dead-letters/shop-prometheus`.
    pub cause: String,
    pub summary: String,
    pub details: String,
    pub severity: Severity,
    /// The integration whose default policy is paged; `None`: the installation's default policy.
    pub integration: Option<IntegrationId>,
    /// The cause is gone: resolve its incident.
    pub over: bool,
}
