//! How a person wants to be paged: a primary policy, others for hours, days and weights, and what each of them does when.

use crate::installation::User;
use crate::time::Millis;
use crate::when::{Weight, When};

/// How often the last step is done again until somebody answers, unless the person says otherwise, in seconds.
pub const REPEAT_SECONDS: u32 = 600;
/// The least time between two of these, in seconds.
pub const REPEAT_SECONDS_MIN: u32 = 60;
/// How often the last step is done again at most; escalation goes on all the same.
pub const REPEATS_LIMIT: u32 = 1000;

/// What a person says about being paged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// `None`: the contacts with their delays, each once.
    pub primary: Option<PersonalPolicy>,
    /// In order: the first whose condition holds is used instead of the primary one.
    pub custom: Vec<CustomPolicy>,
    /// Whether to tell them when their shift begins and ends.
    pub handoff_notices: bool,
}

impl Default for Paging {
    fn default() -> Self {
        Self { primary: None, custom: Vec::new(), handoff_notices: true }
    }
}

/// What to do, step by step, until the incident is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalPolicy {
    /// At least one.
    pub steps: Vec<PersonalStep>,
    /// The last step is done again every so many seconds, at least [`REPEAT_SECONDS_MIN`]; `None`: it is not.
    pub repeat_seconds: Option<u32>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalStep {
    /// After the step before; after the page for the first.
    pub delay_seconds: u32,
    /// Places in the person's list of contacts; at least one.
    pub contacts: Vec<usize>,
}

/// A policy for certain hours or incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomPolicy {
    pub name: String,
    /// In the person's zone, unless it has its own.
    pub when: When,
    pub policy: PersonalPolicy,
}

/// One message of a person's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    /// Place in the person's list of contacts.
    pub contact: usize,
    /// After the page, in seconds.
    pub after_seconds: u32,
    /// It is done again every so many seconds.
    pub repeat_seconds: Option<u32>,
}

/// What a page means for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rings<'a> {
    /// The custom policy that it follows.
    pub by: Option<&'a str>,
    /// In the order of time; none only for a person without contacts.
    pub list: Vec<Ring>,
}

/// How a page at `now` reaches a person. `primary_only`: whatever they say about hours and weights is left aside. A policy that comes to no
/// contact gives way to the list of contacts: nobody who can be reached is left out.
pub fn rings(user: &User, weight: Weight, now: Millis, primary_only: bool) -> Rings<'_> {
    let holding = |custom: &&CustomPolicy| !primary_only && custom.when.holds(weight, now, &user.time_zone);
    let custom = user.paging.custom.iter().find(holding);
    let chosen = custom.map(|custom| (Some(custom.name.as_str()), &custom.policy));
    let chosen = chosen.or_else(|| user.paging.primary.as_ref().map(|policy| (None, policy)));
    if let Some((by, policy)) = chosen {
        let list = of_policy(policy, user.contacts.len());
        if !list.is_empty() {
            return Rings { by, list };
        }
    }
    let each = user.contacts.iter().enumerate();
    let list = each.map(|(contact, method)| Ring { contact, after_seconds: method.delay_seconds, repeat_seconds: None }).collect();
    Rings { by: None, list }
}

fn of_policy(policy: &PersonalPolicy, contacts: usize) -> Vec<Ring> {
    let mut list = Vec::new();
    let mut after_seconds = 0u32;
    for (index, step) in policy.steps.iter().enumerate() {
        after_seconds = after_seconds.saturating_add(step.delay_seconds);
        let is_last = index + 1 == policy.steps.len();
        let repeat_seconds = policy.repeat_seconds.filter(|_| is_last).map(|seconds| seconds.max(REPEAT_SECONDS_MIN));
        let known = step.contacts.iter().filter(|contact| **contact < contacts);
        list.extend(known.map(|contact| Ring { contact: *contact, after_seconds, repeat_seconds }));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::contact::Contact;
    use crate::installation::ContactMethod;
    use crate::when::Hours;

    const CRITICAL: Weight = Weight { severity: Severity::Critical, priority: None };
    // Monday, 2 March 2026, 03:00 in UTC.
    const NIGHT: Millis = Millis(1_772_420_400_000);

    fn alice() -> User {
        let method =
            |kind: &str, delay_seconds| ContactMethod { contact: Contact { kind: kind.into(), address: "a".into() }, delay_seconds };
        let step = |delay_seconds, contacts: &[usize]| PersonalStep { delay_seconds, contacts: contacts.to_vec() };
        let night = When {
            severities: vec![Severity::Critical],
            hours: Some(Hours { from: jiff::civil::time(22, 0, 0, 0), until: jiff::civil::time(7, 0, 0, 0) }),
            ..When::default()
        };
        User {
            id: "alice".into(),
            time_zone: "UTC".into(),
            contacts: vec![method("push", 0), method("mail", 120), method("voice", 0)],
            paging: Paging {
                primary: Some(PersonalPolicy {
                    steps: vec![step(0, &[0]), step(120, &[1]), step(180, &[0, 2])],
                    repeat_seconds: Some(600),
                }),
                custom: vec![CustomPolicy {
                    name: "night".into(),
                    when: night,
                    policy: PersonalPolicy { steps: vec![step(0, &[2])], repeat_seconds: Some(1) },
                }],
                handoff_notices: true,
            },
            ..User::default()
        }
    }

    fn ring(contact: usize, after_seconds: u32, repeat_seconds: Option<u32>) -> Ring {
        Ring { contact, after_seconds, repeat_seconds }
    }

    /// Seen red with: a step's delay counted from the page and not from the step before.
    #[test]
    fn steps_follow_each_other_and_the_last_is_done_again() {
        let user = alice();
        let day = Millis(NIGHT.0 + 8 * 3_600_000);
        let primary = [ring(0, 0, None), ring(1, 120, None), ring(0, 300, Some(600)), ring(2, 300, Some(600))];
        assert_eq!(rings(&user, CRITICAL, day, false).list, primary);
        let night = rings(&user, CRITICAL, NIGHT, false);
        assert_eq!((night.by, night.list), (Some("night"), vec![ring(2, 0, Some(REPEAT_SECONDS_MIN))]));
        assert_eq!(rings(&user, CRITICAL, NIGHT, true).list, primary, "a step that ignores custom paging");
        let mild = Weight { severity: Severity::Warning, priority: None };
        assert_eq!(rings(&user, mild, NIGHT, false).list, primary, "the night is for critical ones only");
    }

    #[test]
    fn whoever_can_be_reached_is_reached() {
        let mut user = alice();
        user.paging.custom[0].policy.steps[0].contacts = vec![9];
        assert_eq!(rings(&user, CRITICAL, NIGHT, false).list, [ring(0, 0, None), ring(1, 120, None), ring(2, 0, None)]);
        user.paging = Paging::default();
        assert_eq!(rings(&user, CRITICAL, NIGHT, false).list.len(), 3);
        user.contacts.clear();
        assert!(rings(&user, CRITICAL, NIGHT, false).list.is_empty());
    }
}
