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
pub enum Pattern {
    /// The very text.
    Equals(String),
    /// One of these texts.
    OneOf(Vec<String>),
    /// The text in any letter case, as are all wildcards.
    Whole(String),
    /// `text*`
    Prefix(String),
    /// `*text`
    Suffix(String),
    /// `*text*`
    Contains(String),
    /// Anything else with `*`.
    Pieces(Pieces),
    /// The whole text, as VictorOps has it.
    Regex(Box<Regex>),
}

/// A wildcard with several pieces: what it begins with, what follows somewhere in this order, what it ends with.
#[derive(Debug, Clone)]
pub struct Pieces {
    first: String,
    middle: Vec<String>,
    last: String,
}

impl Pattern {
    /// `*` stands for any text, the empty one too. Letter case does not count.
    pub fn wildcard(text: &str) -> Result<Self, String> {
        if text.len() > WILDCARD_MAX_BYTES {
            return Err(format!("is longer than {WILDCARD_MAX_BYTES} bytes"));
        }
        let text = text.to_ascii_lowercase();
        let mut pieces: Vec<String> = text.split('*').map(str::to_owned).collect();
        let Some(last) = pieces.pop() else { return Ok(Self::Whole(text)) };
        if pieces.is_empty() {
            return Ok(Self::Whole(last));
        }
        let first = pieces.remove(0);
        let mut middle: Vec<String> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        Ok(match (first.is_empty(), middle.len(), last.is_empty()) {
            (_, 0, true) => Self::Prefix(first),
            (true, 0, false) => Self::Suffix(last),
            (true, 1, true) => Self::Contains(middle.remove(0)),
            _ => Self::Pieces(Pieces { first, middle, last }),
        })
    }

    /// A regular expression that the whole text must match. Linear in the text's length, whatever it is.
    pub fn regex(text: &str) -> Result<Self, String> {
        if text.chars().count() > REGEX_MAX_CHARS {
            return Err(format!("is longer than {REGEX_MAX_CHARS} characters"));
        }
        // Checked alone first, so that an unbalanced bracket cannot get out of the group.
        Regex::new(text).map_err(|why| why.to_string())?;
        let whole = RegexBuilder::new(&format!("\\A(?:{text})\\z"))
            .size_limit(REGEX_MAX_BYTES)
            .dfa_size_limit(REGEX_MAX_BYTES)
            .build()
            .map_err(|why| why.to_string())?;
        Ok(Self::Regex(Box::new(whole)))
    }

    /// Whether the text is meant.
    #[inline]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Equals(wanted) => text == wanted,
            Self::OneOf(wanted) => wanted.iter().any(|one| one == text),
            Self::Whole(wanted) => text.eq_ignore_ascii_case(wanted),
            Self::Prefix(wanted) => begins(text.as_bytes(), wanted.as_bytes()),
            Self::Suffix(wanted) => ends(text.as_bytes(), wanted.as_bytes()),
            Self::Contains(wanted) => find(text.as_bytes(), wanted.as_bytes()).is_some(),
            Self::Pieces(pieces) => pieces.matches(text.as_bytes()),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl Pieces {
    fn matches(&self, text: &[u8]) -> bool {
        let (first, last) = (self.first.as_bytes(), self.last.as_bytes());
        if text.len() < first.len() + last.len() || !begins(text, first) || !ends(text, last) {
            return false;
        }
        let mut rest = &text[first.len()..text.len() - last.len()];
        self.middle.iter().all(|piece| match find(rest, piece.as_bytes()) {
            Some(at) => {
                rest = &rest[at + piece.len()..];
                true
            }
            None => false,
        })
    }
}

fn begins(text: &[u8], lower: &[u8]) -> bool {
    text.len() >= lower.len() && text[..lower.len()].eq_ignore_ascii_case(lower)
}

fn ends(text: &[u8], lower: &[u8]) -> bool {
    text.len() >= lower.len() && text[text.len() - lower.len()..].eq_ignore_ascii_case(lower)
}

/// Where `lower` first stands in `text`, in any letter case.
fn find(text: &[u8], lower: &[u8]) -> Option<usize> {
    let Some((&head, tail)) = lower.split_first() else { return Some(0) };
    let last_start = text.len().checked_sub(lower.len())?;
    (0..=last_start).find(|&at| text[at].to_ascii_lowercase() == head && text[at + 1..=at + tail.len()].eq_ignore_ascii_case(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_as_victorops_documents_them() {
        // The three examples of its page on matching conditions, and the one in its text.
        let cases: [(&str, &[&str], &[&str]); 4] = [
            (
                "*.mydomain.tld",
                &["www.mydomain.tld", "www.subdomain.mydomain.tld", "db778.mydomain.tld"],
                &["mydomain.tld", "x.mydomain.tld/with/a/long/path/suffix.html"],
            ),
            ("db-*.*", &["db-123.foobar.baz", "db-abc123.bazfoo.bar"], &["db000.barfoo.baz", "db-123"]),
            ("*db-mydomain*", &["123 db-mydomain abc", "foo-db-mydomain-bar"], &["db123-mydomain", "db.mydomain"]),
            ("*this is an incident*", &["This is an incident!"], &["This is no incident!"]),
        ];
        for (wildcard, yes, no) in cases {
            let pattern = Pattern::wildcard(wildcard).unwrap();
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
        let matches = |wildcard: &str, text: &str| Pattern::wildcard(wildcard).unwrap().matches(text);
        assert!(matches("*", ""));
        assert!(matches("a*", "a"));
        assert!(matches("a**b", "ab"));
        assert!(matches("", ""));
        assert!(!matches("", "a"));
        assert!(matches("ab", "AB") && !matches("ab", "abc"));
        assert!(!matches("ab*ba", "aba"), "the two ends may not share a letter");
        assert!(matches("*a*b*c*", "xxAxxbxxCxx") && !matches("*a*b*c*", "acb"));
        assert!(matches("é*ü", "é and ü"));
    }

    #[test]
    fn a_regex_means_the_whole_text() {
        let pattern = Pattern::regex("db[0-9]+|web").unwrap();
        assert!(pattern.matches("db42") && pattern.matches("web"));
        assert!(!pattern.matches("mydb42") && !pattern.matches("web2"));
        assert!(Pattern::regex("(?si).*DOWN.*").unwrap().matches("line\nis down\n"));
    }

    #[test]
    fn a_regex_cannot_leave_its_group_or_grow() {
        assert!(Pattern::regex("a)|(b").is_err());
        assert!(Pattern::regex("((a{1000}){1000}){1000}").is_err());
        assert!(Pattern::regex(&"a".repeat(1_025)).is_err());
    }
}
