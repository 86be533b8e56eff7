//! JSON pointers (RFC 6901), within an alert or, with `#` in front, within the whole body.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// Longest pointer, in bytes.
const POINTER_BYTES: usize = 512;

/// A place in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    path: String,
    /// Whether it begins at the whole body, not at the alert.
    pub is_absolute: bool,
}

impl Pointer {
    /// What is there.
    pub fn find_in<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        value.pointer(&self.path)
    }

    /// The path without `#`, with its escapes.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = if self.is_absolute { "#" } else { "" };
        write!(f, "{hash}{}", self.path)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let (path, is_absolute) = text.strip_prefix('#').map_or((&*text, false), |path| (path, true));
        if !(path.is_empty() || path.starts_with('/')) || path.len() > POINTER_BYTES {
            return Err(de::Error::custom(format!(
                "`{text}` is no JSON pointer: it begins with `/` (or `#/`), at most {POINTER_BYTES} bytes"
            )));
        }
        Ok(Self { path: path.into(), is_absolute })
    }
}

/// One step of a pointer, escaped.
pub fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) { name.replace('~', "~0").replace('/', "~1").into() } else { name.into() }
}
