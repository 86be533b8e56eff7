//! A store that fails on command, in front of a real one.

use domain::automation::{QueuedEvent, StoredAction};
use domain::escalation::Run;
use domain::id::*;
use domain::incident::*;
use domain::page::*;
use domain::schedule::Override;
use domain::state::{Generations, StateRow, StateSpace};
use domain::time::Millis;
use domain::timeline::Line;
use ports::object::{Kind, Stored};
use ports::store::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Passes everything on, but refuses one entity's rows, and as many commits as it is told to.
pub struct Flaky {
    pub store: Arc<dyn Store>,
    /// No row of an entity with this name can be written.
    pub poison: &'static str,
    /// So many write jobs are answered "unavailable".
    pub outages: AtomicU32,
    /// Write jobs that came.
    pub jobs: AtomicU32,
}

impl Store for Flaky {
    fn submit(&self, job: WriteJob, done: Done) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        if self.outages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
            return done(Err(StoreError::Unavailable { doing: "commit", why: "no space left on device".into() }));
        }
        let poison = self.poison;
        self.store.submit(Box::new(move |tx| job(&mut Poisoned { tx, poison })), done);
    }
    fn read(&self, job: ReadJob, done: Done) {
        self.store.read(job, done);
    }
    fn depth(&self) -> usize {
        self.store.depth()
    }
}

struct Poisoned<'t> {
    tx: &'t mut dyn Tx,
    poison: &'static str,
}

type Result<T> = std::result::Result<T, StoreError>;

