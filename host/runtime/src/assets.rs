//! Read-only files beside a plugin: rules, tables, templates. Read once when the plugin is prepared, bounded, never through a link.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Most files of one plugin.
const FILES_LIMIT: usize = 10_000;
/// Most bytes of them all.
const TOTAL_LIMIT_BYTES: u64 = 32 << 20;
/// How deep folders may lie in one another.
const DEPTH_LIMIT: usize = 16;

/// A plugin's files by name, `/` between folders.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    files: BTreeMap<String, Vec<u8>>,
}

impl Assets {
    /// Reads the files in `folder` that one of the patterns matches.
    ///
    /// # Errors
    /// One sentence: what cannot be read, or which limit is passed.
    pub(crate) fn read_from(folder: &Path, patterns: &[glob::Pattern]) -> Result<Self, String> {
        let mut walk = Walk { patterns, files: BTreeMap::new(), total_bytes: 0 };
        if !patterns.is_empty() {
            walk.folder(folder, "", 0)?;
        }
        Ok(Self { files: walk.files })
    }

    /// Takes those that one of the patterns matches.
    ///
    /// # Errors
    /// One sentence: which limit is passed, or which name leads out of the folder.
    pub(crate) fn from_files(files: BTreeMap<String, Vec<u8>>, patterns: &[glob::Pattern]) -> Result<Self, String> {
        let mut walk = Walk { patterns, files: BTreeMap::new(), total_bytes: 0 };
        for (name, bytes) in files {
            if !walk.wants(&name) {
                continue;
            }
            let parts = name.split('/');
            if parts.clone().count() > DEPTH_LIMIT || parts.clone().any(|part| part.is_empty() || part == "." || part == "..") {
                return Err(format!("the asset {name} has no name that a file within the plugin's folder could have"));
            }
            walk.add(name, bytes)?;
        }
        Ok(Self { files: walk.files })
    }

    /// Names and contents, sorted.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Names and sizes in bytes, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.len()))
    }

    /// Up to `length` bytes from `offset`.
    pub(crate) fn part(&self, name: &str, offset: u32, length: u32) -> Option<&[u8]> {
        let bytes = self.files.get(name)?;
        let start = bytes.len().min(offset as usize);
        let end = bytes.len().min(start.saturating_add(length as usize));
        Some(&bytes[start..end])
    }

    /// Lower-case hex SHA-256 over names and contents; `None` without files.
    pub(crate) fn digest(&self) -> Option<String> {
        if self.files.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for (name, bytes) in &self.files {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Some(hex::encode(hash.finalize()))
    }
}

struct Walk<'a> {
    patterns: &'a [glob::Pattern],
    files: BTreeMap<String, Vec<u8>>,
    total_bytes: u64,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), String> {
        if depth > DEPTH_LIMIT {
            return Err(format!("assets lie more than {DEPTH_LIMIT} folders deep in {}", folder.display()));
        }
        let unreadable = |error: std::io::Error| format!("read the assets in {}: {error}", folder.display());
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Ok(file_name) = entry.file_name().into_string() else { continue };
            let name = format!("{prefix}{file_name}");
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                self.folder(&entry.path(), &format!("{name}/"), depth + 1)?;
            } else if kind.is_file() && self.wants(&name) {
                self.file(name, &entry.path())?;
            }
        }
        Ok(())
    }

    fn wants(&self, name: &str) -> bool {
        let options = glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
        self.patterns.iter().any(|pattern| pattern.matches_with(name, options))
    }

    fn file(&mut self, name: String, path: &Path) -> Result<(), String> {
        let unreadable = |error: std::io::Error| format!("read the asset {name}: {error}");
        if self.total_bytes + fs::metadata(path).map_err(unreadable)?.len() > TOTAL_LIMIT_BYTES {
            return Err(too_many_bytes());
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        self.add(name, bytes)
    }

    fn add(&mut self, name: String, bytes: Vec<u8>) -> Result<(), String> {
        self.total_bytes += bytes.len() as u64;
        if self.total_bytes > TOTAL_LIMIT_BYTES {
            return Err(too_many_bytes());
        }
        if self.files.len() == FILES_LIMIT {
            return Err(format!("it has more than {FILES_LIMIT} assets"));
        }
        self.files.insert(name, bytes);
        Ok(())
    }
}

fn too_many_bytes() -> String {
    format!("its assets are more than {} MiB", TOTAL_LIMIT_BYTES >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_matching_files_within_the_folder_are_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("rules/deep")).unwrap();
        for (name, text) in [("rules/a.yml", "abcdef"), ("rules/deep/b.yml", "b"), ("rules/c.txt", "c"), ("plugin.wasm", "w")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("rules/link.yml")).unwrap();
        let assets = Assets::read_from(folder.path(), &[glob::Pattern::new("rules/**/*.yml").unwrap()]).unwrap();
        assert_eq!(assets.names().collect::<Vec<_>>(), [("rules/a.yml", 6), ("rules/deep/b.yml", 1)]);
        assert_eq!(assets.part("rules/a.yml", 2, 3), Some(&b"cde"[..]));
        assert_eq!(assets.part("rules/a.yml", 9, 3), Some(&b""[..]));
        assert_eq!(assets.part("rules/c.txt", 0, 9), None);
    }

    #[test]
    fn the_digest_tells_files_apart_from_their_names() {
        let of = |name: &str, text: &str| Assets { files: [(name.to_owned(), text.as_bytes().to_vec())].into() }.digest().unwrap();
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_eq!(of("a", "b"), of("a", "b"));
    }
}
