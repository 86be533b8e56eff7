//! Where the built programs lie, where stories keep their data, and free ports.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Where memory is a folder, and what has to be free there: some stories run at once, and containers have 64 MB of it.
const MEMORY: &str = "/dev/shm";
const MEMORY_FREE_BYTES: u64 = 512 << 20;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_path_buf()
}

/// A program that `cargo xtask test` has built.
pub fn program(name: &str) -> PathBuf {
    let dir = std::env::var_os("REVEILLE_TARGET").map_or_else(|| root().join("target/release"), PathBuf::from);
    let path = dir.join(name);
    assert!(path.exists(), "{} is not built: run the tests with `cargo xtask test`", path.display());
    path
}

/// Where all servers of a run keep the plugins that they compiled. `cargo xtask test` begins with an empty one.
pub fn native_cache() -> PathBuf {
    program("reveille").with_file_name("stories-native-cache")
}

/// A folder for what a story's server writes: in memory where there is room for it, so that stories do not wait for disks.
pub fn folder_in_memory() -> TempDir {
    static ROOM: OnceLock<bool> = OnceLock::new();
    if *ROOM.get_or_init(|| free_bytes(MEMORY).is_some_and(|free| free >= MEMORY_FREE_BYTES))
        && let Ok(dir) = TempDir::new_in(MEMORY)
    {
        return dir;
    }
    folder_on_disk()
}

/// A folder for what has to survive a power cut.
pub fn folder_on_disk() -> TempDir {
    tempfile::tempdir().expect("a folder for the story")
}

fn free_bytes(dir: &str) -> Option<u64> {
    let out = Command::new("df").args(["--output=avail", "--block-size=1", dir]).output().ok()?;
    String::from_utf8_lossy(&out.stdout).lines().last()?.trim().parse().ok()
}

/// The folder of the built plugins.
pub fn plugins() -> PathBuf {
    let dir = std::env::var_os("REVEILLE_PLUGINS").map_or_else(|| root().join("plugins/dist"), PathBuf::from);
    assert!(dir.is_dir(), "{} is not there: run the tests with `cargo xtask test`", dir.display());
    dir
}

/// A port on loopback that nobody listens on now. It lies below those that the system gives to outgoing connections, which would take it
/// before the server listens, or while it is down.
pub fn free_port() -> u16 {
    let random = || 10_000 + (RandomState::new().build_hasher().finish() % 20_000) as u16;
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..1000).map(|_| random()).find(free).expect("a free port on loopback")
}
