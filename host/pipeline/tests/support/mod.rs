//! A small installation for tests: real store and journal in a directory, scripted plugins, a clock that can be moved.
#![allow(dead_code, reason = "each test uses its part")]

pub mod flaky;

use domain::alert::{Alert, Severity, Status};
use domain::decision::{Grouping, Patch, PluginRef, Stage, Verdict};
use domain::escalation::Destination;
use domain::id::{IncidentId, Revision};
use domain::inbound::{Event, Inbound, Method, Normalized, Refusal, Reply};
use domain::incident::Incident;
use domain::installation::{Door, Grant, Installation, Integration, OnFailure, Pipeline, PluginUse, StormBounds};
use domain::page::{Delivery, Request, Response};
use domain::state::StateValue;
use domain::time::Millis;
use pipeline::{Engine, EngineParts, EngineSettings};
use ports::plugin::{IncidentView, Page, PluginInfo, StateLimits, Surroundings};
use ports::store::IncidentFilter;
use ports::{BoxFuture, CallFailure, Clock, Instance, Journal, Live, LoadError, Plugin, PluginHost, StateFault, StateSlot, Store, Wakes};
use state::{Hot, HotParts, HotSettings};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use store::{JournalOptions, SqliteJournal, SqliteStore, StoreOptions};

/// Real time plus what a test adds.
#[derive(Debug)]
pub struct TestClock {
    began: Instant,
    added_ms: AtomicI64,
}

