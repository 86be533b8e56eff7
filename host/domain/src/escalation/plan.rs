//! Whom a target means at this moment: the plan that a run follows, and the people behind a step.

use super::Turned;
use super::{Policy, Step, Target};
use crate::contact::Contact;
use crate::id::{PolicyId, RotationId, UserId};
use crate::installation::Installation;
use crate::schedule::{Override, Rotation, next_on_call, on_call_at, previous_on_call};
use crate::time::Millis;
use crate::when::Weight;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How long a person or a rotation that was paged without a policy has to answer before others are asked.
pub const DIRECT_DELAY_SECONDS: u32 = 300;

/// Whose turn it is in steps whose targets take turns, by policy and step (from 0); where nothing is known, the first target's.
pub type Turns = BTreeMap<(PolicyId, u32), u32>;

/// What decides who is meant: configuration, overrides and the time.
#[derive(Debug, Clone, Copy)]
pub struct Duty<'a> {
    pub installation: &'a Installation,
    /// At least those that end after `now`; earlier ones say who was on call before.
    pub overrides: &'a [Override],
    pub now: Millis,
}

/// The steps that a run goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// For people, such as `policy shop-primary`.
    pub name: String,
    pub steps: Cow<'a, [Step]>,
    pub repeat: u32,
    pub repeat_delay_seconds: u32,
}

/// The people behind one step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Each once, in the order of the targets.
    pub users: Vec<UserId>,
    /// Policies to be run beside this one.
    pub policies: Vec<PolicyId>,
    /// Messages to nobody in particular, each once.
    pub addresses: Vec<Contact>,
    /// Where a step whose targets take turns goes on.
    pub turned: Option<Turned>,
    /// Why a target means nobody.
    pub missing: Vec<String>,
}

impl Reach {
    pub fn is_nobody(&self) -> bool {
        self.users.is_empty() && self.policies.is_empty() && self.addresses.is_empty()
    }
}

impl<'a> Duty<'a> {
    /// The target as runs keep it: a team is its default policy.
    pub fn canonical(&self, target: &Target) -> Target {
        match target {
            Target::Team(team) => Target::Policy(self.installation.default_policy_for(None, Some(team)).clone()),
            other => other.clone(),
        }
    }

