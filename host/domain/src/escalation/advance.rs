//! What a due run does: pages the next step that means somebody, goes round again, hands over, or stops because somebody answered.

use super::plan::{Duty, Plan, Reach};
use super::{ASK_ROUNDS, HURRIED_ROUND_SECONDS, LAST_RESORT_SECONDS, ROUND_SECONDS_MIN, RUNS_LIMIT, Run, RunState, Target};
use crate::alert::Status;
use crate::id::{PolicyId, UserId};
use crate::incident::Incident;
use crate::time::Millis;
use crate::timeline::LineKind;

/// The people to be paged now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepPage {
    /// From 1.
    pub step: u32,
    /// Which time through, from 0.
    pub repeat: u32,
    /// Each has at least one contact.
    pub users: Vec<UserId>,
}

/// A run to be added beside this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub target: Target,
    pub last_resort: bool,
    pub next_at: Millis,
    pub reason: String,
}

/// A line for the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub kind: LineKind,
    pub text: String,
}

/// What follows from a run that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The run as it is from now on.
    pub run: Run,
    pub page: Option<StepPage>,
    pub begun: Vec<Begun>,
    pub said: Vec<Said>,
}

impl Advance {
    fn of(run: &Run) -> Self {
        Self { run: run.clone(), page: None, begun: Vec::new(), said: Vec::new() }
    }

    fn say(&mut self, kind: LineKind, text: String) {
        self.said.push(Said { kind, text });
    }

    fn wait(&mut self, step: u32, due: Millis) {
        self.run.step = step;
        self.run.next_at = Some(due);
    }

    fn end(&mut self, state: RunState) {
        self.run.state = state;
        self.run.next_at = None;
    }
}

/// Decides what a due, active run does. `runs` are all of the incident, this one included.
///
/// The first step of a repetition is due when the policy begins again, without its own delay. A step that means nobody is skipped at
/// once and said. A policy that runs out while no other run is active hands over to the installation's default policy, and that one to
/// the last resort, which goes on until somebody answers: as long as the incident fires, one run of it is active.
pub fn advance(run: &Run, incident: &Incident, runs: &[Run], duty: &Duty<'_>) -> Advance {
    let mut out = Advance::of(run);
    if !incident.wants(run) {
        // Whoever was asked beside has answered: if that leaves nobody, it goes on as if this had run out.
        match incident.status {
            Status::Firing if run.ask.is_some() => exhaust(&mut out, incident, runs, duty),
            _ => out.end(RunState::Stopped),
        }
        return out;
    }
    if run.last_resort {
        page_last_resort(&mut out, duty);
        return out;
    }
    let Some(plan) = duty.plan(&run.target) else {
        out.say(LineKind::StepSkipped, format!("{} is not configured any more", capitalized(&run.target.to_string())));
        exhaust(&mut out, incident, runs, duty);
        return out;
    };
    let steps = plan.steps.len();
    let mut from = run.step as usize;
    if from >= steps {
        if run.repeat >= rounds(run, &plan) {
            out.say(LineKind::Exhausted, format!("Nobody answered {}", plan.name));
            exhaust(&mut out, incident, runs, duty);
            return out;
        }
        out.run.repeat += 1;
        from = 0;
    }
    for index in from..steps {
        let reach = duty.reach(&run.target, &plan.steps[index]);
        let number = index as u32 + 1;
        for why in &reach.missing {
            let text = if reach.is_nobody() {
                format!("Step {number} of {} skipped: {why}", plan.name)
            } else {
                format!("Step {number} of {}: {why}", plan.name)
            };
            out.say(LineKind::StepSkipped, text);
        }
        if reach.missing.is_empty() && reach.is_nobody() {
            out.say(LineKind::StepSkipped, format!("Step {number} of {} skipped: it names nobody", plan.name));
        }
        if take_step(&mut out, &plan, number, reach, runs, duty) {
            return out;
        }
    }
    if from == 0 {
        out.say(LineKind::Exhausted, format!("{} means nobody now", capitalized(&plan.name)));
        exhaust(&mut out, incident, runs, duty);
    } else {
        out.wait(steps as u32, duty.now.plus_seconds(plan.repeat_delay_seconds.max(ROUND_SECONDS_MIN)));
    }
    out
}

