//! The house of plugins: finds them in their folders or among the versions that are kept, and prepares each for the places where it is used.

use crate::LateAlarm;
use crate::breaker::Breaker;
use crate::cache::NativeCache;
use crate::cell::Identity;
use crate::compiler::Compiler;
use crate::contract::API;
use crate::engine::{self, Ticker};
use crate::error::RuntimeError;
use crate::grants::Granted;
use crate::hook::Hook;
use crate::manifest::nearest;
use crate::meter::Meter;
use crate::package::Package;
use crate::prepared::{CallLimits, Place, Prepared, Stock};
use crate::schema::Schema;
use crate::settings::{BreakerSettings, RuntimeSettings};
use crate::versions::{KeptVersion, Versions, is_name};
use crate::warm;
use domain::alert::cut;
use domain::decision::{PluginRef, Stage};
use domain::installation::{Grant, PluginUse};
use parking_lot::Mutex;
use ports::plugin::{PluginInfo, Surroundings};
use ports::{Clock, LoadError, Plugin, PluginHost};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Weak};

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
    versions: Versions,
    /// By plugin and the digest that they count for: a version starts with a clean sheet.
    breakers: Mutex<HashMap<(String, String), Weak<Breaker>>>,
    /// What is in use, so that a plugin that a swap does not touch goes on with its instances.
    in_use: Mutex<Vec<(Asked, Weak<Prepared>)>>,
    _ticker: Ticker,
}

