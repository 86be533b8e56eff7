//! Wildcards: `*` is any run of characters, `?` is one.

/// A wildcard over the whole text.
///
/// ```
/// use matching::Wildcard;
///
/// let pattern = Wildcard::new("db-*.example.?om");
/// assert!(pattern.matches("db-7.example.com"));
/// assert!(!pattern.matches("web-7.example.com"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wildcard(Vec<char>);

impl Wildcard {
    /// Any text is a wildcard; one without `*` and `?` matches only itself.
    pub fn new(pattern: &str) -> Self {
        Self(pattern.chars().collect())
    }

    /// Whether the whole text fits. At most (length of the pattern) × (length of the text) steps.
    pub fn matches(&self, text: &str) -> bool {
        let mut rest = text.chars();
        let mut at = 0;
        // Where to go on when the present try fails: after the last star, one character further in the text.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let here = rest.clone().next();
            match (self.0.get(at), here) {
                (Some('*'), _) => {
                    at += 1;
                    retry = Some((at, rest.clone()));
                    continue;
                }
                (None, None) => return true,
                (Some(pattern), Some(character)) if *pattern == '?' || *pattern == character => {
                    at += 1;
                    rest.next();
                    continue;
                }
                _ => {}
            }
            let Some((star, from)) = &mut retry else {
                return false;
            };
            if from.next().is_none() {
                return false;
            }
            at = *star;
            rest = from.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_texts_fit_or_not() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("*c", "abcd", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1c2b", false),
            ("?", "é", true),
            ("?", "", false),
            ("**x", "aaax", true),
            ("a?c", "abc", true),
            ("a.c", "abc", false),
        ];
        for (pattern, text, fits) in cases {
            assert_eq!(Wildcard::new(pattern).matches(text), fits, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let pattern = Wildcard::new(&"*a".repeat(64));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(4096))));
    }
}
