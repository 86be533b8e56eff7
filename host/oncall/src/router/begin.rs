//! What an answer does to the stored incident: runs, lines, and the mark that it is routed. One compare-and-set.

use super::decide::{Chosen, Routed, exists};
use crate::house::line;
use domain::alert::{Severity, Status};
use domain::care::{Answer, Asked};
use domain::escalation::{Duty, Run, RunState, Target, is_outlived, routed_again, to_begin_again, waiting};
use domain::id::TeamId;
use domain::incident::Incident;
use domain::installation::Installation;
use domain::time::Millis;
use domain::timeline::{Cause, LineKind};
use ports::{StoreError, Tx};

/// Whether the incident has to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// It is not what was asked about any more.
    Changed,
}

/// Makes the answer true. An incident that changed in what routing depends on is left for another question, unless this is the `last`
/// try: then it is routed as it was, and stays due, so that a storm of changes cannot keep it from paging.
pub fn begin(tx: &mut dyn Tx, routed: &Routed, installation: &Installation, now: Millis, last: bool) -> Result<Left, StoreError> {
    let Some(mut incident) = tx.incident(routed.seen.id)?.filter(|i| i.route_due) else { return Ok(Left::Nothing) };
    if incident.status != Status::Firing {
        let runs = tx.runs_of(incident.id)?;
        Start::of(tx, &incident, installation, now, runs).ask()?;
        incident.route_due = false;
        incident.version += 1;
        tx.put_incident(&incident)?;
        return Ok(Left::Nothing);
    }
    let changed = incident.version != routed.seen.version && concern(&incident) != concern(&routed.seen);
    if changed && !last {
        return Ok(Left::Changed);
    }
    let mut runs = tx.runs_of(incident.id)?;
    stop_former(tx, &incident, &mut runs)?;
    let mut start = Start::of(tx, &incident, installation, now, runs);
    // What was known before is not said again because somebody was asked to help.
    start.aside = start.ask()? && incident.routed_severity == Some(incident.severity);
    for (text, cause) in &routed.failed {
        start.say(LineKind::StageFailed, text, cause.clone())?;
    }
    for chosen in &routed.chosen {
        start.go(chosen)?;
    }
    start.again()?;
    incident.route_due = changed;
    incident.routed_severity = Some(routed.seen.severity);
    incident.version += 1;
    tx.put_incident(&incident)?;
    Ok(if changed { Left::Changed } else { Left::Nothing })
}

/// Routes an incident that fires to one more destination, because an action says so.
pub fn route_too(
    tx: &mut dyn Tx,
    incident: &Incident,
    chosen: &Chosen,
    installation: &Installation,
    now: Millis,
) -> Result<(), StoreError> {
    let runs = tx.runs_of(incident.id)?;
    Start::of(tx, incident, installation, now, runs).go(chosen)
}

/// What routing depends on. Repeats and notes change an incident's version, but not this.
type Concern<'a> = (&'a TeamId, Option<&'a str>, Option<&'a str>, Severity, bool, Status, u32);

fn concern(incident: &Incident) -> Concern<'_> {
    (
        &incident.team,
        incident.service.as_deref(),
        incident.routing_key.as_deref(),
        incident.severity,
        incident.default_route,
        incident.status,
        incident.care.epoch,
    )
}

/// Ends runs of an earlier paging: somebody answered and gave the incident back, it was sent elsewhere, or it fires again by itself.
fn stop_former(tx: &mut dyn Tx, incident: &Incident, runs: &mut [Run]) -> Result<(), StoreError> {
    for run in runs.iter_mut().filter(|r| is_outlived(r, incident.care.epoch)) {
        run.state = RunState::Stopped;
        run.next_at = None;
        tx.put_run(run)?;
    }
    Ok(())
}

struct Start<'a> {
    tx: &'a mut dyn Tx,
    incident: &'a Incident,
    duty: Duty<'a>,
    runs: Vec<Run>,
    /// Nothing is new about where it goes.
    aside: bool,
}

impl<'a> Start<'a> {
    fn of(tx: &'a mut dyn Tx, incident: &'a Incident, installation: &'a Installation, now: Millis, runs: Vec<Run>) -> Self {
        Self { tx, incident, duty: Duty { installation, overrides: &[], now }, runs, aside: false }
    }

    /// Begins to page those who were asked to help and are not paged yet; whether there were any.
    fn ask(&mut self) -> Result<bool, StoreError> {
        let begun = |runs: &[Run], number: u32| runs.iter().any(|run| run.ask == Some(number));
        let asked: Vec<Asked> =
            self.incident.care.asked.iter().filter(|a| a.answer == Answer::Open && !begun(&self.runs, a.number)).cloned().collect();
        for Asked { number, target, by, .. } in &asked {
            if exists(self.duty.installation, target) {
                let reason = format!("{by} asked for help");
                self.say(LineKind::Routed, &format!("Routed to {target} too because {reason}"), None)?;
                self.run(self.duty.canonical(target), reason, None, Some(*number))?;
            } else if self.incident.route_due {
                self.say(LineKind::StepSkipped, &format!("{by} asked {target} for help, which is not configured"), None)?;
            }
        }
        Ok(!asked.is_empty())
    }

    fn say(&mut self, kind: LineKind, text: &str, cause: Option<Cause>) -> Result<(), StoreError> {
        self.tx.add_line(self.incident.id, &line(self.duty.now, kind, text, cause))
    }

    fn go(&mut self, chosen: &Chosen) -> Result<(), StoreError> {
        let Chosen { target, urgency, why, cause } = chosen;
        let routed = self.duty.routed(&self.runs, target, *urgency, why);
        if !self.aside || routed.begins.is_some() {
            self.say(LineKind::Routed, &routed.text, cause.clone())?;
        }
        if let Some(target) = routed.begins {
            self.run(target, why.clone(), cause.clone(), None)?;
        }
        Ok(())
    }

    /// Begins anew what was stopped by an answer: the incident fires again.
    fn again(&mut self) -> Result<(), StoreError> {
        // What it was rerouted away from stays stopped.
        let since = self.incident.care.destination.as_ref().map_or(0, |destination| destination.epoch);
        for run in to_begin_again(&self.runs, since) {
            self.say(LineKind::Routed, &routed_again(&run), run.cause.clone())?;
            self.run(run.target, run.reason, run.cause, None)?;
        }
        Ok(())
    }

    fn run(&mut self, target: Target, reason: String, cause: Option<Cause>, ask: Option<u32>) -> Result<(), StoreError> {
        let now = self.duty.now;
        if let Some(said) = waiting(&target, self.duty.first_delay(&target)) {
            self.say(said.kind, &said.text, cause.clone())?;
        }
        let begun = self.duty.begin(target, reason);
        let epoch = self.incident.care.epoch;
        let run = Run { ask, epoch, ..Run::begun(self.tx.new_run_id()?, self.incident.id, begun, cause, now) };
        self.tx.put_run(&run)?;
        self.runs.push(run);
        Ok(())
    }
}
