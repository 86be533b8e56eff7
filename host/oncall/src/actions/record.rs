//! What came of an action, made true: its row, its line, and what its plugin is told.

use super::perform::{Performed, result};
use super::words;
use crate::automation::finish;
use crate::house::line;
use crate::router::{Chosen, route_too};
use domain::action::{ActionResult, Step};
use domain::alert::Status;
use domain::automation::{ActionState, StoredAction};
use domain::command::Actor;
use domain::escalation::{Destination, Urgency};
use domain::time::Millis;
use domain::timeline::{Line, LineKind};
use ports::{Snapshot, StoreError, Tx};

/// How often an action is tried.
const TRIES_LIMIT: u32 = 5;
/// The pause after the first try, in seconds; three times as long after each further one.
const PAUSE_SECONDS: u32 = 5;
/// Longest pause that a receiver can ask for, in seconds.
const PAUSE_SECONDS_MAX: u32 = 600;

/// Records a result. Nothing, if the action is not being done any more, or by somebody else.
pub fn record(tx: &mut dyn Tx, claimed: &StoredAction, performed: &Performed, snapshot: &Snapshot, now: Millis) -> Result<(), StoreError> {
    let Some(action) = tx.action(claimed.id)?.filter(|action| action.state == ActionState::Doing) else { return Ok(()) };
    let result = match performed {
        Performed::Done(result) => result.clone(),
        _ if action.tries != claimed.tries => return Ok(()),
        Performed::Failed(result) => result.clone(),
        Performed::Inside => page(tx, &action, snapshot, now)?,
        Performed::Again(seconds, why) if action.tries < TRIES_LIMIT => {
            let seconds = pause(action.tries).max(*seconds).min(PAUSE_SECONDS_MAX);
            if action.tries == 1 {
                let text = format!("{} could not {} yet and tries again: {why}", action.plugin, words(&action));
                tx.add_line(action.incident, &line(now, LineKind::ActionFailed, text, Some(action.cause.clone())))?;
            }
            return tx.put_action(&StoredAction { state: ActionState::Queued, next_at: Some(now.plus_seconds(seconds)), ..action });
        }
        Performed::Again(_, why) => result(&action, false, format!("given up after {} tries: {why}", action.tries), None),
    };
    let state = if result.ok { ActionState::Done } else { ActionState::Failed };
    let action = StoredAction { state, next_at: None, result: Some(result.clone()), ..action };
    tx.put_action(&action)?;
    tx.add_line(action.incident, &told(&action, &result, now))?;
    finish(tx, &action, now)
}

/// The pause after so many tries, in seconds: 5, 15, 45, 135.
fn pause(tries: u32) -> u32 {
    PAUSE_SECONDS.saturating_mul(3u32.saturating_pow(tries.saturating_sub(1)))
}

/// The line of a result. Its output is bounded already.
fn told(action: &StoredAction, result: &ActionResult, now: Millis) -> Line {
    let (kind, verb) = if result.ok { (LineKind::ActionDone, "did") } else { (LineKind::ActionFailed, "could not") };
    let answered = result.response.map_or_else(String::new, |status| format!(", answered {status}"));
    let output = result.output.trim();
    let colon = if output.is_empty() { "" } else { ": " };
    let text = format!("{} {verb} {}{answered}{colon}{output}", action.plugin, words(action));
    Line { at: now, kind, text, actor: Actor::Host, cause: Some(action.cause.clone()) }
}

/// Begins the escalation that the action asks for, as long as somebody is needed.
fn page(tx: &mut dyn Tx, action: &StoredAction, snapshot: &Snapshot, now: Millis) -> Result<ActionResult, StoreError> {
    let Step::Page(Destination { target, urgency, reason }) = &action.step else {
        return Ok(result(action, false, "it pages nobody".to_owned(), None));
    };
    let Some(incident) = tx.incident(action.incident)? else { return Ok(result(action, false, "the incident is gone".to_owned(), None)) };
    if incident.status != Status::Firing && *urgency == Urgency::Page {
        return Ok(result(action, false, format!("nobody is paged: the incident is {}", incident.status.as_str()), None));
    }
    let why = if reason.is_empty() { format!("by {}", action.plugin) } else { format!("by {}: {reason}", action.plugin) };
    let chosen = Chosen { target: target.clone(), urgency: *urgency, why, cause: Some(action.cause.clone()) };
    route_too(tx, &incident, &chosen, &snapshot.installation, now)?;
    Ok(result(action, true, String::new(), None))
}
