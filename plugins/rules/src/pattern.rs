//! Tests of one text. Each takes the cheapest form that means the same: most wildcards are a prefix, a suffix or a whole word.

use regex::{Regex, RegexBuilder};

/// Longest regular expression, in characters. (VictorOps takes 128.)
const REGEX_MAX_CHARS: usize = 1_024;
/// Most memory for one compiled expression.
const REGEX_MAX_BYTES: usize = 256 * 1024;
/// Longest wildcard, in bytes.
const WILDCARD_MAX_BYTES: usize = 1_024;

/// A test of a text.
#[derive(Debug, Clone)]
pub struct Pattern {
    kind: Kind,
    ignore_case: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    /// The very text.
    Whole(String),
    /// One of these texts.
    OneOf(Vec<String>),
    /// `text*`
    Prefix(String),
    /// `*text`
    Suffix(String),
    /// `*text*`
    Contains(String),
    /// Anything else with `*`: what it begins with, what follows somewhere in this order, what it ends with.
    Pieces { first: String, middle: Vec<String>, last: String },
    /// Found anywhere in the text.
    Regex(Box<Regex>),
}

impl Pattern {
    /// The very text. Here and below, `ignore_case` is about ASCII letters; a regular expression knows all letters.
    pub fn is(text: &str, ignore_case: bool) -> Self {
        Self { kind: Kind::Whole(text.to_owned()), ignore_case }
    }

    /// One of these texts.
    pub fn one_of(texts: &[String], ignore_case: bool) -> Self {
        Self { kind: Kind::OneOf(texts.to_vec()), ignore_case }
    }

    /// `*` stands for any text, the empty one too.
    pub fn wildcard(text: &str, ignore_case: bool) -> Result<Self, String> {
        if text.len() > WILDCARD_MAX_BYTES {
            return Err(format!("is longer than {WILDCARD_MAX_BYTES} bytes"));
        }
        let mut pieces: Vec<String> = text.split('*').map(str::to_owned).collect();
        let last = pieces.pop().unwrap_or_default();
        if pieces.is_empty() {
            return Ok(Self { kind: Kind::Whole(last), ignore_case });
        }
        let first = pieces.remove(0);
        let mut middle: Vec<String> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        let kind = match (first.is_empty(), middle.len(), last.is_empty()) {
            (_, 0, true) => Kind::Prefix(first),
            (true, 0, false) => Kind::Suffix(last),
            (true, 1, true) => Kind::Contains(middle.remove(0)),
            _ => Kind::Pieces { first, middle, last },
        };
        Ok(Self { kind, ignore_case })
    }

    /// A regular expression, found anywhere in the text; `^` and `$` bind it. Linear in the text's length, whatever it is.
    pub fn regex(text: &str, ignore_case: bool) -> Result<Self, String> {
        if text.chars().count() > REGEX_MAX_CHARS {
            return Err(format!("is longer than {REGEX_MAX_CHARS} characters"));
        }
        let regex = RegexBuilder::new(text)
            .case_insensitive(ignore_case)
            .size_limit(REGEX_MAX_BYTES)
            .dfa_size_limit(REGEX_MAX_BYTES)
            .build()
            .map_err(|why| why.to_string())?;
        Ok(Self { kind: Kind::Regex(Box::new(regex)), ignore_case })
    }

    /// The regular expression, if it is one.
    pub fn as_regex(&self) -> Option<&Regex> {
        match &self.kind {
            Kind::Regex(regex) => Some(regex),
            _ => None,
        }
    }

    /// Whether the text is meant.
    #[inline]
    pub fn matches(&self, text: &str) -> bool {
        let (bytes, fold) = (text.as_bytes(), self.ignore_case);
        match &self.kind {
            Kind::Whole(wanted) => same(bytes, wanted.as_bytes(), fold),
            Kind::OneOf(wanted) => wanted.iter().any(|one| same(bytes, one.as_bytes(), fold)),
            Kind::Prefix(wanted) => begins(bytes, wanted.as_bytes(), fold),
            Kind::Suffix(wanted) => ends(bytes, wanted.as_bytes(), fold),
            Kind::Contains(wanted) => find(bytes, wanted.as_bytes(), fold).is_some(),
            Kind::Pieces { first, middle, last } => pieces(bytes, first.as_bytes(), middle, last.as_bytes(), fold),
            Kind::Regex(regex) => regex.is_match(text),
        }
    }
}

