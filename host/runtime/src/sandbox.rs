//! The house of plugins: finds them in their folders, and prepares each for the places where it is used.

use crate::LateAlarm;
use crate::assets::Assets;
use crate::breaker::Breaker;
use crate::cache::NativeCache;
use crate::cell::Identity;
use crate::compiler::Compiler;
use crate::contract::API;
use crate::engine::{self, Ticker};
use crate::error::RuntimeError;
use crate::grants::Granted;
use crate::hook::Hook;
use crate::manifest::{Manifest, nearest};
use crate::meter::Meter;
use crate::prepared::{CallLimits, Place, Prepared};
use crate::settings::RuntimeSettings;
use crate::shape::Shape;
use crate::warm::Asked;
use domain::alert::cut;
use domain::decision::{PluginRef, Stage};
use domain::installation::{Grant, PluginUse};
use parking_lot::Mutex;
use ports::plugin::{PluginInfo, Surroundings};
use ports::{Clock, LoadError, Plugin, PluginHost};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// Longest manifest, in bytes.
const MANIFEST_LIMIT_BYTES: u64 = 256 * 1024;
/// Longest settings, in bytes.
const SETTINGS_LIMIT_BYTES: usize = 1 << 20;
/// Longest refusal, in bytes.
const REASON_LIMIT_BYTES: usize = 2048;
/// Most folders that are looked at.
const PLUGINS_LIMIT: usize = 1000;

/// Implements [`PluginHost`] with wasmtime.
pub struct Sandbox {
    settings: RuntimeSettings,
    clock: Arc<dyn Clock>,
    alarm: LateAlarm,
    compiler: Compiler,
    /// By plugin: the digest that it counts for, and the breaker.
    breakers: Mutex<HashMap<String, (String, Arc<Breaker>)>>,
    _ticker: Ticker,
}

/// A plugin's files, read and held against one another.
struct Found {
    manifest: Arc<Manifest>,
    component: Vec<u8>,
    info: PluginInfo,
    folder: PathBuf,
}

impl Sandbox {
    /// Starts the engine and its ticker, and opens the cache. The alarm may be set later.
    ///
    /// # Errors
    /// The engine does not start, or the cache directory is not ours alone.
    pub fn new(settings: RuntimeSettings, clock: Arc<dyn Clock>, alarm: LateAlarm) -> Result<Self, RuntimeError> {
        let engine = engine::start(&settings.limits)?;
        let ticker = Ticker::start(&engine, settings.limits.tick_ms)?;
        let cache = NativeCache::open(&settings.cache_dir, &engine)?;
        let compiler = Compiler::new(engine, cache, settings.limits.compile_seconds);
        Ok(Self { settings, clock, alarm, compiler, breakers: Mutex::default(), _ticker: ticker })
    }

    /// The digest over a plugin's assets, lower-case hex SHA-256; `None` if it has none. It is part of the configuration and apart from
    /// the digest that decisions cite, which is that of `plugin.wasm`.
    ///
    /// # Errors
    /// The plugin or its assets cannot be read.
    pub fn assets_digest(&self, plugin: &str) -> Result<Option<String>, LoadError> {
        let read = || {
            let found = self.find(plugin)?;
            Ok(Assets::read_from(&found.folder, &found.manifest.assets)?.digest())
        };
        read().map_err(|reason| LoadError { plugin: plugin.to_owned(), reason })
    }

    /// The folders in the plugins' directory that hold a manifest, sorted.
    fn names(&self) -> Result<Vec<String>, String> {
        let dir = &self.settings.plugins_dir;
        let entries = fs::read_dir(dir).map_err(|error| format!("read the plugins' directory {}: {error}", dir.display()))?;
        let named = |entry: fs::DirEntry| entry.path().join("plugin.toml").is_file().then(|| entry.file_name().into_string().ok())?;
        let mut names: Vec<String> = entries.filter_map(Result::ok).take(PLUGINS_LIMIT).filter_map(named).collect();
        names.sort();
        Ok(names)
    }

