//! A plugin's folder that an author works in: a bundled plugin under another version, or a guest of the tests in its place.

use crate::place::{plugins, root};
use crate::story::Story;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Copies a folder with all that is in it.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder to copy").filter_map(Result::ok) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_dir(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("a file is copied");
        }
    }
}

/// A guest of `tests/guests`.
pub fn guest(name: &str) -> PathBuf {
    let dir = std::env::var_os("REVEILLE_GUESTS").map_or_else(|| root().join("tests/guests/target/wasm32-wasip2/release"), Into::into);
    let path = dir.join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is not built: run the tests with `cargo xtask test`", path.display());
    path
}

/// The folder; it is named after the plugin.
pub struct Folder {
    dir: TempDir,
    pub name: String,
}

impl Folder {
    /// A copy of a bundled plugin under another version.
    pub fn of(name: &str, version: &str) -> Self {
        let folder = Self { dir: tempfile::tempdir().expect("a folder"), name: name.to_owned() };
        copy_dir(&plugins().join(name), &folder.path());
        folder.in_manifest("version = \"0.1.0\"", &format!("version = \"{version}\""));
        folder
    }

    /// A guest of the tests in a plugin's place, as version 9.9.9.
    pub fn guest(name: &str, guest_name: &str, hooks: &str, more: &str) -> Self {
        let folder = Self { dir: tempfile::tempdir().expect("a folder"), name: name.to_owned() };
        std::fs::create_dir(folder.path()).expect("a folder");
        std::fs::copy(guest(guest_name), folder.path().join("plugin.wasm")).expect("a guest");
        let manifest = format!("name = \"{name}\"\nversion = \"9.9.9\"\napi = \"1.0\"\nhooks = [{hooks}]\nreads = [\"*\"]\n{more}");
        std::fs::write(folder.path().join("plugin.toml"), manifest).expect("a manifest");
        folder
    }

    /// Where its files lie.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    /// Replaces what stands in the manifest.
    pub fn in_manifest(&self, from: &str, to: &str) {
        let path = self.path().join("plugin.toml");
        let text = std::fs::read_to_string(&path).expect("a manifest");
        assert!(text.contains(from), "{from} in {text}");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("a manifest");
    }

    /// As the API takes it.
    pub fn sent(&self) -> Value {
        let files = ["plugin.toml", "plugin.wasm"].map(|name| {
            let content = std::fs::read(self.path().join(name)).expect("a file of the plugin");
            json!({ "path": name, "content": BASE64.encode(content) })
        });
        json!({ "files": files })
    }

    /// `reveille plugin push` or `try`: what it printed and whether it succeeded.
    pub fn cli(&self, story: &Story, what: &str, more: &[&str]) -> (String, bool) {
        let path = self.path().display().to_string();
        let mut args = vec!["plugin", what, &path];
        args.extend(more);
        story.server.cli(&args)
    }
}

/// What is in force for a plugin: version, whether it is pinned, and the revision of all.
pub fn in_force(story: &Story, plugin: &str) -> (String, bool, u64) {
    let all = story.api("plugins");
    let one = all["in_force"].as_array().and_then(|all| all.iter().find(|p| p["name"] == plugin)).expect("the plugin is in force");
    let revision = story.api("config")["revision"].as_u64().expect("a revision");
    (one["version"].as_str().unwrap_or_default().to_owned(), one["pinned"] == true, revision)
}