fn pieces(text: &[u8], first: &[u8], middle: &[String], last: &[u8], fold: bool) -> bool {
    if text.len() < first.len() + last.len() || !begins(text, first, fold) || !ends(text, last, fold) {
        return false;
    }
    let mut rest = &text[first.len()..text.len() - last.len()];
    middle.iter().all(|piece| match find(rest, piece.as_bytes(), fold) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

#[inline]
fn same(text: &[u8], wanted: &[u8], fold: bool) -> bool {
    if fold { text.eq_ignore_ascii_case(wanted) } else { text == wanted }
}

fn begins(text: &[u8], wanted: &[u8], fold: bool) -> bool {
    text.len() >= wanted.len() && same(&text[..wanted.len()], wanted, fold)
}

fn ends(text: &[u8], wanted: &[u8], fold: bool) -> bool {
    text.len() >= wanted.len() && same(&text[text.len() - wanted.len()..], wanted, fold)
}

/// Where `wanted` first stands in `text`.
fn find(text: &[u8], wanted: &[u8], fold: bool) -> Option<usize> {
    let Some(head) = wanted.first() else { return Some(0) };
    let last_start = text.len().checked_sub(wanted.len())?;
    let head_same = |byte: &u8| if fold { byte.eq_ignore_ascii_case(head) } else { byte == head };
    (0..=last_start).find(|&at| head_same(&text[at]) && same(&text[at..at + wanted.len()], wanted, fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_as_victorops_documents_them() {
        // The three examples of its page on matching conditions.
        let cases: [(&str, &[&str], &[&str]); 3] = [
            (
                "*.mydomain.tld",
                &["www.mydomain.tld", "www.subdomain.mydomain.tld", "db778.mydomain.tld"],
                &["mydomain.tld", "x.mydomain.tld/with/a/long/path/suffix.html"],
            ),
            ("db-*.*", &["db-123.foobar.baz", "db-abc123.bazfoo.bar"], &["db000.barfoo.baz", "db-123"]),
            ("*db-mydomain*", &["123 db-mydomain abc", "foo-db-mydomain-bar"], &["db123-mydomain", "db.mydomain"]),
        ];
        for (wildcard, yes, no) in cases {
            let pattern = Pattern::wildcard(wildcard, false).unwrap();
            for text in yes {
                assert!(pattern.matches(text), "{wildcard} {text}");
            }
            for text in no {
                assert!(!pattern.matches(text), "{wildcard} {text}");
            }
        }
    }

    #[test]
    fn a_star_stands_for_nothing_too() {
        let matches = |wildcard: &str, text: &str| Pattern::wildcard(wildcard, false).unwrap().matches(text);
        assert!(matches("*", ""));
        assert!(matches("a*", "a"));
        assert!(matches("a**b", "ab"));
        assert!(matches("", "") && !matches("", "a"));
        assert!(matches("ab", "ab") && !matches("ab", "abc"));
        assert!(!matches("ab*ba", "aba"), "the two ends may not share a letter");
        assert!(matches("*a*b*c*", "xxaxxbxxcxx") && !matches("*a*b*c*", "acb"));
        assert!(matches("é*ü", "é and ü"));
    }

    #[test]
    fn letter_case_counts_unless_told() {
        let matches = |wildcard: &str, fold| Pattern::wildcard(wildcard, fold).unwrap().matches("This is an Incident!");
        for wildcard in ["*this is an incident*", "this*", "*incident!", "THIS*AN*!", "this is an incident!"] {
            assert!(matches(wildcard, true) && !matches(wildcard, false), "{wildcard}");
        }
        assert!(Pattern::is("DB", true).matches("db") && !Pattern::is("DB", false).matches("db"));
        assert!(Pattern::regex("^É$", true).unwrap().matches("é"));
    }

    #[test]
    fn a_regex_is_found_anywhere_unless_bound() {
        let matches = |regex: &str, text: &str| Pattern::regex(regex, false).unwrap().matches(text);
        assert!(matches("db[0-9]+", "mydb42x") && !matches("^db[0-9]+$", "mydb42x"));
        assert!(matches("(?si)^line.is down", "line\nis DOWN"));
    }

    #[test]
    fn a_regex_cannot_grow() {
        assert!(Pattern::regex("(", false).is_err());
        assert!(Pattern::regex("((a{1000}){1000}){1000}", false).is_err());
        assert!(Pattern::regex(&"a".repeat(1_025), false).is_err());
    }
}
