//! What a due run does: pages the next step that means somebody, goes round again, hands over, or stops because somebody answered.

use super::plan::{Duty, Plan, Reach, Turns};
use super::{ASK_ROUNDS, HURRIED_ROUND_SECONDS, LAST_RESORT_SECONDS, ROUND_SECONDS_MIN, RUNS_LIMIT, Run, RunState, Target};
use crate::alert::Status;
use crate::contact::Contact;
use crate::id::{PolicyId, UserId};
use crate::incident::Incident;
use crate::time::Millis;
use crate::timeline::LineKind;
use crate::when::Weight;

/// The people to be paged now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepPage {
    /// From 1.
    pub step: u32,
    /// Which time through, from 0.
    pub repeat: u32,
    /// Each has at least one contact.
    pub users: Vec<UserId>,
    /// Messages to nobody in particular.
    pub addresses: Vec<Contact>,
    /// Each is paged by their primary policy.
    pub primary_only: bool,
}

/// The place at which a step whose targets take turns goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    pub policy: PolicyId,
    /// From 0.
    pub step: u32,
    /// The target whose turn is next, from 0.
    pub next: u32,
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
    /// To be kept for the next time.
    pub turned: Option<Turned>,
}

impl Advance {
    fn of(run: &Run) -> Self {
        Self { run: run.clone(), page: None, begun: Vec::new(), said: Vec::new(), turned: None }
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

/// Decides what a due, active run does. `runs` are all of the incident, this one included; `turns` say whose turn it is where targets take
/// turns.
///
/// The first step of a repetition is due when the policy begins again, without its own delay. A step that means nobody is skipped at
/// once and said, and so is one whose condition does not hold now. A policy that runs out while no other run is active hands over to the installation's default policy, and that one to
/// the last resort, which goes on until somebody answers: as long as the incident fires, one run of it is active.
pub fn advance(run: &Run, incident: &Incident, runs: &[Run], duty: &Duty<'_>, turns: &Turns) -> Advance {
    let mut out = Advance::of(run);
    let weight = Weight { severity: incident.severity, priority: incident.priority };
    if !incident.wants(run) {
        // Whoever was asked beside has answered: if that leaves nobody, it goes on as if this had run out.
        match incident.status {
            Status::Firing if run.ask.is_some() => exhaust(&mut out, incident, runs, duty, weight),
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
        exhaust(&mut out, incident, runs, duty, weight);
        return out;
    };
    let steps = plan.steps.len();
    let mut from = run.step as usize;
    if from >= steps {
        if run.repeat >= rounds(run, &plan) {
            out.say(LineKind::Exhausted, format!("Nobody answered {}", plan.name));
            exhaust(&mut out, incident, runs, duty, weight);
            return out;
        }
        out.run.repeat += 1;
        from = 0;
    }
    for index in from..steps {
        let (step, number) = (&plan.steps[index], index as u32 + 1);
        if !duty.holds(step, weight) {
            // Said, because the delay of the next step does not begin anew: who reads two steps at one instant should see why.
            let next = if index + 1 < steps { format!("; step {} comes at once", number + 1) } else { String::new() };
            out.say(LineKind::StepSkipped, format!("Step {number} of {} skipped: it is for {}{next}", plan.name, step.when.words()));
            continue;
        }
        let reach = duty.reach(&run.target, index, step, weight, turns);
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
        out.turned.clone_from(&reach.turned);
        if take_step(&mut out, &plan, number, reach, runs, duty) {
            return out;
        }
    }
    if from == 0 {
        out.say(LineKind::Exhausted, format!("{} means nobody now", capitalized(&plan.name)));
        exhaust(&mut out, incident, runs, duty, weight);
    } else {
        out.wait(steps as u32, duty.now.plus_seconds(plan.repeat_delay_seconds.max(ROUND_SECONDS_MIN)));
    }
    out
}

/// Pages the step's people and begins its policies; `false`: it comes to nobody.
fn take_step(out: &mut Advance, plan: &Plan<'_>, number: u32, reach: Reach, runs: &[Run], duty: &Duty<'_>) -> bool {
    let mut going = false;
    for policy in reach.policies.clone() {
        let target = Target::Policy(policy);
        if runs.iter().any(|r| r.id != out.run.id && r.state == RunState::Active && r.target == target) {
            going = true;
        } else if counted(runs) + out.begun.len() < RUNS_LIMIT {
            let reason = format!("step {number} of {}", plan.name);
            out.say(LineKind::Escalated, format!("Step {number} of {}: {target} begins", plan.name));
            let delay = duty.first_delay(&target);
            out.said.extend(waiting(&target, delay));
            out.begun.push(Begun { target, last_resort: false, next_at: duty.now.plus_seconds(delay), reason });
            going = true;
        } else {
            out.say(
                LineKind::StepSkipped,
                format!("Step {number} of {}: {target} is left out, {RUNS_LIMIT} escalations are enough", plan.name),
            );
        }
    }
    let pages = !reach.users.is_empty() || !reach.addresses.is_empty();
    if !pages && !going {
        return false;
    }
    if pages {
        let people = reach.users.iter().map(UserId::as_str);
        let names: Vec<&str> = people.chain(reach.addresses.iter().map(|contact| contact.address.as_str())).collect();
        let again = if out.run.repeat == 0 { String::new() } else { format!(", time {}", u64::from(out.run.repeat) + 1) };
        out.say(LineKind::Escalated, format!("Step {number} of {}{again}: paging {}", plan.name, names.join(", ")));
        let Reach { users, addresses, .. } = reach;
        let primary_only = plan.steps[number as usize - 1].ignore_custom_paging;
        out.page = Some(StepPage { step: number, repeat: out.run.repeat, users, addresses, primary_only });
    }
    let delay = match plan.steps.get(number as usize) {
        Some(next) => next.delay_seconds,
        None => plan.repeat_delay_seconds.max(ROUND_SECONDS_MIN),
    };
    out.wait(number, duty.now.plus_seconds(delay));
    true
}

/// Ends the run; if it was the last active one, begins what comes after it.
fn exhaust(out: &mut Advance, incident: &Incident, runs: &[Run], duty: &Duty<'_>, weight: Weight) {
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
    if !was_tried && counted(runs) < RUNS_LIMIT && duty.reaches_somebody(default, weight) {
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
        out.page = Some(StepPage { step: 1, repeat: round, users, addresses: Vec::new(), primary_only: true });
    }
    out.run.repeat = round.saturating_add(1);
    out.wait(0, duty.now.plus_seconds(LAST_RESORT_SECONDS));
}

/// That a policy waits before it pages anybody, so that what recovers by itself wakes nobody; `None`: it does not wait.
pub fn waiting(target: &Target, delay_seconds: u32) -> Option<Said> {
    let time = if delay_seconds.is_multiple_of(60) { format!("{} min", delay_seconds / 60) } else { format!("{delay_seconds} s") };
    let text = format!("{} waits {time} before anybody is paged", capitalized(&target.to_string()));
    (delay_seconds > 0).then_some(Said { kind: LineKind::Routed, text })
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
