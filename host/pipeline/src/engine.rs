//! The engine: the alert path as the rest of the house uses it.

use crate::admission::{Admission, Admissions, Held, Refused};
use crate::answer::{Answer, Backlog, CommandError, CommandOutcome, ReplayError};
use crate::committer::Committer;
use crate::feeder::{self, Feeder};
use crate::gather::Cost;
use crate::normalizers::{self, Busy, Normalizers};
use crate::queues::QueueDepth;
use crate::settings::EngineSettings;
use crate::shared::{AVAILABILITY, LOOK_UP, Shared, Space, put_availability, stored_availability};
use crate::storm::Storms;
use crate::waiters::Waiters;
use crate::{dead_letter, expiry, heartbeats, queues, quiet, storm, worker};
use arc_swap::ArcSwap;
use domain::command::{Command, Notice};
use domain::decision::PluginRef;
use domain::id::{DeadLetterId, DecisionId, IntegrationId, JournalId, TeamId};
use domain::inbound::{EVENTS_LIMIT, Event, Inbound, Normalized};
use domain::installation::Integration;
use domain::journal::{Entry, Record, Sender};
use domain::transition::{self, Said};
use parking_lot::Mutex;
use ports::{Alarm, BoxFuture, Clock, CommandFailure, Commands, HotState, Journal, JournalError, Live, Store, StoreError, Wakes};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What the engine is made of.
pub struct EngineParts {
    pub store: Arc<dyn Store>,
    pub journal: Arc<dyn Journal>,
    pub clock: Arc<dyn Clock>,
    pub live: Arc<Live>,
    pub hot: Arc<dyn HotState>,
    pub wakes: Arc<Wakes>,
    pub settings: EngineSettings,
}

