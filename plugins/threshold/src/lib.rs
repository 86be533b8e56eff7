//! Does a human need it? Not before enough of it came: alerts are counted per key over a sliding window, or the different values of a
//! field are, such as the hosts on which one user failed to log in.

mod recent;
mod rule;

use std::collections::BTreeSet;

use reveille_sdk::prelude::*;

use crate::rule::{Rule, RuleSettings};

/// Most rules.
const RULES: usize = 200;

/// The operator's rules, in order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    rules: Vec<RuleSettings>,
}

/// The plugin.
#[derive(Debug)]
pub struct Threshold {
    rules: Vec<Rule>,
}

#[plugin]
impl Filter for Threshold {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if settings.rules.len() > RULES {
            return Err(Error::setting("/rules", format!("at most {RULES} rules")));
        }
        let (mut rules, mut problems, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (i, rule) in settings.rules.into_iter().enumerate() {
            match Rule::new(rule) {
                Ok(rule) if !names.insert(rule.name().to_owned()) => {
                    problems.push(Error::setting(format!("/rules/{i}/name"), "is there twice: what was counted belongs to the name"));
                }
                Ok(rule) => rules.push(rule),
                Err(error) => problems.push(error.within(&format!("/rules/{i}"))),
            }
        }
        if problems.is_empty() { Ok(Self { rules }) } else { Err(Error::settings(problems)) }
    }

    fn reads(&self) -> Vec<String> {
        let mut fields: Vec<String> = self.rules.iter().flat_map(Rule::reads).collect();
        fields.push("received_at".into());
        fields.sort();
        fields.dedup();
        fields
    }

    fn filter(&self, alert: &Alert) -> Result<Verdict> {
        // A recovery or an acknowledgement ends what was let through, so it is never held back, and it is no event to count.
        if alert.status() != Status::Firing {
            return Ok(Verdict::Keep);
        }
        Ok(self.rules.iter().find_map(|rule| rule.judge(alert)).unwrap_or(Verdict::Keep))
    }
}
