//! What an answer makes of itself: actions that are begun, wait for approval, are only shown, or are refused. One transaction.

use super::RETRY_SECONDS;
use super::ask::Asked;
use crate::actions::{lapse, words};
use crate::house::{cause, line};
use crate::router::exists;
use domain::action::{ACTION_KEY_LIMIT_BYTES, ACTIONS_LIMIT, Action, ActionResult, Change, Step};
use domain::automation::{APPROVAL_SECONDS, ActionState, INCIDENT_ACTIONS_LIMIT, QueuedEvent, StoredAction};
use domain::decision::Stage;
use domain::id::{EventId, IncidentId};
use domain::page::HttpRequest;
use domain::time::Millis;
use domain::timeline::LineKind;
use ports::{CallFailure, Snapshot, StoreError, Tx};
use std::collections::BTreeSet;

/// Largest body of a call, in bytes.
const BODY_LIMIT_BYTES: usize = 128 * 1024;

/// What followed from an answer.
#[derive(Default)]
pub struct Taken {
    /// Something is to be done at once.
    pub queued: bool,
    pub changed: Option<IncidentId>,
}

/// Deletes the event and writes what its plugin wants done; one that failed is asked again, a few times. Nothing, if the event is gone.
pub fn take(
    tx: &mut dyn Tx,
    event: &QueuedEvent,
    covered: &[EventId],
    asked: Option<&Asked>,
    snapshot: &Snapshot,
    now: Millis,
) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    let Some(event) = tx.event(event.id)?.filter(|stored| stored.tries == event.tries) else { return Ok(taken) };
    for id in covered {
        tx.delete_event(*id)?;
    }
    if event.change == Change::Resolved && event.tries == 0 {
        for action in tx.actions_of(event.incident)? {
            if action.state == ActionState::Waiting && action.created_at <= event.at {
                lapse(tx, action, "the incident is resolved", now)?;
                taken.changed = Some(event.incident);
            }
        }
    }
    let Some(asked) = asked else {
        tx.delete_event(event.id)?;
        return Ok(taken);
    };
    match &asked.answer {
        Ok(actions) => {
            tx.delete_event(event.id)?;
            let mut putting = Putting { tx, event: &event, asked, snapshot, now, taken };
            putting.put(actions)?;
            Ok(putting.taken)
        }
        Err(failure) => {
            failed(tx, event, asked, failure, snapshot, now)?;
            Ok(taken)
        }
    }
}

fn failed(
    tx: &mut dyn Tx,
    event: QueuedEvent,
    asked: &Asked,
    failure: &CallFailure,
    snapshot: &Snapshot,
    now: Millis,
) -> Result<(), StoreError> {
    let plugin = asked.automated.plugin.cite();
    metrics::counter!("reveille_oncall_automation_failures_total", "plugin" => plugin.name.clone()).increment(1);
    if let Some(seconds) = RETRY_SECONDS.get(event.tries as usize) {
        let next_at = now.plus_seconds(*seconds);
        return tx.put_event(&QueuedEvent { tries: event.tries + 1, next_at, ..event });
    }
    tx.delete_event(event.id)?;
    let tries = event.tries + 1;
    let text =
        format!("automate by {} failed {tries} times on \"{}\" and is not asked again: {failure}", plugin.name, event.change.as_str());
    let cause = cause(Stage::Automate, plugin, snapshot.revision, failure.to_string());
    tx.add_line(event.incident, &line(now, LineKind::StageFailed, text, Some(cause)))
}

struct Putting<'a> {
    tx: &'a mut dyn Tx,
    event: &'a QueuedEvent,
    asked: &'a Asked,
    snapshot: &'a Snapshot,
    now: Millis,
    taken: Taken,
}

