//! Text with `{{secret:name}}` in it, and how a value is escaped for the place where it stands.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand unescaped in any part of a URL (RFC 3986, unreserved).
const URL_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const OPEN: &str = "{{secret:";
const CLOSE: &str = "}}";
/// Longest name of a secret, in bytes; what is longer is no placeholder.
const NAME_LIMIT_BYTES: usize = 64;

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    /// The name of a secret.
    Secret(&'a str),
}

/// Splits a text at its placeholders.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest[from..].find(OPEN).map(|at| at + from) {
        let name_at = at + OPEN.len();
        let name = rest[name_at..].find(CLOSE).map(|length| &rest[name_at..name_at + length]);
        match name.filter(|name| is_name(name)) {
            Some(name) => {
                if at > 0 {
                    pieces.push(Piece::Text(&rest[..at]));
                }
                pieces.push(Piece::Secret(name));
                rest = &rest[name_at + name.len() + CLOSE.len()..];
                from = 0;
            }
            None => from = name_at,
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

fn is_name(name: &str) -> bool {
    (1..=NAME_LIMIT_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Where a value is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Url,
    Header,
    Json,
    Form,
    Xml,
    /// A body of no known form: as it is.
    Plain,
}

impl Place {
    /// The form of a body by its content type.
    pub fn of_body(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind.ends_with("/json") || kind.ends_with("+json") || kind.ends_with("-ndjson") {
            Self::Json
        } else if kind == "application/x-www-form-urlencoded" {
            Self::Form
        } else if kind.ends_with("/xml") || kind.ends_with("+xml") || kind == "text/html" {
            Self::Xml
        } else {
            Self::Plain
        }
    }

    /// The value as it must stand here; the error says why it cannot.
    pub fn escape(self, value: &str) -> Result<String, &'static str> {
        match self {
            Self::Url | Self::Form => Ok(utf8_percent_encode(value, URL_VALUE).to_string()),
            Self::Header if value.bytes().any(|b| b.is_ascii_control() && b != b'\t') => {
                Err("holds a line break or another control character")
            }
            Self::Header | Self::Plain => Ok(value.to_owned()),
            Self::Json => {
                let quoted = serde_json::Value::String(value.to_owned()).to_string();
                Ok(quoted[1..quoted.len() - 1].to_owned())
            }
            Self::Xml => Ok(value
                .chars()
                .map(|c| match c {
                    '&' => "&amp;".to_owned(),
                    '<' => "&lt;".to_owned(),
                    '>' => "&gt;".to_owned(),
                    '"' => "&quot;".to_owned(),
                    '\'' => "&#39;".to_owned(),
                    other => other.to_string(),
                })
                .collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_placeholders_count() {
        assert_eq!(pieces("a{{secret:x}}b"), [Piece::Text("a"), Piece::Secret("x"), Piece::Text("b")]);
        assert_eq!(pieces("{{secret:x}}{{secret:y}}"), [Piece::Secret("x"), Piece::Secret("y")]);
        assert_eq!(pieces("{{secret:}}{{secret:a b}} {{secret:x"), [Piece::Text("{{secret:}}{{secret:a b}} {{secret:x")]);
        assert_eq!(pieces("{{secret:{{secret:x}}"), [Piece::Text("{{secret:"), Piece::Secret("x")]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn a_value_is_escaped_for_its_place() {
        let value = "a/b?c=\"d\"&é\\";
        assert_eq!(Place::Url.escape(value).unwrap(), "a%2Fb%3Fc%3D%22d%22%26%C3%A9%5C");
        assert_eq!(Place::Json.escape(value).unwrap(), "a/b?c=\\\"d\\\"&é\\\\");
        assert_eq!(Place::Xml.escape("<&>").unwrap(), "&lt;&amp;&gt;");
        assert_eq!(Place::Plain.escape(value).unwrap(), value);
        assert!(Place::Header.escape("a\r\nX: y").is_err());
    }

    #[test]
    fn the_content_type_tells_the_form() {
        for (content_type, place) in [
            ("application/json; charset=utf-8", Place::Json),
            ("application/problem+json", Place::Json),
            ("APPLICATION/X-WWW-FORM-URLENCODED", Place::Form),
            ("text/plain", Place::Plain),
            ("", Place::Plain),
        ] {
            assert_eq!(Place::of_body(content_type), place, "{content_type}");
        }
    }
}
