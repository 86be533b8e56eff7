//! How an escalation begins: routed to, called by a step, or begun again because nobody answers any more. The router, the escalation and
//! the simulation share it.

use super::{Begun, Duty, Run, RunState, StepPage, Target};
use crate::contact::Contact;
use crate::id::{IncidentId, RunId, UserId};
use crate::installation::Installation;
use crate::time::Millis;
use crate::timeline::Cause;

impl Run {
    /// The run as it begins at `now`.
    pub fn begun(id: RunId, incident: IncidentId, begun: Begun, cause: Option<Cause>, now: Millis) -> Self {
        let Begun { target, last_resort, next_at, reason } = begun;
        Self {
            id,
            incident,
            target,
            state: RunState::Active,
            step: 0,
            repeat: 0,
            next_at: Some(next_at),
            last_resort,
            reason,
            cause,
            started_at: now,
        }
    }
}

impl Duty<'_> {
    /// An escalation to a (canonical) target: its first step is due after that step's own delay.
    pub fn begin(&self, target: Target, reason: String) -> Begun {
        let delay = self.plan(&target).and_then(|plan| plan.steps.first().map(|step| step.delay_seconds)).unwrap_or(0);
        Begun { target, last_resort: false, next_at: self.now.plus_seconds(delay), reason }
    }
}

/// Whether an escalation to this (canonical) target is going on.
pub fn is_going(runs: &[Run], target: &Target) -> bool {
    runs.iter().any(|r| r.state == RunState::Active && !r.last_resort && r.target == *target)
}

/// Whether a run was going when somebody answered who has given the incident back at `given_back`, before the run came to notice: it ends,
/// and its target begins again from the first step.
pub fn is_outlived(run: &Run, given_back: Millis) -> bool {
    run.state == RunState::Active && run.started_at < given_back
}

/// What an answer stopped and nobody answers for any more: one run per target that is not going.
pub fn to_begin_again(runs: &[Run]) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    for run in runs.iter().filter(|r| r.state == RunState::Stopped && !r.last_resort) {
        if !is_going(runs, &run.target) && found.iter().all(|other| other.target != run.target) {
            found.push(run.clone());
        }
    }
    found
}

/// A message of a step to one person by one contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    pub user: &'a UserId,
    pub contact: &'a Contact,
    /// Its place in the person's list of contacts, from 0.
    pub contact_index: u32,
    /// After the step.
    pub delay_seconds: u32,
}

/// The messages of a step, person by person, each contact in its order.
pub fn messages<'a>(page: &'a StepPage, installation: &'a Installation) -> impl Iterator<Item = Message<'a>> {
    page.users.iter().filter_map(|id| installation.users.get(id)).flat_map(|user| {
        (0..).zip(&user.contacts).map(|(contact_index, method)| Message {
            user: &user.id,
            contact: &method.contact,
            contact_index,
            delay_seconds: method.delay_seconds,
        })
    })
}
