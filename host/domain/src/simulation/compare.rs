//! What two configurations would page differently in the days to come: each step of each policy asked at every moment at which anything can
//! change, with [`advance`] itself, and the answers merged to intervals.

use super::scenario::Arrival;
use super::stage::opening;
use crate::alert::Severity;
use crate::escalation::{Duty, Policy, Run, RunState, Target, Turns, advance};
use crate::id::{PolicyId, Revision, RotationId, RunId, TeamId, UserId};
use crate::incident::Incident;
use crate::installation::Installation;
use crate::schedule::{Override, Rotation, shifts};
use crate::time::Millis;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// Most differences that are told; the rest is counted.
pub const DIFFERENCES_LIMIT: usize = 50;
/// Most policies whose steps are followed through the days; the rest is counted.
const POLICIES_LIMIT: usize = 200;
/// Beside the edges of shifts, each instant of this grid is looked at: conditions by weekday and hour change on it.
const GRID_MS: i64 = 15 * 60_000;

/// A step that pages somebody else for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// First instant.
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
    /// Such as `policy shop`, or `incidents of team shop`.
    pub subject: String,
    /// From 1.
    pub step: u32,
    /// People, and policies that begin; empty: nobody.
    pub before: Vec<String>,
    pub after: Vec<String>,
    /// The step is there and means nobody any more.
    pub gap: bool,
}

impl Difference {
    /// One line, such as `Tue 24 Nov 09:00 – Wed 25 Nov 09:00: policy shop step 1 pages bob instead of alice`.
    pub fn words(&self, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let at = |at: Millis| {
            let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned_datetime(zone.clone());
            let seconds = if time.second() == 0 { "" } else { ":%S" };
            time.strftime(&format!("%a %-d %b %H:%M{seconds}")).to_string()
        };
        let people = |people: &[String]| if people.is_empty() { "nobody".to_owned() } else { people.join(" and ") };
        let Self { from, until, subject, step, before, after, .. } = self;
        let instead = if before.is_empty() && after.is_empty() { String::new() } else { format!(" instead of {}", people(before)) };
        format!("{} – {}: {subject} step {step} pages {}{instead}", at(*from), at(*until), people(after))
    }
}

/// What would page differently.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Gaps first, then by time. At most [`DIFFERENCES_LIMIT`].
    pub told: Vec<Difference>,
    /// How many more there are.
    pub more: usize,
    /// Policies that were not looked at, because there are too many.
    pub unseen: usize,
}

impl Differences {
    /// The lines for people, gaps first; empty: nothing pages differently.
    pub fn words(&self, zone: &str) -> Vec<String> {
        let gap = |d: &Difference| if d.gap { "gap: " } else { "" };
        let mut lines: Vec<String> = self.told.iter().map(|d| format!("{}{}", gap(d), d.words(zone))).collect();
        if self.more > 0 {
            lines.push(format!("and {} more", self.more));
        }
        if self.unseen > 0 {
            lines.push(format!("and {} more policies that were not looked at", self.unseen));
        }
        lines
    }
}

/// The time zone that most people of an installation live in: what a text for all of them is written in.
pub fn home_zone(installation: &Installation) -> String {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for user in installation.users.values() {
        *count.entry(&user.time_zone).or_default() += 1;
    }
    let most = count.into_iter().max_by_key(|(name, count)| (*count, std::cmp::Reverse(*name)));
    most.map_or_else(|| "UTC".to_owned(), |(name, _)| name.to_owned())
}

/// A policy before, and the one in its place after.
struct Pair {
    subject: String,
    old: Option<PolicyId>,
    new: Option<PolicyId>,
}

