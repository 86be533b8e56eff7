//! Plays a scenario: the loop of due times around the rules, and what comes of each.

use super::scenario::{Answer, Arrival, Route, Scenario};
use crate::alert::{Alert, Status};
use crate::command::{Actor, Command, Subject};
use crate::contact::Contact;
use crate::decision::{Decision, Verdict};
use crate::escalation::{
    Advance, Duty, Run, RunState, StepPage, Target, Turns, Urgency, advance, is_outlived, messages, routed_again, to_begin_again,
};
use crate::expiry::Availability;
use crate::id::{AlertId, DecisionId, IncidentId, Revision, RunId, UserId};
use crate::incident::Incident;
use crate::installation::Installation;
use crate::paging::REPEATS_LIMIT;
use crate::schedule::Override;
use crate::time::Millis;
use crate::timeline::LineKind;
use crate::transition::{Ground, Moment, Said, decide, obey};
use crate::when::Weight;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most events of a simulation; it ends there.
pub const EVENTS_LIMIT: usize = 10_000;
/// Most due times that are looked at: a simulation in which nothing is worth an event ends too.
const TURNS_LIMIT: usize = 1_000_000;

/// Something that would happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: Millis,
    /// The place of the incident in the scenario.
    pub incident: usize,
    /// Since the incident opened.
    pub after_ms: i64,
    pub what: What,
}

/// What would happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message goes out.
    Paged { user: UserId, contact: Contact, step: u32, why: String },
    /// A message that was to come later is not needed any more.
    Cancelled { user: UserId, contact: Contact, why: String },
    /// A step, or a target of it, comes to nobody.
    Skipped(String),
    /// It opened, was routed, ran out.
    Told(String),
    /// Somebody answered.
    Answered(String),
    /// An answer that could not be given.
    Refused(String),
}

/// Everything that would happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// In order of time.
    pub events: Vec<Event>,
    /// Where it was cut off because of [`EVENTS_LIMIT`].
    pub cut_at: Option<Millis>,
}

/// Plays the scenario through.
pub fn simulate(installation: &Installation, scenario: &Scenario) -> Foreseen {
    let mut stage = Stage::set(installation, scenario);
    for _ in 0..TURNS_LIMIT {
        if stage.foreseen.events.len() >= EVENTS_LIMIT {
            break;
        }
        let Some(due) = stage.next_due().filter(|due| *due < scenario.until) else { return stage.foreseen };
        stage.now = stage.now.max(due);
        stage.act();
    }
    stage.foreseen.events.truncate(EVENTS_LIMIT);
    stage.foreseen.cut_at = Some(stage.now);
    stage.foreseen
}

/// The incident of an arrival as it opens, with its alert; `None`: its severity opens none.
pub fn opening(place: usize, arrival: &Arrival, revision: Revision) -> (Option<Incident>, Arc<Alert>) {
    let number = place as u64 + 1;
    let mut alert = Alert::firing(format!("simulated-{number}"), arrival.severity, arrival.at);
    alert.summary = Some(arrival.title.clone());
    alert.service.clone_from(&arrival.service);
    alert.routing_key.clone_from(&arrival.routing_key);
    let alert = Arc::new(alert);
    let decision = Decision {
        id: DecisionId(number),
        partition: 0,
        revision,
        team: arrival.team.clone(),
        integration: arrival.integration.clone(),
        alert: Arc::clone(&alert),
        verdict: Verdict::Keep,
        grouping: None,
        default_route: false,
        notes: Vec::new(),
    };
    let availability = Availability::default();
    let moment = Moment { at: arrival.at, alert: AlertId(number), incident: IncidentId(number), availability: &availability };
    let mut ground = Ground::default();
    decide(&mut ground, &decision, moment);
    (ground.incidents.pop(), alert)
}

/// An incident that has opened, with its escalations.
struct Case<'a> {
    arrival: &'a Arrival,
    incident: Incident,
    runs: Vec<Run>,
}