/// For which place which version was prepared.
#[derive(PartialEq, Eq)]
struct Asked {
    plugin: String,
    version: String,
    stage: Stage,
    settings: String,
    grant: Grant,
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
        let versions = Versions::new(settings.versions_dir.clone());
        Ok(Self { settings, clock, alarm, compiler, versions, breakers: Mutex::default(), in_use: Mutex::default(), _ticker: ticker })
    }

    /// The folder that holds a folder per plugin.
    pub fn plugins_dir(&self) -> &Path {
        &self.settings.plugins_dir
    }

    /// What lies in the plugins' folder under a name.
    ///
    /// # Errors
    /// It is not there, or is no plugin.
    pub fn installed_package(&self, plugin: &str) -> Result<Package, LoadError> {
        self.in_folder(plugin).map_err(|reason| refused(plugin, reason))
    }

    /// What was sent under a name, as a package.
    ///
    /// # Errors
    /// It is no plugin, or has another name.
    pub fn unpack(&self, plugin: &str, files: BTreeMap<String, Vec<u8>>) -> Result<Package, LoadError> {
        let package = Package::from_files(files, &self.settings.limits).and_then(|package| named(plugin, package, "it was sent as"));
        package.map_err(|reason| refused(plugin, reason))
    }

    /// A version that was kept, held against its digest.
    ///
    /// # Errors
    /// It is not there, or was changed on the disk.
    pub fn kept_package(&self, plugin: &str, digest: &str) -> Result<Package, LoadError> {
        self.kept(plugin, digest).map_err(|reason| refused(plugin, reason))
    }

    /// Holds what a component imports and exports against the contract and its manifest.
    ///
    /// # Errors
    /// One sentence with the fix.
    pub fn check_surface(&self, package: &Package) -> Result<(), LoadError> {
        package.shape.check(&package.manifest).map_err(|reason| refused(package.name(), reason))
    }

    /// Holds what a manifest asks against what is granted.
    ///
    /// # Errors
    /// One sentence with the line to add.
    pub fn check_grant(&self, package: &Package, grant: &Grant, around: &Surroundings) -> Result<(), LoadError> {
        let granted = Granted::check(&package.manifest, grant, around, &self.settings.keys);
        granted.map(drop).map_err(|reason| refused(package.name(), reason))
    }

    /// Compiles a component, or finds that it was before. Blocking.
    ///
    /// # Errors
    /// Not valid, or takes too long.
    pub fn compile(&self, package: &Package) -> Result<(), LoadError> {
        let compiled = self.compiler.get(&package.component_digest, package.component.clone());
        compiled.map(drop).map_err(|reason| refused(package.name(), reason))
    }

    /// Keeps a version on disk, synced. `false`: it was kept before.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn keep(&self, package: &Package, by: &str) -> Result<bool, LoadError> {
        let kept = self.versions.keep(package, self.clock.now(), by);
        kept.map_err(|error| refused(package.name(), format!("cannot be kept in {}: {error}", self.settings.versions_dir.display())))
    }

    /// The versions of a plugin that are kept, newest first.
    pub fn kept_versions(&self, plugin: &str) -> Vec<KeptVersion> {
        self.versions.list(plugin)
    }

    /// Removes the oldest versions of a plugin until `most` are left; never one of `needed`. What cannot be removed is logged.
    pub fn prune(&self, plugin: &str, needed: &BTreeSet<&str>, most: usize) {
        if let Err(error) = self.versions.prune(plugin, needed, most) {
            tracing::warn!(plugin, %error, "old versions cannot be removed");
        }
    }

    /// Removes a version that was refused.
    pub fn forget(&self, plugin: &str, digest: &str) {
        if let Err(error) = self.versions.remove(plugin, digest) {
            tracing::warn!(plugin, digest, %error, "a version that was refused cannot be removed");
        }
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

    fn in_folder(&self, name: &str) -> Result<Package, String> {
        let folder = self.settings.plugins_dir.join(name);
        if !is_name(name) || !folder.join("plugin.toml").is_file() {
            let names = self.names()?;
            let near = nearest(name, names.iter().map(String::as_str));
            let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(format!("is not installed in {}{near} Installed: {list}", self.settings.plugins_dir.display()));
        }
        named(name, Package::read_from(&folder, &self.settings.limits)?, "its folder is called")
    }

    fn kept(&self, name: &str, digest: &str) -> Result<Package, String> {
        let folder = self.versions.folder(name, digest).filter(|folder| folder.is_dir());
        let folder = folder.ok_or_else(|| format!("version {digest} is not kept here: push it again"))?;
        let package = Package::read_from(&folder, &self.settings.limits)?;
        if package.digest() != digest {
            return Err(format!("version {digest} was changed on the disk ({}): push it again", folder.display()));
        }
        named(name, package, "it is kept as")
    }

    /// The version that is meant: as it is kept, or as it lies in the folder, or, where none is named, what lies in the folder.
    fn package(&self, name: &str, version: Option<&String>) -> Result<Package, String> {
        let Some(digest) = version else { return self.in_folder(name) };
        self.kept(name, digest).or_else(|reason| self.in_folder(name).ok().filter(|found| found.digest() == digest).ok_or(reason))
    }

    fn info(package: &Package, path: &Path) -> PluginInfo {
        let manifest = &package.manifest;
        let digest = package.digest().to_owned();
        PluginInfo {
            plugin: Arc::new(PluginRef { name: manifest.name.clone(), version: manifest.version.clone(), digest }),
            hooks: package.shape.hooks(),
            reads: manifest.reads_names.clone(),
            lookups: manifest.lookups.clone(),
            keys: manifest.keys.clone(),
            headers: manifest.headers.clone(),
            contacts: manifest.contacts.clone(),
            state: manifest.state,
            settings_schema: manifest.settings_schema.clone(),
            path: path.display().to_string(),
            size_bytes: package.component.len() as u64,
        }
    }

    fn place(&self, used: &PluginUse, stage: Stage, grant: &Grant, around: &Surroundings) -> Result<Prepared, String> {
        let package = self.package(&used.plugin, around.versions.get(&used.plugin))?;
        let manifest = Arc::clone(&package.manifest);
        let hook = Hook::from(stage);
        package.shape.check(&manifest)?;
        if !manifest.hooks.contains(&hook) {
            let hooks = manifest.hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", ");
            return Err(format!("is used to {}, and does not answer that; it answers: {hooks}", hook.name()));
        }
        if used.settings.len() > SETTINGS_LIMIT_BYTES {
            return Err(format!("has settings of more than {} KiB", SETTINGS_LIMIT_BYTES / 1024));
        }
        Schema::read(&manifest.settings_schema)?.check(&used.settings)?;
        let granted = Granted::check(&manifest, grant, around, &self.settings.keys)?;
        let info = Self::info(&package, &self.settings.plugins_dir.join(&used.plugin).join("plugin.wasm"));
        let breaker = self.breaker(&used.plugin, package.digest(), around.trial);
        let Package { component, component_digest, assets, .. } = package;
        let compiled = self.compiler.get(&component_digest, component)?;
        let asked = warm::Asked::find(hook, &compiled).map_err(|error| format!("plugin.wasm does not fit contract {API}: {error:#}"))?;
        let identity = Identity { plugin: Arc::clone(&info.plugin), granted, assets, per_call: manifest.per_call };
        let limits = &self.settings.limits;
        let measured = if around.trial { format!("{} (tried)", used.plugin) } else { used.plugin.clone() };
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
            breaker,
            meter: Meter::new(&measured, hook.name()),
            clock: Arc::clone(&self.clock),
            stock: Stock::default(),
            info,
        })
    }

    /// One breaker per version of a plugin, whatever its places. One that is only tried has its own, which never opens and tells nobody.
    fn breaker(&self, plugin: &str, digest: &str, trial: bool) -> Arc<Breaker> {
        if trial {
            let patient = BreakerSettings { failures: u32::MAX, ..self.settings.breaker };
            return Arc::new(Breaker::new(plugin, patient, Arc::clone(&self.clock), LateAlarm::default()));
        }
        let mut breakers = self.breakers.lock();
        breakers.retain(|_, breaker| breaker.strong_count() > 0);
        let of_version = breakers.entry((plugin.to_owned(), digest.to_owned())).or_default();
        of_version.upgrade().unwrap_or_else(|| {
            let breaker = Arc::new(Breaker::new(plugin, self.settings.breaker, Arc::clone(&self.clock), Arc::clone(&self.alarm)));
            *of_version = Arc::downgrade(&breaker);
            breaker
        })
    }

    /// What was prepared for the same place with the same version, settings, grant and tables, if it is still in use.
    fn reuse(&self, asked: &Asked, around: &Surroundings) -> Option<Arc<Prepared>> {
        let mut in_use = self.in_use.lock();
        in_use.retain(|(_, prepared)| prepared.strong_count() > 0);
        let same = in_use.iter().filter(|(of, _)| of == asked).filter_map(|(_, prepared)| prepared.upgrade());
        same.into_iter().find(|prepared| prepared.has_tables_of(around))
    }
}

