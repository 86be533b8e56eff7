//! Native images on disk, so that a restart compiles nothing. A native image is trusted like our own code, so only those are loaded that this
//! host wrote: the directory is ours alone, and each file carries a seal made with a key that lies there too. Several servers of one owner
//! may share the directory.
#![allow(unsafe_code)]

use crate::error::RuntimeError;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

const SEAL_FILE: &str = "seal.key";
const SEAL_BYTES: usize = 32;
/// Only the owner may do anything.
const PRIVATE: u32 = 0o077;

/// Native images by the digest of their component and the engine's compatibility.
pub(crate) struct NativeCache {
    dir: PathBuf,
    seal: hmac::Key,
    owner: u32,
    compatibility: u64,
}

impl NativeCache {
    /// Opens the directory, which is made if it is not there.
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Result<Self, RuntimeError> {
        let failed = |source: io::Error| RuntimeError::Cache { path: dir.to_owned(), source };
        if !dir.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        }
        let about = fs::symlink_metadata(dir).map_err(failed)?;
        let _turn = turn(dir);
        let owner = our_id(dir).map_err(failed)?;
        let problem = if !about.is_dir() {
            Some("is not a directory")
        } else if about.uid() != owner {
            Some("belongs to somebody else")
        } else if about.permissions().mode() & PRIVATE != 0 {
            Some("is open to others")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(RuntimeError::CacheOpen { path: dir.to_owned(), problem });
        }
        let key = seal_key(dir, owner).map_err(failed)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { dir: dir.to_owned(), seal: hmac::Key::new(hmac::HMAC_SHA256, &key), owner, compatibility: hasher.finish() })
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}-{:016x}.native", self.compatibility))
    }

    /// The seal covers the name too: an image of one component never passes for that of another.
    fn sealed_name(&self, digest: &str) -> String {
        format!("{digest}-{:016x}\n", self.compatibility)
    }

    /// The image of the component with this digest; `None` if it is not there or not ours, and then it is compiled.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest);
        let bytes = match read_own(&path, self.owner) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a native image is not ours and is compiled again");
                return None;
            }
        };
        let (seal, image) = bytes.split_at_checked(SEAL_BYTES)?;
        let mut signed = self.sealed_name(digest).into_bytes();
        signed.extend_from_slice(image);
        if hmac::verify(&self.seal, &signed, seal).is_err() {
            tracing::warn!(path = %path.display(), "a native image has a broken seal and is compiled again");
            return None;
        }
        // SAFETY: `deserialize` runs the image as native code. The bytes in memory carry our seal over this digest and this engine's
        // compatibility, so `Component::serialize` of this program made them, and nothing can change them after the check.
        match unsafe { Component::deserialize(engine, image) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a native image cannot be loaded and is compiled again");
                None
            }
        }
    }

    /// Keeps an image; a failure costs only time at the next start.
    pub(crate) fn store(&self, digest: &str, component: &Component) {
        let path = self.path(digest);
        let _turn = turn(&self.dir);
        let written = component.serialize().map_err(io::Error::other).and_then(|image| {
            let mut signed = self.sealed_name(digest).into_bytes();
            signed.extend_from_slice(&image);
            let seal = hmac::sign(&self.seal, &signed);
            let beside = self.dir.join(format!("{digest}.{}.new", std::process::id()));
            write_private(&beside, &[seal.as_ref(), &image])?;
            fs::rename(&beside, &path)
        });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "a native image cannot be kept");
        }
    }
}

/// One at a time makes files here, until it drops this: servers that share the directory agree on one key, and their half-written files
/// never meet. Where a file system knows no locks, the worst is a seal that does not fit, and a plugin that is compiled again.
fn turn(dir: &Path) -> Option<File> {
    let handle = File::open(dir).ok()?;
    handle.lock().ok().map(|()| handle)
}

/// Who we are, as the file system sees it: the owner of a file that we just made.
fn our_id(dir: &Path) -> io::Result<u32> {
    let probe = dir.join(format!("probe.{}", std::process::id()));
    write_private(&probe, &[])?;
    let owner = fs::symlink_metadata(&probe)?.uid();
    fs::remove_file(&probe)?;
    Ok(owner)
}

/// Makes the file anew, readable by us alone.
fn write_private(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

fn read_own(path: &Path, owner: u32) -> io::Result<Vec<u8>> {
    let about = fs::symlink_metadata(path)?;
    if !about.is_file() || about.uid() != owner || about.permissions().mode() & PRIVATE != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a file that only we can touch"));
    }
    fs::read(path)
}

fn seal_key(dir: &Path, owner: u32) -> io::Result<Vec<u8>> {
    let path = dir.join(SEAL_FILE);
    match read_own(&path, owner) {
        Ok(key) if key.len() == SEAL_BYTES => return Ok(key),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = vec![0; SEAL_BYTES];
    SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("no random bytes are to be had for the seal"))?;
    let beside = dir.join(format!("seal.{}.new", std::process::id()));
    write_private(&beside, &[&key])?;
    fs::rename(&beside, &path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn private() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        dir
    }

    #[test]
    fn an_image_that_we_did_not_write_is_never_loaded() {
        let dir = private();
        let engine = Engine::default();
        let cache = NativeCache::open(dir.path(), &engine).unwrap();
        assert!(cache.load(&engine, "aa").is_none());
        cache.store("aa", &Component::new(&engine, EMPTY).unwrap());
        assert!(cache.load(&engine, "aa").is_some());

        // Another name, a changed byte, a wider mode, a foreign seal.
        fs::copy(cache.path("aa"), cache.path("bb")).unwrap();
        assert!(cache.load(&engine, "bb").is_none());
        let mut bytes = fs::read(cache.path("aa")).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(cache.path("bb"), &bytes).unwrap();
        fs::rename(cache.path("bb"), cache.path("aa")).unwrap();
        assert!(cache.load(&engine, "aa").is_none());
        cache.store("aa", &Component::new(&engine, EMPTY).unwrap());
        fs::set_permissions(cache.path("aa"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(cache.load(&engine, "aa").is_none());
        cache.store("aa", &Component::new(&engine, EMPTY).unwrap());
        fs::remove_file(dir.path().join(SEAL_FILE)).unwrap();
        assert!(NativeCache::open(dir.path(), &engine).unwrap().load(&engine, "aa").is_none());
    }

    /// Planted bug: without [`turn`] two that look who they are take each other's file away, or each seals with a key that only one keeps.
    #[test]
    fn servers_that_begin_at_the_same_time_share_one_key() {
        for _ in 0..50 {
            let dir = private();
            let engine = Engine::default();
            let start = std::sync::Barrier::new(4);
            let open = || {
                start.wait();
                NativeCache::open(dir.path(), &engine).unwrap()
            };
            let caches: Vec<NativeCache> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            caches[0].store("aa", &Component::new(&engine, EMPTY).unwrap());
            assert!(caches.iter().all(|cache| cache.load(&engine, "aa").is_some()));
        }
    }

    #[test]
    fn a_directory_that_others_can_touch_is_refused() {
        let dir = private();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o750)).unwrap();
        assert!(matches!(NativeCache::open(dir.path(), &Engine::default()), Err(RuntimeError::CacheOpen { .. })));
    }
}
