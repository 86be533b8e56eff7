//! The store: what is true. One writer at a time; a transaction's jobs become durable together.
//!
//! The traits speak of rows, not of rules: what follows from a decision is `domain`'s, and is worked out between reads and writes of one
//! transaction by `pipeline` and `oncall`.

use crate::object::{Kind, Stored};
use domain::automation::{ActionState, QueuedEvent, StoredAction};
use domain::decision::{Decision, Outcome};
use domain::escalation::Run;
use domain::id::{
    ActionId, AlertId, AuditId, DeadLetterId, DecisionId, EventId, IncidentId, IntegrationId, JournalId, OutboxId, OverrideId, Revision,
    RotationId, RunId, TeamId, UserId,
};
use domain::incident::{AlertState, Incident, Window};
use domain::page::{Outbox, OutboxState};
use domain::schedule::Override;
use domain::state::{Generations, StateRow, StateSpace};
use domain::time::Millis;
use domain::timeline::Line;
use std::sync::Arc;
use thiserror::Error;

/// Why the store did not do it.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// The disk is full, the file is gone, the database does not answer. Nothing of the transaction happened.
    #[error("the store cannot {doing}: {why}")]
    Unavailable { doing: &'static str, why: String },
    /// A stored row cannot be read.
    #[error("the store holds a row that cannot be read while it {doing}: {why}")]
    Corrupt { doing: &'static str, why: String },
    /// The job itself gave up; its transaction is rolled back.
    #[error("{0}")]
    Abandoned(String),
}

/// A job of the writer: reads and writes inside one transaction. An error undoes this job alone.
pub type WriteJob = Box<dyn FnOnce(&mut dyn Tx) -> Result<(), StoreError> + Send>;
/// A job of a reader: a consistent view of what was committed before it began.
pub type ReadJob = Box<dyn FnOnce(&dyn View) -> Result<(), StoreError> + Send>;
/// Told after the commit is durable, or failed.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The store behind one trait, whatever the database.
pub trait Store: Send + Sync {
    /// Queues a job for the writer. Jobs run in the order submitted, several may share a commit; `done` is called from the writer's thread
    /// after the fsync. Never blocks.
    fn submit(&self, job: WriteJob, done: Done);

    /// Runs a job on one of the readers' threads, then `done`.
    fn read(&self, job: ReadJob, done: Done);

    /// Jobs that wait for the writer.
    fn depth(&self) -> usize;
}

impl dyn Store {
    /// Runs `job` in a transaction and gives its value once that is durable.
    pub async fn write<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Tx) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let (told, wait) = tokio::sync::oneshot::channel();
        let slot = Arc::new(std::sync::Mutex::new(None));
        let filled = Arc::clone(&slot);
        self.submit(
            Box::new(move |tx| {
                let value = job(tx)?;
                *lock(&filled) = Some(value);
                Ok(())
            }),
            Box::new(move |result| drop(told.send(result))),
        );
        answer(wait.await, &slot)
    }

    /// Runs `job` on a reader and gives its value.
    pub async fn view<R: Send + 'static>(
        &self,
        job: impl FnOnce(&dyn View) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let (told, wait) = tokio::sync::oneshot::channel();
        let slot = Arc::new(std::sync::Mutex::new(None));
        let filled = Arc::clone(&slot);
        self.read(
            Box::new(move |view| {
                let value = job(view)?;
                *lock(&filled) = Some(value);
                Ok(())
            }),
            Box::new(move |result| drop(told.send(result))),
        );
        answer(wait.await, &slot)
    }
}

