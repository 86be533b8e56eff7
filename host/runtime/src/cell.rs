//! What belongs to one instance on this side of the wall, and the imports of the contract that it answers.

use crate::assets::Assets;
use crate::bindings::v1_0::reveille::plugin::{assets, keys, log, lookup};
use crate::grants::Granted;
use crate::limits::Ceiling;
use domain::alert::{Label, cut};
use domain::decision::PluginRef;
use domain::time::Millis;
use ports::hot::StateSlot;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use wasmtime::{Result, bail, format_err};

/// Most lines of a call.
const LINES_LIMIT: u32 = 32;
/// Longest line, in bytes.
const LINE_LIMIT_BYTES: usize = 2048;
/// Most that is read of an asset at once, in bytes.
const ASSET_PART_LIMIT_BYTES: u32 = 1 << 20;
/// How much of the digest stands in a log line.
const SHORT_DIGEST_BYTES: usize = 12;

/// The facts that all instances of a prepared plugin share.
pub(crate) struct Identity {
    pub(crate) plugin: Arc<PluginRef>,
    pub(crate) granted: Granted,
    pub(crate) assets: Assets,
    /// A fresh instance per call: only then random numbers can be drawn, as they come out the same each time.
    pub(crate) per_call: bool,
}

/// The data of one store.
pub(crate) struct Cell {
    identity: Arc<Identity>,
    pub(crate) ceiling: Ceiling,
    now: Millis,
    lines: u32,
    dropped: u32,
    /// The line that the guest is printing.
    printed: String,
    /// What it printed in this call: usually why it panicked.
    words: String,
    draws: u64,
    /// Where the calls read and write state; `None` until the instance is configured, and where nobody remembers for it.
    pub(crate) state: Option<Arc<dyn StateSlot>>,
    /// Operations on state in this call.
    pub(crate) state_calls: u32,
}

impl Cell {
    pub(crate) fn new(identity: Arc<Identity>, ceiling: Ceiling) -> Self {
        Self {
            identity,
            ceiling,
            now: Millis(0),
            lines: 0,
            dropped: 0,
            printed: String::new(),
            words: String::new(),
            draws: 0,
            state: None,
            state_calls: 0,
        }
    }

    /// What the operator granted.
    pub(crate) fn granted(&self) -> &Granted {
        &self.identity.granted
    }

    /// A call begins; `now` is its time as far as its declared input tells.
    #[inline]
    pub(crate) fn begin(&mut self, now: Millis) {
        self.now = now;
        self.lines = 0;
        self.draws = 0;
        self.state_calls = 0;
        self.words.clear();
    }

    /// A call is over.
    #[inline]
    pub(crate) fn end(&mut self) {
        if !self.printed.is_empty() {
            self.flush();
        }
        if self.dropped > 0 {
            let plugin = &self.identity.plugin.name;
            tracing::warn!(target: "plugin", plugin, dropped = self.dropped, "more than {LINES_LIMIT} log lines in one call");
            self.dropped = 0;
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.now
    }

    /// What the guest printed in this call, in one line.
    pub(crate) fn words(&mut self) -> &str {
        self.flush();
        &self.words
    }

    /// Takes what the guest prints, line by line, into its log.
    pub(crate) fn print(&mut self, bytes: &[u8]) {
        for (at, part) in String::from_utf8_lossy(bytes).split('\n').enumerate() {
            if at > 0 {
                self.flush();
            }
            let room = LINE_LIMIT_BYTES.saturating_sub(self.printed.len());
            self.printed.push_str(part.get(..room.min(part.len())).unwrap_or_default());
        }
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.printed);
        // Rust adds how to get a backtrace, which nobody here can do.
        if line.trim().is_empty() || line.starts_with("note: run with `RUST_BACKTRACE") {
            return;
        }
        if self.words.len() + line.len() < LINE_LIMIT_BYTES {
            self.words.push_str(if self.words.is_empty() { "" } else { " " });
            self.words.push_str(&line);
        }
        self.line(log::Level::Info, &line, &[]);
    }

    fn line(&mut self, level: log::Level, message: &str, fields: &[Label]) {
        if self.lines == LINES_LIMIT {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.lines += 1;
        let PluginRef { name, digest, .. } = &*self.identity.plugin;
        let (plugin, digest) = (name.as_str(), digest.get(..SHORT_DIGEST_BYTES).unwrap_or(digest));
        let message = cut(message, LINE_LIMIT_BYTES);
        let fields = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
        let fields = cut(&fields, LINE_LIMIT_BYTES);
        match level {
            log::Level::Debug => tracing::debug!(target: "plugin", plugin, digest, fields, "{message}"),
            log::Level::Info => tracing::info!(target: "plugin", plugin, digest, fields, "{message}"),
            log::Level::Warning => tracing::warn!(target: "plugin", plugin, digest, fields, "{message}"),
            log::Level::Error => tracing::error!(target: "plugin", plugin, digest, fields, "{message}"),
        }
    }

    /// Up to 32 bytes that look random and come out the same when the call is made again.
    pub(crate) fn draw(&mut self) -> Result<[u8; 32]> {
        if !self.identity.per_call {
            bail!("drew a random number: that takes `isolation = \"per-call\"` in plugin.toml");
        }
        self.draws += 1;
        let mut hash = Sha256::new();
        hash.update(&self.identity.plugin.digest);
        hash.update(self.now.0.to_le_bytes());
        hash.update(self.draws.to_le_bytes());
        Ok(hash.finalize().into())
    }
}

impl log::Host for Cell {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<Label>) -> Result<()> {
        self.line(level, &message, &fields);
        Ok(())
    }
}

impl assets::Host for Cell {
    fn names(&mut self) -> Result<Vec<assets::Asset>> {
        let asset = |(name, size): (&str, usize)| assets::Asset { name: name.to_owned(), size: u32::try_from(size).unwrap_or(u32::MAX) };
        Ok(self.identity.assets.names().map(asset).collect())
    }

    fn read(&mut self, name: String, offset: u32, length: u32) -> Result<Option<Vec<u8>>> {
        Ok(self.identity.assets.part(&name, offset, length.min(ASSET_PART_LIMIT_BYTES)).map(<[u8]>::to_vec))
    }
}

impl lookup::Host for Cell {
    fn find(&mut self, table: String, key: String) -> Result<Result<Option<Vec<Label>>, String>> {
        let table = self.identity.granted.table(&table).map_err(|denied| format_err!("{denied}"))?;
        Ok(Ok(table.get(&key).cloned()))
    }
}

impl keys::Host for Cell {
    fn sign(&mut self, key: String, algorithm: String, data: Vec<u8>) -> Result<Result<Vec<u8>, String>> {
        self.identity.granted.sign(&key, &algorithm, &data).map_err(|denied| format_err!("{denied}"))
    }

    fn verify(&mut self, key: String, algorithm: String, data: Vec<u8>, signature: Vec<u8>) -> Result<Result<bool, String>> {
        self.identity.granted.verify(&key, &algorithm, &data, &signature).map_err(|denied| format_err!("{denied}"))
    }
}
