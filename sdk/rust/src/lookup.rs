//! Tables that the host keeps: files, the service catalog (`catalog`), HTTP sources.

pub use crate::outcome::Row;

/// Why a table cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    table: String,
    reason: String,
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "look up in `{}`: {}", self.table, self.reason)
    }
}

impl std::error::Error for Unavailable {}

/// What can be asked for: text, or a field that may be absent and is then not asked for at all.
pub trait Key {
    /// The text, if there is any.
    fn text(&self) -> Option<&str>;
}

impl Key for &str {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Key for String {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Key for &String {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl<K: Key> Key for Option<K> {
    fn text(&self) -> Option<&str> {
        self.as_ref().and_then(Key::text)
    }
}

/// The row with this key; `None` if there is none, or no key.
///
/// The table must stand under `lookups` in `plugin.toml`; asking for another one traps, with a message that names the line.
///
/// ```
/// use reveille_sdk::{lookup, mock};
///
/// mock::lookup("catalog", "checkout", &[("team", "payments")]);
/// let row = lookup::find("catalog", "checkout")?.expect("it was put there");
/// assert_eq!(row.get("team"), Some("payments"));
/// assert_eq!(lookup::find("catalog", None::<&str>)?, None);
/// # Ok::<(), lookup::Unavailable>(())
/// ```
///
/// # Errors
/// Why the table cannot be read now.
pub fn find(table: &str, key: impl Key) -> Result<Option<Row>, Unavailable> {
    let Some(key) = key.text() else {
        return Ok(None);
    };
    #[cfg(target_arch = "wasm32")]
    let found = crate::wire::lookup::find(table, key);
    #[cfg(not(target_arch = "wasm32"))]
    let found = crate::mock::imports::find(table, key);
    match found {
        Ok(row) => Ok(row.map(Row)),
        Err(reason) => Err(Unavailable { table: table.into(), reason }),
    }
}