impl Putting<'_> {
    fn put(&mut self, actions: &[Action]) -> Result<(), StoreError> {
        if actions.is_empty() {
            return Ok(());
        }
        let known = self.tx.actions_of(self.event.incident)?;
        let plugin = &self.asked.automated.plugin.cite().name;
        let mut keys: BTreeSet<String> = known.iter().filter(|a| a.plugin == *plugin).map(|a| a.key.clone()).collect();
        let mut count = known.len();
        for (place, action) in actions.iter().enumerate() {
            if place >= ACTIONS_LIMIT {
                return self.complain(&format!("{} actions at once are more than {ACTIONS_LIMIT}: the rest is left out", actions.len()));
            }
            if action.key.is_empty() || action.key.len() > ACTION_KEY_LIMIT_BYTES {
                self.complain(&format!(
                    "an action's key has {} bytes, not 1 to {ACTION_KEY_LIMIT_BYTES}: it is left out",
                    action.key.len()
                ))?;
                continue;
            }
            if keys.contains(&action.key) {
                continue;
            }
            if count >= INCIDENT_ACTIONS_LIMIT {
                return self.complain(&format!("the incident has had {INCIDENT_ACTIONS_LIMIT} actions: nothing more is done about it"));
            }
            count += 1;
            keys.insert(action.key.clone());
            self.one(action)?;
        }
        Ok(())
    }

    fn complain(&mut self, why: &str) -> Result<(), StoreError> {
        let plugin = self.asked.automated.plugin.cite();
        let cause = cause(Stage::Automate, plugin, self.snapshot.revision, why);
        let text = format!("automate by {}: {why}", plugin.name);
        self.taken.changed = Some(self.event.incident);
        self.tx.add_line(self.event.incident, &line(self.now, LineKind::StageFailed, text, Some(cause)))
    }

    fn one(&mut self, wanted: &Action) -> Result<(), StoreError> {
        let automated = &self.asked.automated;
        let plugin = automated.plugin.cite();
        let refused = self.refused(&wanted.step);
        let (state, next_at) = match &refused {
            Some(_) => (ActionState::Refused, None),
            None if automated.dry_run => (ActionState::Shown, None),
            None if automated.approve.contains(&wanted.risk) => (ActionState::Waiting, Some(self.now.plus_seconds(APPROVAL_SECONDS))),
            None => (ActionState::Queued, Some(self.now)),
        };
        let action = StoredAction {
            id: self.tx.new_action_id()?,
            incident: self.event.incident,
            plugin: plugin.name.clone(),
            key: wanted.key.clone(),
            step: wanted.step.clone(),
            risk: wanted.risk,
            reason: domain::alert::cut(&wanted.reason, 1024),
            cause: cause(Stage::Automate, plugin, self.snapshot.revision, wanted.reason.clone()),
            state,
            created_at: self.now,
            next_at,
            tries: 0,
            decided_by: None,
            result: refused.as_ref().map(|why| ActionResult { key: wanted.key.clone(), ok: false, output: why.clone(), response: None }),
        };
        if !self.tx.add_action(&action)? {
            return Ok(());
        }
        self.taken.changed = Some(action.incident);
        self.taken.queued |= state == ActionState::Queued;
        let (what, name) = (words(&action), &plugin.name);
        let because = if action.reason.is_empty() { String::new() } else { format!(": {}", action.reason) };
        let (kind, text) = match (&refused, state) {
            (Some(why), _) => (LineKind::ActionRefused, format!("{name} wants to {what}{because}. Not done: {why}")),
            (_, ActionState::Shown) => (LineKind::ActionProposed, format!("Dry run: {name} would {what}{because}")),
            (_, ActionState::Waiting) => {
                (LineKind::ActionProposed, format!("{name} wants to {what} ({}){because}. It waits for approval", action.risk.as_str()))
            }
            _ => (LineKind::ActionProposed, format!("{name} begins to {what} ({}){because}", action.risk.as_str())),
        };
        self.tx.add_line(action.incident, &line(self.now, kind, text, Some(action.cause.clone())))?;
        if refused.is_some() { finish(self.tx, &action, self.now) } else { Ok(()) }
    }

    /// Why a step is not done at all, if so.
    fn refused(&self, step: &Step) -> Option<String> {
        match step {
            Step::Call(HttpRequest { body, .. }) if body.len() > BODY_LIMIT_BYTES => {
                Some(format!("its body of {} bytes is larger than {BODY_LIMIT_BYTES}", body.len()))
            }
            Step::Page(destination) if !exists(&self.snapshot.installation, &destination.target) => {
                Some(format!("{} is not configured", destination.target))
            }
            Step::RunRunbook(run) => Some(format!("there is no runbook {}: this version runs none", run.runbook)),
            Step::OpenTicket(thread) | Step::OpenChannel(thread) => {
                Some(format!("there is no connection {}: this version has none", thread.connection))
            }
            Step::Call(_) | Step::Page(_) | Step::SetPriority(_) | Step::AddNote(_) => None,
        }
    }
}

/// Notes that the action's plugin is to be told what came of it.
pub fn finish(tx: &mut dyn Tx, action: &StoredAction, now: Millis) -> Result<(), StoreError> {
    let Some(result) = action.result.clone() else { return Ok(()) };
    let (id, plugin) = (tx.new_event_id()?, action.plugin.clone());
    let change = Change::ActionFinished(result);
    tx.put_event(&QueuedEvent { id, incident: action.incident, plugin, at: now, change, tries: 0, next_at: now })
}
