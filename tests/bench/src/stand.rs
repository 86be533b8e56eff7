//! A server under measurement: the program as it ships, set up with the bundled stages on the chosen store, and what is asked of it.

use crate::backing::{Backing, Started};
use crate::load::{Door, get};
use crate::subject::documents;
use anyhow::{Context, Result, ensure};
use reveille_tests::server::{Options, Server};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The server and what it stands on.
pub struct Stand {
    // First, so that the server ends before its store.
    pub server: Server,
    pub folder: PathBuf,
    started: Started,
    // Last, so that nobody uses it any more.
    _cleared: Cleared,
}

/// Deletes the folder at the end: all parts of a run together write more than a small disk holds.
struct Cleared(PathBuf);

impl Drop for Cleared {
    fn drop(&mut self) {
        // What stays lies in the run's own folder, which is deleted as well.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Stand {
    /// Sets a server up in a folder of its own and starts it.
    pub fn open(dir: &Path, name: &str, backing: Backing) -> Result<Self> {
        Self::open_with(dir, name, backing, &documents(), "")
    }

    /// [`Stand::open`] with other documents, and lines of `reveille.toml` that they need.
    pub fn open_with(dir: &Path, name: &str, backing: Backing, documents: &[(String, String)], toml: &str) -> Result<Self> {
        let folder = dir.join(name);
        std::fs::create_dir_all(&folder)?;
        let started = backing.start(&folder)?;
        let server = Server::set_up(&folder, documents, &format!("{}{toml}", started.toml()), Options::default());
        let cleared = Cleared(folder.clone());
        let mut stand = Self { server, folder, started, _cleared: cleared };
        stand.server.start();
        Ok(stand)
    }

    /// Where alerts are posted.
    pub fn door(&self) -> Door {
        Door {
            address: SocketAddr::from(([127, 0, 0, 1], self.server.port)),
            path: format!("/am/{}/api/v2/alerts", self.server.key("bench")),
        }
    }

    /// The process id.
    pub fn id(&self) -> Result<u32> {
        self.server.id().context("the server runs")
    }

    /// What the server holds in memory, in MiB.
    pub fn resident_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }

    /// Waits until everything that was taken in is decided and committed.
    pub fn drained(&self, at_most: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            let answer: Value = serde_json::from_str(&get(self.server.port, "/readyz", None)?)?;
            let (head, cursor) = (answer["journal_head"].as_u64(), answer["cursor"].as_u64());
            if head.is_some() && head == cursor {
                return Ok(());
            }
            ensure!(began.elapsed() < at_most, "not decided after {} s: {answer}", at_most.as_secs());
            // A look costs the server an empty transaction.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A number that the store tells.
    pub fn count(&self, sql: &str) -> Result<usize> {
        self.started.count(&self.folder, sql)
    }

    /// A column of texts that the store tells; none holds a line break.
    pub fn texts(&self, sql: &str) -> Result<Vec<String>> {
        self.started.texts(&self.folder, sql)
    }

    /// Waits for what was parked and is tried again, then counts.
    pub fn all_decided(&self, expected: usize) -> Result<usize> {
        let began = Instant::now();
        loop {
            let counted = self.count("SELECT count(*) FROM decision")?;
            if counted == expected {
                return Ok(counted);
            }
            ensure!(began.elapsed() < Duration::from_secs(60), "{expected} alerts were answered 2xx and {counted} decisions are stored");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The largest value of a metric over its labels; `None` if the server does not tell it.
    pub fn metric(&self, name: &str) -> Result<Option<f64>> {
        let text = get(self.server.port, "/metrics", Some(&self.server.token()))?;
        let samples = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        Ok(samples.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).reduce(f64::max))
    }
}
