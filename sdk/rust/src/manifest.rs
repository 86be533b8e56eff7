//! What `plugin.toml` says, as `#[plugin]` read it when the plugin was compiled. It is how a guest can name the line that is missing.

/// The facts of a manifest that a running guest needs. Lines count from 1; 0 means that the manifest has no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    /// The manifest's file, as the author knows it.
    pub file: &'static str,
    /// The plugin's name.
    pub name: &'static str,
    /// The ceiling of fields, as in `reads`.
    pub reads: &'static [&'static str],
    /// Where `reads` stands.
    pub reads_line: u32,
    /// The tables that it may ask.
    pub lookups: &'static [&'static str],
    /// Where `lookups` stands.
    pub lookups_line: u32,
    /// Whether it may remember.
    pub state: bool,
    /// The request headers that it may see, in lower case.
    pub headers: &'static [&'static str],
    /// Where `headers` stands.
    pub headers_line: u32,
}

impl Manifest {
    /// What to tell the author who used `name` without declaring it under `key`, which stands at `line`.
    pub(crate) fn missing(&self, key: &str, line: u32, name: &str) -> String {
        let file = self.file;
        match line {
            0 => format!("`{name}` is used but not declared: add `{key} = [\"{name}\"]` to {file}"),
            line => format!("`{name}` is used but not declared: add \"{name}\" to `{key}` ({file}, line {line})"),
        }
    }
}
