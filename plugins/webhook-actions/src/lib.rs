//! Does something when something happens to an incident: an ordered table of events, conditions and actions.

mod call;
mod rule;
mod words;

use std::collections::BTreeSet;

use reveille_sdk::prelude::*;
use reveille_sdk::types::Action;
use reveille_sdk::{IncidentEvent, IncidentField};

use crate::rule::Rule;
pub use crate::rule::RuleSettings;

/// What the contract takes of one event, so that all rules may apply.
const RULES_MAX: usize = 32;

/// The operator's rules, in order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    rules: Vec<RuleSettings>,
}

/// The plugin.
#[derive(Debug)]
pub struct WebhookActions {
    rules: Vec<Rule>,
}

#[plugin]
impl Automate for WebhookActions {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if settings.rules.len() > RULES_MAX {
            return Err(Error::setting("/rules", format!("has more than {RULES_MAX} rules")));
        }
        let (mut rules, mut problems, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (place, rule) in settings.rules.into_iter().enumerate() {
            match Rule::new(rule) {
                Ok(rule) if !names.insert(rule.name().to_owned()) => {
                    problems.push(Error::setting(format!("/rules/{place}/name"), "is there twice"));
                }
                Ok(rule) => rules.push(rule),
                Err(error) => problems.push(error.within(&format!("/rules/{place}"))),
            }
        }
        if problems.is_empty() { Ok(Self { rules }) } else { Err(Error::settings(problems)) }
    }

    fn reads(&self) -> Vec<String> {
        let mut reads: Vec<String> = self.rules.iter().flat_map(Rule::reads).collect();
        // An empty list would mean everything; the severity always comes.
        reads.push(IncidentField::Severity.reads());
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    fn automate(&self, event: &IncidentEvent) -> Result<Vec<Action>> {
        Ok(self.rules.iter().filter_map(|rule| rule.act(event)).collect())
    }
}
