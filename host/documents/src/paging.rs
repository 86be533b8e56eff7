//! How a person wants to be paged, as their document writes it.

use crate::bundle::Placed;
use crate::kinds::{ContactEntry, UserDocument};
use crate::limits::STEPS_LIMIT;
use crate::node::Segment;
use crate::problem::{Problem, hint};
use crate::text::{Delay, Name};
use crate::when::WhenEntry;
use domain::paging::{CustomPolicy, Paging, PersonalPolicy, PersonalStep, REPEAT_SECONDS, REPEAT_SECONDS_MIN};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most custom policies of a person.
const CUSTOM_LIMIT: usize = 32;

/// A person's paging policies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PagingEntry {
    /// What happens when they are paged, step by step; default: the contacts with their `after`, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary: Vec<PersonalStepEntry>,
    /// For certain hours, days or incidents: the first that holds is used instead of the primary one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<CustomEntry>,
    /// How often the last step is done again until the incident is answered, at least `1m`; `0s`: it is not. Default: `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_after: Option<Delay>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonalStepEntry {
    /// So long after the step before; default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Delay>,
    /// Contacts, by their `name` or their `kind`.
    pub by: Vec<Name>,
}

/// A policy for certain hours, days or incidents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomEntry {
    /// How to call it on timelines.
    pub name: Name,
    /// When it is used, in the person's zone.
    pub when: WhenEntry,
    pub steps: Vec<PersonalStepEntry>,
}

impl PagingEntry {
    /// Every list of steps, with the way to it.
    fn lists(&self) -> impl Iterator<Item = (Vec<Segment>, &Vec<PersonalStepEntry>)> {
        let key = |name: &str| Segment::Key(name.to_owned());
        let custom = move |(index, custom)| {
            let custom: &CustomEntry = custom;
            (vec![key("paging"), key("custom"), Segment::Index(index), key("steps")], &custom.steps)
        };
        std::iter::once((vec![key("paging"), key("primary")], &self.primary)).chain(self.custom.iter().enumerate().map(custom))
    }
}

/// The contacts that a step names.
fn named(contacts: &[ContactEntry], name: &Name) -> Vec<usize> {
    let places = |fits: &dyn Fn(&ContactEntry) -> bool| -> Vec<usize> {
        contacts.iter().enumerate().filter(|(_, contact)| fits(contact)).map(|(place, _)| place).collect()
    };
    let by_name = places(&|contact| contact.name.as_ref() == Some(name));
    if by_name.is_empty() { places(&|contact| contact.kind == *name) } else { by_name }
}

/// Tells what is wrong with a person's paging.
pub(crate) fn rules(placed: &Placed, user: &UserDocument, problems: &mut Vec<Problem>) {
    let key = |name: &str| Segment::Key(name.to_owned());
    for (index, contact) in user.contacts.iter().enumerate() {
        let taken = user.contacts[..index].iter().any(|earlier| earlier.name.is_some() && earlier.name == contact.name);
        if let Some(name) = contact.name.as_ref().filter(|_| taken) {
            placed.tell(&[key("contacts"), Segment::Index(index), key("name")], format!("`{}` is there twice", name.0), problems);
        }
    }
    let Some(paging) = &user.paging else { return };
    if paging.custom.len() > CUSTOM_LIMIT {
        placed.tell(&[key("paging"), key("custom")], format!("these are too many policies: at most {CUSTOM_LIMIT}"), problems);
    }
    if paging.repeat_after.as_ref().is_some_and(|delay| delay.0 > 0 && delay.0 < REPEAT_SECONDS_MIN) {
        placed.tell(&[key("paging"), key("repeat_after")], "must be at least 1m, or 0s for never", problems);
    }
    for (way, steps) in paging.lists() {
        if steps.len() > STEPS_LIMIT {
            placed.tell(&way, format!("these are too many steps: at most {STEPS_LIMIT}"), problems);
        }
        if steps.is_empty() && way.len() > 2 {
            placed.tell(&way, "the policy is empty: it needs at least one step", problems);
        }
        for (index, step) in steps.iter().enumerate() {
            let at = |more: &[Segment]| [way.clone(), vec![Segment::Index(index), key("by")], more.to_vec()].concat();
            if step.by.is_empty() {
                placed.tell(&at(&[]), "the step uses no contact", problems);
            }
            for (place, name) in step.by.iter().enumerate().filter(|(_, name)| named(&user.contacts, name).is_empty()) {
                let known = user.contacts.iter().flat_map(|contact| contact.name.iter().chain([&contact.kind])).map(|name| name.0.as_str());
                let message = format!("the user has no contact with the name or kind `{}`{}", name.0, hint(&name.0, known));
                placed.tell(&at(&[Segment::Index(place)]), message, problems);
            }
        }
    }
}

/// What a person's document says about paging.
pub(crate) fn to_domain(user: &UserDocument) -> Paging {
    let handoff_notices = user.handoff_notices.unwrap_or(true);
    let Some(entry) = &user.paging else { return Paging { handoff_notices, ..Paging::default() } };
    let repeat = entry.repeat_after.as_ref().map_or(REPEAT_SECONDS, |delay| delay.0);
    let repeat_seconds = (repeat > 0).then_some(repeat);
    let policy = |steps: &[PersonalStepEntry]| {
        let step = |step: &PersonalStepEntry| {
            let mut contacts: Vec<usize> = Vec::new();
            for place in step.by.iter().flat_map(|name| named(&user.contacts, name)) {
                if !contacts.contains(&place) {
                    contacts.push(place);
                }
            }
            PersonalStep { delay_seconds: step.after.as_ref().map_or(0, |delay| delay.0), contacts }
        };
        PersonalPolicy { steps: steps.iter().map(step).collect(), repeat_seconds }
    };
    let custom =
        |custom: &CustomEntry| CustomPolicy { name: custom.name.0.clone(), when: custom.when.to_domain(), policy: policy(&custom.steps) };
    Paging {
        primary: (!entry.primary.is_empty()).then(|| policy(&entry.primary)),
        custom: entry.custom.iter().map(custom).collect(),
        handoff_notices,
    }
}
