//! `plugin.toml` as the attribute needs it: the names that a guest may use, and the lines where they stand.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

/// The version of the contract that this SDK speaks.
const API: &str = "1.0";

/// The keys that the SDK looks at; the host checks all of them.
#[derive(Deserialize)]
struct Keys {
    name: String,
    api: Spanned<String>,
    hooks: Spanned<Vec<String>>,
    reads: Option<Spanned<Vec<String>>>,
    lookups: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    state: bool,
    headers: Option<Spanned<Vec<String>>>,
}

/// Names and the line of their key; line 0: the manifest has no such key.
#[derive(Default)]
pub struct List {
    pub names: Vec<String>,
    pub line: u32,
}

/// A manifest that could be read.
pub struct Manifest {
    pub name: String,
    pub hooks: List,
    pub reads: List,
    pub lookups: List,
    pub state: bool,
    pub headers: List,
}

impl Manifest {
    /// Reads a manifest; the error says what is wrong and where.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))?;
        let keys: Keys = toml::from_str(&text).map_err(|error| format!("read {}: {error}", path.display()))?;
        if keys.api.get_ref() != API {
            let line = line(&text, keys.api.span().start);
            return Err(format!("{}, line {line}: this SDK speaks api = \"{API}\"", path.display()));
        }
        let list = |list: Option<Spanned<Vec<String>>>| match list {
            None => List::default(),
            Some(list) => List { line: line(&text, list.span().start), names: list.into_inner() },
        };
        Ok(Self {
            name: keys.name,
            hooks: list(Some(keys.hooks)),
            reads: list(keys.reads),
            lookups: list(keys.lookups),
            state: keys.state,
            headers: list(keys.headers),
        })
    }
}

/// The line of a byte, from 1.
fn line(text: &str, at: usize) -> u32 {
    let before = text.get(..at).unwrap_or(text);
    u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_keys() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/team.toml");
        let manifest = Manifest::load(&file).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.reads.line, manifest.lookups.line, manifest.headers.line), ("team", 5, 6, 0));
        assert_eq!(manifest.reads.names, ["service"]);
    }

    #[test]
    fn the_first_line_is_1() {
        assert_eq!((line("a\nb", 0), line("a\nb", 2)), (1, 2));
    }
}
