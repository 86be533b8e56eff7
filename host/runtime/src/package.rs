//! A plugin's files as one thing: component, manifest and assets, verified against one another, with one digest over all of them.

use crate::assets::Assets;
use crate::manifest::Manifest;
use crate::settings::SandboxLimits;
use crate::shape::Shape;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The manifest's file.
pub(crate) const MANIFEST: &str = "plugin.toml";
/// The component's file.
pub(crate) const COMPONENT: &str = "plugin.wasm";
/// Longest manifest, in bytes.
const MANIFEST_LIMIT_BYTES: u64 = 256 * 1024;

/// A plugin's files, read whole. Files that the manifest does not name are no part of it.
#[derive(Debug)]
pub struct Package {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) component: Vec<u8>,
    pub(crate) component_digest: String,
    pub(crate) assets: Assets,
    pub(crate) shape: Shape,
    text: Vec<u8>,
    digest: String,
}

impl Package {
    /// Reads the files of a folder.
    ///
    /// # Errors
    /// One sentence with the fix: what is missing, too large, or no plugin.
    pub fn read_from(folder: &Path, limits: &SandboxLimits) -> Result<Self, String> {
        let text = read_file(&folder.join(MANIFEST), MANIFEST_LIMIT_BYTES)?;
        let component = read_file(&folder.join(COMPONENT), limits.component_bytes)?;
        let manifest = parse(&text, limits)?;
        let assets = Assets::read_from(folder, &manifest.assets)?;
        Self::of(text, manifest, component, assets)
    }

    /// Takes the files out of what was sent, by name, `/` between folders.
    ///
    /// # Errors
    /// As [`Self::read_from`].
    pub fn from_files(mut files: BTreeMap<String, Vec<u8>>, limits: &SandboxLimits) -> Result<Self, String> {
        let mut take = |name: &str, limit: u64| {
            let bytes = files.remove(name).ok_or_else(|| format!("{name} is missing"))?;
            within(name, bytes.len() as u64, limit).map(|()| bytes)
        };
        let text = take(MANIFEST, MANIFEST_LIMIT_BYTES)?;
        let component = take(COMPONENT, limits.component_bytes)?;
        let manifest = parse(&text, limits)?;
        let assets = Assets::from_files(files, &manifest.assets)?;
        Self::of(text, manifest, component, assets)
    }

    fn of(text: Vec<u8>, manifest: Manifest, component: Vec<u8>, assets: Assets) -> Result<Self, String> {
        let shape = Shape::read(&component)?;
        let component_digest = hex::encode(Sha256::digest(&component));
        let mut hash = Sha256::new();
        hash.update(b"reveille plugin 1\n");
        hash.update(Sha256::digest(&text));
        hash.update(Sha256::digest(&component));
        hash.update(assets.digest().unwrap_or_default());
        let digest = hex::encode(hash.finalize());
        Ok(Self { manifest: Arc::new(manifest), component, component_digest, assets, shape, text, digest })
    }

    /// Its name, from the manifest.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Its version, as the manifest calls it.
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// Lower-case hex SHA-256 over manifest, component and assets.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Bytes of all its files.
    pub fn size_bytes(&self) -> u64 {
        self.files().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Its files by name.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        [(MANIFEST, self.text.as_slice()), (COMPONENT, self.component.as_slice())].into_iter().chain(self.assets.files())
    }
}

fn parse(text: &[u8], limits: &SandboxLimits) -> Result<Manifest, String> {
    let text = std::str::from_utf8(text).map_err(|_| format!("{MANIFEST} is not UTF-8"))?;
    Manifest::parse(text, limits)
}

/// Reads a file that is at most so long.
pub(crate) fn read_file(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("read {}: {error}", path.display());
    within(&path.display().to_string(), fs::metadata(path).map_err(unreadable)?.len(), limit_bytes)?;
    fs::read(path).map_err(unreadable)
}

fn within(name: &str, size: u64, limit: u64) -> Result<(), String> {
    if size > limit {
        return Err(format!("{name} is {} KiB, and {} KiB are the most", size / 1024, limit / 1024));
    }
    Ok(())
}
