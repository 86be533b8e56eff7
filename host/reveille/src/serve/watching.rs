//! For authors of plugins: what changes in the plugins' folder is verified and put in force, or refused with the reason, while the server runs.
//! The folder is looked at again and again, because that works on every file system.

use super::configure::{Configuration, in_words};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use web::{VersionWanted, Versions as _};

/// How often the folder is looked at, in real time. A change counts once nothing changed between two looks: builds write in pieces.
const PERIOD: Duration = Duration::from_millis(300);
/// Most files of a plugin that are looked at, and how deep.
const FILES_LIMIT: usize = 10_000;
const DEPTH_LIMIT: usize = 16;
const ACTOR: &str = "host (watch)";

/// A plugin's files: name, size, when it was written.
type Look = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// What is known of a plugin's folder.
#[derive(Default)]
struct Seen {
    now: Look,
    /// Was put in force or refused.
    settled: bool,
}

/// Runs until the server stops.
pub async fn watch(configuration: Configuration, mut stopping: watch::Receiver<bool>) {
    tracing::info!(folder = %configuration.sandbox.plugins_dir().display(), "watching for changes of plugins");
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    loop {
        let installation = configuration.live.load().installation.clone();
        for name in installation.plugin_names() {
            let folder = configuration.sandbox.plugins_dir().join(&name);
            let Ok(now) = tokio::task::spawn_blocking(move || look(&folder)).await else { continue };
            if now.is_empty() {
                continue;
            }
            // A pinned version stays until its folder changes.
            let settled = installation.plugins.get(&name).is_some_and(|version| version.pinned);
            let of_plugin = seen.entry(name.clone()).or_insert_with(|| Seen { now: now.clone(), settled });
            if of_plugin.now != now {
                *of_plugin = Seen { now, settled: false };
            } else if !of_plugin.settled {
                of_plugin.settled = true;
                take(&configuration, name).await;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Puts what lies in the folder in force, unless it is.
async fn take(configuration: &Configuration, name: String) {
    let before = configuration.live.load().revision;
    match configuration.change(name.clone(), VersionWanted::Installed, ACTOR.into()).await {
        Ok(change) if change.revision == before => {}
        Ok(change) => {
            let digest = change.digest.get(..12).unwrap_or_default();
            tracing::info!(
                plugin = name,
                revision = change.revision.0,
                version = change.version,
                digest,
                "what lies in the folder is in force"
            );
            change.warnings.iter().for_each(|warning| tracing::warn!(plugin = name, "{warning}"));
            change.trial.iter().flat_map(|trial| &trial.examples).for_each(|example| tracing::info!(plugin = name, "{example}"));
        }
        Err(error) => {
            tracing::warn!(plugin = name, revision = before.0, "what lies in the folder is not put in force: {}", in_words(&error))
        }
    }
}

fn look(folder: &Path) -> Look {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() && depth < DEPTH_LIMIT {
                folders.push((entry.path(), depth + 1));
            } else if about.is_file() && files.len() < FILES_LIMIT {
                files.push((entry.path(), about.len(), about.modified().ok()));
            }
        }
    }
    files.sort();
    files
}
