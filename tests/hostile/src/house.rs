//! The real sandbox with a neighbour in it that behaves, and room for one hostile plugin after another.

use crate::case::{Case, Outcome};
use crate::guest::API;
use crate::memory::{peak_kib, reset_peak, resident_kib};
use anyhow::{Context, Result, ensure};
use domain::alert::{Alert, Severity};
use domain::decision::{Stage, Verdict};
use domain::inbound::{Inbound, Method};
use domain::installation::{Grant, OnFailure, PluginUse, Table};
use domain::state::StateSpace;
use domain::time::Millis;
use ports::plugin::StateLimits;
use ports::plugin::Surroundings;
use ports::{BoxFuture, CallFailure, Clock, HotState, Instance, LoadError, Plugin, PluginHost, StateSlot, Store};
use reveille_tests::place::plugins;
use runtime::{Algorithm, Key, KeyRing, LateAlarm, RuntimeSettings, Sandbox};
use state::{Hot, HotParts, HotSettings};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{SqliteStore, StoreOptions};

/// A call's deadline in every case, in milliseconds.
const DEADLINE_MS: u64 = 20;
/// As long may `configure` take, in milliseconds.
const CONFIGURE_DEADLINE_MS: u64 = 50;
/// Calls of each case. Even, so that the last of them is on a warm instance also where every second call fails.
const CALLS: usize = 4;

/// The machine's time from the start on.
#[derive(Debug)]
struct Running(Instant);

impl Clock for Running {
    fn now(&self) -> Millis {
        Millis(self.0.elapsed().as_millis() as i64)
    }
    fn wait_until(&self, _: Millis) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What a plugin may remember: so many keys and bytes, as the server gives by default.
const STATE: StateLimits = StateLimits { schema: 1, keys: 1_000, bytes: 1 << 20 };

/// The sandbox, and real hot state on a store of its own.
pub struct House {
    dir: tempfile::TempDir,
    sandbox: Sandbox,
    hot: Arc<Hot>,
    _runtime: tokio::runtime::Runtime,
    neighbour: Box<dyn Instance>,
    installed: usize,
}

/// What was seen of a case.
#[derive(Debug)]
pub struct Seen {
    /// Of the last call, or of loading.
    pub outcome: Outcome,
    /// What loading took: verify, compile, scratch `configure`.
    pub loaded_in: Duration,
    /// The longest call.
    pub longest: Duration,
    /// How much memory rose above what was held before the first call, in KiB.
    pub risen_kib: u64,
}

impl House {
    /// Installs the neighbour, the bundled rules engine.
    pub fn open() -> Result<Self> {
        let dir = tempfile::tempdir().context("make a folder for the sandbox")?;
        let installed = dir.path().join("plugins");
        fs::create_dir_all(installed.join("rules"))?;
        for file in ["plugin.wasm", "plugin.toml"] {
            fs::copy(plugins().join("rules").join(file), installed.join("rules").join(file)).context("install the neighbour")?;
        }
        let mut settings = RuntimeSettings::new(&installed, dir.path().join("cache"));
        settings.limits.instances = 32;
        settings.limits.configure_deadline_ms = CONFIGURE_DEADLINE_MS;
        // Each case is to be seen, however often it fails.
        settings.breaker.failures = u32::MAX;
        let key = |new: &[u8]| Key { new: new.to_vec(), old: None, algorithms: vec![Algorithm::HmacSha256] };
        settings.keys = Arc::new(KeyRing::new([("hook".to_owned(), key(b"Jefe")), ("other".to_owned(), key(b"x"))]));
        let clock: Arc<dyn Clock> = Arc::new(Running(Instant::now()));
        let sandbox = Sandbox::new(settings, Arc::clone(&clock), LateAlarm::default())?;
        let neighbour = neighbour(&sandbox)?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path(), StoreOptions::new(clock))?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let hot = runtime.block_on(Hot::open(HotParts { store, settings: HotSettings::default() }))?;
        Ok(Self { dir, sandbox, hot, _runtime: runtime, neighbour, installed: 0 })
    }

    /// Another instance of the neighbour.
    pub fn neighbour(&self) -> Result<Box<dyn Instance>> {
        neighbour(&self.sandbox)
    }

    /// A way to call a plugin from a thread of its own.
    pub fn caller(&self, plugin: &dyn Plugin, stage: Stage) -> Caller {
        Caller::new(plugin, &self.hot, stage)
    }

    /// Installs a case and prepares it.
    pub fn load(&mut self, case: &Case) -> Result<Result<Arc<dyn Plugin>, LoadError>> {
        self.installed += 1;
        let name = format!("hostile-{}", self.installed);
        let folder = self.dir.path().join("plugins").join(&name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("plugin.wasm"), &case.bytes)?;
        let hooks = if case.manifest.contains("hooks = ") { String::new() } else { format!("hooks = [\"{}\"]\n", case.stage.as_str()) };
        let deadline = if case.manifest.contains("limits = ") { "" } else { &format!("limits = {{ deadline = \"{DEADLINE_MS}ms\" }}\n") };
        let manifest = format!("name = \"{name}\"\nversion = \"1.0.0\"\napi = \"{API}\"\n{hooks}{deadline}{}\n", case.manifest);
        fs::write(folder.join("plugin.toml"), manifest)?;
        let used = PluginUse { plugin: name, settings: "{}".into(), on_failure: OnFailure::Skip };
        let hosts: Table = [("web1".to_owned(), vec![("owner".to_owned(), "web".to_owned())])].into();
        let around = Surroundings { tables: Arc::new([("hosts".to_owned(), Arc::new(hosts))].into()), ..Surroundings::default() };
        let grant = Grant { lookups: vec!["hosts".into()], keys: vec!["hook".into()], state: true, ..Grant::default() };
        let loaded = self.sandbox.prepare(&used, case.stage, &grant, &around);
        fs::remove_dir_all(&folder)?;
        Ok(loaded)
    }

