//! The ports' reads and writes on one connection. Readers see the file; the writer's transaction sees its memory first.

pub(crate) mod action;
pub(crate) mod alert;
pub(crate) mod dead_letter;
pub(crate) mod decision;
mod incident;
pub(crate) mod installation;
mod object;
pub(crate) mod page;
mod state;

use crate::codec::Number;
use crate::heat::{Counter, Heat};
use domain::automation::{QueuedEvent, StoredAction};
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
use ports::object::{Kind, Stored};
use ports::store::{
    ActionFilter, AuditRow, Credential, CredentialKind, DeadLetter, DeadLetterState, DecisionFilter, DecisionRow, IncidentFilter,
    StoreError, Tx, View,
};
use rusqlite::Connection;
use std::cell::RefCell;
use std::sync::Arc;

type Result<T> = std::result::Result<T, StoreError>;

/// The ports over one of two sources.
pub(crate) struct Rows<S>(pub S);

/// What a reader's job sees.
pub(crate) struct Reader<'a>(pub &'a Connection);

/// What a writer's job sees. Reads warm the memory up, hence the cell.
pub(crate) struct Writer<'a> {
    pub on: &'a Connection,
    pub heat: &'a RefCell<Heat>,
}

/// The reads that differ between reader and writer, so that the others are written once.
trait Source {
    fn on(&self) -> &Connection;
    fn counter(&self, counter: Counter) -> Result<u64>;
    fn alert_of(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>>;
    fn alert_of_id(&self, id: AlertId) -> Result<Option<AlertState>>;
}

impl Source for Reader<'_> {
    fn on(&self) -> &Connection {
        self.0
    }
    fn counter(&self, counter: Counter) -> Result<u64> {
        counter.read(self.0)
    }
    fn alert_of(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>> {
        Ok(alert::by_entity(self.0, team, entity)?.map(|row| row.state()))
    }
    fn alert_of_id(&self, id: AlertId) -> Result<Option<AlertState>> {
        Ok(alert::by_id(self.0, id)?.map(|row| row.state()))
    }
}

impl Writer<'_> {
    fn warm(&self, found: Option<alert::AlertRow>) -> Option<AlertState> {
        let row = found?;
        let state = row.state();
        self.heat.borrow_mut().remember(Arc::new(row));
        Some(state)
    }
}

impl Source for Writer<'_> {
    fn on(&self) -> &Connection {
        self.on
    }
    fn counter(&self, counter: Counter) -> Result<u64> {
        Ok(self.heat.borrow().counter(counter))
    }
    fn alert_of(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>> {
        let known = self.heat.borrow_mut().alert(team, entity);
        match known {
            Some(row) => Ok(Some(row.state())),
            None => Ok(self.warm(alert::by_entity(self.on, team, entity)?)),
        }
    }
    fn alert_of_id(&self, id: AlertId) -> Result<Option<AlertState>> {
        let known = self.heat.borrow_mut().alert_by_id(id.0);
        match known {
            Some(row) => Ok(Some(row.state())),
            None => Ok(self.warm(alert::by_id(self.on, id)?)),
        }
    }
}

