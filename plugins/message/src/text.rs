//! Text from outside, made fit for a message: one line or a block, bounded, without characters that deceive or that the egress would fill in.

/// The mark that stands where text was cut.
const CUT: char = '…';

/// `text` as one line of at most `max_chars` characters.
///
/// Runs of white space and control characters become one space. A cut text ends in `…`.
pub fn line(text: &str, max_chars: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_chars * 4));
    let mut gap = false;
    let mut count = 0;
    for character in text.chars().filter(|c| !deceives(*c)) {
        if character.is_whitespace() || character.is_control() {
            gap = count > 0;
            continue;
        }
        let needed = 1 + usize::from(gap);
        if count + needed > max_chars {
            cut(&mut out, count, max_chars);
            break;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
        }
        out.push(character);
        count += needed;
    }
    defuse(out)
}

/// `text` with its line breaks, at most `max_chars` characters. A cut text ends in `…`.
pub fn block(text: &str, max_chars: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_chars * 4));
    let kept = |c: &char| !deceives(*c) && (!c.is_control() || matches!(c, '\n' | '\t'));
    for (count, character) in text.trim().chars().filter(kept).enumerate() {
        if count == max_chars {
            cut(&mut out, count, max_chars);
            break;
        }
        out.push(character);
    }
    defuse(out)
}

/// `text` cut to at most `max_bytes` bytes at a character. A cut text ends in `…`.
pub fn cut_bytes(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        let mut end = max_bytes.saturating_sub(CUT.len_utf8());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push(CUT);
    }
    text
}

/// `url` if it is an absolute web address that can stand in a message, else nothing.
pub fn address(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let clean = !rest.is_empty() && !url.chars().any(|c| c.is_whitespace() || c.is_control() || deceives(c) || "<>\"".contains(c));
    (clean && !url.contains("{{")).then_some(url)
}

/// `text` escaped for an HTML text or a quoted attribute.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// JSON in which no alert can make the egress fill in a secret: the braces of `{{` inside strings are written as escapes.
///
/// The egress fills in `{{secret:name}}` in the bytes of a body. Outside of strings JSON never holds `{{`, so the reader sees
/// the same value.
pub fn json_without_placeholders(json: &str) -> String {
    json.replace("{{", "\\u007b\\u007b")
}

/// Whether a character changes how its neighbours are read without being seen: direction overrides and invisible marks.
fn deceives(character: char) -> bool {
    matches!(character, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Breaks up what the egress would take for the name of a secret.
fn defuse(text: String) -> String {
    if !text.contains("{{") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character == '{' && out.ends_with('{') {
            out.push(' ');
        }
        out.push(character);
    }
    out
}

/// Makes room for the mark and sets it.
fn cut(out: &mut String, count: usize, max_chars: usize) {
    if count >= max_chars {
        out.pop();
    }
    out.truncate(out.trim_end().len());
    out.push(CUT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("  disk\r\n\tfull \u{7} on db1 ", 80), "disk full on db1");
    }

    #[test]
    fn a_long_line_is_cut_to_the_limit_and_marked() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcde…");
        assert_eq!(line("abc defg", 5), "abc…");
        assert_eq!(block("a\nbcdef", 4), "a\nb…");
    }

    #[test]
    fn bytes_are_cut_at_a_character() {
        assert_eq!(cut_bytes("ééé".into(), 6), "ééé");
        assert_eq!(cut_bytes("éééé".into(), 7), "éé…");
    }

    #[test]
    fn direction_overrides_do_not_pass() {
        assert_eq!(line("user\u{202e}txt.exe", 80), "usertxt.exe");
    }

    #[test]
    fn an_alert_cannot_name_a_secret() {
        assert_eq!(line("{{secret:token}}", 80), "{ {secret:token}}");
        assert_eq!(block("{{{secret:token}}", 80), "{ { {secret:token}}", "nor by one brace more");
        assert_eq!(address("https://evil.example/{{secret:token}}"), None);
        let json = json_without_placeholders(r#"{"a":"{{{secret:token}}"}"#);
        assert!(!json.contains("{{"));
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["a"], "{{{secret:token}}", "the reader sees what was sent");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(address("https://runbooks.example/db"), Some("https://runbooks.example/db"));
        for bad in ["javascript:alert(1)", "https://", "http://a b", "ftp://x", "https://x\"onclick=1"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(html("<b a='1'>\"&\"</b>"), "&lt;b a=&#39;1&#39;&gt;&quot;&amp;&quot;&lt;/b&gt;");
    }
}