/// Pages the step's people and begins its policies; `false`: it comes to nobody.
fn take_step(out: &mut Advance, plan: &Plan<'_>, number: u32, reach: Reach, runs: &[Run], duty: &Duty<'_>) -> bool {
    let mut going = false;
    for policy in reach.policies {
        let target = Target::Policy(policy);
        if runs.iter().any(|r| r.id != out.run.id && r.state == RunState::Active && r.target == target) {
            going = true;
        } else if counted(runs) + out.begun.len() < RUNS_LIMIT {
            let reason = format!("step {number} of {}", plan.name);
            out.say(LineKind::Escalated, format!("Step {number} of {}: {target} begins", plan.name));
            let delay = duty.plan(&target).and_then(|p| p.steps.first().map(|s| s.delay_seconds)).unwrap_or(0);
            out.begun.push(Begun { target, last_resort: false, next_at: duty.now.plus_seconds(delay), reason });
            going = true;
        } else {
            out.say(
                LineKind::StepSkipped,
                format!("Step {number} of {}: {target} is left out, {RUNS_LIMIT} escalations are enough", plan.name),
            );
        }
    }
    if reach.users.is_empty() && !going {
        return false;
    }
    if !reach.users.is_empty() {
        let names: Vec<&str> = reach.users.iter().map(UserId::as_str).collect();
        let again = if out.run.repeat == 0 { String::new() } else { format!(", time {}", u64::from(out.run.repeat) + 1) };
        out.say(LineKind::Escalated, format!("Step {number} of {}{again}: paging {}", plan.name, names.join(", ")));
        out.page = Some(StepPage { step: number, repeat: out.run.repeat, users: reach.users });
    }
    let delay = match plan.steps.get(number as usize) {
        Some(next) => next.delay_seconds,
        None => plan.repeat_delay_seconds.max(ROUND_SECONDS_MIN),
    };
    out.wait(number, duty.now.plus_seconds(delay));
    true
}

/// Ends the run; if it was the last active one, begins what comes after it.
fn exhaust(out: &mut Advance, incident: &Incident, runs: &[Run], duty: &Duty<'_>) {
    out.end(RunState::Exhausted);
    // Somebody is on it: nobody else has to be found because one who was asked to help does not answer.
    if incident.status != Status::Firing {
        return;
    }
    let own = out.run.id;
    if runs.iter().any(|r| r.id != own && r.state == RunState::Active && r.ask.is_none() && incident.wants(r)) {
        return;
    }
    let default: &PolicyId = &duty.installation.default_policy;
    let target = Target::Policy(default.clone());
    let was_tried = duty.canonical(&out.run.target) == target || runs.iter().any(|r| r.state != RunState::Stopped && r.target == target);
    if !was_tried && counted(runs) < RUNS_LIMIT && duty.reaches_somebody(default) {
        out.say(LineKind::Escalated, format!("Going on with the installation's default policy {default}"));
        let reason = format!("nobody answered {}", out.run.target);
        out.begun.push(Begun { target, last_resort: false, next_at: duty.now, reason });
    } else {
        out.say(LineKind::Escalated, "Last resort: everyone who can be reached is paged until somebody answers".to_owned());
        let reason = "all else failed".to_owned();
        out.begun.push(Begun { target, last_resort: true, next_at: duty.now, reason });
    }
}

/// How often the run does its plan again: whoever was asked to help is paged until they answer, within reason.
fn rounds(run: &Run, plan: &Plan<'_>) -> u32 {
    if run.ask.is_some() { plan.repeat.max(ASK_ROUNDS) } else { plan.repeat }
}

/// Runs since the incident was last answered, towards [`RUNS_LIMIT`].
fn counted(runs: &[Run]) -> usize {
    runs.iter().filter(|r| r.state != RunState::Stopped).count()
}

fn page_last_resort(out: &mut Advance, duty: &Duty<'_>) {
    let users = duty.last_resort();
    let round = out.run.repeat;
    if users.is_empty() {
        if round == 0 {
            out.say(LineKind::StepSkipped, "Last resort: nobody in the installation has a contact".to_owned());
        }
    } else {
        let names: Vec<&str> = users.iter().map(UserId::as_str).collect();
        out.say(LineKind::Escalated, format!("Last resort, time {}: paging {}", u64::from(round) + 1, names.join(", ")));
        out.page = Some(StepPage { step: 1, repeat: round, users });
    }
    out.run.repeat = round.saturating_add(1);
    out.wait(0, duty.now.plus_seconds(LAST_RESORT_SECONDS));
}

/// The run with its next step brought forward, because a person paged at `step` (from 1) cannot be reached in any way. `None`: it has gone
/// on since, or has ended, or is the last resort, which keeps its pace.
pub fn hurried(run: &Run, step: u32, duty: &Duty<'_>) -> Option<Run> {
    if run.state != RunState::Active || run.last_resort || run.step != step {
        return None;
    }
    let plan = duty.plan(&run.target)?;
    let again = run.step as usize >= plan.steps.len() && run.repeat < plan.repeat;
    let due = if again { duty.now.plus_seconds(HURRIED_ROUND_SECONDS) } else { duty.now };
    (run.next_at.is_none_or(|at| at > due)).then(|| Run { next_at: Some(due), ..run.clone() })
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