impl<S: Source> View for Rows<S> {
    fn cursor(&self) -> Result<JournalId> {
        self.0.counter(Counter::Cursor).map(JournalId)
    }
    fn decided_from(&self, from: DecisionId) -> Result<Vec<DecisionId>> {
        decision::decided_from(self.0.on(), from)
    }
    fn alert(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>> {
        self.0.alert_of(team, entity)
    }
    fn alert_by_id(&self, id: AlertId) -> Result<Option<AlertState>> {
        self.0.alert_of_id(id)
    }
    fn alerts_of(&self, incident: IncidentId, limit: u32) -> Result<Vec<AlertState>> {
        alert::of_incident(self.0.on(), incident, limit)
    }
    fn alerts_waiting(&self, team: &TeamId, key: &str) -> Result<Vec<AlertState>> {
        alert::waiting(self.0.on(), team, key)
    }
    fn alerts_to_wake(&self, now: Millis, limit: u32) -> Result<Vec<AlertState>> {
        alert::to_wake(self.0.on(), now, limit)
    }
    fn alerts_firing(&self, after: AlertId, limit: u32) -> Result<Vec<AlertState>> {
        alert::firing(self.0.on(), after, limit)
    }
    fn next_wake(&self) -> Result<Option<Millis>> {
        alert::next_wake(self.0.on())
    }
    fn window(&self, team: &TeamId, key: &str) -> Result<Option<Window>> {
        alert::window(self.0.on(), team, key)
    }
    fn incident(&self, id: IncidentId) -> Result<Option<Incident>> {
        incident::by_id(self.0.on(), id)
    }
    fn open_incident(&self, team: &TeamId, key: &str) -> Result<Option<IncidentId>> {
        incident::open_of_key(self.0.on(), team, key)
    }
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>> {
        incident::list(self.0.on(), filter)
    }
    fn incidents_to_route(&self, limit: u32) -> Result<Vec<IncidentId>> {
        incident::to_route(self.0.on(), limit)
    }
    fn timeline(&self, incident: IncidentId) -> Result<Vec<Line>> {
        incident::timeline(self.0.on(), incident)
    }
    fn decision(&self, id: DecisionId) -> Result<Option<DecisionRow>> {
        decision::by_id(self.0.on(), id)
    }
    fn decisions(&self, filter: &DecisionFilter) -> Result<Vec<DecisionRow>> {
        decision::list(self.0.on(), filter)
    }
    fn decision_count(&self) -> Result<u64> {
        self.0.counter(Counter::Decisions)
    }
    fn run(&self, id: RunId) -> Result<Option<Run>> {
        page::run(self.0.on(), id)
    }
    fn runs_of(&self, incident: IncidentId) -> Result<Vec<Run>> {
        page::runs_of(self.0.on(), incident)
    }
    fn runs_due(&self, now: Millis, limit: u32) -> Result<Vec<Run>> {
        page::runs_due(self.0.on(), now, limit)
    }
    fn next_run_due(&self) -> Result<Option<Millis>> {
        page::next_run_due(self.0.on())
    }
    fn outbox(&self, id: OutboxId) -> Result<Option<Outbox>> {
        page::outbox(self.0.on(), id)
    }
    fn outbox_by_key(&self, key: &str) -> Result<Option<Outbox>> {
        page::outbox_by_key(self.0.on(), key)
    }
    fn outbox_of(&self, incident: IncidentId) -> Result<Vec<Outbox>> {
        page::outbox_of(self.0.on(), incident)
    }
    fn outbox_due(&self, now: Millis, limit: u32) -> Result<Vec<Outbox>> {
        page::outbox_due(self.0.on(), now, limit)
    }
    fn next_outbox_due(&self) -> Result<Option<Millis>> {
        page::next_outbox_due(self.0.on())
    }
    fn outbox_count(&self, state: OutboxState) -> Result<u64> {
        page::outbox_count(self.0.on(), state)
    }
    fn dead_letters(&self, state: Option<DeadLetterState>, before: Option<DeadLetterId>, limit: u32) -> Result<Vec<DeadLetter>> {
        dead_letter::list(self.0.on(), state, before, limit)
    }
    fn dead_letter(&self, id: DeadLetterId) -> Result<Option<DeadLetter>> {
        dead_letter::by_id(self.0.on(), id)
    }
    fn dead_letters_due(&self, now: Millis, limit: u32) -> Result<Vec<DeadLetter>> {
        dead_letter::due(self.0.on(), now, limit)
    }
    fn dead_letters_waiting(&self, integration: Option<&IntegrationId>) -> Result<u64> {
        dead_letter::waiting(self.0.on(), integration)
    }
    fn overrides(&self, rotation: Option<&RotationId>, from: Millis) -> Result<Vec<Override>> {
        installation::overrides(self.0.on(), rotation, from)
    }
    fn credential(&self, id: &str) -> Result<Option<Credential>> {
        installation::credential(self.0.on(), id)
    }
    fn credentials(&self, kind: CredentialKind) -> Result<Vec<Credential>> {
        installation::credentials(self.0.on(), kind)
    }
    fn configuration(&self) -> Result<Option<(Revision, String)>> {
        installation::configuration(self.0.on())
    }
    fn audit(&self, before: Option<AuditId>, limit: u32) -> Result<Vec<AuditRow>> {
        installation::audit(self.0.on(), before, limit)
    }
    fn host_secret(&self, name: &str) -> Result<Option<Vec<u8>>> {
        installation::host_secret(self.0.on(), name)
    }
    fn plugin_state(&self, space: &StateSpace) -> Result<Vec<StateRow>> {
        state::of_space(self.0.on(), space)
    }
    fn events_due(&self, now: Millis, limit: u32) -> Result<Vec<QueuedEvent>> {
        action::events_due(self.0.on(), now, limit)
    }
    fn event(&self, id: EventId) -> Result<Option<QueuedEvent>> {
        action::event(self.0.on(), id)
    }
    fn next_event_due(&self) -> Result<Option<Millis>> {
        action::next_event_due(self.0.on())
    }
    fn action(&self, id: ActionId) -> Result<Option<StoredAction>> {
        action::by_id(self.0.on(), id)
    }
    fn actions_of(&self, incident: IncidentId) -> Result<Vec<StoredAction>> {
        action::of_incident(self.0.on(), incident)
    }
    fn actions(&self, filter: &ActionFilter) -> Result<Vec<StoredAction>> {
        action::list(self.0.on(), filter)
    }
    fn actions_due(&self, now: Millis, limit: u32) -> Result<Vec<StoredAction>> {
        action::due(self.0.on(), now, limit)
    }
    fn next_action_due(&self) -> Result<Option<Millis>> {
        action::next_due(self.0.on())
    }
    fn outbox_by_reference(&self, reference: &str) -> Result<Option<Outbox>> {
        page::outbox_by_reference(self.0.on(), reference)
    }
    fn last_told(&self, user: &UserId) -> Result<Option<IncidentId>> {
        page::last_told(self.0.on(), user)
    }
    fn object(&self, kind: Kind, id: &str) -> Result<Option<Stored>> {
        object::by_id(self.0.on(), kind, id)
    }
    fn objects(&self, kind: Kind, after: &str, limit: u32) -> Result<Vec<Stored>> {
        object::list(self.0.on(), kind, after, limit)
    }
    fn objects_due(&self, kind: Kind, now: Millis, limit: u32) -> Result<Vec<Stored>> {
        object::due(self.0.on(), kind, now, limit)
    }
    fn next_object_due(&self, kind: Kind) -> Result<Option<Millis>> {
        object::next_due(self.0.on(), kind)
    }
    fn generations(&self) -> Result<Generations> {
        state::generations(self.0.on())
    }
}

impl Writer<'_> {
    fn number<T: Number>(&self, counter: Counter) -> T {
        T::of(self.heat.borrow_mut().next(counter).cast_signed())
    }
}