/// Compares whom each step of each policy pages from `from` to `until`, for a critical incident; and the same for what changes its default
/// policy. A policy that is new is told only where a step of it means nobody, one that is gone not at all: nothing but a route led there, and
/// routes to what is not there are refused.
pub fn compare(old: &Installation, new: &Installation, overrides: &[Override], from: Millis, until: Millis) -> Differences {
    let mut pairs: Vec<Pair> = policy_pairs(old, new);
    let unseen = pairs.len().saturating_sub(POLICIES_LIMIT);
    pairs.truncate(POLICIES_LIMIT);
    pairs.extend(routing_pairs(old, new));
    let Some(incident) = an_incident(from) else { return Differences::default() };
    let mut found = Vec::new();
    for pair in &pairs {
        let before = Side { installation: old, overrides, policy: pair.old.as_ref(), incident: &incident };
        let after = Side { installation: new, overrides, policy: pair.new.as_ref(), incident: &incident };
        let instants = instants([&before, &after], overrides, from, until);
        for step in 1..=before.steps().max(after.steps()) {
            follow(pair, &before, &after, step, &instants, until, &mut found);
        }
    }
    found.sort_by(|a, b| (!a.gap, a.from, &a.subject, a.step).cmp(&(!b.gap, b.from, &b.subject, b.step)));
    let more = found.len().saturating_sub(DIFFERENCES_LIMIT);
    found.truncate(DIFFERENCES_LIMIT);
    Differences { told: found, more, unseen }
}

/// The policies of which anything that decides whom they page is different.
fn policy_pairs(old: &Installation, new: &Installation) -> Vec<Pair> {
    let reachable = |installation: &Installation| -> BTreeSet<UserId> {
        installation.users.values().filter(|u| !u.contacts.is_empty()).map(|u| u.id.clone()).collect()
    };
    let people_differ = reachable(old) != reachable(new);
    let pair = |id: &PolicyId| {
        let known = old.policies.contains_key(id);
        let same = known && !people_differ && ground_of(old, id) == ground_of(new, id);
        (!same).then(|| Pair { subject: format!("policy {id}"), old: known.then(|| id.clone()), new: Some(id.clone()) })
    };
    new.policies.keys().filter_map(pair).collect()
}

/// What a policy stands on.
#[derive(Default, PartialEq)]
struct Standing<'a> {
    /// The policies that it leads to, itself first.
    policies: Vec<Option<&'a Policy>>,
    rotations: BTreeMap<RotationId, Option<&'a Rotation>>,
    /// Which policy a team means.
    teams: BTreeMap<String, PolicyId>,
}

fn ground_of<'a>(installation: &'a Installation, policy: &PolicyId) -> Standing<'a> {
    let mut ground = Standing::default();
    let mut seen = BTreeSet::new();
    let mut next = vec![policy.clone()];
    let duty = Duty { installation, overrides: &[], now: Millis(0) };
    while let Some(id) = next.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let found = installation.policies.get(&id);
        ground.policies.push(found);
        for target in found.iter().flat_map(|policy| &policy.steps).flat_map(|step| &step.targets) {
            match duty.canonical(target) {
                Target::Policy(id) => {
                    ground.teams.insert(target.to_string(), id.clone());
                    next.push(id);
                }
                Target::Rotation(id) => {
                    let rotation = installation.rotations.get(&id);
                    ground.rotations.insert(id, rotation);
                }
                _ => {}
            }
        }
    }
    ground
}

/// Teams and integrations of both sides, and the installation, whose default policy is another one.
fn routing_pairs(old: &Installation, new: &Installation) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut add = |subject: String, old: &PolicyId, new: &PolicyId| {
        if old != new {
            pairs.push(Pair { subject, old: Some(old.clone()), new: Some(new.clone()) });
        }
    };
    if !old.default_policy.0.is_empty() {
        add("incidents that nothing routes".to_owned(), &old.default_policy, &new.default_policy);
    }
    for team in new.teams.keys().filter(|team| old.teams.contains_key(*team)) {
        let default = |installation: &Installation| installation.default_policy_for(None, Some(team)).clone();
        add(format!("incidents of team {team}"), &default(old), &default(new));
    }
    for (id, after) in &new.integrations {
        let Some(before) = old.integrations.get(id) else { continue };
        if before.default_policy.is_none() && after.default_policy.is_none() && before.team == after.team {
            continue;
        }
        let was = old.default_policy_for(Some(id), Some(&before.team));
        add(format!("incidents from integration {id}"), was, new.default_policy_for(Some(id), Some(&after.team)));
    }
    pairs
}

