//! Matchers over an alert's labels and fields, in Alertmanager's syntax: `env="prod"`, `service=~"pay.*"`, `team!="ops"`, `host!~"t-.+"`.

use crate::alert::Alert;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// Most matchers of one list.
pub const MATCHERS_LIMIT: usize = 32;
/// Longest name, and longest value, in bytes.
pub const TEXT_LIMIT_BYTES: usize = 1024;
/// How much memory a compiled regular expression may take, in bytes.
const REGEX_LIMIT_BYTES: usize = 1 << 20;

/// The names that mean a field of the alert as well as a label.
pub const FIELDS: [&str; 6] = ["service", "severity", "team", "integration", "routing_key", "entity"];

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Comparison {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "=~")]
    Like,
    #[serde(rename = "!~")]
    Unlike,
}

impl Comparison {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Like => "=~",
            Self::Unlike => "!~",
        }
    }

    /// Whether the value is a regular expression.
    pub fn is_regex(self) -> bool {
        matches!(self, Self::Like | Self::Unlike)
    }

    /// Whether it asks for a match, and not for none.
    pub fn is_positive(self) -> bool {
        matches!(self, Self::Equal | Self::Like)
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Matcher {
    pub name: String,
    #[serde(rename = "is")]
    pub comparison: Comparison,
    pub value: String,
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // A name that could be taken for something else is quoted, too.
        if self.name.chars().all(plain) && !self.name.is_empty() {
            write!(f, "{}{}\"{}\"", self.name, self.comparison.as_str(), escaped(&self.value))
        } else {
            write!(f, "\"{}\"{}\"{}\"", escaped(&self.name), self.comparison.as_str(), escaped(&self.value))
        }
    }
}

/// What is wrong with matchers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MatcherError {
    #[error("`{0}` is no matcher: write it as service=\"checkout\", host=~\"web-.*\", env!=\"prod\" or host!~\"test-.*\"")]
    Syntax(String),
    #[error("`{matcher}` holds no regular expression: {why}")]
    Regex { matcher: String, why: String },
    #[error("give 1 to {MATCHERS_LIMIT} matchers")]
    Number,
    #[error("at least one matcher has to ask for something: these would match what has no such label, so nearly everything")]
    MatchesAll,
    #[error("the name or value of `{0}` is longer than {TEXT_LIMIT_BYTES} bytes")]
    TooLong(String),
}

/// Reads matchers separated by commas, with or without braces around them.
pub fn parse(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let wrong = || MatcherError::Syntax(crate::alert::cut(text, 200));
    let mut rest = text.trim();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner.strip_suffix('}').ok_or_else(wrong)?.trim();
    }
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (matcher, left) = one(rest).ok_or_else(wrong)?;
        found.push(matcher);
        let left = left.trim_start();
        rest = match left.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if left.is_empty() => left,
            None => return Err(wrong()),
        };
    }
    if found.is_empty() { Err(wrong()) } else { Ok(found) }
}

/// The matcher for exactly these values of a name; `None`: there are none, or more than a matcher may hold.
pub fn exactly(name: &str, values: &[String]) -> Option<Matcher> {
    let (comparison, value) = match values {
        [] => return None,
        [one] => (Comparison::Equal, one.clone()),
        many => (Comparison::Like, many.iter().map(|value| regex::escape(value)).collect::<Vec<_>>().join("|")),
    };
    (value.len() <= TEXT_LIMIT_BYTES && !value.is_empty()).then(|| Matcher { name: name.to_owned(), comparison, value })
}

/// What a name may hold without quotes.
fn plain(c: char) -> bool {
    c.is_alphanumeric() || "_:.-/".contains(c)
}