fn lock<T>(slot: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn answer<R, E>(told: Result<Result<(), StoreError>, E>, slot: &std::sync::Mutex<Option<R>>) -> Result<R, StoreError> {
    let stopped = || StoreError::Unavailable { doing: "answer", why: "it is stopping".into() };
    told.map_err(|_| stopped())??;
    lock(slot).take().ok_or_else(stopped)
}

/// A body that was parked or rejected, or a decision that could not be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub id: DeadLetterId,
    pub at: Millis,
    /// Where its bytes are.
    pub record: JournalId,
    /// `Some`: only this event of the record, whose decision could not be committed.
    pub decision: Option<DecisionId>,
    pub integration: Option<IntegrationId>,
    pub kind: DeadLetterKind,
    pub reason: String,
    pub state: DeadLetterState,
    /// How often it was tried again.
    pub tries: u32,
    /// When a parked one is tried again on its own.
    pub next_at: Option<Millis>,
}

/// Why it is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterKind {
    /// The normalizer failed on it.
    Parked,
    /// The normalizer refused it, or it was too large.
    Rejected,
    /// Its decision could not be committed.
    Uncommitted,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterState {
    Waiting,
    /// Taken in after all.
    Replayed,
    /// An operator put it aside.
    Discarded,
}

/// A decision as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    pub decision: Decision,
    pub incident: Option<IncidentId>,
    pub outcome: Outcome,
    pub at: Millis,
}

/// A line of the audit log: who changed what. Append-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// 0 when handed in; the store numbers it.
    pub id: AuditId,
    pub at: Millis,
    /// Such as `user alice by token ci` or `host`.
    pub actor: String,
    /// Such as `config.apply`.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// What changed, in words or JSON; no secrets.
    pub details: String,
}

/// A credential as stored: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Lower-case hex SHA-256 of the secret; for passwords a name such as `password/alice`.
    pub id: String,
    pub kind: CredentialKind,
    /// The user that it acts as; for an integration key, `None`.
    pub user: Option<UserId>,
    pub integration: Option<IntegrationId>,
    /// What to call it in lists.
    pub label: String,
    /// For a token: `read`, `respond` or `admin`, and the team it is limited to, as `respond/shop`; several separated by spaces.
    pub scope: String,
    /// For a password: its argon2id string. For a session: its CSRF token. Otherwise empty.
    pub detail: String,
    pub created_at: Millis,
    pub expires_at: Option<Millis>,
    pub last_used_at: Option<Millis>,
}

/// What a credential opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// Ingest only.
    IntegrationKey,
    ApiToken,
    Session,
    /// Signs its user in once.
    SignInLink,
    Password,
    /// Reads the shifts of one calendar.
    CalendarFeed,
}

/// Which incidents to list.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// `Some(true)`: only open ones; `Some(false)`: only resolved ones.
    pub open: Option<bool>,
    /// Only of these teams; `None`: of all.
    pub teams: Option<Vec<TeamId>>,
    /// Only ids below this one (for paging; newest first).
    pub before: Option<IncidentId>,
    /// At most so many; bounded to 500.
    pub limit: u32,
}

/// Which decisions to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct DecisionFilter {
    pub incident: Option<IncidentId>,
    pub before: Option<DecisionId>,
    pub limit: u32,
}

/// Which actions to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct ActionFilter {
    pub state: Option<ActionState>,
    /// Only of incidents of these teams; `None`: of all.
    pub teams: Option<Vec<TeamId>>,
    pub before: Option<ActionId>,
    pub limit: u32,
}