    /// The plan for a target; `None`: the policy is not configured any more.
    pub fn plan(&self, target: &Target) -> Option<Plan<'a>> {
        match self.canonical(target) {
            Target::Policy(id) => {
                let policy: &Policy = self.installation.policies.get(&id)?;
                Some(Plan {
                    name: format!("policy {id}"),
                    steps: Cow::Borrowed(&policy.steps),
                    repeat: policy.repeat,
                    repeat_delay_seconds: policy.repeat_delay_seconds,
                })
            }
            direct => Some(Plan {
                name: direct.to_string(),
                steps: Cow::Owned(vec![Step { targets: vec![direct], ..Step::default() }]),
                repeat: 0,
                repeat_delay_seconds: DIRECT_DELAY_SECONDS,
            }),
        }
    }

    /// How long the plan for a target waits before its first step, in seconds.
    pub fn first_delay(&self, target: &Target) -> u32 {
        self.plan(target).and_then(|plan| plan.steps.first().map(|step| step.delay_seconds)).unwrap_or(0)
    }

    /// Whether a step is for now, and for an incident of this weight.
    pub fn holds(&self, step: &Step, weight: Weight) -> bool {
        step.when.holds(weight, self.now, "UTC")
    }

    /// Who is on call in a rotation. An override for somebody who is not in the installation any more does not count.
    pub fn on_call(&self, rotation: &RotationId) -> Option<UserId> {
        self.of_rotation(rotation, on_call_at)
    }

    fn of_rotation(&self, rotation: &RotationId, whom: fn(&Rotation, &[Override], Millis) -> Option<UserId>) -> Option<UserId> {
        let rotation = self.installation.rotations.get(rotation)?;
        let users = &self.installation.users;
        if self.overrides.iter().all(|o| users.contains_key(&o.user)) {
            return whom(rotation, self.overrides, self.now);
        }
        let known: Vec<Override> = self.overrides.iter().filter(|o| users.contains_key(&o.user)).cloned().collect();
        whom(rotation, &known, self.now)
    }

    /// Whether there is any way to reach a user.
    pub fn is_reachable(&self, user: &UserId) -> bool {
        self.installation.users.get(user).is_some_and(|u| !u.contacts.is_empty())
    }

    /// Whether any step of a policy means somebody now, for an incident of this weight.
    pub fn reaches_somebody(&self, policy: &PolicyId, weight: Weight) -> bool {
        self.reaches(policy, weight, &mut Vec::new())
    }

    /// Those who are paged when all else failed: the break-glass users, or everybody if there are none that can be reached.
    pub fn last_resort(&self) -> Vec<UserId> {
        let reachable = |u: &&crate::installation::User| !u.contacts.is_empty();
        let users = self.installation.users.values().filter(reachable);
        let chosen: Vec<UserId> = users.clone().filter(|u| u.break_glass).map(|u| u.id.clone()).collect();
        if chosen.is_empty() { users.map(|u| u.id.clone()).collect() } else { chosen }
    }

    /// The people behind a step (`index` from 0) of the run for `own`.
    pub(super) fn reach(&self, own: &Target, index: usize, step: &Step, weight: Weight, turns: &Turns) -> Reach {
        let mut reach = Reach::default();
        let policy = match self.canonical(own) {
            Target::Policy(id) => Some(id),
            _ => None,
        };
        let visited: Vec<PolicyId> = policy.clone().into_iter().collect();
        let Some(policy) = policy.filter(|_| step.round_robin) else {
            for target in &step.targets {
                self.add(target, weight, &visited, &mut reach);
            }
            return reach;
        };
        let (step_number, count) = (index as u32, step.targets.len());
        let first = turns.get(&(policy.clone(), step_number)).map_or(0, |next| *next as usize);
        for place in (0..count).map(|offset| (first % count + offset) % count) {
            self.add(&step.targets[place], weight, &visited, &mut reach);
            if !reach.is_nobody() {
                reach.turned = Some(Turned { policy, step: step_number, next: ((place + 1) % count) as u32 });
                break;
            }
        }
        reach
    }

    /// Adds whom a target means, or why it means nobody.
    fn add(&self, target: &Target, weight: Weight, visited: &[PolicyId], reach: &mut Reach) {
        match (target, self.person(target)) {
            (Target::Address(contact), _) if reach.addresses.contains(contact) => {}
            (Target::Address(contact), _) => reach.addresses.push(contact.clone()),
            (_, Some(Ok(user))) if reach.users.contains(&user) => {}
            (_, Some(Ok(user))) => reach.users.push(user),
            (_, Some(Err(why))) => reach.missing.push(why),
            (_, None) => self.reach_policy(target, weight, visited, reach),
        }
    }

    fn reach_policy(&self, target: &Target, weight: Weight, visited: &[PolicyId], reach: &mut Reach) {
        let Target::Policy(policy) = self.canonical(target) else { return };
        if reach.policies.contains(&policy) {
            return;
        }
        if visited.contains(&policy) {
            reach.missing.push(format!("policy {policy} is this escalation itself"));
        } else if self.reaches(&policy, weight, &mut visited.to_vec()) {
            reach.policies.push(policy);
        } else {
            reach.missing.push(format!("policy {policy} means nobody now"));
        }
    }

    fn reaches(&self, policy: &PolicyId, weight: Weight, visited: &mut Vec<PolicyId>) -> bool {
        if visited.contains(policy) {
            return false;
        }
        visited.push(policy.clone());
        let Some(found) = self.installation.policies.get(policy) else { return false };
        let steps = found.steps.iter().filter(|step| self.holds(step, weight));
        steps.flat_map(|step| &step.targets).any(|target| match (target, self.person(target)) {
            (Target::Address(_), _) => true,
            (_, Some(person)) => person.is_ok(),
            (_, None) => matches!(self.canonical(target), Target::Policy(nested) if self.reaches(&nested, weight, visited)),
        })
    }

    /// The person that a target means, or why it means nobody; `None`: it means a policy, or an address.
    fn person(&self, target: &Target) -> Option<Result<UserId, String>> {
        let user = match target {
            Target::Policy(_) | Target::Team(_) | Target::Address(_) => return None,
            Target::User(user) => Ok(user.clone()),
            Target::Rotation(rotation) => self.on_call(rotation).ok_or_else(|| format!("nobody is on call in rotation {rotation}")),
            Target::Next(rotation) => {
                self.of_rotation(rotation, next_on_call).ok_or_else(|| format!("nobody else comes next in rotation {rotation}"))
            }
            Target::Previous(rotation) => {
                self.of_rotation(rotation, previous_on_call).ok_or_else(|| format!("nobody else was before in rotation {rotation}"))
            }
        };
        Some(user.and_then(|user| {
            if self.is_reachable(&user) {
                return Ok(user);
            }
            let known = self.installation.users.contains_key(&user);
            Err(if known { format!("{user} has no contact") } else { format!("{user} is not in the installation") })
        }))
    }
}