impl View for Poisoned<'_> {
    fn cursor(&self) -> Result<JournalId> {
        self.tx.cursor()
    }
    fn decided_from(&self, from: DecisionId) -> Result<Vec<DecisionId>> {
        self.tx.decided_from(from)
    }
    fn alert(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>> {
        self.tx.alert(team, entity)
    }
    fn alert_by_id(&self, id: AlertId) -> Result<Option<AlertState>> {
        self.tx.alert_by_id(id)
    }
    fn alerts_of(&self, incident: IncidentId, limit: u32) -> Result<Vec<AlertState>> {
        self.tx.alerts_of(incident, limit)
    }
    fn alerts_waiting(&self, team: &TeamId, key: &str) -> Result<Vec<AlertState>> {
        self.tx.alerts_waiting(team, key)
    }
    fn alerts_to_wake(&self, now: Millis, limit: u32) -> Result<Vec<AlertState>> {
        self.tx.alerts_to_wake(now, limit)
    }
    fn next_wake(&self) -> Result<Option<Millis>> {
        self.tx.next_wake()
    }
    fn window(&self, team: &TeamId, key: &str) -> Result<Option<Window>> {
        self.tx.window(team, key)
    }
    fn incident(&self, id: IncidentId) -> Result<Option<Incident>> {
        self.tx.incident(id)
    }
    fn open_incident(&self, team: &TeamId, key: &str) -> Result<Option<IncidentId>> {
        self.tx.open_incident(team, key)
    }
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>> {
        self.tx.incidents(filter)
    }
    fn incidents_to_route(&self, limit: u32) -> Result<Vec<IncidentId>> {
        self.tx.incidents_to_route(limit)
    }
    fn timeline(&self, incident: IncidentId) -> Result<Vec<Line>> {
        self.tx.timeline(incident)
    }
    fn decision(&self, id: DecisionId) -> Result<Option<DecisionRow>> {
        self.tx.decision(id)
    }
    fn decisions(&self, filter: &DecisionFilter) -> Result<Vec<DecisionRow>> {
        self.tx.decisions(filter)
    }
    fn decision_count(&self) -> Result<u64> {
        self.tx.decision_count()
    }
    fn run(&self, id: RunId) -> Result<Option<Run>> {
        self.tx.run(id)
    }
    fn runs_of(&self, incident: IncidentId) -> Result<Vec<Run>> {
        self.tx.runs_of(incident)
    }
    fn runs_due(&self, now: Millis, limit: u32) -> Result<Vec<Run>> {
        self.tx.runs_due(now, limit)
    }
    fn next_run_due(&self) -> Result<Option<Millis>> {
        self.tx.next_run_due()
    }
    fn outbox(&self, id: OutboxId) -> Result<Option<Outbox>> {
        self.tx.outbox(id)
    }
    fn outbox_by_key(&self, key: &str) -> Result<Option<Outbox>> {
        self.tx.outbox_by_key(key)
    }
    fn outbox_of(&self, incident: IncidentId) -> Result<Vec<Outbox>> {
        self.tx.outbox_of(incident)
    }
    fn outbox_due(&self, now: Millis, limit: u32) -> Result<Vec<Outbox>> {
        self.tx.outbox_due(now, limit)
    }
    fn next_outbox_due(&self) -> Result<Option<Millis>> {
        self.tx.next_outbox_due()
    }
    fn outbox_count(&self, state: OutboxState) -> Result<u64> {
        self.tx.outbox_count(state)
    }
    fn dead_letters(&self, state: Option<DeadLetterState>, before: Option<DeadLetterId>, limit: u32) -> Result<Vec<DeadLetter>> {
        self.tx.dead_letters(state, before, limit)
    }
    fn dead_letter(&self, id: DeadLetterId) -> Result<Option<DeadLetter>> {
        self.tx.dead_letter(id)
    }
    fn dead_letters_due(&self, now: Millis, limit: u32) -> Result<Vec<DeadLetter>> {
        self.tx.dead_letters_due(now, limit)
    }
    fn dead_letters_waiting(&self, integration: Option<&IntegrationId>) -> Result<u64> {
        self.tx.dead_letters_waiting(integration)
    }
    fn overrides(&self, rotation: Option<&RotationId>, from: Millis) -> Result<Vec<Override>> {
        self.tx.overrides(rotation, from)
    }
    fn credential(&self, id: &str) -> Result<Option<Credential>> {
        self.tx.credential(id)
    }
    fn credentials(&self, kind: CredentialKind) -> Result<Vec<Credential>> {
        self.tx.credentials(kind)
    }
    fn configuration(&self) -> Result<Option<(Revision, String)>> {
        self.tx.configuration()
    }
    fn audit(&self, before: Option<AuditId>, limit: u32) -> Result<Vec<AuditRow>> {
        self.tx.audit(before, limit)
    }
    fn host_secret(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.tx.host_secret(name)
    }
    fn plugin_state(&self, space: &StateSpace) -> Result<Vec<StateRow>> {
        self.tx.plugin_state(space)
    }
    fn events_due(&self, now: Millis, limit: u32) -> Result<Vec<QueuedEvent>> {
        self.tx.events_due(now, limit)
    }
    fn event(&self, id: EventId) -> Result<Option<QueuedEvent>> {
        self.tx.event(id)
    }
    fn next_event_due(&self) -> Result<Option<Millis>> {
        self.tx.next_event_due()
    }
    fn action(&self, id: ActionId) -> Result<Option<StoredAction>> {
        self.tx.action(id)
    }
    fn actions_of(&self, incident: IncidentId) -> Result<Vec<StoredAction>> {
        self.tx.actions_of(incident)
    }
    fn actions(&self, filter: &ActionFilter) -> Result<Vec<StoredAction>> {
        self.tx.actions(filter)
    }
    fn actions_due(&self, now: Millis, limit: u32) -> Result<Vec<StoredAction>> {
        self.tx.actions_due(now, limit)
    }
    fn next_action_due(&self) -> Result<Option<Millis>> {
        self.tx.next_action_due()
    }
    fn outbox_by_reference(&self, reference: &str) -> Result<Option<Outbox>> {
        self.tx.outbox_by_reference(reference)
    }
    fn last_told(&self, user: &UserId) -> Result<Option<IncidentId>> {
        self.tx.last_told(user)
    }
    fn object(&self, kind: Kind, id: &str) -> Result<Option<Stored>> {
        self.tx.object(kind, id)
    }
    fn objects(&self, kind: Kind, after: &str, limit: u32) -> Result<Vec<Stored>> {
        self.tx.objects(kind, after, limit)
    }
    fn objects_due(&self, kind: Kind, now: Millis, limit: u32) -> Result<Vec<Stored>> {
        self.tx.objects_due(kind, now, limit)
    }
    fn next_object_due(&self, kind: Kind) -> Result<Option<Millis>> {
        self.tx.next_object_due(kind)
    }
    fn generations(&self) -> Result<Generations> {
        self.tx.generations()
    }
}

