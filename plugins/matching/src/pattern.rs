//! What a field is compared with.

use reveille_sdk::Error;

use crate::condition::Captures;
use crate::wildcard::Wildcard;

/// Longest regular expression, in bytes.
const REGEX_BYTES: usize = 1024;
/// Largest compiled regular expression, in bytes.
const REGEX_COMPILED_BYTES: usize = 256 * 1024;

/// A pattern that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError(String);

impl std::fmt::Display for PatternError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

/// What a text is compared with.
#[derive(Debug, Clone)]
pub struct Pattern {
    kind: Kind,
    ignores_case: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    OneOf(Vec<String>),
    Wildcard(Wildcard),
    Regex(regex_lite::Regex),
}

impl Pattern {
    /// One of these texts, exactly.
    pub fn one_of(mut texts: Vec<String>, ignores_case: bool) -> Self {
        if ignores_case {
            for text in &mut texts {
                *text = text.to_lowercase();
            }
        }
        Self { kind: Kind::OneOf(texts), ignores_case }
    }

    /// A wildcard over the whole text.
    pub fn wildcard(pattern: &str, ignores_case: bool) -> Self {
        let pattern = if ignores_case { pattern.to_lowercase() } else { pattern.into() };
        Self { kind: Kind::Wildcard(Wildcard::new(&pattern)), ignores_case }
    }

    /// A regular expression, searched for anywhere in the text unless it has anchors. Its time is linear in the text.
    ///
    /// # Errors
    /// It is no regular expression, or too large a one.
    pub fn regex(pattern: &str, ignores_case: bool) -> Result<Self, PatternError> {
        if pattern.len() > REGEX_BYTES {
            return Err(PatternError(format!("the expression has {} bytes, at most {REGEX_BYTES} are allowed", pattern.len())));
        }
        let regex = regex_lite::RegexBuilder::new(pattern)
            .case_insensitive(ignores_case)
            .size_limit(REGEX_COMPILED_BYTES)
            .build()
            .map_err(|error| PatternError(format!("compile `{pattern}`: {error}")))?;
        Ok(Self { kind: Kind::Regex(regex), ignores_case: false })
    }

    /// Whether it is a regular expression with this group, by number or name.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        let Kind::Regex(regex) = &self.kind else {
            return false;
        };
        match name.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|known| known == name),
        }
    }

    /// Whether the text fits.
    pub fn matches(&self, text: &str) -> bool {
        if self.ignores_case {
            return self.matches_as_it_is(&text.to_lowercase());
        }
        self.matches_as_it_is(text)
    }

    fn matches_as_it_is(&self, text: &str) -> bool {
        match &self.kind {
            Kind::OneOf(texts) => texts.iter().any(|known| known == text),
            Kind::Wildcard(wildcard) => wildcard.matches(text),
            Kind::Regex(regex) => regex.is_match(text),
        }
    }

    /// As [`Pattern::matches`]; a regular expression leaves its groups.
    pub(crate) fn find(&self, text: &str, captures: &mut Captures) -> bool {
        let Kind::Regex(regex) = &self.kind else {
            return self.matches(text);
        };
        if regex.captures_len() == 1 && captures.is_empty() {
            // No groups wanted beyond the whole match: ask the cheaper question, but keep what matched for `{{0}}`.
            return regex.find(text).is_some_and(|found| {
                captures.replace(vec![(None, Some(found.as_str().into()))]);
                true
            });
        }
        let Some(found) = regex.captures(text) else {
            return false;
        };
        let groups = regex.capture_names().zip(found.iter());
        captures.replace(groups.map(|(name, group)| (name.map(Into::into), group.map(|group| group.as_str().into()))).collect());
        true
    }
}

impl PatternError {
    /// As a settings error at this pointer.
    pub fn at(self, pointer: impl Into<String>) -> Error {
        Error::setting(pointer, self.0)
    }
}
