//! Text that somebody else wrote: shown in full when short, cut with the rest behind "show all" when long.

/// Text and its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// What is shown at once.
    pub head: String,
    /// The whole, when it is more than the head; at most [`WHOLE_BYTES`] of it.
    pub whole: Option<String>,
    /// How large it is, such as `20 KB`.
    pub size: String,
}

/// So much of one text is put on a page, in bytes.
const WHOLE_BYTES: usize = 20 * 1024;

impl Excerpt {
    /// The first `characters` of a text, a little more when that is all of it.
    pub fn new(text: &str, characters: usize) -> Self {
        let text = text.trim();
        let size = if text.len() < 1024 { format!("{} bytes", text.len()) } else { format!("{} KB", text.len().div_ceil(1024)) };
        let Some((end, _)) = text.char_indices().nth(characters).filter(|_| text.chars().count() > characters + characters / 4) else {
            return Self { head: text.to_owned(), whole: None, size };
        };
        Self { head: format!("{}…", text[..end].trim_end()), whole: Some(domain::alert::cut(text, WHOLE_BYTES)), size }
    }
}

/// An address that may stand in a link: only http and https, so that no alert brings a script.
pub fn web_address(url: &str) -> Option<String> {
    let url = url.trim();
    let lower = url.get(..8).or_else(|| url.get(..7)).unwrap_or_default().to_ascii_lowercase();
    let allowed =
        (lower.starts_with("http://") || lower.starts_with("https://")) && !url.chars().any(|c| c.is_control() || c.is_whitespace());
    allowed.then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_whole_and_long_text_is_cut_at_a_character() {
        assert_eq!(Excerpt::new("short", 10), Excerpt { head: "short".into(), whole: None, size: "5 bytes".into() });
        let long = "é".repeat(2048);
        let cut = Excerpt::new(&long, 100);
        assert_eq!(cut.head.chars().count(), 101);
        assert_eq!(cut.whole.as_deref(), Some(long.as_str()));
        assert_eq!(cut.size, "4 KB");
        assert_eq!(Excerpt::new(&"x".repeat(12), 10).whole, None, "a few more characters cost less than a button");
    }

    #[test]
    fn only_web_addresses_become_links() {
        for (url, allowed) in [
            ("https://runbooks.example.org/db", true),
            ("HTTP://example.org", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("//example.org", false),
            ("https://example.org/a b", false),
            ("java\nscript:alert(1)", false),
            ("ééééééé", false),
        ] {
            assert_eq!(web_address(url).is_some(), allowed, "{url}");
        }
    }
}
