//! Whom a target means at this moment: the plan that a run follows, and the people behind a step.

use super::{Policy, Step, Target};
use crate::id::{PolicyId, RotationId, UserId};
use crate::installation::Installation;
use crate::schedule::{Override, on_call_at};
use crate::time::Millis;
use std::borrow::Cow;

/// How long a person or a rotation that was paged without a policy has to answer before others are asked.
pub const DIRECT_DELAY_SECONDS: u32 = 300;

/// What decides who is meant: configuration, overrides and the time.
#[derive(Debug, Clone, Copy)]
pub struct Duty<'a> {
    pub installation: &'a Installation,
    /// Those that end after `now`.
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
    /// Why a target means nobody.
    pub missing: Vec<String>,
}

impl Reach {
    pub fn is_nobody(&self) -> bool {
        self.users.is_empty() && self.policies.is_empty()
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
                steps: Cow::Owned(vec![Step { delay_seconds: 0, targets: vec![direct] }]),
                repeat: 0,
                repeat_delay_seconds: DIRECT_DELAY_SECONDS,
            }),
        }
    }

    /// Who is on call in a rotation. An override for somebody who is not in the installation any more does not count.
    pub fn on_call(&self, rotation: &RotationId) -> Option<UserId> {
        let rotation = self.installation.rotations.get(rotation)?;
        let users = &self.installation.users;
        if self.overrides.iter().all(|o| users.contains_key(&o.user)) {
            return on_call_at(rotation, self.overrides, self.now);
        }
        let known: Vec<Override> = self.overrides.iter().filter(|o| users.contains_key(&o.user)).cloned().collect();
        on_call_at(rotation, &known, self.now)
    }

    /// Whether there is any way to reach a user.
    pub fn is_reachable(&self, user: &UserId) -> bool {
        self.installation.users.get(user).is_some_and(|u| !u.contacts.is_empty())
    }

    /// Whether any step of a policy means somebody now.
    pub fn reaches_somebody(&self, policy: &PolicyId) -> bool {
        self.reaches(policy, &mut Vec::new())
    }

    /// Those who are paged when all else failed: the break-glass users, or everybody if there are none that can be reached.
    pub fn last_resort(&self) -> Vec<UserId> {
        let reachable = |u: &&crate::installation::User| !u.contacts.is_empty();
        let users = self.installation.users.values().filter(reachable);
        let chosen: Vec<UserId> = users.clone().filter(|u| u.break_glass).map(|u| u.id.clone()).collect();
        if chosen.is_empty() { users.map(|u| u.id.clone()).collect() } else { chosen }
    }

    /// The people behind a step of the run for `own`.
    pub(super) fn reach(&self, own: &Target, step: &Step) -> Reach {
        let mut reach = Reach::default();
        let visited = match self.canonical(own) {
            Target::Policy(id) => vec![id],
            _ => Vec::new(),
        };
        for target in &step.targets {
            match self.person(target) {
                Some(Ok(user)) if reach.users.contains(&user) => {}
                Some(Ok(user)) => reach.users.push(user),
                Some(Err(why)) => reach.missing.push(why),
                None => self.reach_policy(target, &visited, &mut reach),
            }
        }
        reach
    }

    fn reach_policy(&self, target: &Target, visited: &[PolicyId], reach: &mut Reach) {
        let Target::Policy(policy) = self.canonical(target) else { return };
        if reach.policies.contains(&policy) {
            return;
        }
        if visited.contains(&policy) {
            reach.missing.push(format!("policy {policy} is this escalation itself"));
        } else if self.reaches(&policy, &mut visited.to_vec()) {
            reach.policies.push(policy);
        } else {
            reach.missing.push(format!("policy {policy} means nobody now"));
        }
    }

    fn reaches(&self, policy: &PolicyId, visited: &mut Vec<PolicyId>) -> bool {
        if visited.contains(policy) {
            return false;
        }
        visited.push(policy.clone());
        let Some(found) = self.installation.policies.get(policy) else { return false };
        found.steps.iter().flat_map(|step| &step.targets).any(|target| match self.person(target) {
            Some(person) => person.is_ok(),
            None => matches!(self.canonical(target), Target::Policy(nested) if self.reaches(&nested, visited)),
        })
    }

    /// The person that a target means, or why it means nobody; `None`: it means a policy.
    fn person(&self, target: &Target) -> Option<Result<UserId, String>> {
        let user = match target {
            Target::Policy(_) | Target::Team(_) => return None,
            Target::User(user) => user.clone(),
            Target::Rotation(rotation) => match self.on_call(rotation) {
                Some(user) => user,
                None => return Some(Err(format!("nobody is on call in rotation {rotation}"))),
            },
        };
        if self.is_reachable(&user) {
            return Some(Ok(user));
        }
        let known = self.installation.users.contains_key(&user);
        Some(Err(if known { format!("{user} has no contact") } else { format!("{user} is not in the installation") }))
    }
}