impl TestClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), added_ms: AtomicI64::new(1_700_000_000_000) })
    }

    pub fn advance(&self, seconds: i64) {
        self.added_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Shown(Arc<TestClock>);

impl Clock for Shown {
    fn now(&self) -> Millis {
        Millis(self.0.added_ms.load(Ordering::SeqCst) + self.0.began.elapsed().as_millis() as i64)
    }
    fn wait_until(&self, due: Millis) -> BoxFuture<'static, ()> {
        let clock = Self(Arc::clone(&self.0));
        Box::pin(async move {
            while clock.now() < due {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    }
    fn elapsed(&self) -> Duration {
        self.0.began.elapsed()
    }
}

/// What the scripted plugins do wrong.
#[derive(Default)]
pub struct Mischief {
    /// Every call at these stages traps.
    pub broken: Mutex<BTreeSet<&'static str>>,
    /// Every enrich call takes a while, a different one each time.
    pub jitter: AtomicU64,
}

impl Mischief {
    pub fn breaks(&self, stage: Stage) {
        self.broken.lock().unwrap().insert(stage.as_str());
    }
    pub fn mend(&self) {
        self.broken.lock().unwrap().clear();
    }
    /// A while, a different one each time.
    fn pause(&self) {
        let seed = self.jitter.load(Ordering::Relaxed);
        if seed > 0 {
            // A small generator: what matters is only that calls take differently long.
            let next = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.jitter.store(next | 1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(next >> 57));
        }
    }
    fn check(&self, stage: Stage) -> Result<(), CallFailure> {
        if self.broken.lock().unwrap().contains(stage.as_str()) {
            return Err(CallFailure::Trapped("planted".into()));
        }
        Ok(())
    }
}

/// Speaks lines: `firing ENTITY KEY critical`; `refuse` refuses.
pub struct Scripted {
    info: PluginInfo,
    mischief: Arc<Mischief>,
}

impl Plugin for Scripted {
    fn info(&self) -> &PluginInfo {
        &self.info
    }
    fn instance(&self) -> Box<dyn Instance> {
        Box::new(Warm(Arc::clone(&self.mischief), None))
    }
    fn stateful(&self, state: Arc<dyn StateSlot>) -> Box<dyn Instance> {
        Box::new(Warm(Arc::clone(&self.mischief), Some(state)))
    }
}

struct Warm(Arc<Mischief>, Option<Arc<dyn StateSlot>>);

impl Warm {
    /// Counts all alerts in a counter and those of a group in a value, and says both numbers.
    fn count(&self, state: &dyn StateSlot, alert: &Alert) -> Result<Verdict, StateFault> {
        let all = state.add("all", 1, 86_400)?;
        let group = format!("group/{}", alert.group.as_deref().unwrap_or_default());
        let known = match state.get(&group)?.map(|entry| entry.value) {
            Some(StateValue::Bytes(bytes)) => std::str::from_utf8(&bytes).unwrap().parse().unwrap(),
            _ => 0_u32,
        };
        let of_group = known + 1;
        self.0.pause();
        state.set(&group, of_group.to_string().as_bytes(), 86_400)?;
        Ok(Verdict::Suppress { reason: format!("{all} {of_group}"), until: None })
    }
}

fn event(line: &str, at: Millis) -> Option<Event> {
    let mut words = line.split(' ');
    let status = match words.next()? {
        "firing" => Status::Firing,
        "acknowledged" => Status::Acknowledged,
        _ => Status::Resolved,
    };
    let entity = words.next()?;
    let group = words.next().map(str::to_owned);
    let severity = words.next().and_then(|word| Severity::ALL.into_iter().find(|s| s.as_str() == word)).unwrap_or(Severity::Critical);
    let expires_at = words.next().and_then(|seconds| seconds.parse().ok()).map(|seconds| at.plus_seconds(seconds));
    Some(Event::Alert(Box::new(Alert { status, group, expires_at, ..Alert::firing(entity, severity, at) })))
}

impl Instance for Warm {
    fn normalize(&mut self, inbound: &Inbound) -> Result<Result<Normalized, Refusal>, CallFailure> {
        self.0.check(Stage::Normalize)?;
        let body = String::from_utf8_lossy(&inbound.body);
        if body.starts_with("refuse") {
            return Ok(Err(Refusal { reason: "line 1: not a report".into(), reply: None }));
        }
        let events = body.lines().filter_map(|line| event(line, inbound.received_at)).collect();
        let reply = Some(Reply { status: 200, content_type: "text/plain".into(), body: b"ok".to_vec() });
        Ok(Ok(Normalized { events, reply, confirm_url: None }))
    }
    fn enrich(&mut self, _alert: &Alert) -> Result<Patch, CallFailure> {
        self.0.check(Stage::Enrich)?;
        self.0.pause();
        Ok(Patch { edits: Vec::new(), reason: String::new() })
    }
    fn filter(&mut self, alert: &Alert) -> Result<Verdict, CallFailure> {
        self.0.check(Stage::Filter)?;
        match &self.1 {
            Some(state) => self.count(&**state, alert).map_err(|fault| CallFailure::Internal(fault.to_string())),
            None => Ok(Verdict::Keep),
        }
    }
    fn dedupe(&mut self, alert: &Alert) -> Result<Option<Grouping>, CallFailure> {
        self.0.check(Stage::Dedupe)?;
        let grouping = |key: &String| Grouping {
            incident_key: key.clone(),
            entity: None,
            window_seconds: None,
            threshold: None,
            title: None,
            related: Vec::new(),
            reason: "same group".into(),
        };
        Ok(alert.group.as_ref().map(grouping))
    }
    fn route(&mut self, _incident: &IncidentView) -> Result<Vec<Destination>, CallFailure> {
        Err(CallFailure::Internal("not asked here".into()))
    }
    fn render(&mut self, _page: &Page) -> Result<Request, CallFailure> {
        Err(CallFailure::Internal("not asked here".into()))
    }
    fn interpret(&mut self, _page: &Page, _step: u32, _response: &Response) -> Result<Delivery, CallFailure> {
        Err(CallFailure::Internal("not asked here".into()))
    }
}

/// Prepares [`Scripted`] whatever is asked, but nothing named `missing`.
pub struct Host(pub Arc<Mischief>);

impl PluginHost for Host {
    fn installed(&self) -> Vec<Result<PluginInfo, LoadError>> {
        Vec::new()
    }
    fn prepare(&self, used: &PluginUse, stage: Stage, _: &Grant, _: &Surroundings) -> Result<Arc<dyn Plugin>, LoadError> {
        if used.plugin == "missing" {
            return Err(LoadError { plugin: used.plugin.clone(), reason: format!("no such file at {}", stage.as_str()) });
        }
        let info = PluginInfo {
            plugin: Arc::new(PluginRef { name: used.plugin.clone(), version: "1.0.0".into(), digest: "00".into() }),
            hooks: Vec::new(),
            reads: Vec::new(),
            lookups: Vec::new(),
            keys: Vec::new(),
            headers: vec!["x-event".into(), "authorization".into()],
            contacts: Vec::new(),
            state: (used.plugin == "counter").then_some(StateLimits { schema: 1, keys: 1000, bytes: 1 << 20 }),
            settings_schema: "{}".into(),
            path: String::new(),
            size_bytes: 0,
        };
        Ok(Arc::new(Scripted { info, mischief: Arc::clone(&self.0) }))
    }
}

pub fn used(plugin: &str, on_failure: OnFailure) -> PluginUse {
    PluginUse { plugin: plugin.to_owned(), settings: "{}".into(), on_failure }
}

/// One team, one integration, one plugin per stage.
pub fn installation(on_failure: OnFailure) -> Installation {
    let integration = Integration {
        id: "lines".into(),
        team: "shop".into(),
        door: Door::Normalize(used("lines", OnFailure::Skip)),
        pipeline: "main".into(),
        default_policy: None,
        body_limit_bytes: 64 * 1024,
        expire_after_seconds: None,
        rate: None,
    };
    let pipeline = Pipeline {
        id: "main".into(),
        enrich: vec![used("enricher", on_failure)],
        filter: vec![used("filterer", on_failure)],
        dedupe: vec![used("deduper", on_failure)],
        route: Vec::new(),
        automate: Vec::new(),
    };
    // Hundreds of incidents at once are what these tests are about, and no storm to tell of.
    let storm = StormBounds { alerts_per_minute: u32::MAX, incidents_per_minute: u32::MAX };
    Installation {
        revision: Revision(1),
        storm,
        integrations: [(integration.id.clone(), integration)].into(),
        pipelines: [(pipeline.id.clone(), pipeline)].into(),
        default_policy: "everyone".into(),
        ..Installation::default()
    }
}

/// A running engine over a directory.
pub struct House {
    pub clock: Arc<TestClock>,
    pub mischief: Arc<Mischief>,
    pub store: Arc<dyn Store>,
    pub journal: Arc<dyn Journal>,
    pub live: Arc<Live>,
    pub engine: Arc<Engine>,
    pub integration: Integration,
}

impl House {
    pub fn open(dir: &Path) -> Self {
        Self::open_with(dir, OnFailure::Skip, EngineSettings { partition_threads: 4, ..EngineSettings::default() }, |store| store)
    }

    /// Started so much later by its clock than the others.
    pub fn open_later(dir: &Path, seconds: i64) -> Self {
        let clock = TestClock::new();
        clock.advance(seconds);
        Self::build(dir, installation(OnFailure::Skip), EngineSettings::default(), |store| store, clock)
    }

    /// With a plugin in `filter` that counts, and eight partition threads.
    pub fn counting(dir: &Path) -> Self {
        let mut installation = installation(OnFailure::Skip);
        installation.pipelines.values_mut().for_each(|pipeline| pipeline.filter = vec![used("counter", OnFailure::Skip)]);
        let settings = EngineSettings { partition_threads: 8, batch_items: 7, ..EngineSettings::default() };
        Self::build(dir, installation, settings, |store| store, TestClock::new())
    }

    pub fn open_with(
        dir: &Path,
        on_failure: OnFailure,
        settings: EngineSettings,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Self {
        Self::build(dir, installation(on_failure), settings, wrap, TestClock::new())
    }

    fn build(
        dir: &Path,
        installation: Installation,
        settings: EngineSettings,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
        clock: Arc<TestClock>,
    ) -> Self {
        let shown: Arc<dyn Clock> = Arc::new(Shown(Arc::clone(&clock)));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir, StoreOptions::new(Arc::clone(&shown))).unwrap());
        let store = wrap(store);
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(dir, JournalOptions::new(Arc::clone(&shown))).unwrap());
        let mischief = Arc::new(Mischief::default());
        let integration = installation.integrations["lines"].clone();
        let snapshot = pipeline::snapshot::build(installation, &Host(Arc::clone(&mischief))).unwrap();
        let live = Arc::new(Live::new(snapshot));
        let hot = {
            let parts = HotParts { store: Arc::clone(&store), settings: HotSettings::default() };
            let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
            std::thread::spawn(move || runtime().block_on(Hot::open(parts)).unwrap()).join().unwrap()
        };
        let parts = EngineParts {
            hot,
            store: Arc::clone(&store),
            journal: Arc::clone(&journal),
            clock: shown,
            live: Arc::clone(&live),
            wakes: Arc::new(Wakes::default()),
            settings,
        };
        let engine = Engine::start(parts).unwrap();
        Self { clock, mischief, store, journal, live, engine, integration }
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(Shown(Arc::clone(&self.clock)))
    }

    pub async fn post(&self, body: &str) -> pipeline::Answer {
        let inbound = Inbound {
            id: "request".into(),
            received_at: self.clock().now(),
            method: Method::Post,
            url: "http://localhost/in/***".into(),
            path: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        self.engine.take(&self.integration, inbound).await
    }

    /// Waits until everything journaled is committed.
    pub async fn settle(&self) {
        until("the backlog to drain", || async { self.engine.backlog().cursor == self.journal.head() }).await;
    }

    pub async fn incidents(&self) -> Vec<Incident> {
        let filter = IncidentFilter { limit: 500, ..IncidentFilter::default() };
        let mut incidents = self.store.view(move |view| view.incidents(&filter)).await.unwrap();
        incidents.sort_by_key(|incident| incident.id);
        incidents
    }

    pub async fn told(&self, id: IncidentId) -> Vec<String> {
        let lines = self.store.view(move |view| view.timeline(id)).await.unwrap();
        lines.into_iter().map(|line| line.text).collect()
    }

    /// Stops without any farewell, as a kill does as far as the engine is concerned.
    pub fn stop(self) {
        let Self { engine, store, journal, .. } = self;
        drop(engine);
        // The engine's threads hold the files until they have looked up.
        while Arc::strong_count(&store) > 1 || Arc::strong_count(&journal) > 1 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Waits until something holds, at most 20 seconds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..4000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain for {what}");
}
