//! Which incident does an alert belong to? The first rule that matches gives the key; alerts with one key share an open incident.

mod rule;

use reveille_sdk::prelude::*;

use crate::rule::{Rule, RuleSettings};

/// Most rules.
const RULES: usize = 500;

/// The operator's rules, in order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    rules: Vec<RuleSettings>,
}

/// The plugin.
#[derive(Debug)]
pub struct Correlate {
    rules: Vec<Rule>,
}

#[plugin]
impl Dedupe for Correlate {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if settings.rules.len() > RULES {
            return Err(Error::setting("/rules", format!("at most {RULES} rules")));
        }
        let (mut rules, mut problems) = (Vec::new(), Vec::new());
        for (i, rule) in settings.rules.into_iter().enumerate() {
            match Rule::new(rule, i) {
                Ok(rule) => rules.push(rule),
                Err(error) => problems.push(error.within(&format!("/rules/{i}"))),
            }
        }
        if problems.is_empty() { Ok(Self { rules }) } else { Err(Error::settings(problems)) }
    }

    fn reads(&self) -> Vec<String> {
        let mut fields: Vec<String> = self.rules.iter().flat_map(Rule::reads).collect();
        // With no field at all, the list must not be empty: that would mean all of the manifest's.
        fields.push("status".into());
        fields.sort();
        fields.dedup();
        fields
    }

    fn dedupe(&self, alert: &Alert) -> Result<Option<Grouping>> {
        Ok(self.rules.iter().find_map(|rule| rule.group(alert)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        mock::cases("fixtures", |case| case.dedupe::<Correlate>());
    }

    #[test]
    fn the_settings_narrow_what_is_read() {
        let settings = serde_json::json!({ "rules": [
            { "when": { "field": "source", "is": "zabbix" }, "key": "{{labels.host}}/{{service}}", "title": "{{summary}}" },
            { "key": "{{service}}", "related": ["{{group}}"], "reason": "{{annotations.why}}" },
        ] });
        let plugin = mock::Instance::<Correlate>::configure(&settings).unwrap();
        assert_eq!(plugin.reads(), ["annotations.why", "group", "labels.host", "service", "source", "status", "summary"]);
    }
}