    /// Loads a case, calls it, and asks the neighbour again.
    ///
    /// # Errors
    /// The neighbour no longer answers right, or the house itself failed.
    pub fn run(&mut self, case: &Case) -> Result<Seen> {
        let began = Instant::now();
        let loaded = self.load(case)?;
        let loaded_in = began.elapsed();
        let before = resident_kib();
        reset_peak();
        let (outcome, longest) = match loaded {
            Err(error) => (Outcome::Refused(error.reason), Duration::ZERO),
            Ok(plugin) => calls(&mut Caller::new(&*plugin, &self.hot, case.stage)),
        };
        let risen_kib = peak_kib().saturating_sub(before);
        self.ask_neighbour().with_context(|| format!("after {}", case.name))?;
        Ok(Seen { outcome, loaded_in, longest, risen_kib })
    }

    fn ask_neighbour(&mut self) -> Result<()> {
        // Preempted past its deadline by other work on the machine, it may answer at the next call.
        let tries = (0..5).map(|_| self.neighbour.filter(&alert())).find(|answer| !matches!(answer, Err(CallFailure::Deadline(_))));
        let verdict = tries.context("the neighbour missed its deadline five times")??;
        ensure!(verdict == known_noise(), "the neighbour says {verdict:?}");
        Ok(())
    }
}

fn calls(caller: &mut Caller) -> (Outcome, Duration) {
    let (mut last, mut longest) = (Outcome::Fine, Duration::ZERO);
    for _ in 0..CALLS {
        let began = Instant::now();
        last = caller.call();
        longest = longest.max(began.elapsed());
    }
    (last, longest)
}

/// Calls a plugin as a partition's thread does: with a slot of state around each call.
pub struct Caller {
    instance: Box<dyn Instance>,
    slot: Arc<dyn StateSlot>,
    hot: Arc<Hot>,
    space: Arc<StateSpace>,
    limits: Option<StateLimits>,
    stage: Stage,
}

impl Caller {
    fn new(plugin: &dyn Plugin, hot: &Arc<Hot>, stage: Stage) -> Self {
        let slot = hot.slot();
        let space = StateSpace { plugin: plugin.cite().name.clone(), schema: STATE.schema, team: "shop".into() };
        let instance = plugin.stateful(Arc::clone(&slot));
        Self { instance, slot, hot: Arc::clone(hot), space: Arc::new(space), limits: plugin.info().state, stage }
    }

    /// One call at the case's hook; what it wrote counts if it answered.
    pub fn call(&mut self) -> Outcome {
        let open = self.limits.is_some_and(|limits| self.slot.open(&self.space, limits, Millis(2000)).is_ok());
        let outcome = self.ask();
        if open && let Some(touch) = self.slot.close(outcome == Outcome::Fine) {
            self.hot.committed(&[touch], &[], &domain::state::Generations::default());
        }
        outcome
    }

    fn ask(&mut self) -> Outcome {
        match self.stage {
            Stage::Enrich => Outcome::of(self.instance.enrich(&alert())),
            Stage::Dedupe => Outcome::of(self.instance.dedupe(&alert())),
            Stage::Normalize => Outcome::of(self.instance.normalize(&inbound())),
            _ => Outcome::of(self.instance.filter(&alert())),
        }
    }
}

fn neighbour(sandbox: &Sandbox) -> Result<Box<dyn Instance>> {
    let settings = r#"{"rules":[{"name":"noise","when":{"field":"service","is":"checkout"},"suppress":{"reason":"known noise"}}]}"#;
    let used = PluginUse { plugin: "rules".into(), settings: settings.into(), on_failure: OnFailure::Skip };
    Ok(sandbox.prepare(&used, Stage::Filter, &Grant::default(), &Surroundings::default())?.instance())
}

/// What the neighbour has to say of [`alert`].
pub fn known_noise() -> Verdict {
    Verdict::Suppress { reason: "rule `noise`: known noise".into(), until: None }
}

/// The alert of every call.
pub fn alert() -> Alert {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Alert {
        summary: Some("Checkout is slow".into()),
        service: Some("checkout".into()),
        labels: vec![label("host", "web1"), label("team", "payments")],
        annotations: vec![label("runbook", "r1")],
        ..Alert::firing("checkout-latency", Severity::Critical, Millis(2000))
    }
}

fn inbound() -> Inbound {
    Inbound {
        id: "in-1".into(),
        received_at: Millis(4000),
        method: Method::Post,
        url: "https://reveille.example/in/***".into(),
        path: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}
