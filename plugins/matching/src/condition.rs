//! A condition on a record: comparisons of fields, joined by all, any and not.

use reveille_sdk::{Field, Record};
use serde::{Deserialize, Deserializer, de};

use crate::pattern::Pattern;

/// Deepest nesting of `all`, `any` and `not`.
const DEPTH: usize = 16;

/// The groups of the regular expression that matched last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captures(Vec<(Option<String>, Option<String>)>);

impl Captures {
    /// A group by its number (0 is the whole match) or its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let group = match name.parse::<usize>() {
            Ok(number) => self.0.get(number),
            Err(_) => self.0.iter().find(|(known, _)| known.as_deref() == Some(name)),
        };
        group.and_then(|(_, text)| text.as_deref())
    }

    /// Whether no expression matched.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn replace(&mut self, groups: Vec<(Option<String>, Option<String>)>) {
        self.0 = groups;
    }
}

/// A condition on the fields `F`.
///
/// In settings it is an object. A comparison has a `field` and one of `is`, `in`, `wildcard`, `regex` and `exists`; texts are compared
/// exactly unless `ignore_case` is true. An absent field fits nothing but `exists = false`.
///
/// ```
/// use matching::Condition;
/// use reveille_sdk::prelude::*;
///
/// let condition: Condition<AlertField> = serde_json::from_str(
///     r#"{ "all": [
///            { "field": "source", "in": ["prometheus", "zabbix"] },
///            { "not": { "field": "labels.env", "is": "STAGING", "ignore_case": true } },
///            { "any": [{ "field": "summary", "wildcard": "*disk*" }, { "field": "labels.runbook", "exists": true }] }
///        ] }"#,
/// )
/// .unwrap();
/// let report = Report::firing(Severity::Error).source("zabbix").summary("a disk is full");
/// assert!(condition.matches(&Alert::from(report.clone())));
/// assert!(!condition.matches(&Alert::from(report.label("env", "staging"))));
/// ```
#[derive(Debug, Clone)]
pub enum Condition<F> {
    /// All of these; no condition at all is true.
    All(Vec<Condition<F>>),
    /// Any of these; no condition at all is false.
    Any(Vec<Condition<F>>),
    /// The opposite.
    Not(Box<Condition<F>>),
    /// The field is there, or is not.
    Exists(F, bool),
    /// The field fits a pattern.
    Fits(F, Pattern),
}

impl<F: Field> Condition<F> {
    /// Whether the record matches.
    pub fn matches<R: Record<Field = F>>(&self, record: &R) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(record)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(record)),
            Self::Not(part) => !part.matches(record),
            Self::Exists(field, wanted) => record.get(field).is_some() == *wanted,
            Self::Fits(field, pattern) => record.get(field).is_some_and(|text| pattern.matches(&text)),
        }
    }

    /// The groups of the last regular expression that matched on the way (none under `not`); `None` if the record does not match.
    pub fn find<R: Record<Field = F>>(&self, record: &R) -> Option<Captures> {
        let mut captures = Captures::default();
        self.find_into(record, &mut captures).then_some(captures)
    }

    fn find_into<R: Record<Field = F>>(&self, record: &R, captures: &mut Captures) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.find_into(record, captures)),
            Self::Any(parts) => parts.iter().any(|part| {
                // What a failed branch captured is not what matched.
                let before = captures.clone();
                let fits = part.find_into(record, captures);
                if !fits {
                    *captures = before;
                }
                fits
            }),
            Self::Fits(field, pattern) => record.get(field).is_some_and(|text| pattern.find(&text, captures)),
            Self::Not(_) | Self::Exists(..) => self.matches(record),
        }
    }

    /// The fields that it reads, as `reads` spells them.
    pub fn reads(&self) -> Vec<String> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::reads).collect(),
            Self::Not(part) => part.reads(),
            Self::Exists(field, _) | Self::Fits(field, _) => vec![field.reads()],
        }
    }

    /// Whether one of its regular expressions has this group, by number or name.
    pub fn has_group(&self, name: &str) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.has_group(name)),
            Self::Fits(_, pattern) => pattern.has_group(name),
            Self::Not(_) | Self::Exists(..) => false,
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => 1 + parts.iter().map(Self::depth).max().unwrap_or(0),
            Self::Not(part) => 1 + part.depth(),
            Self::Exists(..) | Self::Fits(..) => 1,
        }
    }
}

/// The object of the settings. Every key is optional here; which go together is checked below, with a message in words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "F: Field + Deserialize<'de>")]
struct Spelled<F> {
    all: Option<Vec<Spelled<F>>>,
    any: Option<Vec<Spelled<F>>>,
    not: Option<Box<Spelled<F>>>,
    field: Option<F>,
    is: Option<String>,
    #[serde(rename = "in")]
    one_of: Option<Vec<String>>,
    wildcard: Option<String>,
    regex: Option<String>,
    exists: Option<bool>,
    #[serde(default)]
    ignore_case: bool,
}

impl<F: Field> Spelled<F> {
    fn compile(self) -> Result<Condition<F>, String> {
        let is_tree = self.all.is_some() || self.any.is_some() || self.not.is_some();
        match self.field {
            Some(_) if is_tree => Err("`field` stands in a condition of its own, beside no `all`, `any` or `not`".into()),
            Some(_) => self.compile_comparison(),
            None => self.compile_tree(),
        }
    }