impl Tx for Rows<Writer<'_>> {
    fn lock_keys(&mut self, keys: &[(TeamId, String)]) -> Result<()> {
        // There is one writer: its transaction holds them all.
        debug_assert!(keys.is_sorted(), "keys are locked in their order, or two transactions could wait for each other");
        Ok(())
    }
    fn set_cursor(&mut self, cursor: JournalId) -> Result<()> {
        self.0.heat.borrow_mut().set(Counter::Cursor, cursor.0);
        Ok(())
    }
    fn add_decision(&mut self, row: &DecisionRow) -> Result<bool> {
        decision::add(self.0.on, &mut self.0.heat.borrow_mut(), row)
    }
    fn add_done(&mut self, id: DecisionId) -> Result<bool> {
        decision::add_done(self.0.on, id)
    }
    fn new_alert_id(&mut self) -> Result<AlertId> {
        Ok(self.0.number(Counter::Alert))
    }
    fn put_alert(&mut self, state: &AlertState) -> Result<()> {
        alert::put(self.0.on, &mut self.0.heat.borrow_mut(), state)
    }
    fn put_window(&mut self, team: &TeamId, key: &str, window: &Window) -> Result<()> {
        alert::put_window(self.0.on, team, key, window)
    }
    fn new_incident_id(&mut self) -> Result<IncidentId> {
        Ok(self.0.number(Counter::Incident))
    }
    fn put_incident(&mut self, incident: &Incident) -> Result<()> {
        incident::put(self.0.on, incident)
    }
    fn set_open_incident(&mut self, team: &TeamId, key: &str, incident: Option<IncidentId>) -> Result<()> {
        incident::set_open_of_key(self.0.on, team, key, incident)
    }
    fn add_line(&mut self, incident: IncidentId, line: &Line) -> Result<()> {
        incident::add_line(self.0.on, incident, line)
    }
    fn new_run_id(&mut self) -> Result<RunId> {
        Ok(self.0.number(Counter::Run))
    }
    fn put_run(&mut self, run: &Run) -> Result<()> {
        page::put_run(self.0.on, run)
    }
    fn new_outbox_id(&mut self) -> Result<OutboxId> {
        Ok(self.0.number(Counter::Outbox))
    }
    fn add_outbox(&mut self, row: &Outbox) -> Result<bool> {
        page::add_outbox(self.0.on, row)
    }
    fn put_outbox(&mut self, row: &Outbox) -> Result<()> {
        page::put_outbox(self.0.on, row)
    }
    fn new_dead_letter_id(&mut self) -> Result<DeadLetterId> {
        Ok(self.0.number(Counter::DeadLetter))
    }
    fn put_dead_letter(&mut self, letter: &DeadLetter) -> Result<()> {
        dead_letter::put(self.0.on, letter)
    }
    fn new_override_id(&mut self) -> Result<OverrideId> {
        Ok(self.0.number(Counter::Override))
    }
    fn put_override(&mut self, entry: &Override) -> Result<()> {
        installation::put_override(self.0.on, entry)
    }
    fn delete_override(&mut self, id: OverrideId) -> Result<()> {
        installation::delete_override(self.0.on, id)
    }
    fn put_credential(&mut self, credential: &Credential) -> Result<()> {
        installation::put_credential(self.0.on, credential)
    }
    fn delete_credential(&mut self, id: &str) -> Result<()> {
        installation::delete_credential(self.0.on, id)
    }
    fn add_configuration(&mut self, revision: Revision, document: &str, at: Millis) -> Result<()> {
        installation::add_configuration(self.0.on, revision, document, at)
    }
    fn add_audit(&mut self, row: &AuditRow) -> Result<()> {
        installation::add_audit(self.0.on, row)
    }
    fn put_host_secret(&mut self, name: &str, value: &[u8]) -> Result<()> {
        installation::put_host_secret(self.0.on, name, value)
    }
    fn put_plugin_state(&mut self, row: &StateRow) -> Result<()> {
        state::put(self.0.on, row)
    }
    fn delete_plugin_state(&mut self, space: &StateSpace, key: &str) -> Result<()> {
        state::delete(self.0.on, space, key)
    }
    fn delete_expired_plugin_state(&mut self, now: Millis, limit: u32) -> Result<u64> {
        state::delete_expired(self.0.on, now, limit)
    }
    fn new_event_id(&mut self) -> Result<EventId> {
        Ok(self.0.number(Counter::Event))
    }
    fn put_event(&mut self, event: &QueuedEvent) -> Result<()> {
        action::put_event(self.0.on, event)
    }
    fn delete_event(&mut self, id: EventId) -> Result<()> {
        action::delete_event(self.0.on, id)
    }
    fn new_action_id(&mut self) -> Result<ActionId> {
        Ok(self.0.number(Counter::Action))
    }
    fn add_action(&mut self, row: &StoredAction) -> Result<bool> {
        action::add(self.0.on, row)
    }
    fn put_action(&mut self, row: &StoredAction) -> Result<()> {
        action::put(self.0.on, row)
    }
    fn add_once(&mut self, key: &str, at: Millis) -> Result<bool> {
        action::add_once(self.0.on, key, at)
    }
    fn forget_once(&mut self, until: Millis, limit: u32) -> Result<u64> {
        action::forget_once(self.0.on, until, limit)
    }
    fn put_object(&mut self, object: &Stored) -> Result<()> {
        object::put(self.0.on, object)
    }
    fn delete_object(&mut self, kind: Kind, id: &str) -> Result<bool> {
        object::delete(self.0.on, kind, id)
    }
    fn count_generations(&mut self, partitions: u64) -> Result<Generations> {
        state::count_generations(self.0.on, partitions)
    }
    fn next_epoch(&mut self) -> Result<u64> {
        Ok(self.0.heat.borrow_mut().next(Counter::Epoch))
    }
    fn as_view(&self) -> &dyn View {
        self
    }
}
