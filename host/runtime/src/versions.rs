//! Versions of plugins that are or were in force, kept by the digest over their files, so that a restart or a rollback brings back exactly
//! what was verified, whatever became of the plugins' folder.

use crate::package::Package;
use domain::time::Millis;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The plugin's own files.
const FILES: &str = "files";
/// When it was kept, by whom, and its version: a line each.
const ABOUT: &str = "about";
const DIGEST_HEX: usize = 64;

/// A version on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptVersion {
    /// Over all files, lower-case hex.
    pub digest: String,
    /// As its manifest calls it.
    pub version: String,
    /// When it came.
    pub at: Millis,
    /// Who brought it.
    pub by: String,
}

/// `<dir>/<plugin>/<digest>/`, for the owner alone.
pub(crate) struct Versions {
    dir: PathBuf,
    next: AtomicU64,
}

impl Versions {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, next: AtomicU64::new(0) }
    }

    /// Where the files of a version lie, whether they do or not; `None`: this is no name or no digest.
    pub(crate) fn folder(&self, name: &str, digest: &str) -> Option<PathBuf> {
        let whole = digest.len() == DIGEST_HEX && digest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (whole && is_name(name)).then(|| self.dir.join(name).join(digest).join(FILES))
    }

    /// Keeps a package: written beside, synced, then named. `false`: it was there already.
    pub(crate) fn keep(&self, package: &Package, at: Millis, by: &str) -> io::Result<bool> {
        let name = package.name();
        let files = self.folder(name, package.digest()).ok_or_else(|| io::Error::other("its name cannot be the name of a folder"))?;
        let (Some(whole), Some(of_plugin)) = (files.parent(), files.parent().and_then(Path::parent)) else {
            return Err(io::Error::other("it has no folder"));
        };
        if whole.is_dir() {
            return Ok(false);
        }
        private_folder(of_plugin)?;
        let beside = of_plugin.join(format!(".{}.{}.new", std::process::id(), self.next.fetch_add(1, Ordering::Relaxed)));
        let written = write_whole(&beside, package, at, by).and_then(|()| fs::rename(&beside, whole));
        if let Err(error) = written {
            // What cannot be removed is removed by the next that prunes.
            let _ = fs::remove_dir_all(&beside);
            return if whole.is_dir() { Ok(false) } else { Err(error) };
        }
        sync(of_plugin)?;
        sync(&self.dir)?;
        Ok(true)
    }

    /// The versions of a plugin, newest first.
    pub(crate) fn list(&self, name: &str) -> Vec<KeptVersion> {
        let Ok(entries) = fs::read_dir(self.dir.join(name)) else { return Vec::new() };
        let read = |entry: fs::DirEntry| {
            let digest = entry.file_name().into_string().ok()?;
            self.folder(name, &digest)?;
            let about = fs::read_to_string(entry.path().join(ABOUT)).unwrap_or_default();
            let mut lines = about.lines();
            let at = Millis(lines.next().and_then(|line| line.parse().ok()).unwrap_or_default());
            let mut text = || lines.next().unwrap_or_default().to_owned();
            Some(KeptVersion { digest, at, by: text(), version: text() })
        };
        let mut versions: Vec<KeptVersion> = entries.filter_map(Result::ok).filter_map(read).collect();
        versions.sort_by(|a, b| (b.at, &b.digest).cmp(&(a.at, &a.digest)));
        versions
    }

    /// Removes the oldest until `most` are left; never one of `needed`.
    pub(crate) fn prune(&self, name: &str, needed: &BTreeSet<&str>, most: usize) -> io::Result<()> {
        let versions = self.list(name);
        let mut surplus = versions.len().saturating_sub(most);
        for old in versions.iter().rev().filter(|version| !needed.contains(version.digest.as_str())) {
            if surplus == 0 {
                break;
            }
            self.remove(name, &old.digest)?;
            surplus -= 1;
        }
        for left in fs::read_dir(self.dir.join(name))?.filter_map(Result::ok) {
            if left.file_name().to_string_lossy().starts_with('.') {
                fs::remove_dir_all(left.path())?;
            }
        }
        Ok(())
    }

    /// Removes a version.
    pub(crate) fn remove(&self, name: &str, digest: &str) -> io::Result<()> {
        match self.folder(name, digest).as_deref().and_then(Path::parent) {
            Some(whole) => fs::remove_dir_all(whole),
            None => Ok(()),
        }
    }
}