    fn compile_tree(self) -> Result<Condition<F>, String> {
        if self.is.is_some() || self.one_of.is_some() || self.wildcard.is_some() || self.regex.is_some() || self.exists.is_some() {
            return Err("a comparison needs its `field`".into());
        }
        let list = |parts: Vec<Self>| parts.into_iter().map(Self::compile).collect::<Result<Vec<_>, _>>();
        match (self.all, self.any, self.not) {
            (Some(parts), None, None) => Ok(Condition::All(list(parts)?)),
            (None, Some(parts), None) => Ok(Condition::Any(list(parts)?)),
            (None, None, Some(part)) => Ok(Condition::Not(Box::new(part.compile()?))),
            _ => Err("a condition has either `field`, or exactly one of `all`, `any` and `not`".into()),
        }
    }

    fn compile_comparison(self) -> Result<Condition<F>, String> {
        let Some(field) = self.field else {
            return Err("a comparison needs its `field`".into());
        };
        let pattern = match (self.is, self.one_of, self.wildcard, self.regex, self.exists) {
            (None, None, None, None, Some(wanted)) => return Ok(Condition::Exists(field, wanted)),
            (Some(text), None, None, None, None) => Pattern::one_of(vec![text], self.ignore_case),
            (None, Some(texts), None, None, None) => Pattern::one_of(texts, self.ignore_case),
            (None, None, Some(pattern), None, None) => Pattern::wildcard(&pattern, self.ignore_case),
            (None, None, None, Some(pattern), None) => Pattern::regex(&pattern, self.ignore_case).map_err(|error| error.to_string())?,
            _ => return Err("a comparison has exactly one of `is`, `in`, `wildcard`, `regex` and `exists`".into()),
        };
        Ok(Condition::Fits(field, pattern))
    }
}

impl<'de, F: Field + Deserialize<'de>> Deserialize<'de> for Condition<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let condition = Spelled::deserialize(deserializer)?.compile().map_err(de::Error::custom)?;
        if condition.depth() > DEPTH {
            return Err(de::Error::custom(format!("conditions are nested deeper than {DEPTH}")));
        }
        Ok(condition)
    }
}

#[cfg(test)]
mod tests {
    use reveille_sdk::prelude::*;

    use super::*;

    fn condition(json: &str) -> Result<Condition<AlertField>, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn alert() -> Alert {
        Report::firing(Severity::Critical).source("zabbix").label("host", "db7").into()
    }

    #[test]
    fn comparisons_fit_or_not() {
        let cases = [
            (r#"{"field":"labels.host","is":"db7"}"#, true),
            (r#"{"field":"labels.host","is":"DB7"}"#, false),
            (r#"{"field":"labels.host","is":"DB7","ignore_case":true}"#, true),
            (r#"{"field":"labels.host","in":["db1","db7"]}"#, true),
            (r#"{"field":"labels.host","wildcard":"DB?","ignore_case":true}"#, true),
            (r#"{"field":"labels.host","wildcard":"b*"}"#, false),
            (r#"{"field":"labels.host","regex":"b\\d"}"#, true),
            (r#"{"field":"labels.host","regex":"^b"}"#, false),
            (r#"{"field":"labels.host","regex":"^DB","ignore_case":true}"#, true),
            (r#"{"field":"severity","is":"critical"}"#, true),
            (r#"{"field":"summary","exists":true}"#, false),
            (r#"{"field":"summary","exists":false}"#, true),
            (r#"{"field":"summary","wildcard":"*"}"#, false),
            (r#"{"not":{"field":"summary","wildcard":"*"}}"#, true),
            (r#"{"all":[]}"#, true),
            (r#"{"any":[]}"#, false),
        ];
        for (json, fits) in cases {
            assert_eq!(condition(json).unwrap().matches(&alert()), fits, "{json}");
            assert_eq!(condition(json).unwrap().find(&alert()).is_some(), fits, "{json}");
        }
    }

    #[test]
    fn a_condition_that_makes_no_sense_is_refused_in_words() {
        let cases = [
            (r#"{"field":"labels.host"}"#, "exactly one of `is`"),
            (r#"{"field":"labels.host","is":"a","regex":"b"}"#, "exactly one of `is`"),
            (r#"{"field":"host","is":"a"}"#, "`host` is no field"),
            (r#"{"is":"a"}"#, "needs its `field`"),
            (r#"{"all":[],"any":[]}"#, "exactly one of `all`"),
            ("{}", "exactly one of `all`"),
            (r#"{"field":"source","regex":"("}"#, "compile `(`"),
            (r#"{"field":"source","regx":"x"}"#, "unknown field `regx`"),
            (r#"{"field":"source","regex":"(?:a{1000}){1000}"}"#, "compile"),
        ];
        for (json, message) in cases {
            let error = condition(json).unwrap_err();
            assert!(error.contains(message), "{json}: {error}");
        }
        let deep = format!("{}{{\"all\":[]}}{}", "{\"not\":".repeat(20), "}".repeat(20));
        assert!(condition(&deep).unwrap_err().contains("deeper"));
    }

    #[test]
    fn the_last_match_leaves_its_groups() {
        let json = r#"{"all":[{"field":"source","regex":"z(a)"},{"any":[
            {"all":[{"field":"labels.host","regex":"(d)"},{"field":"summary","exists":true}]},
            {"field":"labels.host","regex":"^(?P<kind>[a-z]+)(\\d+)(x)?"}]}]}"#;
        let captures = condition(json).unwrap().find(&alert()).unwrap();
        assert_eq!(captures.get("kind"), Some("db"));
        assert_eq!((captures.get("0"), captures.get("2"), captures.get("3")), (Some("db7"), Some("7"), None));
    }
}
