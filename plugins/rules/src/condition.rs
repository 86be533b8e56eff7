//! When a rule applies, with fields by their numbers: `matching` reads and checks the settings, and this is what is asked per alert.

use matching::Pattern;

use crate::field::Field;
use crate::slots::{Slots, View};

/// Ready to ask.
#[derive(Debug, Clone)]
pub enum Condition {
    /// The field is there and its text is meant.
    Fits(usize, Pattern),
    /// The field is there, or is not.
    Exists(usize, bool),
    /// Each holds.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

impl Condition {
    /// The same condition with numbers for fields.
    pub fn lower(condition: &matching::Condition<Field>, slots: &mut Slots) -> Self {
        match condition {
            matching::Condition::All(parts) => Self::All(parts.iter().map(|part| Self::lower(part, slots)).collect()),
            matching::Condition::Any(parts) => Self::Any(parts.iter().map(|part| Self::lower(part, slots)).collect()),
            matching::Condition::Not(part) => Self::Not(Box::new(Self::lower(part, slots))),
            matching::Condition::Exists(field, wanted) => Self::Exists(slots.slot(field), *wanted),
            matching::Condition::Fits(field, pattern) => Self::Fits(slots.slot(field), pattern.clone()),
        }
    }

    /// Whether it holds.
    pub fn holds(&self, view: &View<'_>) -> bool {
        match self {
            Self::Fits(slot, pattern) => view.text(*slot).is_some_and(|text| pattern.matches(text)),
            Self::Exists(slot, wanted) => view.text(*slot).is_some() == *wanted,
            Self::All(parts) => parts.iter().all(|part| part.holds(view)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(view)),
            Self::Not(part) => !part.holds(view),
        }
    }

    /// The numbers of the fields that it reads.
    pub fn slots(&self, out: &mut Vec<usize>) {
        match self {
            Self::Fits(slot, _) | Self::Exists(slot, _) => out.push(*slot),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.slots(out)),
            Self::Not(part) => part.slots(out),
        }
    }
}
