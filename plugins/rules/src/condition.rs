//! When a rule applies: tests of fields, joined by all, any and not.

use regex::Regex;
use reveille_sdk::{AlertField, Error, Result};
use serde::Deserialize;

use crate::field::Field;
use crate::pattern::Pattern;
use crate::slots::{Slots, View};

/// Deepest nesting.
const DEPTH_MAX: usize = 8;
/// Most tests in one `all`, `any` or `in`.
const LIST_MAX: usize = 256;

/// As the operator writes it: one test of a field, or one of `all`, `any` and `not`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConditionSettings {
    /// The field to test.
    pub field: Option<String>,
    /// The very text.
    pub is: Option<String>,
    /// One of these texts.
    #[serde(rename = "in")]
    pub one_of: Option<Vec<String>>,
    /// The whole text, with `*`.
    pub wildcard: Option<String>,
    /// Found anywhere in the text.
    pub regex: Option<String>,
    /// Whether the field is there at all.
    pub exists: Option<bool>,
    /// For `is`, `in`, `wildcard` and `regex`.
    pub ignore_case: bool,
    /// Each holds.
    pub all: Option<Vec<ConditionSettings>>,
    /// At least one holds.
    pub any: Option<Vec<ConditionSettings>>,
    /// It does not hold.
    pub not: Option<Box<ConditionSettings>>,
}

/// Ready to ask.
#[derive(Debug, Clone)]
pub enum Condition {
    /// The field is there and its text is meant.
    Test(usize, Pattern),
    /// The field is there, or is not.
    Present(usize, bool),
    /// Each holds.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

impl Condition {
    /// Checks the settings; pointers begin at this condition.
    pub fn compile(settings: &ConditionSettings, slots: &mut Slots) -> Result<Self> {
        compile(settings, slots, 0)
    }

    /// Whether it holds.
    pub fn holds(&self, view: &View<'_>) -> bool {
        match self {
            Self::Test(slot, pattern) => view.get(*slot).is_some_and(|text| pattern.matches(text)),
            Self::Present(slot, wanted) => view.get(*slot).is_some() == *wanted,
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(view)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(view)),
            Self::Not(condition) => !condition.holds(view),
        }
    }

    /// The slots that it reads.
    pub fn slots(&self, out: &mut Vec<usize>) {
        match self {
            Self::Test(slot, _) | Self::Present(slot, _) => out.push(*slot),
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().for_each(|condition| condition.slots(out)),
            Self::Not(condition) => condition.slots(out),
        }
    }

    /// The regular expression that captures: the first as written that is not under a `not`.
    pub fn capturing(&self) -> Option<(usize, &Regex)> {
        match self {
            Self::Test(slot, pattern) => pattern.as_regex().map(|regex| (*slot, regex)),
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().find_map(Self::capturing),
            Self::Present(..) | Self::Not(_) => None,
        }
    }
}

fn compile(settings: &ConditionSettings, slots: &mut Slots, depth: usize) -> Result<Condition> {
    if depth > DEPTH_MAX {
        return Err(Error::setting("", format!("is nested more than {DEPTH_MAX} deep")));
    }
    match (&settings.field, &settings.all, &settings.any, &settings.not) {
        (Some(field), None, None, None) => test(settings, field, slots),
        (None, Some(list), None, None) if no_test(settings) => Ok(Condition::All(compile_list(list, slots, depth, "/all")?)),
        (None, None, Some(list), None) if no_test(settings) => Ok(Condition::Any(compile_list(list, slots, depth, "/any")?)),
        (None, None, None, Some(inner)) if no_test(settings) => {
            let inner = compile(inner, slots, depth + 1).map_err(|error| error.within("/not"))?;
            Ok(Condition::Not(Box::new(inner)))
        }
        _ => Err(Error::setting("", "must have exactly one of `field` (with a test), `all`, `any` and `not`")),
    }
}

fn compile_list(list: &[ConditionSettings], slots: &mut Slots, depth: usize, name: &str) -> Result<Vec<Condition>> {
    if list.is_empty() || list.len() > LIST_MAX {
        return Err(Error::setting(name, format!("must have 1 to {LIST_MAX} conditions")));
    }
    let compiled = list.iter().enumerate();
    compiled.map(|(place, one)| compile(one, slots, depth + 1).map_err(|error| error.within(&format!("{name}/{place}")))).collect()
}

fn no_test(settings: &ConditionSettings) -> bool {
    let ConditionSettings { is, one_of, wildcard, regex, exists, .. } = settings;
    is.is_none() && one_of.is_none() && wildcard.is_none() && regex.is_none() && exists.is_none()
}

fn test(settings: &ConditionSettings, field: &str, slots: &mut Slots) -> Result<Condition> {
    let field = Field::parse(field).map_err(|why| Error::setting("/field", why.to_string()))?;
    let slot = slots.slot(&field);
    let ConditionSettings { is, one_of, wildcard, regex, exists, ignore_case, .. } = settings;
    // Routing keys are compared without case wherever they stand.
    let fold = *ignore_case || field == Field::Alert(AlertField::RoutingKey);
    let pattern = match (is, one_of, wildcard, regex, exists) {
        (Some(text), None, None, None, None) => Pattern::is(text, fold),
        (None, Some(list), None, None, None) if (1..=LIST_MAX).contains(&list.len()) => Pattern::one_of(list, fold),
        (None, Some(_), None, None, None) => return Err(Error::setting("/in", format!("must have 1 to {LIST_MAX} texts"))),
        (None, None, Some(text), None, None) => Pattern::wildcard(text, fold).map_err(|why| Error::setting("/wildcard", why))?,
        (None, None, None, Some(text), None) => Pattern::regex(text, fold).map_err(|why| Error::setting("/regex", why))?,
        (None, None, None, None, Some(wanted)) => return Ok(Condition::Present(slot, *wanted)),
        _ => return Err(Error::setting("", "must have exactly one test: `is`, `in`, `wildcard`, `regex` or `exists`")),
    };
    Ok(Condition::Test(slot, pattern))
}
