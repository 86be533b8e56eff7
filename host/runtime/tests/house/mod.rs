//! A sandbox over a folder of its own, filled with the raw guests of `tests/guests` under manifests that each test writes.
#![allow(dead_code, reason = "each test uses a part of it")]

pub mod kept;

use domain::alert::{Alert, Link, Severity};
use domain::command::{Notice, Priority};
use domain::decision::{Stage, Verdict};
use domain::id::IncidentId;
use domain::incident::Incident;
use domain::installation::{Grant, OnFailure, PluginUse, Table, User};
use domain::time::Millis;
use ports::plugin::{IncidentView, Surroundings};
use ports::{Alarm, BoxFuture, Clock, Instance, LoadError, Plugin, PluginHost};
use runtime::{Algorithm, Key, KeyRing, LateAlarm, RuntimeSettings, Sandbox};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that stands until it is moved.
#[derive(Debug, Default)]
pub struct Standing(pub AtomicI64);

impl Clock for Standing {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
    fn wait_until(&self, _: Millis) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// Keeps what is raised.
#[derive(Default)]
pub struct Raised(pub Mutex<Vec<Notice>>);

impl Alarm for Raised {
    fn raise(&self, notice: Notice) {
        self.0.lock().expect("no test panics while it holds this").push(notice);
    }
}

pub struct House {
    pub dir: tempfile::TempDir,
    pub clock: Arc<Standing>,
    pub raised: Arc<Raised>,
    pub sandbox: Sandbox,
}

impl House {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut RuntimeSettings)) -> Self {
        let dir = tempfile::tempdir().expect("make a folder for the test");
        fs::create_dir(dir.path().join("plugins")).expect("make the plugins' folder");
        let mut settings = RuntimeSettings::new(dir.path().join("plugins"), dir.path().join("cache"));
        settings.limits.instances = 16;
        let key = |new: &[u8]| Key { new: new.to_vec(), old: None, algorithms: vec![Algorithm::HmacSha256] };
        settings.keys = Arc::new(KeyRing::new([("hook".to_owned(), key(b"Jefe")), ("other".to_owned(), key(b"x"))]));
        change(&mut settings);
        let (clock, raised) = (Arc::new(Standing::default()), Arc::new(Raised::default()));
        let alarm = LateAlarm::default();
        let sandbox = Sandbox::new(settings, Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&alarm)).expect("start the sandbox");
        assert!(alarm.set(Arc::clone(&raised) as Arc<dyn Alarm>).is_ok());
        Self { dir, clock, raised, sandbox }
    }

    pub fn plugin(&self, name: &str) -> PathBuf {
        self.dir.path().join("plugins").join(name)
    }

    /// Installs a guest as the plugin `name`, with these lines in its manifest.
    pub fn install(&self, name: &str, guest: &str, hooks: &str, more: &str) {
        let folder = self.plugin(name);
        fs::create_dir_all(&folder).expect("make the plugin's folder");
        fs::copy(guest_path(guest), folder.join("plugin.wasm")).expect("copy the guest");
        let manifest = format!("name = \"{name}\"\nversion = \"1.0.0\"\napi = \"1.0\"\nhooks = [{hooks}]\n{more}");
        fs::write(folder.join("plugin.toml"), manifest).expect("write the manifest");
    }

    /// Installs a whole folder as the plugin `name`.
    pub fn install_folder(&self, name: &str, from: &Path) {
        let into = self.plugin(name);
        for entry in walk(from) {
            let place = into.join(entry.strip_prefix(from).expect("it lies there"));
            fs::create_dir_all(place.parent().expect("it lies in a folder")).expect("make the plugin's folder");
            fs::copy(&entry, place).expect("copy the plugin's file");
        }
    }

    pub fn prepare(&self, name: &str, stage: Stage, settings: &str) -> Result<Arc<dyn Plugin>, LoadError> {
        let grant = Grant { lookups: vec!["hosts".into()], keys: vec!["hook".into()], state: true, ..Grant::default() };
        self.prepare_granted(name, stage, settings, &grant)
    }

    pub fn prepare_granted(&self, name: &str, stage: Stage, settings: &str, grant: &Grant) -> Result<Arc<dyn Plugin>, LoadError> {
        let used = PluginUse { plugin: name.to_owned(), settings: settings.to_owned(), on_failure: OnFailure::Skip };
        let hosts: Table = [("web1".to_owned(), vec![("owner".to_owned(), "web".to_owned())])].into();
        let around = Surroundings { tables: Arc::new([("hosts".to_owned(), Arc::new(hosts))].into()), ..Surroundings::default() };
        self.sandbox.prepare(&used, stage, grant, &around)
    }

    /// Why the plugin is refused.
    pub fn refused(&self, name: &str, stage: Stage, settings: &str) -> String {
        match self.prepare(name, stage, settings) {
            Ok(_) => panic!("{name} was not refused"),
            Err(error) => error.reason,
        }
    }

    /// An instance of the guest `mischief` that does `what`.
    pub fn mischief(&self, what: &str) -> Box<dyn Instance> {
        self.mischief_with(what, "")
    }

    pub fn mischief_with(&self, what: &str, more: &str) -> Box<dyn Instance> {
        self.install("mischief", "mischief", MISCHIEF_HOOKS, &format!("{MISCHIEF_ASKS}\n{more}"));
        self.prepare("mischief", Stage::Filter, &doing(what)).expect("prepare mischief").instance()
    }
}