    fn find(&self, name: &str) -> Result<Found, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let folder = self.settings.plugins_dir.join(name);
        if name.is_empty() || !name.bytes().all(allowed) || !folder.join("plugin.toml").is_file() {
            let names = self.names()?;
            let near = nearest(name, names.iter().map(String::as_str));
            let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(format!("is not installed in {}{near} Installed: {list}", self.settings.plugins_dir.display()));
        }
        let text = read_file(&folder.join("plugin.toml"), MANIFEST_LIMIT_BYTES)?;
        let text = String::from_utf8(text).map_err(|_| "plugin.toml is not UTF-8".to_owned())?;
        let manifest = Manifest::parse(&text, &self.settings.limits)?;
        if manifest.name != name {
            return Err(format!(
                "plugin.toml says `name = \"{}\"`, and its folder is called `{name}`: they have to be the same",
                manifest.name
            ));
        }
        let path = folder.join("plugin.wasm");
        let component = read_file(&path, self.settings.limits.component_bytes)?;
        let digest = hex::encode(Sha256::digest(&component));
        let info = PluginInfo {
            plugin: Arc::new(PluginRef { name: name.to_owned(), version: manifest.version.clone(), digest }),
            hooks: Shape::read(&component)?.hooks(),
            reads: manifest.reads_names.clone(),
            lookups: manifest.lookups.clone(),
            keys: manifest.keys.clone(),
            headers: manifest.headers.clone(),
            contacts: manifest.contacts.clone(),
            state: manifest.state,
            settings_schema: manifest.settings_schema.clone(),
            path: path.display().to_string(),
            size_bytes: component.len() as u64,
        };
        Ok(Found { manifest: Arc::new(manifest), component, info, folder })
    }

    fn place(&self, used: &PluginUse, stage: Stage, grant: &Grant, around: &Surroundings) -> Result<Prepared, String> {
        let Found { manifest, component, info, folder } = self.find(&used.plugin)?;
        let hook = Hook::from(stage);
        Shape::read(&component)?.check(&manifest)?;
        if !manifest.hooks.contains(&hook) {
            let hooks = manifest.hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", ");
            return Err(format!("is used to {}, and does not answer that; it answers: {hooks}", hook.name()));
        }
        if used.settings.len() > SETTINGS_LIMIT_BYTES {
            return Err(format!("has settings of more than {} KiB", SETTINGS_LIMIT_BYTES / 1024));
        }
        let granted = Granted::check(&manifest, grant, around, &self.settings.keys)?;
        let assets = Assets::read_from(&folder, &manifest.assets)?;
        let compiled = self.compiler.get(&info.plugin.digest, component)?;
        let asked = Asked::find(hook, &compiled).map_err(|error| format!("plugin.wasm does not fit contract {API}: {error:#}"))?;
        let identity = Identity { plugin: Arc::clone(&info.plugin), granted, assets, per_call: manifest.per_call };
        let limits = &self.settings.limits;
        Prepared::new(Place {
            hook,
            compiled,
            asked,
            identity: Arc::new(identity),
            settings: used.settings.clone(),
            reads: manifest.reads.clone(),
            limits: CallLimits {
                memory_bytes: manifest.memory_bytes,
                high_water_bytes: manifest.memory_bytes / 100 * limits.memory_high_water_percent,
                table_elements: limits.table_elements,
                deadline_ms: manifest.deadline_ms.unwrap_or(hook.default_deadline_ms()),
                configure_deadline_ms: limits.configure_deadline_ms,
                tick_ms: limits.tick_ms,
                calls_per_instance: limits.calls_per_instance,
            },
            breaker: self.breaker(&info.plugin),
            meter: Meter::new(&info.plugin.name, hook.name()),
            clock: Arc::clone(&self.clock),
            info,
        })
    }

    /// One breaker per plugin, whatever its places; a new version starts with a clean sheet.
    fn breaker(&self, plugin: &PluginRef) -> Arc<Breaker> {
        let mut breakers = self.breakers.lock();
        let make = || {
            let breaker = Breaker::new(&plugin.name, self.settings.breaker, Arc::clone(&self.clock), Arc::clone(&self.alarm));
            (plugin.digest.clone(), Arc::new(breaker))
        };
        let (digest, breaker) = breakers.entry(plugin.name.clone()).or_insert_with(make);
        if *digest != plugin.digest {
            digest.clone_from(&plugin.digest);
            breaker.reset();
        }
        Arc::clone(breaker)
    }
}

impl PluginHost for Sandbox {
    fn installed(&self) -> Vec<Result<PluginInfo, LoadError>> {
        let names = match self.names() {
            Ok(names) => names,
            Err(reason) => return vec![Err(LoadError { plugin: "*".into(), reason })],
        };
        names
            .into_iter()
            .map(|name| self.find(&name).map(|found| found.info).map_err(|reason| LoadError { plugin: name, reason: readable(&reason) }))
            .collect()
    }

    fn prepare(&self, used: &PluginUse, stage: Stage, grant: &Grant, around: &Surroundings) -> Result<Arc<dyn Plugin>, LoadError> {
        let prepared = self.place(used, stage, grant, around);
        let prepared = prepared.map_err(|reason| LoadError { plugin: used.plugin.clone(), reason: readable(&reason) })?;
        Ok(Arc::new(prepared))
    }
}

/// A refusal may quote names out of the file, which are whatever somebody wrote there: short, and without orders for a terminal.
fn readable(reason: &str) -> String {
    let shown: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&shown, REASON_LIMIT_BYTES)
}

fn read_file(path: &std::path::Path, limit_bytes: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("read {}: {error}", path.display());
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > limit_bytes {
        return Err(format!("{} is {} KiB, and {} KiB are the most", path.display(), size / 1024, limit_bytes / 1024));
    }
    fs::read(path).map_err(unreadable)
}