/// Every instant at which somebody else may be on duty, `from` first.
fn instants(sides: [&Side<'_>; 2], overrides: &[Override], from: Millis, until: Millis) -> Vec<Millis> {
    let mut instants = BTreeSet::from([from]);
    let mut at = Millis((from.0.div_euclid(GRID_MS) + 1) * GRID_MS);
    while at < until {
        instants.insert(at);
        at = at.plus_millis(GRID_MS);
    }
    for (side, policy) in sides.into_iter().filter_map(|side| Some((side, side.policy?))) {
        for rotation in ground_of(side.installation, policy).rotations.into_values().flatten() {
            instants.extend(shifts(rotation, overrides, from, until).iter().flat_map(|shift| [shift.from, shift.until]));
        }
    }
    instants.extend(overrides.iter().flat_map(|o| [o.from, o.until]));
    instants.into_iter().filter(|at| from <= *at && *at < until).collect()
}

/// One configuration, and the policy that is looked at in it.
struct Side<'a> {
    installation: &'a Installation,
    overrides: &'a [Override],
    policy: Option<&'a PolicyId>,
    incident: &'a Incident,
}

impl Side<'_> {
    fn steps(&self) -> u32 {
        let policy = self.policy.and_then(|id| self.installation.policies.get(id));
        policy.map_or(0, |policy| policy.steps.len() as u32)
    }

    /// Whom a step pages at an instant: people, and policies that begin.
    fn pages(&self, step: u32, at: Millis) -> Vec<String> {
        let Some(policy) = self.policy.filter(|_| step <= self.steps()) else { return Vec::new() };
        let run = Run {
            id: RunId(1),
            incident: self.incident.id,
            target: Target::Policy(policy.clone()),
            state: RunState::Active,
            step: step - 1,
            repeat: 0,
            next_at: Some(at),
            last_resort: false,
            reason: String::new(),
            cause: None,
            started_at: at,
            ask: None,
            epoch: 0,
        };
        let overrides: Vec<Override> = self.overrides.iter().filter(|o| o.until > at).cloned().collect();
        let duty = Duty { installation: self.installation, overrides: &overrides, now: at };
        let advanced = advance(&run, self.incident, std::slice::from_ref(&run), &duty, &Turns::new());
        if advanced.run.state != RunState::Active || advanced.run.step != step {
            // The step was skipped, and a later one took its place.
            return Vec::new();
        }
        let mut people: Vec<String> = advanced.page.into_iter().flat_map(|page| page.users).map(|user| user.0).collect();
        people.extend(advanced.begun.iter().map(|begun| begun.target.to_string()));
        people
    }
}

/// A critical incident that has just opened.
fn an_incident(at: Millis) -> Option<Incident> {
    let arrival = Arrival {
        at,
        team: TeamId::default(),
        integration: None,
        title: String::new(),
        severity: Severity::Critical,
        service: None,
        routing_key: None,
        routes: Vec::new(),
    };
    opening(0, &arrival, Revision::default()).0
}

/// Whom a step pages, before and after.
type Answers = (Vec<String>, Vec<String>);

/// Follows one step through the instants and adds the intervals in which it pages somebody else.
fn follow(pair: &Pair, before: &Side<'_>, after: &Side<'_>, step: u32, instants: &[Millis], until: Millis, found: &mut Vec<Difference>) {
    let ask = |at: Millis| -> Answers { (before.pages(step, at), after.pages(step, at)) };
    let mut pieces: Vec<(Millis, Answers)> = Vec::new();
    let mut last = Millis(0);
    for at in instants {
        let now = ask(*at);
        match pieces.last() {
            Some((_, said)) if *said == now => {}
            Some((_, said)) => {
                let exact = first_change(last, *at, said, &ask);
                pieces.push((exact, now));
            }
            None => pieces.push((*at, now)),
        }
        last = *at;
    }
    let ends = pieces.iter().skip(1).map(|(from, _)| *from).chain([until]).collect::<Vec<_>>();
    for ((from, (was, will)), end) in pieces.into_iter().zip(ends) {
        let gap = will.is_empty() && step <= after.steps();
        let differs = if pair.old.is_some() { was != will } else { gap };
        if differs {
            let (subject, before, after) = (pair.subject.clone(), was, will);
            found.push(Difference { from, until: end, subject, step, before, after, gap });
        }
    }
}

/// The first instant after `low` at which the answer is not `said` any more, looked for between two instants of which the later one differs.
fn first_change(mut low: Millis, mut high: Millis, said: &Answers, ask: &dyn Fn(Millis) -> Answers) -> Millis {
    while high.0 - low.0 > 1 {
        let middle = Millis(low.0 + (high.0 - low.0) / 2);
        if ask(middle) == *said { low = middle } else { high = middle }
    }
    high
}
