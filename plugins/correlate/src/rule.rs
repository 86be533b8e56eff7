//! One rule: a condition and the templates of what it gives.

use matching::{Captures, Condition, Template, TemplateError};
use reveille_sdk::prelude::*;

/// Most related keys.
const RELATED: usize = 8;

/// Which alerts open an incident at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenAfter {
    count: u32,
    within_seconds: u32,
}

/// A rule as the operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    name: Option<String>,
    when: Option<Condition<AlertField>>,
    key: Template<AlertField>,
    window_seconds: Option<u32>,
    open_after: Option<OpenAfter>,
    title: Option<Template<AlertField>>,
    #[serde(default)]
    related: Vec<Template<AlertField>>,
    reason: Option<Template<AlertField>>,
}

/// A rule that was checked.
#[derive(Debug)]
pub struct Rule {
    /// What the reason says where the rule has none.
    name: String,
    when: Condition<AlertField>,
    key: Template<AlertField>,
    window_seconds: Option<u32>,
    open_after: Option<OpenAfter>,
    title: Option<Template<AlertField>>,
    related: Vec<Template<AlertField>>,
    reason: Option<Template<AlertField>>,
}

impl Rule {
    /// Checks a rule; pointers are within the rule.
    pub fn new(settings: RuleSettings, index: usize) -> Result<Self> {
        let RuleSettings { name, when, key, window_seconds, open_after, title, related, reason } = settings;
        let when = when.unwrap_or(Condition::All(Vec::new()));
        let at = |pointer: String| move |error: TemplateError| error.at(pointer);
        key.check(&when).map_err(at("/key".into()))?;
        for (name, template) in [("title", &title), ("reason", &reason)] {
            template.as_ref().map_or(Ok(()), |template| template.check(&when)).map_err(at(format!("/{name}")))?;
        }
        for (i, template) in related.iter().enumerate() {
            template.check(&when).map_err(at(format!("/related/{i}")))?;
        }
        if related.len() > RELATED {
            return Err(Error::setting("/related", format!("at most {RELATED} related keys")));
        }
        if window_seconds == Some(0) {
            return Err(Error::setting("/window_seconds", "is 0: no alert could ever join"));
        }
        if let Some(OpenAfter { count, within_seconds }) = open_after
            && (count == 0 || within_seconds == 0)
        {
            return Err(Error::setting("/open_after", "count and within_seconds are 1 or more"));
        }
        let name = name.unwrap_or_else(|| format!("rule {}", index + 1));
        Ok(Self { name, when, key, window_seconds, open_after, title, related, reason })
    }

    /// The fields that it reads.
    pub fn reads(&self) -> Vec<String> {
        let templates = [&self.title, &self.reason].into_iter().flatten().chain(&self.related).chain([&self.key]);
        self.when.reads().into_iter().chain(templates.flat_map(Template::reads)).collect()
    }

    /// What it says about an alert; `None`: it does not match, or the key cannot be made.
    pub fn group(&self, alert: &Alert) -> Option<Grouping> {
        let captures = self.when.find(alert)?;
        let key = self.key.render_complete(alert, &captures)?;
        let mut grouping = Grouping::key(key, self.reason(alert, &captures));
        grouping.window_seconds = self.window_seconds;
        if let Some(OpenAfter { count, within_seconds }) = self.open_after {
            grouping = grouping.open_after(count, within_seconds);
        }
        grouping.title = self.title.as_ref().map(|title| title.render(alert, &captures)).filter(|title| !title.trim().is_empty());
        grouping.related = self.related.iter().filter_map(|key| key.render_complete(alert, &captures)).collect();
        Some(grouping)
    }

    fn reason(&self, alert: &Alert, captures: &Captures) -> String {
        match &self.reason {
            Some(reason) => reason.render(alert, captures),
            None => self.name.clone(),
        }
    }
}