pub const MISCHIEF_HOOKS: &str = r#""filter", "enrich", "normalize""#;
pub const MISCHIEF_ASKS: &str = "lookups = [\"hosts\"]\nkeys = [\"*\"]\nassets = [\"rules/*.yml\"]";

pub fn doing(what: &str) -> String {
    format!("{{\"do\":\"{what}\"}}")
}

fn guest_path(guest: &str) -> PathBuf {
    let dir = std::env::var_os("REVEILLE_GUESTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/target/wasm32-wasip2/release"), PathBuf::from);
    let path = dir.join(format!("{guest}.wasm"));
    assert!(
        path.is_file(),
        "{} is not there: cargo build --release --target wasm32-wasip2 --manifest-path tests/guests/Cargo.toml",
        path.display()
    );
    path
}

/// All files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("read the folder").map(|entry| entry.expect("read its entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// What a verdict says.
pub fn said(verdict: Verdict) -> String {
    match verdict {
        Verdict::Drop { reason } => reason,
        verdict => panic!("the guest says what it saw by dropping, and gave {verdict:?}"),
    }
}

/// An alert with every field.
pub fn full_alert() -> Alert {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Alert {
        summary: Some("Checkout is slow".into()),
        details: Some("p99 is 4 s".into()),
        source: Some("prometheus".into()),
        service: Some("checkout".into()),
        routing_key: Some("shop".into()),
        group: Some("latency".into()),
        started_at: Some(Millis(1000)),
        received_at: Millis(2000),
        expires_at: Some(Millis(3000)),
        labels: vec![label("host", "web1"), label("team", "payments"), label("zone", "a")],
        annotations: vec![label("dashboard", "d1"), label("runbook", "r1")],
        links: vec![Link { url: "https://graphs.example/1".into(), text: "Graph".into(), image: true }],
        ..Alert::firing("checkout-latency", Severity::Critical, Millis(2000))
    }
}

/// A member with everything.
pub fn user() -> User {
    User {
        id: "alice".into(),
        name: "Alice".into(),
        time_zone: "Europe/Rome".into(),
        language: "it".into(),
        contacts: Vec::new(),
        admin: false,
        break_glass: false,
        ..User::default()
    }
}

/// An incident with every field and one alert.
pub fn view() -> IncidentView {
    let incident = Incident {
        id: IncidentId(7),
        team: "shop".into(),
        key: "checkout".into(),
        title: "Checkout is slow".into(),
        status: domain::alert::Status::Firing,
        severity: Severity::Critical,
        priority: Some(Priority::P2),
        service: Some("checkout".into()),
        routing_key: Some("shop".into()),
        opened_at: Millis(5000),
        acknowledged_at: None,
        resolved_at: None,
        last_alert_at: Millis(6000),
        alert_count: 3,
        entity_count: 1,
        acknowledged_severity: None,
        firing: [0, 0, 0, 1],
        responders: vec!["alice".into()],
        labels: full_alert().labels,
        links: full_alert().links,
        related: Vec::new(),
        integration: None,
        default_route: false,
        own: false,
        route_due: true,
        routed_severity: None,
        version: 1,
        care: domain::care::Care::default(),
    };
    let url = Some("https://reveille.example/i/7".into());
    IncidentView { incident, url, responders: vec![user()], alerts: vec![full_alert()] }
}
