//! Automation as the store keeps it: what plugins are still to be told, and what they want done.

use crate::action::{ActionResult, Change, Risk, Step};
use crate::command::Actor;
use crate::id::{ActionId, EventId, IncidentId, UserId};
use crate::incident::Incident;
use crate::time::Millis;
use crate::timeline::{Cause, Line, LineKind};
use serde::{Deserialize, Serialize};

/// Most actions of one incident, whatever its plugins ask for: a chain of actions and results ends here.
pub const INCIDENT_ACTIONS_LIMIT: usize = 200;
/// How long an action waits for approval, in seconds.
pub const APPROVAL_SECONDS: u32 = 24 * 3600;

/// Something that one plugin is to be told: a row written with the change, deleted with the plugin's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedEvent {
    pub id: EventId,
    pub incident: IncidentId,
    /// The plugin's name; the settings are those in force when it is asked.
    pub plugin: String,
    pub at: Millis,
    pub change: Change,
    /// How often the plugin failed on it.
    pub tries: u32,
    /// When it is due.
    pub next_at: Millis,
}

/// How an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionState {
    /// For somebody to approve it; lapses at [`StoredAction::next_at`].
    Waiting,
    /// To be done at [`StoredAction::next_at`].
    Queued,
    /// Being done; if the one who does it dies, it is done again once [`StoredAction::next_at`] has passed.
    Doing,
    Done,
    Failed,
    /// By somebody, or by the host.
    Refused,
    /// Nobody approved it in time.
    Lapsed,
    /// A dry run: only shown.
    Shown,
}

impl ActionState {
    /// All.
    pub const ALL: [Self; 8] =
        [Self::Waiting, Self::Queued, Self::Doing, Self::Done, Self::Failed, Self::Refused, Self::Lapsed, Self::Shown];

    /// The word that API and store use; the same as serde's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::Doing => "doing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Lapsed => "lapsed",
            Self::Shown => "shown",
        }
    }

    /// Whether anything still becomes of it.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Queued | Self::Doing)
    }
}

/// Something that a plugin wants done. Unique by incident, plugin and key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAction {
    pub id: ActionId,
    pub incident: IncidentId,
    /// The plugin's name.
    pub plugin: String,
    pub key: String,
    pub step: Step,
    pub risk: Risk,
    pub reason: String,
    /// The plugin's part, for lines about it.
    pub cause: Cause,
    pub state: ActionState,
    pub created_at: Millis,
    /// When it is due, lapses, or a claim on it does; `None` once it is over.
    pub next_at: Option<Millis>,
    /// How often it was tried.
    pub tries: u32,
    /// Who approved or refused it.
    pub decided_by: Option<Actor>,
    /// What came of it.
    pub result: Option<ActionResult>,
}

impl Change {
    /// What a line of the pipeline means to automation plugins; `incident` as it is with that line.
    pub fn of_line(line: &Line, incident: &Incident) -> Option<Self> {
        Some(match line.kind {
            LineKind::Opened => Self::Opened,
            LineKind::Joined => Self::AlertJoined,
            LineKind::SeverityChanged => Self::SeverityChanged(incident.severity),
            LineKind::Acknowledged | LineKind::Snoozed => Self::Acknowledged(answerer(&line.actor)),
            // Nobody gave it back: it began to fire again by itself.
            LineKind::Unacknowledged if line.actor == Actor::Host => Self::Reopened,
            LineKind::Reopened => Self::Reopened,
            LineKind::Unacknowledged => Self::Unacknowledged,
            LineKind::Resolved => Self::Resolved,
            _ => return None,
        })
    }

    /// The word that metrics and lines use.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::AlertJoined => "alert-joined",
            Self::SeverityChanged(_) => "severity-changed",
            Self::Acknowledged(_) => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Reopened => "reopened",
            Self::Resolved => "resolved",
            Self::Escalated(_) => "escalated",
            Self::ActionFinished(_) => "action-finished",
        }
    }
}

/// Who answered; a sender or a token goes by its own name.
fn answerer(actor: &Actor) -> UserId {
    match actor {
        Actor::User(user, _) => user.clone(),
        Actor::Integration(id) => UserId(id.0.clone()),
        Actor::Outside(contact) => UserId(contact.address.clone()),
        Actor::Host => UserId("reveille".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Contact;

    #[test]
    fn words_are_those_of_serde() {
        for state in ActionState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for risk in Risk::ALL {
            assert_eq!(serde_json::to_value(risk).unwrap(), risk.as_str());
        }
    }

    #[test]
    fn whoever_answers_has_a_name() {
        assert_eq!(answerer(&Actor::User("alice".into(), "page".into())).as_str(), "alice");
        assert_eq!(answerer(&Actor::Integration("prometheus".into())).as_str(), "prometheus");
        assert_eq!(answerer(&Actor::Outside(Contact { kind: "sms".into(), address: "+39".into() })).as_str(), "+39");
    }
}