/// Why the engine does not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("read where the pipeline stopped: {0}")]
    Store(#[from] StoreError),
    #[error("start a thread of the pipeline: {0}")]
    Thread(#[from] std::io::Error),
    /// The store is ahead of the journal: one of the files is not the other's.
    #[error("the store has decided up to record {cursor} and the journal ends at {head}: they do not belong together")]
    Mismatch { cursor: JournalId, head: JournalId },
}

/// The alert path. Ends with [`Engine::drain`]; dropping it stops it at once, which loses nothing.
pub struct Engine {
    shared: Arc<Shared>,
    normalizers: Normalizers,
    threads: Mutex<Vec<JoinHandle<()>>>,
    tasks: Vec<AbortHandle>,
}

impl Engine {
    /// Continues where the store's cursor stands. Call it within a tokio runtime; blocks for a few reads.
    pub fn start(parts: EngineParts) -> Result<Arc<Self>, StartError> {
        let EngineParts { store, journal, clock, live, hot, wakes, settings } = parts;
        let admissions = Admissions::of(Held { bodies: settings.door_bodies, bytes: settings.door_bytes });
        let space = Space::of(Cost { events: settings.in_flight_events, bytes: settings.in_flight_bytes });
        let shared = Arc::new(Shared {
            store,
            journal,
            clock,
            live,
            hot,
            wakes,
            waiters: Waiters::default(),
            space,
            admissions,
            storms: Storms::default(),
            decided: AtomicU64::new(0),
            ahead: AtomicUsize::new(0),
            availability: ArcSwap::from_pointee(stored_availability(None)),
            refused: AtomicBool::new(false),
            not_stored_at: AtomicI64::new(0),
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            next_wake: AtomicI64::new(i64::MIN),
            cursor: watch::Sender::new(JournalId(0)),
            sources: Arc::default(),
            settings,
        });
        let integrations: Vec<IntegrationId> = shared.live.load().installation.integrations.keys().cloned().collect();
        let (cursor, decided, availability, raging) = shared.view(move |view| {
            let cursor = view.cursor()?;
            let decided = view.decided_from(DecisionId::new(JournalId(cursor.0 + 1), 0))?;
            let mut raging = Vec::new();
            for integration in integrations {
                let key = transition::notice_key(&storm::cause(&integration));
                if view.open_incident(&TeamId::default(), &key)?.is_some() {
                    raging.push(integration);
                }
            }
            Ok((cursor, decided, view.host_secret(AVAILABILITY)?, raging))
        })?;
        // Before anything is decided: what is silenced pages nobody after a restart either.
        let silences = shared.view(|view| ports::object::all::<domain::silence::Silence>(view))?;
        ports::quiet::put_in_force(silences, &shared.live, shared.clock.now());
        shared.storms.resume(raging, shared.clock.now());
        let head = shared.journal.head();
        if cursor > head {
            return Err(StartError::Mismatch { cursor, head });
        }
        shared.cursor.send_replace(cursor);
        shared.decided.store(cursor.0, Ordering::Release);
        let mut availability = stored_availability(availability).graced(shared.settings.expiry_grace_seconds);
        if let Some(at) = feeder::newest(shared.journal.as_ref()) {
            availability.seen(at);
        }
        availability.start(shared.clock.now());
        let stored = availability.clone();
        shared.write(move |tx| put_availability(tx, &stored))?;
        shared.availability.store(Arc::new(availability));
        tracing::info!(cursor = cursor.0, head = head.0, decided = decided.len(), "the pipeline continues");

        let (normalizers, jobs) = normalizers::queue(shared.settings.normalizer_queue);
        let threads = Mutex::new(start_threads(&shared, &jobs, decided)?);
        let tasks = vec![
            tokio::spawn(expiry::wake_alerts(Arc::clone(&shared))).abort_handle(),
            tokio::spawn(expiry::beat(Arc::clone(&shared))).abort_handle(),
            tokio::spawn(quiet::keep(Arc::clone(&shared))).abort_handle(),
            tokio::spawn(heartbeats::keep(Arc::clone(&shared))).abort_handle(),
            tokio::spawn(queues::report(Arc::clone(&shared), normalizers.clone())).abort_handle(),
            tokio::spawn(dead_letter::retry(Arc::clone(&shared), normalizers.clone())).abort_handle(),
        ];
        Ok(Arc::new(Self { shared, normalizers, threads, tasks }))
    }

    /// Lets a body in before it is read: it is refused here while nothing can be taken, over its integration's rate, and where its
    /// integration or team holds its share of what all share.
    pub fn admit(&self, integration: &Integration) -> Result<Admission, Answer> {
        let name = integration.id.to_string();
        metrics::counter!("reveille_pipeline_bodies_total", "integration" => name.clone()).increment(1);
        if let Some(reason) = self.shared.full() {
            return Err(self.overloaded(reason));
        }
        let now = self.shared.clock.now();
        self.shared.admissions.admit(integration, now).map_err(|refused| match refused {
            Refused::Rate(retry_after_seconds, rate) => {
                metrics::counter!("reveille_pipeline_over_rate_total", "integration" => name).increment(1);
                self.shared.notice_storm(|storms, _, now| storms.refused(&integration.id, rate, now), &integration.team);
                let reason = format!("this integration sends more than its rate of {} a second", rate.per_second);
                Answer::Overloaded { retry_after_seconds, reason }
            }
            Refused::Share(reason) => {
                metrics::counter!("reveille_pipeline_over_share_total", "integration" => name).increment(1);
                self.overloaded(reason)
            }
        })
    }

    /// The answer to a body for which an admission has no more room.
    pub fn no_room(&self) -> Answer {
        self.overloaded("too many bytes are at the front door".to_owned())
    }

    /// [`Engine::admit`] and [`Engine::take_admitted`] in one, for a body that is read already.
    pub async fn take(&self, integration: &Integration, inbound: Inbound) -> Answer {
        let mut admission = match self.admit(integration) {
            Ok(admission) => admission,
            Err(answer) => return answer,
        };
        if !admission.hold(inbound.body.len()) {
            return self.no_room();
        }
        self.take_admitted(admission, integration, inbound).await
    }

    /// Takes a body in: normalizes it, and answers once it is on disk. An alert whose answer is [`Answer::Accepted`] or
    /// [`Answer::Parked`] is never lost.
    pub async fn take_admitted(&self, _admission: Admission, integration: &Integration, inbound: Inbound) -> Answer {
        let from = sender(integration);
        let Some(plugin) = self.shared.live.load().normalizers.get(&integration.id).cloned() else {
            return self.park(from, inbound, "the integration has no normalizer in force".to_owned()).await;
        };
        let cite = PluginRef::clone(plugin.cite());
        let (inbound, outcome) = match self.normalizers.run(plugin, Box::new(inbound)).await {
            Ok((inbound, outcome)) => (*inbound, outcome),
            Err(Busy::QueueFull) => return self.overloaded("too many bodies wait for a normalizer".to_owned()),
            Err(Busy::Stopped) => return self.overloaded("the server is shutting down".to_owned()),
        };
        match outcome {
            Ok(Ok(normalized)) if normalized.events.len() > EVENTS_LIMIT => {
                let reason = format!("{} made {} events of one body and {EVENTS_LIMIT} are the limit", cite.name, normalized.events.len());
                self.park(from, inbound, reason).await
            }
            Ok(Ok(normalized)) => self.accept(from, inbound, normalized, cite).await,
            Ok(Err(refusal)) => match self.append(Entry::Rejected { from, raw: inbound, reason: refusal.reason.clone() }).await {
                Ok(_) => Answer::Refused { reason: refusal.reason, reply: refusal.reply },
                Err(error) => self.unstored(&error),
            },
            Err(failure) => self.park(from, inbound, format!("{} {failure}", cite.name)).await,
        }
    }

    /// Notes a sign of life of a heartbeat of the team; durable once it answers. `false`: the team has none of that name.
    pub async fn beat(&self, team: &TeamId, name: &str) -> Result<bool, StoreError> {
        let installation = Arc::clone(&self.shared.live.load().installation);
        let Some(heartbeat) = installation.heartbeats.get(name).filter(|heartbeat| heartbeat.team == *team).cloned() else {
            return Ok(false);
        };
        let now = self.shared.clock.now();
        if self.shared.store.write(move |tx| heartbeats::came(tx, &heartbeat, now)).await? {
            self.shared.wakes.heartbeats.notify_one();
        }
        Ok(true)
    }

    /// Lists a body that was too large to be read. `inbound` comes without it.
    pub async fn oversize(&self, integration: &Integration, inbound: Inbound, size_bytes: u64) -> Answer {
        let limit_bytes = integration.body_limit_bytes;
        let reason = format!("the body has at least {size_bytes} bytes and {limit_bytes} are the limit of this integration");
        match self.refuse(integration, Inbound { body: Vec::new(), ..inbound }, reason).await {
            Answer::Refused { .. } => Answer::TooLarge { limit_bytes },
            other => other,
        }
    }

    /// Lists a body that no normalizer may be asked about.
    pub async fn refuse(&self, integration: &Integration, inbound: Inbound, reason: String) -> Answer {
        match self.append(Entry::Rejected { from: sender(integration), raw: inbound, reason: reason.clone() }).await {
            Ok(_) => Answer::Refused { reason, reply: None },
            Err(error) => self.unstored(&error),
        }
    }

    async fn accept(&self, from: Sender, raw: Inbound, normalized: Normalized, plugin: PluginRef) -> Answer {
        let Normalized { mut events, reply, confirm_url } = normalized;
        if confirm_url.is_some() {
            tracing::warn!(integration = %from.integration, "the sender asks to confirm its subscription by an address; open it by hand");
        }
        complete(&mut events, &raw);
        let count = events.len();
        self.shared.admissions.owe(&from.integration, count.saturating_sub(1));
        self.shared.notice_storm(|storms, bounds, now| storms.brought(&from.team, &from.integration, count, bounds, now), &from.team);
        match self.append(Entry::Taken { from, raw, events, plugin }).await {
            Ok(record) => Answer::Accepted { record, events: count, reply },
            Err(error) => self.unstored(&error),
        }
    }

    async fn park(&self, from: Sender, raw: Inbound, reason: String) -> Answer {
        tracing::warn!(integration = %from.integration, reason, "a body is parked");
        match self.append(Entry::Parked { from, raw, reason }).await {
            Ok(record) => Answer::Parked { record },
            Err(error) => self.unstored(&error),
        }
    }

    async fn append(&self, entry: Entry) -> Result<JournalId, JournalError> {
        fail::fail_point!("pipeline.before.journal");
        let record = Record { received_at: self.shared.clock.now(), entry };
        let stored = self.shared.journal.appended(record).await;
        self.shared.note_stored(stored.is_ok());
        let id = stored?;
        fail::fail_point!("pipeline.after.journal");
        Ok(id)
    }

    fn unstored(&self, error: &JournalError) -> Answer {
        self.overloaded(error.to_string())
    }

    fn overloaded(&self, reason: String) -> Answer {
        self.shared.refused.store(true, Ordering::Release);
        metrics::counter!("reveille_pipeline_overloaded_total").increment(1);
        Answer::Overloaded { retry_after_seconds: self.shared.settings.retry_after_seconds, reason }
    }

    /// Journals a command and waits for what comes of it.
    pub async fn command(&self, command: Command) -> Result<CommandOutcome, CommandError> {
        if self.shared.is_stopping() {
            return Err(CommandError::Stopping);
        }
        self.carried_out(Entry::Command(command)).await
    }

    /// Journals what somebody wants done and waits for what comes of it.
    async fn carried_out(&self, entry: Entry) -> Result<CommandOutcome, CommandError> {
        let record = self.append(entry).await?;
        let wait = Duration::from_millis(self.shared.settings.command_wait_ms);
        match tokio::time::timeout(wait, self.shared.waiters.wait(record)).await {
            Ok(Ok(Ok(outcome))) => Ok(outcome),
            Ok(Ok(Err(reason))) => Err(CommandError::Failed(reason)),
            Ok(Err(_)) => Err(CommandError::Stopping),
            Err(_) => Err(CommandError::Pending(record)),
        }
    }

    /// Tries a dead letter again with what is in force now; says in words what came of it.
    pub async fn replay(&self, id: DeadLetterId) -> Result<String, ReplayError> {
        dead_letter::replay(&self.shared, &self.normalizers, id).await
    }

    /// Puts a dead letter aside.
    pub async fn discard(&self, id: DeadLetterId) -> Result<(), ReplayError> {
        dead_letter::discard(&self.shared, id).await
    }

    /// How far the engine is behind.
    pub fn backlog(&self) -> Backlog {
        self.shared.backlog()
    }

    /// Why bodies are answered 503 at the moment, if they are: for readiness.
    pub fn overload(&self) -> Option<String> {
        self.shared.overload()
    }

    /// Every queue with its depth and its bound.
    pub fn queues(&self) -> Vec<QueueDepth> {
        queues::of(&self.shared, &self.normalizers)
    }

    /// Stops taking, finishes what is journaled as far as the bound allows, and stops. `true`: nothing is left to decide.
    pub async fn drain(&self) -> bool {
        self.shared.draining.store(true, Ordering::Release);
        let wait = Duration::from_millis(self.shared.settings.drain_wait_ms);
        let mut cursor = self.shared.cursor.subscribe();
        let decided = async {
            while self.shared.cursor() < self.shared.journal.head() || self.shared.journal.depth() > 0 {
                let _ = tokio::time::timeout(LOOK_UP, cursor.changed()).await;
            }
        };
        let finished = tokio::time::timeout(wait, decided).await.is_ok();
        expiry::beat_once(&self.shared).await;
        self.stop();
        let threads = std::mem::take(&mut *self.threads.lock());
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok())).await;
        finished && joined.unwrap_or(false)
    }

    fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Commands for EngineHandle {
    fn once(&self, from: Option<Sender>, command: Command, key: String) -> BoxFuture<'static, Result<Said, CommandFailure>> {
        let engine = Arc::clone(&self.0);
        Box::pin(async move {
            match engine.carried_out(Entry::Once { from, command, key }).await {
                Ok(CommandOutcome::Done(words)) => Ok(Said::Done(words)),
                Ok(CommandOutcome::Refused(words)) => Ok(Said::Refused(words)),
                Err(CommandError::Pending(_)) => Err(CommandFailure::Slow),
                Err(error) => Err(CommandFailure::NotStored(error.to_string())),
            }
        })
    }

    fn unheard(&self, from: Sender, raw: Inbound, reason: String) -> BoxFuture<'static, Result<(), CommandFailure>> {
        let engine = Arc::clone(&self.0);
        Box::pin(async move {
            let stored = engine.append(Entry::Rejected { from, raw, reason }).await;
            stored.map(drop).map_err(|error| CommandFailure::NotStored(error.to_string()))
        })
    }
}