/// The first matcher of the text, and what follows it.
fn one(text: &str) -> Option<(Matcher, &str)> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(_) => quoted(text)?,
        None => {
            let end = text.find(|c: char| c == '=' || c == '!' || c.is_whitespace())?;
            (text[..end].to_owned(), &text[end..])
        }
    };
    if name.is_empty() || (!text.starts_with('"') && !name.chars().all(plain)) {
        return None;
    }
    let rest = rest.trim_start();
    let comparisons = [Comparison::Like, Comparison::Unlike, Comparison::NotEqual, Comparison::Equal];
    let comparison = comparisons.into_iter().find(|comparison| rest.starts_with(comparison.as_str()))?;
    let rest = rest[comparison.as_str().len()..].trim_start();
    let (value, rest) = match rest.strip_prefix('"') {
        Some(_) => quoted(rest)?,
        None => {
            let end = rest.find(',').unwrap_or(rest.len());
            let value = rest[..end].trim_end();
            // Half a quoted text is a mistake, not a value.
            if value.contains('"') {
                return None;
            }
            (value.to_owned(), &rest[end..])
        }
    };
    Some((Matcher { name, comparison, value }, rest))
}

/// A text in double quotes with `\"`, `\\` and `\n`, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                // As Alertmanager's classic matchers do: a backslash that escapes nothing is itself, as in `\d`.
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}

/// An alert with what it is matched by besides its labels.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub alert: &'a Alert,
    pub team: &'a str,
    pub integration: Option<&'a str>,
}

impl<'a> Subject<'a> {
    fn field(&self, name: &str) -> Option<&'a str> {
        match name {
            "service" => self.alert.service.as_deref(),
            "severity" => Some(self.alert.severity.as_str()),
            "team" => Some(self.team),
            "integration" => self.integration,
            "routing_key" => self.alert.routing_key.as_deref(),
            "entity" => Some(&self.alert.entity),
            _ => None,
        }
    }

    /// What a name stands for: the label of that name and the field of that name, where they are there.
    fn values(&self, name: &str) -> [Option<&'a str>; 2] {
        [self.alert.label(name), self.field(name)]
    }

    /// The one value of a name, for comparing alerts with each other: the label, else the field, else nothing.
    pub fn value(&self, name: &str) -> &'a str {
        self.alert.label(name).or_else(|| self.field(name)).unwrap_or_default()
    }
}

#[derive(Debug, Clone)]
enum Test {
    Text(String),
    Regex(Regex),
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Text(text) => text == value,
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

/// Matchers ready for use: all of them have to hold.
#[derive(Debug, Clone)]
pub struct Matchers(Vec<(String, bool, Test)>);

impl Matchers {
    /// Makes matchers ready. As with Alertmanager, regular expressions have to match the whole value, and at least one matcher must not match
    /// the empty text.
    pub fn compile(matchers: &[Matcher]) -> Result<Self, MatcherError> {
        if matchers.is_empty() || matchers.len() > MATCHERS_LIMIT {
            return Err(MatcherError::Number);
        }
        let compiled: Vec<_> = matchers.iter().map(ready).collect::<Result<_, _>>()?;
        if compiled.iter().all(|(_, positive, test)| test.holds("") == *positive) {
            return Err(MatcherError::MatchesAll);
        }
        Ok(Self(compiled))
    }