/// Reads.
pub trait View {
    /// The journal id up to which every event is decided and committed.
    fn cursor(&self) -> Result<JournalId, StoreError>;
    /// Which of the decisions with ids from `from` on are committed, sorted: the done-marks above the cursor.
    fn decided_from(&self, from: DecisionId) -> Result<Vec<DecisionId>, StoreError>;
    fn alert(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>, StoreError>;
    fn alert_by_id(&self, id: AlertId) -> Result<Option<AlertState>, StoreError>;
    /// Alerts recorded on an incident, newest report first.
    fn alerts_of(&self, incident: IncidentId, limit: u32) -> Result<Vec<AlertState>, StoreError>;
    /// Firing alerts of a key that wait for their threshold (no incident, not suppressed).
    fn alerts_waiting(&self, team: &TeamId, key: &str) -> Result<Vec<AlertState>, StoreError>;
    /// Alerts whose wake time is at or before `now`, earliest first.
    fn alerts_to_wake(&self, now: Millis, limit: u32) -> Result<Vec<AlertState>, StoreError>;
    /// The earliest wake time of all alerts.
    fn next_wake(&self) -> Result<Option<Millis>, StoreError>;
    /// Alerts that fire, acknowledged ones among them, with ids after `after`, by id; at most `limit`.
    fn alerts_firing(&self, after: AlertId, limit: u32) -> Result<Vec<AlertState>, StoreError>;
    fn window(&self, team: &TeamId, key: &str) -> Result<Option<Window>, StoreError>;
    fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError>;
    /// The open incident that new alerts of this key join.
    fn open_incident(&self, team: &TeamId, key: &str) -> Result<Option<IncidentId>, StoreError>;
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError>;
    /// Incidents that the router has to look at, oldest first.
    fn incidents_to_route(&self, limit: u32) -> Result<Vec<IncidentId>, StoreError>;
    fn timeline(&self, incident: IncidentId) -> Result<Vec<Line>, StoreError>;
    fn decision(&self, id: DecisionId) -> Result<Option<DecisionRow>, StoreError>;
    fn decisions(&self, filter: &DecisionFilter) -> Result<Vec<DecisionRow>, StoreError>;
    /// How many decisions are stored.
    fn decision_count(&self) -> Result<u64, StoreError>;
    fn run(&self, id: RunId) -> Result<Option<Run>, StoreError>;
    fn runs_of(&self, incident: IncidentId) -> Result<Vec<Run>, StoreError>;
    /// Active runs due at or before `now`, earliest first.
    fn runs_due(&self, now: Millis, limit: u32) -> Result<Vec<Run>, StoreError>;
    fn next_run_due(&self) -> Result<Option<Millis>, StoreError>;
    fn outbox(&self, id: OutboxId) -> Result<Option<Outbox>, StoreError>;
    fn outbox_by_key(&self, key: &str) -> Result<Option<Outbox>, StoreError>;
    fn outbox_of(&self, incident: IncidentId) -> Result<Vec<Outbox>, StoreError>;
    /// Rows queued or with a lapsed claim, due at or before `now`, earliest first.
    fn outbox_due(&self, now: Millis, limit: u32) -> Result<Vec<Outbox>, StoreError>;
    fn next_outbox_due(&self) -> Result<Option<Millis>, StoreError>;
    /// How many outbox rows are in a state.
    fn outbox_count(&self, state: OutboxState) -> Result<u64, StoreError>;
    /// Newest first.
    fn dead_letters(&self, state: Option<DeadLetterState>, before: Option<DeadLetterId>, limit: u32)
    -> Result<Vec<DeadLetter>, StoreError>;
    fn dead_letter(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError>;
    /// Parked ones to be tried again at or before `now`.
    fn dead_letters_due(&self, now: Millis, limit: u32) -> Result<Vec<DeadLetter>, StoreError>;
    fn dead_letters_waiting(&self, integration: Option<&IntegrationId>) -> Result<u64, StoreError>;
    /// Overrides of a rotation that end after `from`, by start.
    fn overrides(&self, rotation: Option<&RotationId>, from: Millis) -> Result<Vec<Override>, StoreError>;
    fn credential(&self, id: &str) -> Result<Option<Credential>, StoreError>;
    fn credentials(&self, kind: CredentialKind) -> Result<Vec<Credential>, StoreError>;
    /// The newest configuration: its revision and its document (JSON as `documents` writes it).
    fn configuration(&self) -> Result<Option<(Revision, String)>, StoreError>;
    /// Newest first.
    fn audit(&self, before: Option<AuditId>, limit: u32) -> Result<Vec<AuditRow>, StoreError>;
    /// A secret of the installation that the host made itself, such as the key that signs links.
    fn host_secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Everything that is remembered in a name space, by key; what has expired may still be there.
    fn plugin_state(&self, space: &StateSpace) -> Result<Vec<StateRow>, StoreError>;
    /// Events that automation plugins are still to be told at or before `now`, in the order in which they happened.
    fn events_due(&self, now: Millis, limit: u32) -> Result<Vec<QueuedEvent>, StoreError>;
    fn event(&self, id: EventId) -> Result<Option<QueuedEvent>, StoreError>;
    fn next_event_due(&self) -> Result<Option<Millis>, StoreError>;
    fn action(&self, id: ActionId) -> Result<Option<StoredAction>, StoreError>;
    /// In the order in which they were asked for.
    fn actions_of(&self, incident: IncidentId) -> Result<Vec<StoredAction>, StoreError>;
    fn actions(&self, filter: &ActionFilter) -> Result<Vec<StoredAction>, StoreError>;
    /// Waiting, queued and claimed ones whose time is at or before `now`, earliest first.
    fn actions_due(&self, now: Millis, limit: u32) -> Result<Vec<StoredAction>, StoreError>;
    fn next_action_due(&self) -> Result<Option<Millis>, StoreError>;
    /// The newest message with this reference of its provider.
    fn outbox_by_reference(&self, reference: &str) -> Result<Option<Outbox>, StoreError>;
    /// The incident of the newest message that a provider took for this user.
    fn last_told(&self, user: &UserId) -> Result<Option<IncidentId>, StoreError>;
    /// An object by its kind and id.
    fn object(&self, kind: Kind, id: &str) -> Result<Option<Stored>, StoreError>;
    /// Objects of a kind with ids after `after`, by id.
    fn objects(&self, kind: Kind, after: &str, limit: u32) -> Result<Vec<Stored>, StoreError>;
    /// Those that the host has to look at, at or before `now`, earliest first.
    fn objects_due(&self, kind: Kind, now: Millis, limit: u32) -> Result<Vec<Stored>, StoreError>;
    fn next_object_due(&self, kind: Kind) -> Result<Option<Millis>, StoreError>;
    /// How often each partition of the hot state was committed to.
    fn generations(&self) -> Result<Generations, StoreError>;
}

/// Reads and writes of one transaction.
pub trait Tx: View {
    /// Locks the open-incident rows of these keys, which the caller gives sorted; a store with one writer has nothing to do.
    fn lock_keys(&mut self, keys: &[(TeamId, String)]) -> Result<(), StoreError>;
    /// A hint: these alerts (team and entity), and the open incidents and windows of these keys, are about to be read. A store that has to ask
    /// over a network reads them together; for others there is nothing to do.
    fn prefetch(&mut self, _alerts: &[(&TeamId, &str)], _keys: &[(&TeamId, &str)]) -> Result<(), StoreError> {
        Ok(())
    }
    fn set_cursor(&mut self, cursor: JournalId) -> Result<(), StoreError>;
    /// Appends a decision with its outcome; `false` if it is already there, then nothing is written.
    fn add_decision(&mut self, row: &DecisionRow) -> Result<bool, StoreError>;
    /// Marks an event that is no alert (a command, a notice, a heartbeat) as done; `false` if it already was.
    fn add_done(&mut self, id: DecisionId) -> Result<bool, StoreError>;
    fn new_alert_id(&mut self) -> Result<AlertId, StoreError>;
    /// Inserts or replaces.
    fn put_alert(&mut self, alert: &AlertState) -> Result<(), StoreError>;
    /// An empty window is deleted.
    fn put_window(&mut self, team: &TeamId, key: &str, window: &Window) -> Result<(), StoreError>;
    fn new_incident_id(&mut self) -> Result<IncidentId, StoreError>;
    /// Inserts or replaces.
    fn put_incident(&mut self, incident: &Incident) -> Result<(), StoreError>;
    /// Sets which open incident new alerts of the key join; `None`: none.
    fn set_open_incident(&mut self, team: &TeamId, key: &str, incident: Option<IncidentId>) -> Result<(), StoreError>;
    fn add_line(&mut self, incident: IncidentId, line: &Line) -> Result<(), StoreError>;
    fn new_run_id(&mut self) -> Result<RunId, StoreError>;
    fn put_run(&mut self, run: &Run) -> Result<(), StoreError>;
    fn new_outbox_id(&mut self) -> Result<OutboxId, StoreError>;
    /// Inserts; `false` if a row with this key is already there, then nothing is written.
    fn add_outbox(&mut self, row: &Outbox) -> Result<bool, StoreError>;
    fn put_outbox(&mut self, row: &Outbox) -> Result<(), StoreError>;
    fn new_dead_letter_id(&mut self) -> Result<DeadLetterId, StoreError>;
    fn put_dead_letter(&mut self, letter: &DeadLetter) -> Result<(), StoreError>;
    fn new_override_id(&mut self) -> Result<OverrideId, StoreError>;
    fn put_override(&mut self, entry: &Override) -> Result<(), StoreError>;
    fn delete_override(&mut self, id: OverrideId) -> Result<(), StoreError>;
    fn put_credential(&mut self, credential: &Credential) -> Result<(), StoreError>;
    fn delete_credential(&mut self, id: &str) -> Result<(), StoreError>;
    /// Appends a configuration; its revision must be the newest + 1.
    fn add_configuration(&mut self, revision: Revision, document: &str, at: Millis) -> Result<(), StoreError>;
    fn add_audit(&mut self, row: &AuditRow) -> Result<(), StoreError>;
    fn put_host_secret(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Inserts or replaces.
    fn put_plugin_state(&mut self, row: &StateRow) -> Result<(), StoreError>;
    /// Nothing, if it is not there.
    fn delete_plugin_state(&mut self, space: &StateSpace, key: &str) -> Result<(), StoreError>;
    /// Deletes what has expired at `now`, at most `limit`, earliest first; how many were deleted.
    fn delete_expired_plugin_state(&mut self, now: Millis, limit: u32) -> Result<u64, StoreError>;
    fn new_event_id(&mut self) -> Result<EventId, StoreError>;
    /// Inserts or replaces.
    fn put_event(&mut self, event: &QueuedEvent) -> Result<(), StoreError>;
    /// Nothing, if it is not there.
    fn delete_event(&mut self, id: EventId) -> Result<(), StoreError>;
    fn new_action_id(&mut self) -> Result<ActionId, StoreError>;
    /// Inserts; `false` if its incident already has one with this key of this plugin, then nothing is written.
    fn add_action(&mut self, action: &StoredAction) -> Result<bool, StoreError>;
    /// Inserts or replaces.
    fn put_action(&mut self, action: &StoredAction) -> Result<(), StoreError>;
    /// Marks what is to be done once as done; `false` if it already was, then nothing is written.
    fn add_once(&mut self, key: &str, at: Millis) -> Result<bool, StoreError>;
    /// Forgets marks from before `until`, at most `limit`, earliest first; how many were forgotten.
    fn forget_once(&mut self, until: Millis, limit: u32) -> Result<u64, StoreError>;
    /// Inserts or replaces.
    fn put_object(&mut self, object: &Stored) -> Result<(), StoreError>;
    /// `false`: it was not there.
    fn delete_object(&mut self, kind: Kind, id: &str) -> Result<bool, StoreError>;
    /// Counts a commit for each partition whose bit is set, and gives all numbers.
    fn count_generations(&mut self, partitions: u64) -> Result<Generations, StoreError>;
    /// Begins the next epoch of ownership and gives its number, from 1: an owner with a lower one may not write hot state any more.
    fn next_epoch(&mut self) -> Result<u64, StoreError>;
    /// For reads through a transaction where a `View` is asked.
    fn as_view(&self) -> &dyn View;
}