/// A message that waits for its time.
struct Waiting {
    place: usize,
    user: UserId,
    contact: Contact,
    step: u32,
    why: String,
    /// The page that it belongs to: a later one to the same person takes the place of its repetitions.
    paged_at: Millis,
    /// It is sent again every so many seconds.
    repeat_seconds: Option<u32>,
    /// Which time it is sent, from 0.
    round: u32,
}

/// What the scenario lets happen.
enum Cue<'a> {
    Opens(usize, &'a Arrival),
    Answers(&'a Answer),
}

struct Stage<'a> {
    installation: &'a Installation,
    overrides: &'a [Override],
    now: Millis,
    cues: BTreeMap<(Millis, usize), Cue<'a>>,
    cases: BTreeMap<usize, Case<'a>>,
    messages: BTreeMap<(Millis, u64), Waiting>,
    /// When each person was last paged about an incident.
    paged: BTreeMap<(usize, UserId), Millis>,
    turns: Turns,
    /// Counts runs, messages and alerts.
    numbers: u64,
    availability: Availability,
    foreseen: Foreseen,
}

impl<'a> Stage<'a> {
    fn set(installation: &'a Installation, scenario: &'a Scenario) -> Self {
        let openings = scenario.incidents.iter().enumerate().map(|(place, arrival)| (arrival.at, Cue::Opens(place, arrival)));
        let answers = scenario.answers.iter().map(|answer| (answer.at, Cue::Answers(answer)));
        Self {
            installation,
            overrides: &scenario.overrides,
            now: scenario.starts,
            cues: openings.chain(answers).enumerate().map(|(order, (at, cue))| ((at, order), cue)).collect(),
            cases: BTreeMap::new(),
            messages: BTreeMap::new(),
            paged: BTreeMap::new(),
            turns: Turns::new(),
            numbers: 0,
            availability: Availability::default(),
            foreseen: Foreseen::default(),
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn next_run_due(&self) -> Option<Millis> {
        self.cases.values().flat_map(|case| &case.runs).filter_map(|run| run.next_at).min()
    }

    fn next_due(&self) -> Option<Millis> {
        let message = self.messages.keys().next().map(|(at, _)| *at);
        let cue = self.cues.keys().next().map(|(at, _)| *at);
        [self.next_run_due(), message, cue].into_iter().flatten().min()
    }

    /// Does one thing that is due: what the timers want before what the scenario says, so that an answer given at the very second of a page
    /// comes too late to stop it.
    fn act(&mut self) {
        if self.next_run_due().is_some_and(|due| due <= self.now) {
            self.escalate();
        } else if let Some(entry) = self.messages.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let message = entry.remove();
            self.deliver(message);
        } else if let Some((_, cue)) = self.cues.pop_first() {
            match cue {
                Cue::Opens(place, arrival) => self.open(place, arrival),
                Cue::Answers(answer) => self.answer(answer),
            }
        }
    }

    fn tell(&mut self, place: usize, what: What) {
        let opened = self.cases.get(&place).map_or(self.now, |case| case.incident.opened_at);
        self.foreseen.events.push(Event { at: self.now, incident: place, after_ms: self.now.since(opened), what });
    }

    /// Calls `with` with what decides who is on duty now.
    fn on_duty<R>(&self, with: impl FnOnce(&Duty<'_>) -> R) -> R {
        let overrides: Vec<Override> = self.overrides.iter().filter(|o| o.until > self.now).cloned().collect();
        with(&Duty { installation: self.installation, overrides: &overrides, now: self.now })
    }

    fn open(&mut self, place: usize, arrival: &'a Arrival) {
        let (incident, _) = opening(place, arrival, self.installation.revision);
        let Some(incident) = incident else {
            let severity = arrival.severity.as_str();
            return self.tell(place, What::Told(format!("It opens no incident: severity {severity} is for the record")));
        };
        self.cases.insert(place, Case { arrival, incident, runs: Vec::new() });
        self.tell(place, What::Told(format!("Opens: {} ({}, team {})", arrival.title, arrival.severity.as_str(), arrival.team)));
        self.route(place, arrival);
    }

    /// Begins what the router begins: an escalation per destination that pages, and again what an answer has stopped.
    fn route(&mut self, place: usize, arrival: &Arrival) {
        let mut routes = arrival.routes.clone();
        if routes.is_empty() {
            let policy = self.installation.default_policy_for(arrival.integration.as_ref(), Some(&arrival.team)).clone();
            routes.push(Route { target: Target::Policy(policy), urgency: Urgency::Page, why: "by default".to_owned() });
        }
        for Route { target, urgency, why } in routes {
            let runs = self.cases.get(&place).map_or(&[][..], |case| &case.runs);
            let routed = self.on_duty(|duty| duty.routed(runs, &target, urgency, &why));
            if !routed.goes_on {
                self.tell(place, What::Told(routed.text));
            }
            if let Some(target) = routed.begins {
                self.begin(place, target, why);
            }
        }
        let left = self.cases.get(&place).map(|case| to_begin_again(&case.runs, 0)).unwrap_or_default();
        for run in left {
            self.tell(place, What::Told(routed_again(&run)));
            self.begin(place, run.target, run.reason);
        }
        if let Some(case) = self.cases.get_mut(&place) {
            case.incident.route_due = false;
            case.incident.routed_severity = Some(case.incident.severity);
        }
    }

    fn begin(&mut self, place: usize, target: Target, reason: String) {
        let begun = self.on_duty(|duty| duty.begin(target, reason));
        let (id, now) = (RunId(self.number()), self.now);
        if let Some(case) = self.cases.get_mut(&place) {
            let run = Run { epoch: case.incident.care.epoch, ..Run::begun(id, case.incident.id, begun, None, now) };
            case.runs.push(run);
        }
    }

    /// Advances the run that was due first.
    fn escalate(&mut self) {
        let due = |run: &Run| run.next_at.filter(|_| run.state == RunState::Active).unwrap_or(Millis(i64::MAX));
        let first = self.cases.iter().flat_map(|(place, case)| case.runs.iter().map(move |run| (due(run), *place, run.id))).min();
        let Some((_, place, id)) = first else { return };
        let Some(case) = self.cases.get(&place) else { return };
        let Some(run) = case.runs.iter().find(|run| run.id == id) else { return };
        let Advance { run, page, begun, mut said, turned } =
            self.on_duty(|duty| advance(run, &case.incident, &case.runs, duty, &self.turns));
        if let Some(turned) = turned {
            self.turns.insert((turned.policy, turned.step), turned.next);
        }
        if page.is_some()
            && let Some(line) = said.iter().rposition(|said| said.kind == LineKind::Escalated)
        {
            // The messages themselves say it.
            said.remove(line);
        }
        for said in said {
            let skipped = said.kind == LineKind::StepSkipped;
            self.tell(place, if skipped { What::Skipped(said.text) } else { What::Told(said.text) });
        }
        for begun in begun {
            let new = Run { epoch: run.epoch, ..Run::begun(RunId(self.number()), run.incident, begun, None, self.now) };
            self.cases.entry(place).and_modify(|case| case.runs.push(new));
        }
        if let Some(page) = page {
            self.queue(place, &run, &page);
        }
        if let Some(kept) = self.cases.get_mut(&place).and_then(|case| case.runs.iter_mut().find(|kept| kept.id == id)) {
            *kept = run;
        }
    }

    fn queue(&mut self, place: usize, run: &Run, page: &StepPage) {
        let name = self.on_duty(|duty| duty.plan(&run.target).map(|plan| plan.name)).unwrap_or_else(|| run.target.to_string());
        let what = if run.last_resort { "last resort".to_owned() } else { format!("step {} of {name}", page.step) };
        let why = if page.repeat == 0 { what } else { format!("{what}, time {}", u64::from(page.repeat) + 1) };
        let Some(incident) = self.cases.get(&place).map(|case| &case.incident) else { return };
        let weight = Weight { severity: incident.severity, priority: incident.priority };
        for message in messages(page, weight, self.now, self.installation) {
            let (user, contact) = (message.user.clone(), message.contact.clone());
            self.paged.insert((place, user.clone()), self.now);
            let why = message.by.map_or_else(|| why.clone(), |by| format!("{why}, policy {by} of {user}"));
            let (paged_at, repeat_seconds) = (self.now, message.ring.repeat_seconds);
            let waiting = Waiting { place, user, contact, step: page.step, why, paged_at, repeat_seconds, round: 0 };
            self.wait(self.now.plus_seconds(message.ring.after_seconds), waiting);
        }
        for address in &page.addresses {
            self.tell(place, What::Told(format!("A message by {} to {} ({why})", address.kind, address.address)));
        }
    }

    fn wait(&mut self, at: Millis, waiting: Waiting) {
        let number = self.number();
        self.messages.insert((at, number), waiting);
    }

    /// A message's time has come: it goes out, unless somebody has answered since.
    fn deliver(&mut self, message: Waiting) {
        let status = self.cases.get(&message.place).map_or(Status::Resolved, |case| case.incident.status);
        let newest = self.paged.get(&(message.place, message.user.clone())).is_none_or(|at| *at == message.paged_at);
        if message.round > 0 && (!newest || status != Status::Firing) {
            return;
        }
        if let Some(seconds) = message.repeat_seconds.filter(|_| status == Status::Firing && newest && message.round < REPEATS_LIMIT) {
            let again = Waiting {
                round: message.round + 1,
                user: message.user.clone(),
                contact: message.contact.clone(),
                why: message.why.clone(),
                ..message
            };
            self.wait(self.now.plus_seconds(seconds), again);
        }
        let Waiting { place, user, contact, step, why, .. } = message;
        let what = if status == Status::Firing {
            What::Paged { user, contact, step, why }
        } else {
            What::Cancelled { user, contact, why: format!("left out: the incident is {}", status.as_str()) }
        };
        self.tell(place, what);
    }

    fn answer(&mut self, answer: &Answer) {
        let place = answer.incident;
        let Some(case) = self.cases.get(&place) else {
            return self.tell(place, What::Refused(format!("{}: the incident is not open", answer.who)));
        };
        let id = case.incident.id;
        let command = Command {
            subject: Subject::Incident(id),
            actor: Actor::User(answer.who.clone(), String::new()),
            operation: answer.does.clone(),
        };
        let mut ground = Ground { incidents: vec![case.incident.clone()], open: Some(id), ..Ground::default() };
        let moment = Moment { at: self.now, alert: AlertId(0), incident: IncidentId(0), availability: &self.availability };
        let (change, said) = obey(&mut ground, &command, Some(id), moment);
        if let (Some(incident), Some(case)) = (ground.incidents.pop(), self.cases.get_mut(&place)) {
            case.incident = incident;
        }
        match said {
            Said::Refused(why) => return self.tell(place, What::Refused(format!("{}: {why}", answer.who))),
            Said::Done(what) if change.lines.is_empty() => self.tell(place, What::Answered(format!("{}: {what}", answer.who))),
            Said::Done(_) => {
                for (_, line) in change.lines {
                    self.tell(place, What::Answered(line.text));
                }
            }
        }
        self.route_again(place);
    }

    /// Gives the router its turn if the answer calls for it: the incident fires again.
    fn route_again(&mut self, place: usize) {
        let Some(case) = self.cases.get_mut(&place).filter(|case| case.incident.route_due && case.incident.status == Status::Firing) else {
            return;
        };
        for run in case.runs.iter_mut().filter(|run| is_outlived(run, case.incident.care.epoch)) {
            run.state = RunState::Stopped;
            run.next_at = None;
        }
        let arrival = case.arrival;
        self.route(place, arrival);
    }
}
