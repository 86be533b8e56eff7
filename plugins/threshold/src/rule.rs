//! One rule: what is counted apart, how much of it, and what happens before that.

use std::hash::{DefaultHasher, Hash, Hasher};

use matching::{Captures, Condition, Template, TemplateError};
use reveille_sdk::prelude::*;

use crate::recent::Recent;

/// Longest key of state, in bytes.
const STATE_KEY_BYTES: usize = 256;
/// Longest name of a rule, in bytes: it begins the key.
const NAME_BYTES: usize = 64;
/// Most events of a key: what is remembered of them fits into one value.
const COUNT: u32 = 1000;
/// Longest window, in seconds: as long as state may live.
const WINDOW_SECONDS: u32 = 2_592_000;

/// What happens to an alert while there are too few.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Below {
    #[default]
    Suppress,
    Drop,
}

/// A rule as the operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    name: String,
    when: Option<Condition<AlertField>>,
    key: Template<AlertField>,
    distinct: Option<Template<AlertField>>,
    count: u32,
    within_seconds: u32,
    #[serde(default)]
    below: Below,
    reason: Option<Template<AlertField>>,
}

/// A rule that was checked.
#[derive(Debug)]
pub struct Rule {
    settings: RuleSettings,
    when: Condition<AlertField>,
}

impl Rule {
    /// Checks a rule; pointers are within the rule.
    pub fn new(mut settings: RuleSettings) -> Result<Self> {
        let when = settings.when.take().unwrap_or(Condition::All(Vec::new()));
        let at = |pointer: &'static str| move |error: TemplateError| error.at(pointer);
        settings.key.check(&when).map_err(at("/key"))?;
        for (pointer, template) in [("/distinct", &settings.distinct), ("/reason", &settings.reason)] {
            template.as_ref().map_or(Ok(()), |template| template.check(&when)).map_err(at(pointer))?;
        }
        if settings.name.is_empty() || settings.name.len() > NAME_BYTES {
            return Err(Error::setting("/name", format!("has 1 to {NAME_BYTES} bytes")));
        }
        if !(2..=COUNT).contains(&settings.count) {
            return Err(Error::setting("/count", format!("is a number from 2 to {COUNT}")));
        }
        if !(1..=WINDOW_SECONDS).contains(&settings.within_seconds) {
            return Err(Error::setting("/within_seconds", format!("is a number from 1 to {WINDOW_SECONDS}")));
        }
        Ok(Self { settings, when })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The fields that it reads.
    pub fn reads(&self) -> Vec<String> {
        let RuleSettings { key, distinct, reason, .. } = &self.settings;
        let templates = [distinct, reason].into_iter().flatten().chain([key]);
        self.when.reads().into_iter().chain(templates.flat_map(Template::reads)).collect()
    }

    /// Counts the alert and says whether it is let through; `None`: the rule does not match, or a part of its key is absent.
    pub fn judge(&self, alert: &Alert) -> Option<Verdict> {
        let RuleSettings { key, distinct, count, .. } = &self.settings;
        let captures = self.when.find(alert)?;
        let key = self.state_key(&key.render_complete(alert, &captures)?);
        let value = match distinct {
            Some(distinct) => Some(distinct.render_complete(alert, &captures)?),
            None => None,
        };
        let there = match self.count(&key, alert.received_at().unwrap_or_default(), value.as_deref()) {
            Ok(there) => there,
            Err(error) => {
                // Nobody can say how many there were: rather one page too many.
                log::warning(&format!("rule {} lets an alert through, as it cannot count: {error}", self.name()));
                return Some(Verdict::Keep);
            }
        };
        if there >= *count as usize {
            return Some(Verdict::Keep);
        }
        let reason = self.reason(alert, &captures, there);
        Some(match self.settings.below {
            Below::Suppress => Verdict::suppress(reason),
            Below::Drop => Verdict::drop(reason),
        })
    }

    /// Remembers the event, and gives how many there are in the window.
    fn count(&self, key: &str, at: i64, value: Option<&str>) -> Result<usize, state::StateError> {
        let mut recent = state::get(key)?.map(|entry| Recent::read(&entry.value)).unwrap_or_default();
        recent.add(at, value, self.settings.count as usize, self.settings.within_seconds);
        state::set(key, &recent.write(), self.settings.within_seconds)?;
        Ok(recent.len())
    }

    /// The rule's name and the key; of a long one its beginning and a short form of the whole.
    fn state_key(&self, key: &str) -> String {
        let whole = format!("{}/{key}", self.settings.name);
        if whole.len() <= STATE_KEY_BYTES {
            return whole;
        }
        let mut hasher = DefaultHasher::new();
        whole.hash(&mut hasher);
        let end = format!("/{:016x}", hasher.finish());
        let begin = (0..=STATE_KEY_BYTES - end.len()).rev().find_map(|at| whole.get(..at)).unwrap_or_default();
        format!("{begin}{end}")
    }

    fn reason(&self, alert: &Alert, captures: &Captures, there: usize) -> String {
        let RuleSettings { name, count, within_seconds, reason, .. } = &self.settings;
        match reason {
            Some(reason) => reason.render(alert, captures),
            None => format!("{name}: {there} of {count} within {within_seconds} s"),
        }
    }
}