impl Tx for Poisoned<'_> {
    fn put_alert(&mut self, alert: &AlertState) -> Result<()> {
        if alert.entity == self.poison {
            return Err(StoreError::Corrupt { doing: "writes an alert", why: "poison".into() });
        }
        self.tx.put_alert(alert)
    }
    fn lock_keys(&mut self, keys: &[(TeamId, String)]) -> Result<()> {
        self.tx.lock_keys(keys)
    }
    fn as_view(&self) -> &dyn View {
        self
    }
    fn set_cursor(&mut self, cursor: JournalId) -> Result<()> {
        self.tx.set_cursor(cursor)
    }
    fn add_decision(&mut self, row: &DecisionRow) -> Result<bool> {
        self.tx.add_decision(row)
    }
    fn add_done(&mut self, id: DecisionId) -> Result<bool> {
        self.tx.add_done(id)
    }
    fn new_alert_id(&mut self) -> Result<AlertId> {
        self.tx.new_alert_id()
    }
    fn put_window(&mut self, team: &TeamId, key: &str, window: &Window) -> Result<()> {
        self.tx.put_window(team, key, window)
    }
    fn new_incident_id(&mut self) -> Result<IncidentId> {
        self.tx.new_incident_id()
    }
    fn put_incident(&mut self, incident: &Incident) -> Result<()> {
        self.tx.put_incident(incident)
    }
    fn set_open_incident(&mut self, team: &TeamId, key: &str, incident: Option<IncidentId>) -> Result<()> {
        self.tx.set_open_incident(team, key, incident)
    }
    fn add_line(&mut self, incident: IncidentId, line: &Line) -> Result<()> {
        self.tx.add_line(incident, line)
    }
    fn new_run_id(&mut self) -> Result<RunId> {
        self.tx.new_run_id()
    }
    fn put_run(&mut self, run: &Run) -> Result<()> {
        self.tx.put_run(run)
    }
    fn new_outbox_id(&mut self) -> Result<OutboxId> {
        self.tx.new_outbox_id()
    }
    fn add_outbox(&mut self, row: &Outbox) -> Result<bool> {
        self.tx.add_outbox(row)
    }
    fn put_outbox(&mut self, row: &Outbox) -> Result<()> {
        self.tx.put_outbox(row)
    }
    fn new_dead_letter_id(&mut self) -> Result<DeadLetterId> {
        self.tx.new_dead_letter_id()
    }
    fn put_dead_letter(&mut self, letter: &DeadLetter) -> Result<()> {
        self.tx.put_dead_letter(letter)
    }
    fn new_override_id(&mut self) -> Result<OverrideId> {
        self.tx.new_override_id()
    }
    fn put_override(&mut self, entry: &Override) -> Result<()> {
        self.tx.put_override(entry)
    }
    fn delete_override(&mut self, id: OverrideId) -> Result<()> {
        self.tx.delete_override(id)
    }
    fn put_credential(&mut self, credential: &Credential) -> Result<()> {
        self.tx.put_credential(credential)
    }
    fn delete_credential(&mut self, id: &str) -> Result<()> {
        self.tx.delete_credential(id)
    }
    fn add_configuration(&mut self, revision: Revision, document: &str, at: Millis) -> Result<()> {
        self.tx.add_configuration(revision, document, at)
    }
    fn add_audit(&mut self, row: &AuditRow) -> Result<()> {
        self.tx.add_audit(row)
    }
    fn put_host_secret(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.tx.put_host_secret(name, value)
    }
    fn put_plugin_state(&mut self, row: &StateRow) -> Result<()> {
        self.tx.put_plugin_state(row)
    }
    fn delete_plugin_state(&mut self, space: &StateSpace, key: &str) -> Result<()> {
        self.tx.delete_plugin_state(space, key)
    }
    fn delete_expired_plugin_state(&mut self, now: Millis, limit: u32) -> Result<u64> {
        self.tx.delete_expired_plugin_state(now, limit)
    }
    fn new_event_id(&mut self) -> Result<EventId> {
        self.tx.new_event_id()
    }
    fn put_event(&mut self, event: &QueuedEvent) -> Result<()> {
        self.tx.put_event(event)
    }
    fn delete_event(&mut self, id: EventId) -> Result<()> {
        self.tx.delete_event(id)
    }
    fn new_action_id(&mut self) -> Result<ActionId> {
        self.tx.new_action_id()
    }
    fn add_action(&mut self, action: &StoredAction) -> Result<bool> {
        self.tx.add_action(action)
    }
    fn put_action(&mut self, action: &StoredAction) -> Result<()> {
        self.tx.put_action(action)
    }
    fn add_once(&mut self, key: &str, at: Millis) -> Result<bool> {
        self.tx.add_once(key, at)
    }
    fn forget_once(&mut self, until: Millis, limit: u32) -> Result<u64> {
        self.tx.forget_once(until, limit)
    }
    fn put_object(&mut self, object: &Stored) -> Result<()> {
        self.tx.put_object(object)
    }
    fn delete_object(&mut self, kind: Kind, id: &str) -> Result<bool> {
        self.tx.delete_object(kind, id)
    }
    fn count_generations(&mut self, partitions: u64) -> Result<Generations> {
        self.tx.count_generations(partitions)
    }
    fn next_epoch(&mut self) -> Result<u64> {
        self.tx.next_epoch()
    }
}