    /// Whether all hold for the alert. A name that is label and field at once is matched by either; what is not there is the empty text.
    pub fn hold(&self, subject: &Subject<'_>) -> bool {
        self.0.iter().all(|(name, positive, test)| {
            let values = subject.values(name);
            let any = if values == [None, None] { test.holds("") } else { values.into_iter().flatten().any(|value| test.holds(value)) };
            any == *positive
        })
    }
}

fn ready(matcher: &Matcher) -> Result<(String, bool, Test), MatcherError> {
    if matcher.name.len() > TEXT_LIMIT_BYTES || matcher.value.len() > TEXT_LIMIT_BYTES {
        return Err(MatcherError::TooLong(crate::alert::cut(&matcher.name, 100)));
    }
    let test = if matcher.comparison.is_regex() {
        let regex = RegexBuilder::new(&format!("^(?:{})$", matcher.value)).size_limit(REGEX_LIMIT_BYTES).build();
        Test::Regex(regex.map_err(|error| MatcherError::Regex { matcher: matcher.to_string(), why: error.to_string() })?)
    } else {
        Test::Text(matcher.value.clone())
    };
    Ok((matcher.name.clone(), matcher.comparison.is_positive(), test))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::time::Millis;

    fn alert() -> Alert {
        let mut alert = Alert::firing("db-1", Severity::Critical, Millis(0));
        alert.service = Some("checkout".into());
        alert.labels = vec![("alertname".into(), "Down".into()), ("severity".into(), "page".into())];
        alert
    }

    fn holds(text: &str) -> bool {
        let alert = alert();
        let subject = Subject { alert: &alert, team: "shop", integration: Some("prom") };
        // One of them must not match the empty text.
        let whole = format!("{text},entity=~\".+\"");
        Matchers::compile(&parse(&whole).unwrap()).unwrap().hold(&subject)
    }

    #[test]
    fn the_syntax_is_alertmanagers() {
        let written: Vec<String> = parse(r#"{ a="b", c=~"x|y" ,d!=e,f!~"\"\d" }"#).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(written, [r#"a="b""#, r#"c=~"x|y""#, r#"d!="e""#, r#"f!~"\"\\d""#]);
        for wrong in ["", "{}", "a", "a=\"b", "=b", "a=b\"", "{a=b", "a~b", "a=\"b\" c=\"d\"", "a b=c"] {
            assert!(matches!(parse(wrong), Err(MatcherError::Syntax(_))), "{wrong}");
        }
    }

    /// Planted bug that this finds: values put together as they are, so that a dot in a host's name silences others.
    #[test]
    fn exactly_these_values_and_no_others() {
        let of = |values: &[&str]| exactly("entity", &values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["db.1"]).unwrap().to_string(), r#"entity="db.1""#);
        let matcher = of(&["db.1", "web|2"]).unwrap();
        let read = Matchers::compile(&parse(&matcher.to_string()).unwrap()).unwrap();
        let holds = |entity: &str| {
            let alert = Alert::firing(entity, Severity::Critical, Millis(0));
            read.hold(&Subject { alert: &alert, team: "shop", integration: None })
        };
        assert!(holds("db.1") && holds("web|2"));
        assert!(!holds("db-1") && !holds("web") && !holds("2") && !holds("xdb.1"));
        assert_eq!((of(&[]), of(&[""]), of(&["x".repeat(1025).as_str()])), (None, None, None));
    }

    #[test]
    fn what_is_printed_is_read_as_the_same() {
        for value in ["", "x", "a\"b", "a\\d+", "two\nlines", "tab\there", "é", "a,b}"] {
            for name in ["n", "a name", "q\"uote"] {
                let one = Matcher { name: name.into(), comparison: Comparison::Unlike, value: value.into() };
                assert_eq!(parse(&one.to_string()), Ok(vec![one]));
            }
        }
    }

    #[test]
    fn labels_and_fields_are_matched() {
        for yes in [
            "alertname=Down",
            "service=checkout",
            "team=shop,integration=prom",
            "entity=~\"db-.\"",
            "severity=page",
            "severity=critical",
            "alertname=Down,nothing=\"\"",
            "alertname!=Up",
        ] {
            assert!(holds(yes), "{yes}");
        }
        // A regular expression has to match the whole; a negative matcher excludes label and field.
        for no in ["entity=~db", "severity!=page", "severity!~\"critical|x\"", "alertname=down", "other=x", "alertname=Down,team!=shop"] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn what_would_match_everything_is_refused() {
        for text in ["a=\"\"", "a=~\".*\"", "a!=x", "a!~\"x+\",b=\"\""] {
            assert_eq!(Matchers::compile(&parse(text).unwrap()).unwrap_err(), MatcherError::MatchesAll, "{text}");
        }
        assert!(matches!(Matchers::compile(&parse("a=~\"(\"").unwrap()), Err(MatcherError::Regex { .. })));
        assert!(Matchers::compile(&parse("a=~\".+\"").unwrap()).is_ok());
    }
}
