//! One rule: what has to happen, to which incidents, and what is done then.

use matching::{Captures, Condition};
use reveille_sdk::prelude::*;
use reveille_sdk::types::{Action, IncidentChange, Priority, Risk, Step, Target};
use reveille_sdk::{Incident, IncidentEvent, IncidentField};

use crate::call::{Call, CallSettings};
use crate::words::{Place, Words};

/// Longest key of an action, in bytes.
const KEY_MAX_BYTES: usize = 128;

/// As the operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    name: String,
    on: Vec<String>,
    #[serde(default)]
    when: Option<Condition<IncidentField>>,
    #[serde(default)]
    step: Option<u32>,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    finished: Finished,
    #[serde(default)]
    key: Option<String>,
    #[serde(default = "reversible")]
    risk: Risk,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    call: Option<CallSettings>,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    priority: Option<Priority>,
    #[serde(default)]
    page: Option<Target>,
}

fn reversible() -> Risk {
    Risk::Reversible
}

/// How the action before must have gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Finished {
    #[default]
    Done,
    Failed,
    Any,
}

/// Ready to ask.
#[derive(Debug)]
pub struct Rule {
    name: String,
    on: Vec<String>,
    when: Option<Condition<IncidentField>>,
    step: Option<u32>,
    after: Option<String>,
    finished: Finished,
    key: Option<Words>,
    risk: Risk,
    reason: Option<Words>,
    does: Does,
}

#[derive(Debug)]
enum Does {
    Call(Call),
    Note(Words),
    Priority(Priority),
    Page(Target),
}

impl Rule {
    pub fn new(settings: RuleSettings) -> Result<Self> {
        let RuleSettings { name, on, when, step, after, finished, key, risk, reason, call, note, priority, page } = settings;
        if name.is_empty() || name.len() > 64 {
            return Err(Error::setting("/name", "must have 1 to 64 bytes"));
        }
        for (place, change) in on.iter().enumerate() {
            if !CHANGES.contains(&change.as_str()) {
                return Err(Error::setting(format!("/on/{place}"), format!("`{change}` never happens: known are {}", CHANGES.join(", "))));
            }
        }
        if step.is_some() && !on.iter().any(|change| change == "escalated") {
            return Err(Error::setting("/step", "means something only with `escalated`"));
        }
        if after.is_some() && !on.iter().any(|change| change == "action-finished") {
            return Err(Error::setting("/after", "means something only with `action-finished`"));
        }
        let condition = when.as_ref();
        let words = |text: Option<String>, pointer: &str| -> Result<Option<Words>> {
            text.map(|text| Words::parse(&text, condition).map_err(|error| error.at(pointer))).transpose()
        };
        let does = match (call, note, priority, page) {
            (Some(call), None, None, None) => Does::Call(Call::new(call, condition).map_err(|error| error.within("/call"))?),
            (None, Some(note), None, None) => Does::Note(Words::parse(&note, condition).map_err(|error| error.at("/note"))?),
            (None, None, Some(priority), None) => Does::Priority(priority),
            (None, None, None, Some(target)) => Does::Page(target),
            _ => return Err(Error::setting("", "needs exactly one of `call`, `note`, `priority` and `page`")),
        };
        let (key, reason) = (words(key, "/key")?, words(reason, "/reason")?);
        Ok(Self { name, on, when, step, after, finished, key, risk, reason, does })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fields that it reads.
    pub fn reads(&self) -> Vec<String> {
        let mut reads = self.when.as_ref().map(Condition::reads).unwrap_or_default();
        for words in [&self.key, &self.reason].into_iter().flatten() {
            reads.extend(words.reads());
        }
        match &self.does {
            Does::Call(call) => reads.extend(call.reads()),
            Does::Note(words) => reads.extend(words.reads()),
            Does::Priority(_) | Does::Page(_) => {}
        }
        reads
    }

    /// What is to be done about an event, if anything.
    pub fn act(&self, event: &IncidentEvent) -> Option<Action> {
        let (change, incident) = (&event.change, &event.incident);
        if !self.on.iter().any(|known| known == change.name()) || !self.fits(change) {
            return None;
        }
        let captures = match &self.when {
            Some(condition) => condition.find(incident)?,
            None => Captures::default(),
        };
        let reason = self.reason.as_ref().map(|words| words.render(incident, &captures, Place::Text));
        let reason = reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| self.name.clone());
        let step = match &self.does {
            Does::Call(call) => Step::Call(call.request(incident, &captures)),
            Does::Note(words) => Step::AddNote(words.render(incident, &captures, Place::Text)),
            Does::Priority(priority) => Step::SetPriority(*priority),
            Does::Page(target) => Step::Page(Destination::page(target.clone(), reason.clone())),
        };
        Some(Action::new(self.key(change, incident, &captures), step, self.risk, reason))
    }

    fn fits(&self, change: &IncidentChange) -> bool {
        match change {
            IncidentChange::Escalated(step) => self.step.is_none_or(|wanted| wanted == *step),
            IncidentChange::ActionFinished(result) => {
                let went = match self.finished {
                    Finished::Done => result.ok,
                    Finished::Failed => !result.ok,
                    Finished::Any => true,
                };
                // Never after itself: that would go on for as long as the host allows.
                let own = result.key == self.name || result.key.starts_with(&format!("{}/", self.name));
                went && !own && self.after.as_ref().is_none_or(|wanted| *wanted == result.key)
            }
            _ => true,
        }
    }

    fn key(&self, change: &IncidentChange, incident: &Incident, captures: &Captures) -> String {
        let given = self.key.as_ref().map(|words| words.render(incident, captures, Place::Text)).filter(|key| !key.is_empty());
        let mut key = given.unwrap_or_else(|| match change {
            IncidentChange::Escalated(step) => format!("{}/escalated/{step}", self.name),
            IncidentChange::SeverityChanged(severity) => format!("{}/severity-changed/{severity}", self.name),
            IncidentChange::ActionFinished(result) => format!("{}/after/{}", self.name, result.key),
            other => format!("{}/{}", self.name, other.name()),
        });
        while key.len() > KEY_MAX_BYTES {
            key.pop();
        }
        key
    }
}

/// Everything that happens, as the contract spells it.
const CHANGES: [&str; 9] = [
    "opened",
    "alert-joined",
    "severity-changed",
    "acknowledged",
    "unacknowledged",
    "reopened",
    "resolved",
    "escalated",
    "action-finished",
];
