//! The rooms at work: started together, asked together, stopped in order.

use super::adapters::{Commands, PageLinks, rights};
use super::assemble::Ground;
use super::heat;
use super::logging::Metrics;
use super::versions::{not_loaded, works_again};
use anyhow::{Context, Result};
use compat::CompatParts;
#[cfg(feature = "sim")]
use domain::time::Millis;
use oncall::OnCall;
use oncall::links::LinkSigner;
use pipeline::{Engine, EngineHandle, EngineParts, EngineSettings};
#[cfg(feature = "sim")]
use ports::object::Kind;
use ports::{Alarm, HotState, PluginHost};
#[cfg(feature = "sim")]
use ports::{Clock, Store};
use state::Hot;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use web::WebParts;

/// Engine and reconcilers.
pub struct Running {
    #[cfg(feature = "sim")]
    pub clock: Arc<dyn Clock>,
    #[cfg(feature = "sim")]
    store: Arc<dyn Store>,
    engine: Arc<Engine>,
    oncall: Arc<OnCall>,
    links: Arc<LinkSigner>,
    push_key: String,
    auditor: tokio::task::AbortHandle,
    hot: Arc<Hot>,
    #[cfg(feature = "sim")]
    wakes: Arc<ports::Wakes>,
}

/// How long the end waits for Redis to have what is committed, in real time.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

impl Running {
    /// Starts what works behind the doors; the doors open after this.
    pub async fn start(ground: &Ground) -> Result<Self> {
        let hot = heat::open(ground).await?;
        let engine = Engine::start(EngineParts {
            hot: Arc::clone(&hot) as Arc<dyn HotState>,
            store: Arc::clone(&ground.store),
            journal: Arc::clone(&ground.journal),
            clock: Arc::clone(&ground.clock),
            live: Arc::clone(&ground.live),
            wakes: Arc::clone(&ground.wakes),
            settings: EngineSettings { backlog_limit: ground.file.backlog as u64, ..EngineSettings::default() },
        })
        .context("cannot start the pipeline")?;
        let alarm: Arc<dyn Alarm> = Arc::clone(&engine) as Arc<dyn Alarm>;
        // Set once per process; what the sandbox had to say before was logged.
        let _ = ground.alarm.set(Arc::clone(&alarm));
        tell_of_plugins(ground, &*alarm).await;
        let links = Arc::new(LinkSigner::new(ground.host_secret("links").await?));
        let push = ground.push_key().await?;
        let oncall = OnCall::start(oncall::Parts {
            store: Arc::clone(&ground.store),
            clock: Arc::clone(&ground.clock),
            egress: ground.egress(Arc::clone(&push))?,
            alarm,
            commands: Arc::new(EngineHandle(Arc::clone(&engine))),
            hot: Some(Arc::clone(&hot) as Arc<dyn HotState>),
            live: Arc::clone(&ground.live),
            wakes: Arc::clone(&ground.wakes),
            links: Arc::clone(&links),
            public_url: ground.file.public_url.clone(),
        });
        let behind = Arc::clone(&engine);
        let auditor = tokio::spawn(oncall::auditor::run(oncall::auditor::Parts {
            store: Arc::clone(&ground.store),
            clock: Arc::clone(&ground.clock),
            live: Arc::clone(&ground.live),
            egress: ground.egress(Arc::clone(&push))?,
            alarm: Arc::clone(&engine) as Arc<dyn Alarm>,
            backlog: Arc::new(move || {
                let backlog = behind.backlog();
                (backlog.journal_head, backlog.cursor)
            }),
        }));
        Ok(Self {
            auditor: auditor.abort_handle(),
            #[cfg(feature = "sim")]
            clock: Arc::clone(&ground.clock),
            #[cfg(feature = "sim")]
            store: Arc::clone(&ground.store),
            engine,
            oncall,
            links,
            push_key: push.public(),
            hot,
            #[cfg(feature = "sim")]
            wakes: Arc::clone(&ground.wakes),
        })
    }

