//! Approve or refuse: what a person decides about an action that waits.

use crate::actions::words;
use crate::automation::finish;
use domain::action::ActionResult;
use domain::automation::{ActionState, StoredAction};
use domain::command::Actor;
use domain::id::{ActionId, IncidentId};
use domain::time::Millis;
use domain::timeline::{Line, LineKind};
use ports::{StoreError, Tx};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// In words for the person.
    Done(String),
    /// It waits no longer, and why.
    TooLate(String),
    /// The incident has no such action.
    Unknown,
}

/// What an action does, in words that follow "wants to".
pub fn action_words(action: &StoredAction) -> String {
    words(action)
}

/// Lets an action that waits be done, or ends it. The caller checked what the person may, wakes `actions` and `automation` after the commit.
pub fn decide(tx: &mut dyn Tx, incident: IncidentId, id: ActionId, approve: bool, by: &Actor, now: Millis) -> Result<Decided, StoreError> {
    let Some(action) = tx.action(id)?.filter(|action| action.incident == incident) else { return Ok(Decided::Unknown) };
    if action.state != ActionState::Waiting {
        return Ok(Decided::TooLate(format!("action {id} waits no longer: it is {}", action.state.as_str())));
    }
    if action.next_at.is_some_and(|end| end <= now) {
        return Ok(Decided::TooLate(format!("action {id} waits no longer: its time is over")));
    }
    let (person, way) = match by {
        Actor::User(user, way) => (user.to_string(), format!(" by {way}")),
        Actor::Outside(contact) => (format!("{} {}", contact.kind, contact.address), String::new()),
        Actor::Integration(integration) => (integration.to_string(), String::new()),
        Actor::Host => ("Reveille".to_owned(), String::new()),
    };
    let (kind, verb) = if approve { (LineKind::ActionApproved, "approved") } else { (LineKind::ActionRefused, "refused") };
    let text = format!("{person} {verb}{way}: {} may {}{}", action.plugin, if approve { "" } else { "not " }, words(&action));
    let line = Line { at: now, kind, text, actor: by.clone(), cause: Some(action.cause.clone()) };
    tx.add_line(incident, &line)?;
    let mut action = StoredAction { decided_by: Some(by.clone()), ..action };
    if approve {
        (action.state, action.next_at) = (ActionState::Queued, Some(now));
        tx.put_action(&action)?;
    } else {
        let result = ActionResult { key: action.key.clone(), ok: false, output: format!("refused by {person}"), response: None };
        (action.state, action.next_at, action.result) = (ActionState::Refused, None, Some(result));
        tx.put_action(&action)?;
        finish(tx, &action, now)?;
    }
    Ok(Decided::Done(format!("action {id} is {verb}")))
}