/// The engine as those know it who only bring commands.
pub struct EngineHandle(pub Arc<Engine>);

impl Alarm for Engine {
    fn raise(&self, notice: Notice) {
        self.shared.raise(notice);
    }
}

fn sender(integration: &Integration) -> Sender {
    Sender { integration: integration.id.clone(), team: integration.team.clone() }
}

/// What the host says of every alert, whatever a normalizer left out.
pub fn complete(events: &mut [Event], raw: &Inbound) {
    for (index, event) in events.iter_mut().enumerate() {
        if let Event::Alert(alert) = event {
            alert.received_at = raw.received_at;
            if alert.entity.is_empty() {
                alert.entity = format!("{}/{index}", raw.id);
            }
        }
    }
}

fn start_threads(
    shared: &Arc<Shared>,
    jobs: &crossbeam_channel::Receiver<normalizers::Job>,
    decided: Vec<DecisionId>,
) -> Result<Vec<JoinHandle<()>>, std::io::Error> {
    let mut threads = Vec::new();
    let mut spawn = |name: String, run: Box<dyn FnOnce() + Send>| -> Result<(), std::io::Error> {
        threads.push(std::thread::Builder::new().name(name).spawn(run)?);
        Ok(())
    };
    let (commit, inbox) = crossbeam_channel::unbounded();
    let mut workers = Vec::new();
    for n in 0..shared.settings.partition_threads.clamp(1, usize::from(crate::PARTITIONS)) {
        let (tasks, todo) = crossbeam_channel::unbounded();
        workers.push(tasks);
        let (shared, commit) = (Arc::clone(shared), commit.clone());
        spawn(format!("partition-{n}"), Box::new(move || worker::run(&shared, &todo, &commit)))?;
    }
    for n in 0..shared.settings.normalizer_threads.max(1) {
        let (shared, jobs) = (Arc::clone(shared), jobs.clone());
        spawn(format!("normalizer-{n}"), Box::new(move || normalizers::work(&jobs, &shared.stopping)))?;
    }
    let committer = Committer::of(Arc::clone(shared), inbox);
    spawn("committer".to_owned(), Box::new(move || committer.run()))?;
    let (feed, pushed) = feeder::pushed();
    shared.journal.set_feed(feed);
    let next = JournalId(shared.cursor().0 + 1);
    let feeder = Feeder { shared: Arc::clone(shared), pushed, workers, commit, next, decided: decided.into_iter().collect(), drain: None };
    spawn("feeder".to_owned(), Box::new(move || feeder.run()))?;
    Ok(threads)
}
