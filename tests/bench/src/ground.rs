//! The rooms of the house in this process, for what cannot be told from outside: what a call costs, and which thread works how long.

use crate::subject;
use anyhow::{Result, anyhow};
use documents::Bundle;
use domain::inbound::{Inbound, Method};
use domain::time::Millis;
use ports::{BoxFuture, Clock, Snapshot};
use reveille_tests::place::plugins;
use runtime::{LateAlarm, RuntimeSettings, Sandbox};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system's time, anchored once, as the server has it.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
    anchor: Millis,
}

impl SystemClock {
    /// Anchored now.
    pub fn start() -> Arc<dyn Clock> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Arc::new(Self { began: Instant::now(), anchor: Millis(since_epoch.as_millis() as i64) })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        self.anchor.plus_millis(self.began.elapsed().as_millis() as i64)
    }

    fn wait_until(&self, due: Millis) -> BoxFuture<'static, ()> {
        let wait = due.since(self.now()).clamp(0, 86_400_000);
        Box::pin(tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())))
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// The sandbox with the bundled plugins as they are shipped, and the configuration that the server is measured with.
pub struct Ground {
    pub clock: Arc<dyn Clock>,
    pub sandbox: Sandbox,
    pub snapshot: Snapshot,
}

impl Ground {
    /// Compiles the plugins into a cache of its own below `dir`.
    pub fn open(dir: &Path) -> Result<Self> {
        let clock = SystemClock::start();
        let settings = RuntimeSettings::new(plugins(), dir.join("native-cache"));
        let sandbox = Sandbox::new(settings, Arc::clone(&clock), LateAlarm::default())?;
        let installation = Bundle::from_files(&subject::documents()).check().map_err(|problems| anyhow!("{problems:?}"))?;
        let snapshot = pipeline::snapshot::build(installation, &sandbox).map_err(|errors| anyhow!("{errors:?}"))?;
        Ok(Self { clock, sandbox, snapshot })
    }
}

/// A post to `/am/{key}/api/v2/alerts` as the front door hands it on.
pub fn inbound(id: usize, body: &[u8], received_at: Millis) -> Inbound {
    Inbound {
        id: format!("bench-{id:x}"),
        received_at,
        method: Method::Post,
        url: "http://127.0.0.1/am/***/api/v2/alerts".into(),
        path: ["api", "v2", "alerts"].map(str::to_owned).into(),
        query: Vec::new(),
        headers: Vec::new(),
        body: body.to_vec(),
    }
}
