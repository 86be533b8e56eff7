//! Where the built programs lie, and free ports.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

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

/// The folder of the built plugins.
pub fn plugins() -> PathBuf {
    let dir = std::env::var_os("REVEILLE_PLUGINS").map_or_else(|| root().join("plugins/dist"), PathBuf::from);
    assert!(dir.is_dir(), "{} is not there: run the tests with `cargo xtask test`", dir.display());
    dir
}

/// A port on loopback that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port on loopback").port()
}