impl PluginHost for Sandbox {
    fn installed(&self) -> Vec<Result<PluginInfo, LoadError>> {
        let names = match self.names() {
            Ok(names) => names,
            Err(reason) => return vec![Err(refused("*", reason))],
        };
        let look = |name: String| {
            let path = self.settings.plugins_dir.join(&name).join("plugin.wasm");
            self.in_folder(&name).map(|package| Self::info(&package, &path)).map_err(|reason| refused(&name, reason))
        };
        names.into_iter().map(look).collect()
    }

    fn prepare(&self, used: &PluginUse, stage: Stage, grant: &Grant, around: &Surroundings) -> Result<Arc<dyn Plugin>, LoadError> {
        let place = || self.place(used, stage, grant, around).map(Arc::new).map_err(|reason| refused(&used.plugin, reason));
        let Some(version) = around.versions.get(&used.plugin).filter(|_| !around.trial) else { return Ok(place()?) };
        let asked =
            Asked { plugin: used.plugin.clone(), version: version.clone(), stage, settings: used.settings.clone(), grant: grant.clone() };
        if let Some(prepared) = self.reuse(&asked, around) {
            return Ok(prepared);
        }
        let prepared = place()?;
        self.in_use.lock().push((asked, Arc::downgrade(&prepared)));
        Ok(prepared)
    }
}

fn refused(plugin: &str, reason: String) -> LoadError {
    LoadError { plugin: plugin.to_owned(), reason: readable(&reason) }
}

/// A refusal may quote names out of the file, which are whatever somebody wrote there: short, and without orders for a terminal.
fn readable(reason: &str) -> String {
    let shown: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&shown, REASON_LIMIT_BYTES)
}

/// A plugin goes by one name everywhere.
fn named(name: &str, package: Package, called: &str) -> Result<Package, String> {
    if package.name() == name {
        return Ok(package);
    }
    Err(format!("plugin.toml says `name = \"{}\"`, and {called} `{name}`: they have to be the same", package.name()))
}
