//! Text with places for fields and captures.

use std::borrow::Cow;

use reveille_sdk::{Error, Field, Record};
use serde::{Deserialize, Deserializer, de};

use crate::condition::{Captures, Condition};

/// Longest text of a template, in bytes.
const TEMPLATE_BYTES: usize = 4 * 1024;
/// Longest result, in bytes: a hostile field repeated in a template must not grow without bound.
const RESULT_BYTES: usize = 64 * 1024;

/// A template that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError(String);

impl TemplateError {
    /// As a settings error at this pointer.
    pub fn at(self, pointer: impl Into<String>) -> Error {
        Error::setting(pointer, self.0)
    }
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TemplateError {}

/// Text with `${{field}}` or `{{field}}` in it, and `{{1}}` or `{{name}}` for what a regular expression captured.
///
/// It has no logic. A name that is a field means the field, also where a group has the same name.
///
/// ```
/// use matching::{Captures, Template};
/// use reveille_sdk::prelude::*;
///
/// let template = Template::<AlertField>::parse("${{service}}: {{labels.host}} is {{severity}}").unwrap();
/// let alert = Alert::from(Report::firing(Severity::Error).service("orders"));
/// assert_eq!(template.render(&alert, &Captures::default()), "orders:  is error");
/// assert_eq!(template.render_complete(&alert, &Captures::default()), None);
/// assert_eq!(template.reads(), ["service", "labels.host", "severity"]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Template<F>(Vec<Part<F>>);

#[derive(Debug, Clone, PartialEq)]
enum Part<F> {
    Text(String),
    Field(F),
    Capture(String),
}

impl<F: Field> Template<F> {
    /// Reads a template.
    ///
    /// # Errors
    /// A place that is not closed, or names neither a field nor a possible group.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_BYTES {
            return Err(TemplateError(format!("the template has {} bytes, at most {TEMPLATE_BYTES} are allowed", text.len())));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let before = before.strip_suffix('$').unwrap_or(before);
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            let (name, after) = after.split_once("}}").ok_or_else(|| TemplateError(format!("`{{{{{after}` is not closed by `}}}}`")))?;
            parts.push(Self::part(name.trim())?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Self(parts))
    }

    fn part(name: &str) -> Result<Part<F>, TemplateError> {
        match name.parse::<F>() {
            Ok(field) => Ok(Part::Field(field)),
            Err(_) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                Ok(Part::Capture(name.into()))
            }
            Err(error) => Err(TemplateError(error.to_string())),
        }
    }

    /// The text; what is absent leaves nothing.
    pub fn render<R: Record<Field = F>>(&self, record: &R, captures: &Captures) -> String {
        self.write(record, captures).0
    }

    /// The text; `None` if anything in it is absent, so that a key is never made of half of its parts.
    pub fn render_complete<R: Record<Field = F>>(&self, record: &R, captures: &Captures) -> Option<String> {
        let (text, is_complete) = self.write(record, captures);
        is_complete.then_some(text)
    }

    fn write<R: Record<Field = F>>(&self, record: &R, captures: &Captures) -> (String, bool) {
        let mut text = String::new();
        let mut is_complete = true;
        for part in &self.0 {
            let value = match part {
                Part::Text(text) => Some(Cow::Borrowed(text.as_str())),
                Part::Field(field) => record.get(field),
                Part::Capture(name) => captures.get(name).map(Cow::Borrowed),
            };
            match value {
                Some(value) if text.len() + value.len() <= RESULT_BYTES => text.push_str(&value),
                _ => is_complete = false,
            }
        }
        (text, is_complete)
    }

    /// The fields that it reads, as `reads` spells them.
    pub fn reads(&self) -> Vec<String> {
        let field = |part: &Part<F>| match part {
            Part::Field(field) => Some(field.reads()),
            Part::Text(_) | Part::Capture(_) => None,
        };
        self.0.iter().filter_map(field).collect()
    }

    /// Checks that every place that is no field is a group of this condition, so that a misspelt field is found when settings are read.
    ///
    /// # Errors
    /// The first place that is neither.
    pub fn check(&self, condition: &Condition<F>) -> Result<(), TemplateError> {
        for part in &self.0 {
            if let Part::Capture(name) = part
                && !condition.has_group(name)
            {
                return Err(TemplateError(format!("`{name}` is neither a field nor a group of an expression in the condition")));
            }
        }
        Ok(())
    }
}

impl<'de, F: Field> Deserialize<'de> for Template<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use reveille_sdk::prelude::*;

    use super::*;

    fn render(template: &str) -> String {
        let alert = Alert::from(Report::firing(Severity::Error).service("orders").label("a.b", "c"));
        Template::<AlertField>::parse(template).unwrap().render(&alert, &Captures::default())
    }

    #[test]
    fn places_are_filled() {
        let cases = [
            ("", ""),
            ("plain $5 {x}", "plain $5 {x}"),
            ("${{service}}", "orders"),
            ("a{{ service }}b{{labels.a.b}}c", "aordersbcc"),
            ("$${{service}}", "$orders"),
            ("{{summary}}{{1}}{{group_name}}", ""),
        ];
        for (template, text) in cases {
            assert_eq!(render(template), text, "{template}");
        }
    }

    #[test]
    fn a_group_must_be_there() {
        let condition: Condition<AlertField> = serde_json::from_str(r#"{"any":[{"field":"source","regex":"(?P<tool>.)(.)"}]}"#).unwrap();
        for (template, is_right) in [("{{tool}}{{1}}{{2}}{{0}}{{source}}", true), ("{{3}}", false), ("{{sorce}}", false)] {
            let template = Template::<AlertField>::parse(template).unwrap();
            assert_eq!(template.check(&condition).is_ok(), is_right, "{template:?}");
        }
    }

    #[test]
    fn a_place_that_is_none_is_refused() {
        for (template, message) in [("{{service", "not closed"), ("{{}}", "is no field"), ("{{label.x}}", "`label.x` is no field")] {
            let error = Template::<AlertField>::parse(template).unwrap_err().to_string();
            assert!(error.contains(message), "{template}: {error}");
        }
    }
}
