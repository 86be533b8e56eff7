//! Templates that may hold `{{secret:NAME}}` beside fields. What a field brings can never become such a placeholder itself.

use std::borrow::Cow;

use matching::{Captures, Condition, Template, TemplateError};
use reveille_sdk::{Incident, IncidentField, Record};

const SECRET: &str = "{{secret:";

/// How what a field brings is made fit for the place where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Text and JSON strings.
    Text,
    /// Percent-encoded.
    Url,
    /// One line.
    Header,
}

/// A template.
#[derive(Debug)]
pub struct Words(Vec<Part>);

#[derive(Debug)]
enum Part {
    Template(Template<IncidentField>),
    /// A placeholder of the operator's, whole.
    Secret(String),
}

impl Words {
    /// Reads it; its places have to be fields, secrets, or groups of the condition.
    pub fn parse(text: &str, condition: Option<&Condition<IncidentField>>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(SECRET) {
            let (before, after) = rest.split_at(at);
            let end = after.find("}}").map_or(after.len(), |end| end + 2);
            parts.push(Part::Template(Template::parse(before)?));
            parts.push(Part::Secret(after[..end].to_owned()));
            rest = &after[end..];
        }
        parts.push(Part::Template(Template::parse(rest)?));
        if let Some(condition) = condition {
            for part in &parts {
                if let Part::Template(template) = part {
                    template.check(condition)?;
                }
            }
        }
        Ok(Self(parts))
    }

    /// The text.
    pub fn render(&self, incident: &Incident, captures: &Captures, place: Place) -> String {
        let record = Fitted { incident, place };
        let part = |part: &Part| match part {
            Part::Template(template) => template.render(&record, captures).replace("{{", "{ {"),
            Part::Secret(placeholder) => placeholder.clone(),
        };
        self.0.iter().map(part).collect()
    }

    /// The fields that it reads.
    pub fn reads(&self) -> Vec<String> {
        let part = |part: &Part| match part {
            Part::Template(template) => template.reads(),
            Part::Secret(_) => Vec::new(),
        };
        self.0.iter().flat_map(part).collect()
    }
}

/// An incident whose fields come fit for a place.
struct Fitted<'a> {
    incident: &'a Incident,
    place: Place,
}

impl Record for Fitted<'_> {
    type Field = IncidentField;

    fn get(&self, field: &IncidentField) -> Option<Cow<'_, str>> {
        let value = self.incident.get(field)?;
        Some(match self.place {
            Place::Text => value,
            Place::Url => Cow::Owned(encoded(&value)),
            Place::Header => Cow::Owned(value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()),
        })
    }
}

/// Percent-encoded but for the unreserved characters of RFC 3986.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_unreserved_characters_is_encoded() {
        assert_eq!(encoded("a-b_c.d~E9"), "a-b_c.d~E9");
        assert_eq!(encoded("../x?y=1&z#è"), "..%2Fx%3Fy%3D1%26z%23%C3%A8");
    }

    #[test]
    fn a_place_that_is_none_is_refused() {
        for (text, message) in [("{{servise}}", "neither a field nor a group"), ("{{secret:a}}{{x", "not closed")] {
            let condition: Condition<IncidentField> = serde_json::from_str(r#"{"field":"service","is":"a"}"#).unwrap();
            let error = Words::parse(text, Some(&condition)).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
