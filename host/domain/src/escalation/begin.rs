//! How an escalation begins: routed to, called by a step, or begun again because nobody answers any more. The router, the escalation and
//! the simulation share it.

use super::{Begun, Duty, Run, RunState, StepPage, Target, Urgency};
use crate::contact::Contact;
use crate::id::{IncidentId, RunId, UserId};
use crate::installation::Installation;
use crate::paging::{Ring, rings};
use crate::time::Millis;
use crate::timeline::Cause;
use crate::when::Weight;

impl Run {
    /// The run as it begins at `now`: of the incident's first paging, and no call for help.
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
            ask: None,
            epoch: 0,
        }
    }
}

impl Duty<'_> {
    /// An escalation to a (canonical) target: its first step is due after that step's own delay.
    pub fn begin(&self, target: Target, reason: String) -> Begun {
        let delay = self.first_delay(&target);
        Begun { target, last_resort: false, next_at: self.now.plus_seconds(delay), reason }
    }
}

/// What it means for an incident to be sent to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedTo {
    /// For the timeline.
    pub text: String,
    /// The (canonical) target to which an escalation begins.
    pub begins: Option<Target>,
    /// An escalation to it goes on already, so that nothing begins.
    pub goes_on: bool,
}

impl Duty<'_> {
    /// Sends an incident with these runs to a destination: only a page begins an escalation, and only if none goes on there.
    pub fn routed(&self, runs: &[Run], target: &Target, urgency: Urgency, why: &str) -> RoutedTo {
        let canonical = self.canonical(target);
        let pages = urgency == Urgency::Page;
        let goes_on = pages && is_going(runs, &canonical);
        let text = match urgency {
            Urgency::Page if goes_on => format!("Routed to {target} {why} (its escalation goes on)"),
            Urgency::Page => format!("Routed to {target} {why}"),
            Urgency::Ticket => format!("Routed to {target} as a ticket, which wakes nobody, {why}"),
            Urgency::Quiet => format!("Routed to {target} for the record only, which pages nobody, {why}"),
        };
        RoutedTo { text, begins: (pages && !goes_on).then_some(canonical), goes_on }
    }
}

/// What is said where the run's target begins again, see [`to_begin_again`].
pub fn routed_again(run: &Run) -> String {
    format!("Routed to {} again: nobody answers for it any more", run.target)
}

/// Whether an escalation to this (canonical) target is going on.
pub(super) fn is_going(runs: &[Run], target: &Target) -> bool {
    runs.iter().any(|r| r.state == RunState::Active && r.ask.is_none() && !r.last_resort && r.target == *target)
}

/// Whether a run belongs to an earlier paging than the incident's present one, before the run came to notice: it ends, and its target begins
/// again from the first step.
pub fn is_outlived(run: &Run, epoch: u32) -> bool {
    run.state == RunState::Active && run.ask.is_none() && run.epoch < epoch
}

/// What an answer stopped and nobody answers for any more: one run per target that is not going. What belongs to a paging before `since` stays
/// stopped.
pub fn to_begin_again(runs: &[Run], since: u32) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    let stopped = |r: &&Run| r.state == RunState::Stopped && r.ask.is_none() && !r.last_resort && r.epoch >= since;
    for run in runs.iter().filter(stopped) {
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
    /// Its place among the person's messages of this page, from 0.
    pub index: u32,
    /// When, and whether it is sent again.
    pub ring: Ring,
    /// The person's own policy that it follows, if it is not their primary one.
    pub by: Option<&'a str>,
}

/// The messages of a step to people, person by person, each as their own policy says.
pub fn messages<'a>(page: &'a StepPage, weight: Weight, now: Millis, installation: &'a Installation) -> Vec<Message<'a>> {
    let mut found = Vec::new();
    for user in page.users.iter().filter_map(|id| installation.users.get(id)) {
        let personal = rings(user, weight, now, page.primary_only);
        let mut list = personal.list;
        // Stable: contacts of the same time stay in the person's order, which is that of falling back.
        list.sort_by_key(|ring| ring.after_seconds);
        for (index, ring) in (0..).zip(list) {
            if let Some(method) = user.contacts.get(ring.contact) {
                found.push(Message { user: &user.id, contact: &method.contact, index, ring, by: personal.by });
            }
        }
    }
    found
}
