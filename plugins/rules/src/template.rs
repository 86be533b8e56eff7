//! Texts with `${{field}}` and, for what a regular expression captured, `${{\1}}` or `${{1}}`, as VictorOps documents them.

use regex::Captures;

use crate::field::Field;
use crate::slots::{Slots, View};

/// Longest result, in bytes: the longest text that an alert can have.
const RESULT_MAX_BYTES: usize = 20 * 1024;
/// Longest template, in bytes.
const TEMPLATE_MAX_BYTES: usize = 4 * 1024;

/// Ready to fill in.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Field(usize),
    Capture(usize),
}

impl Template {
    /// Parses a template. `groups` is how many groups the rule's regular expression has, without the whole; `None`: it has none.
    pub fn compile(text: &str, slots: &mut Slots, groups: Option<usize>) -> Result<Self, String> {
        if text.len() > TEMPLATE_MAX_BYTES {
            return Err(format!("is longer than {TEMPLATE_MAX_BYTES} bytes"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (name, after) = after.split_once("}}").ok_or("`${{` is not closed by `}}`")?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(part(name.trim(), slots, groups)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The text, where nothing is to be filled in.
    pub fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it asks for something captured.
    pub fn captures(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Capture(_)))
    }

    /// The text for this alert. What is absent is empty.
    pub fn fill(&self, view: &View<'_>, captures: Option<&Captures<'_>>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            out.push_str(match part {
                Part::Text(text) => text,
                Part::Field(slot) => view.get(*slot).unwrap_or_default(),
                Part::Capture(group) => captures.and_then(|c| c.get(*group)).map_or("", |found| found.as_str()),
            });
        }
        if out.len() > RESULT_MAX_BYTES {
            out.truncate(out.floor_char_boundary(RESULT_MAX_BYTES));
        }
        out
    }
}

fn part(name: &str, slots: &mut Slots, groups: Option<usize>) -> Result<Part, String> {
    let number = name.strip_prefix('\\').unwrap_or(name);
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        let field = Field::parse(name).map_err(|why| why.to_string())?;
        return Ok(Part::Field(slots.slot(&field)));
    }
    let group = number.parse::<usize>().map_err(|_| format!("`{name}` is no group"))?;
    match groups {
        None => Err(format!("`${{{{{name}}}}}` is captured by a regular expression, and this rule's condition has none")),
        Some(groups) if group > groups => Err(format!("`${{{{{name}}}}}`: the regular expression captures only {groups} groups")),
        Some(_) => Ok(Part::Capture(group)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_filled_in_is_refused() {
        let compile = |text: &str, groups| Template::compile(text, &mut Slots::default(), groups).map(|_| ());
        assert!(compile("plain", None).is_ok());
        assert!(compile("${{summary}} ${{\\1}} ${{ 1 }}", Some(1)).is_ok());
        assert!(compile("${{summary", None).unwrap_err().contains("closed"));
        assert!(compile("${{sumary}}", None).unwrap_err().contains("no field"));
        assert!(compile("${{1}}", None).unwrap_err().contains("has none"));
        assert!(compile("${{\\2}}", Some(1)).unwrap_err().contains("only 1"));
    }

    #[test]
    fn a_constant_is_known_beforehand() {
        let compile = |text: &str| Template::compile(text, &mut Slots::default(), None).unwrap();
        assert_eq!(compile("INFO").constant(), Some("INFO"));
        assert_eq!(compile("").constant(), Some(""));
        assert_eq!(compile("${{summary}}").constant(), None);
    }
}