    /// All doors: machines' side and people's side.
    pub fn router(&self, ground: &Ground, metrics: Metrics, stopping: watch::Receiver<bool>) -> axum::Router {
        let hot = Arc::clone(&self.hot);
        let people = web::router(WebParts {
            store: Arc::clone(&ground.store),
            journal: Arc::clone(&ground.journal),
            clock: Arc::clone(&ground.clock),
            live: Arc::clone(&ground.live),
            wakes: Arc::clone(&ground.wakes),
            plugin_host: Arc::clone(&ground.sandbox) as Arc<dyn PluginHost>,
            commands: Arc::new(Commands(Arc::clone(&self.engine))),
            configure: Arc::new(ground.configuration()),
            versions: Arc::new(ground.configuration()),
            links: Arc::new(PageLinks(Arc::clone(&self.links))),
            public_url: ground.file.public_url.clone(),
            push_key: self.push_key.clone(),
            stopping,
            metrics: Some(metrics),
            hot: Arc::new(move || hot.status()),
        });
        let machines = compat::router(CompatParts {
            engine: Arc::clone(&self.engine),
            store: Arc::clone(&ground.store),
            clock: Arc::clone(&ground.clock),
            live: Arc::clone(&ground.live),
            interactions: Some(self.oncall.interactions()),
            wakes: Arc::clone(&ground.wakes),
            rights: Some(Arc::new(rights)),
        });
        machines.merge(people)
    }

    /// Finishes what was taken in, then stops.
    pub async fn drain(&self) {
        self.auditor.abort();
        self.engine.drain().await;
        self.oncall.stop().await;
        if !self.hot.flush(FLUSH_LIMIT).await {
            tracing::warn!("redis does not have all of hot state: the next start begins parts of the copy anew");
        }
    }

    /// Nothing is left to do at the present time.
    #[cfg(feature = "sim")]
    pub async fn settled(&self) -> bool {
        let backlog = self.engine.backlog();
        if backlog.journal_head != backlog.cursor || backlog.queued > 0 || self.store.depth() > 0 || !self.wakes.quiet.is_quiet() {
            return false;
        }
        let now = self.clock.now();
        let due = self
            .store
            .view(move |view| {
                let late = [view.next_wake()?, view.next_object_due(Kind::Heartbeat)?, view.next_object_due(Kind::Audit)?];
                Ok(late.into_iter().flatten().any(|at| at <= now) || !view.dead_letters_due(now, 1)?.is_empty())
            })
            .await;
        matches!(due, Ok(false)) && self.oncall.settled(now).await && self.engine.backlog() == backlog
    }

    /// What is not settled, for a story that waits in vain.
    #[cfg(feature = "sim")]
    pub async fn unsettled(&self) -> String {
        let now = self.clock.now();
        let due = self
            .store
            .view(move |view| {
                Ok(format!(
                    "to route {:?}, runs due {:?}, outbox due {:?}, events due {:?}, actions due {:?}, next wake {:?}, timers {:?}",
                    view.incidents_to_route(5)?,
                    view.runs_due(now, 5)?,
                    view.outbox_due(now, 5)?,
                    view.events_due(now, 5)?,
                    view.actions_due(now, 5)?,
                    view.next_wake()?,
                    view.objects_due(ports::object::Kind::Timer, now, 5)?
                ))
            })
            .await;
        format!("{:?}, store depth {}, {}", self.engine.backlog(), self.store.depth(), due.unwrap_or_else(|e| e.to_string()))
    }

    /// The next time at which something falls due by itself.
    #[cfg(feature = "sim")]
    pub async fn next_due(&self) -> Result<Option<Millis>> {
        let due = self
            .store
            .view(|view| {
                let rows =
                    [view.next_run_due()?, view.next_outbox_due()?, view.next_wake()?, view.next_event_due()?, view.next_action_due()?];
                let kept = ports::object::Kind::ALL
                    .into_iter()
                    .filter(|kind| kind.is_timed())
                    .map(|kind| view.next_object_due(kind))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(rows.into_iter().chain(kept).flatten().min())
            })
            .await?;
        Ok(due)
    }
}

/// One incident for each plugin that could not be loaded at this start; those of earlier starts are over once the plugin loads.
async fn tell_of_plugins(ground: &Ground, alarm: &dyn Alarm) {
    let broken = std::mem::take(&mut *ground.broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let names: BTreeSet<String> = broken.iter().map(|error| error.plugin.clone()).collect();
    for name in &names {
        let reasons: Vec<&str> = broken.iter().filter(|e| e.plugin == *name).map(|e| e.reason.as_str()).collect();
        alarm.raise(not_loaded(
            name,
            format!("{}. Put a good file in its place and apply the configuration again.", reasons.join("; ")),
            false,
        ));
    }
    let used = ground.live.load().installation.plugin_names();
    for name in used.into_iter().filter(|name| !names.contains(name)) {
        works_again(&ground.store, &ground.alarm, &name, false).await;
    }
}