/// Whether this can be the name of a plugin, and so of its folder.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 128 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn write_whole(folder: &Path, package: &Package, at: Millis, by: &str) -> io::Result<()> {
    private_folder(folder)?;
    let files = folder.join(FILES);
    private_folder(&files)?;
    let mut folders = BTreeSet::from([folder.to_owned(), files.clone()]);
    for (name, bytes) in package.files() {
        let path = files.join(name);
        for above in path.ancestors().skip(1).take_while(|above| *above != files) {
            private_folder(above)?;
            folders.insert(above.to_owned());
        }
        write_synced(&path, bytes)?;
    }
    let one_line = |text: &str| text.replace(['\n', '\r'], " ");
    let about = format!("{}\n{}\n{}\n", at.0, one_line(by), one_line(package.version()));
    write_synced(&folder.join(ABOUT), about.as_bytes())?;
    folders.iter().rev().try_for_each(|folder| sync(folder))
}

fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SandboxLimits;
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;

    /// An empty component under a manifest with an asset.
    fn package(version: &str) -> Package {
        let manifest =
            format!("name = \"quick\"\nversion = \"{version}\"\napi = \"1.0\"\nhooks = [\"filter\"]\nassets = [\"rules/*.yml\"]\n");
        let files: BTreeMap<String, Vec<u8>> = [
            ("plugin.toml".to_owned(), manifest.into_bytes()),
            ("plugin.wasm".to_owned(), b"\0asm\x0d\0\x01\0".to_vec()),
            ("rules/a.yml".to_owned(), b"a".to_vec()),
            ("README.md".to_owned(), b"not part of it".to_vec()),
        ]
        .into();
        Package::from_files(files, &SandboxLimits::default()).unwrap()
    }

    #[test]
    fn what_is_kept_reads_back_as_the_same_version_and_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let versions = Versions::new(dir.path().join("kept"));
        let package = package("1.0.0");
        assert!(versions.keep(&package, Millis(7), "user alice\nby token").unwrap());
        assert!(!versions.keep(&package, Millis(8), "again").unwrap());
        let folder = versions.folder("quick", package.digest()).unwrap();
        let again = Package::read_from(&folder, &SandboxLimits::default()).unwrap();
        assert_eq!(again.digest(), package.digest());
        assert!(!folder.join("README.md").exists());
        let kept =
            KeptVersion { digest: package.digest().into(), version: "1.0.0".into(), at: Millis(7), by: "user alice by token".into() };
        assert_eq!(versions.list("quick"), [kept]);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(folder.join("rules/a.yml"), "b").unwrap();
        assert_ne!(Package::read_from(&folder, &SandboxLimits::default()).unwrap().digest(), package.digest());
    }

    #[test]
    fn the_oldest_go_and_one_that_is_needed_stays() {
        let dir = tempfile::tempdir().unwrap();
        let versions = Versions::new(dir.path().to_owned());
        let packages: Vec<Package> = (0..6).map(|n| package(&format!("1.0.{n}"))).collect();
        for (at, package) in packages.iter().enumerate() {
            versions.keep(package, Millis(at as i64), "a").unwrap();
        }
        fs::create_dir(dir.path().join("quick/.1.2.new")).unwrap();
        versions.prune("quick", &[packages[0].digest()].into(), 3).unwrap();
        let left: Vec<String> = versions.list("quick").into_iter().map(|version| version.version).collect();
        assert_eq!(left, ["1.0.5", "1.0.4", "1.0.0"]);
        assert!(!dir.path().join("quick/.1.2.new").exists());
    }

    #[test]
    fn no_name_and_no_digest_leads_out_of_the_folder() {
        let versions = Versions::new(PathBuf::from("kept"));
        let digest = "a".repeat(64);
        assert!(versions.folder("quick", &digest).is_some());
        for (name, digest) in [("..", digest.as_str()), ("a/b", &digest), ("", &digest), ("quick", ".."), ("quick", &"A".repeat(64))] {
            assert_eq!(versions.folder(name, digest), None);
        }
    }
}
