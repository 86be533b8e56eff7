//! The ports' reads and writes on one connection. Readers see their snapshot; the writer's transaction sees its memory first, and what it
//! has not sent yet goes ahead of every question.

mod actions;
mod alerts;
mod house;
mod incidents;
mod objects;
mod prefetch;
pub(crate) mod read;

use super::link::{Link, Param};
use super::writer::Session;
use crate::codec::Number;
use crate::heat::Counter;
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
use std::cell::Cell;
use std::sync::Arc;
use tokio_postgres::Row;

type Result<T> = std::result::Result<T, StoreError>;

/// The ports over one of two sources.
pub(crate) struct Rows<S>(pub S);

/// What a reader's job sees.
pub(crate) struct Reader<'a> {
    pub link: &'a Link,
    /// The snapshot is taken with the first question.
    pub begun: Cell<bool>,
}

/// What a writer's job sees.
pub(crate) struct Writer<'a>(pub &'a Session);

/// The reads that differ between reader and writer, so that the others are written once.
pub(crate) trait Source {
    fn query(&self, doing: &'static str, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>>;
    /// What follows a read of a row that is about to be changed.
    fn lock(&self) -> &'static str;
    /// What follows a read of rows that are about to be claimed.
    fn claim(&self) -> &'static str;
    fn counter(&self, counter: Counter) -> Result<u64>;
    fn alert_of(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>>;
    fn alert_of_id(&self, id: AlertId) -> Result<Option<AlertState>>;
    fn incident_of(&self, id: IncidentId) -> Result<Option<Incident>>;
    fn open_of(&self, team: &TeamId, key: &str) -> Result<Option<IncidentId>>;
    fn window_of(&self, team: &TeamId, key: &str) -> Result<Option<Window>>;
    fn all_generations(&self) -> Result<Generations>;
}

impl Source for Reader<'_> {
    fn query(&self, doing: &'static str, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let first = if self.begun.replace(true) { "" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
        self.link.query(doing, first, sql, params)
    }
    fn lock(&self) -> &'static str {
        ""
    }
    fn claim(&self) -> &'static str {
        ""
    }
    fn counter(&self, counter: Counter) -> Result<u64> {
        let rows = self.query("read a counter", "SELECT value FROM counter WHERE name = $1", &[&counter.name()])?;
        Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0)).cast_unsigned())
    }
    fn alert_of(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>> {
        Ok(alerts::by_entity(self, team, entity)?.map(|row| row.state()))
    }
    fn alert_of_id(&self, id: AlertId) -> Result<Option<AlertState>> {
        Ok(alerts::by_id(self, id)?.map(|row| row.state()))
    }
    fn incident_of(&self, id: IncidentId) -> Result<Option<Incident>> {
        incidents::by_id(self, id)
    }
    fn open_of(&self, team: &TeamId, key: &str) -> Result<Option<IncidentId>> {
        incidents::open_of_key(self, team, key)
    }
    fn window_of(&self, team: &TeamId, key: &str) -> Result<Option<Window>> {
        alerts::window(self, team, key)
    }
    fn all_generations(&self) -> Result<Generations> {
        house::generations(self)
    }
}

impl Source for Writer<'_> {
    fn query(&self, doing: &'static str, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        self.0.flush()?;
        let first = self.0.ahead();
        self.0.link.query(doing, first, sql, params)
    }
    fn lock(&self) -> &'static str {
        " FOR UPDATE"
    }
    fn claim(&self) -> &'static str {
        " FOR UPDATE SKIP LOCKED"
    }
    fn counter(&self, counter: Counter) -> Result<u64> {
        Ok(self.0.memory.borrow().heat.counter(counter))
    }
    fn alert_of(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>> {
        let known = self.0.memory.borrow_mut().heat.alert(team, entity);
        if let Some(row) = known {
            return Ok(Some(row.state()));
        }
        if self.0.memory.borrow().no_alert.contains(&(team.clone(), entity.to_owned())) {
            return Ok(None);
        }
        Ok(self.warm(alerts::by_entity(self, team, entity)?))
    }
    fn alert_of_id(&self, id: AlertId) -> Result<Option<AlertState>> {
        let known = self.0.memory.borrow_mut().heat.alert_by_id(id.0);
        match known {
            Some(row) => Ok(Some(row.state())),
            None => Ok(self.warm(alerts::by_id(self, id)?)),
        }
    }
    fn incident_of(&self, id: IncidentId) -> Result<Option<Incident>> {
        let known = self.0.memory.borrow_mut().incidents.get(&id);
        if let Some(known) = known {
            return Ok(known.map(Arc::unwrap_or_clone));
        }
        let found = incidents::by_id(self, id)?;
        self.0.memory.borrow_mut().incidents.remember(id, found.clone().map(Arc::new));
        Ok(found)
    }
    fn open_of(&self, team: &TeamId, key: &str) -> Result<Option<IncidentId>> {
        let name = (team.clone(), key.to_owned());
        let known = self.0.memory.borrow_mut().open.get(&name);
        if let Some(known) = known {
            return Ok(known);
        }
        let found = incidents::open_of_key(self, team, key)?;
        self.0.memory.borrow_mut().open.remember(name, found);
        Ok(found)
    }
    fn window_of(&self, team: &TeamId, key: &str) -> Result<Option<Window>> {
        let name = (team.clone(), key.to_owned());
        let known = self.0.memory.borrow_mut().windows.get(&name);
        if let Some(known) = known {
            return Ok(known.map(Arc::unwrap_or_clone));
        }
        let found = alerts::window(self, team, key)?;
        self.0.memory.borrow_mut().windows.remember(name, found.clone().map(Arc::new));
        Ok(found)
    }
    fn all_generations(&self) -> Result<Generations> {
        Ok(self.0.memory.borrow().generations())
    }
}

impl Writer<'_> {
    fn warm(&self, found: Option<crate::rows::alert::AlertRow>) -> Option<AlertState> {
        let row = found?;
        let state = row.state();
        self.0.memory.borrow_mut().heat.remember(Arc::new(row));
        Some(state)
    }

    fn number<T: Number>(&self, counter: Counter) -> T {
        T::of(self.0.memory.borrow_mut().heat.next(counter).cast_signed())
    }
}

impl<S: Source> View for Rows<S> {
    fn cursor(&self) -> Result<JournalId> {
        self.0.counter(Counter::Cursor).map(JournalId)
    }
    fn decided_from(&self, from: DecisionId) -> Result<Vec<DecisionId>> {
        alerts::decided_from(&self.0, from)
    }
    fn alert(&self, team: &TeamId, entity: &str) -> Result<Option<AlertState>> {
        self.0.alert_of(team, entity)
    }
    fn alert_by_id(&self, id: AlertId) -> Result<Option<AlertState>> {
        self.0.alert_of_id(id)
    }
    fn alerts_of(&self, incident: IncidentId, limit: u32) -> Result<Vec<AlertState>> {
        alerts::of_incident(&self.0, incident, limit)
    }
    fn alerts_waiting(&self, team: &TeamId, key: &str) -> Result<Vec<AlertState>> {
        alerts::waiting(&self.0, team, key)
    }
    fn alerts_to_wake(&self, now: Millis, limit: u32) -> Result<Vec<AlertState>> {
        alerts::to_wake(&self.0, now, limit)
    }
    fn alerts_firing(&self, after: AlertId, limit: u32) -> Result<Vec<AlertState>> {
        alerts::firing(&self.0, after, limit)
    }
    fn next_wake(&self) -> Result<Option<Millis>> {
        alerts::next_wake(&self.0)
    }
    fn window(&self, team: &TeamId, key: &str) -> Result<Option<Window>> {
        self.0.window_of(team, key)
    }
    fn incident(&self, id: IncidentId) -> Result<Option<Incident>> {
        self.0.incident_of(id)
    }
    fn open_incident(&self, team: &TeamId, key: &str) -> Result<Option<IncidentId>> {
        self.0.open_of(team, key)
    }
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>> {
        incidents::list(&self.0, filter)
    }
    fn incidents_to_route(&self, limit: u32) -> Result<Vec<IncidentId>> {
        incidents::to_route(&self.0, limit)
    }
    fn timeline(&self, incident: IncidentId) -> Result<Vec<Line>> {
        incidents::timeline(&self.0, incident)
    }
    fn decision(&self, id: DecisionId) -> Result<Option<DecisionRow>> {
        alerts::decision(&self.0, id)
    }
    fn decisions(&self, filter: &DecisionFilter) -> Result<Vec<DecisionRow>> {
        alerts::decisions(&self.0, filter)
    }
    fn decision_count(&self) -> Result<u64> {
        self.0.counter(Counter::Decisions)
    }
    fn run(&self, id: RunId) -> Result<Option<Run>> {
        incidents::run(&self.0, id)
    }
    fn runs_of(&self, incident: IncidentId) -> Result<Vec<Run>> {
        incidents::runs_of(&self.0, incident)
    }
    fn runs_due(&self, now: Millis, limit: u32) -> Result<Vec<Run>> {
        incidents::runs_due(&self.0, now, limit)
    }
    fn next_run_due(&self) -> Result<Option<Millis>> {
        incidents::next_run_due(&self.0)
    }
    fn outbox(&self, id: OutboxId) -> Result<Option<Outbox>> {
        incidents::outbox(&self.0, id)
    }
    fn outbox_by_key(&self, key: &str) -> Result<Option<Outbox>> {
        incidents::outbox_by_key(&self.0, key)
    }
    fn outbox_of(&self, incident: IncidentId) -> Result<Vec<Outbox>> {
        incidents::outbox_of(&self.0, incident)
    }
    fn outbox_due(&self, now: Millis, limit: u32) -> Result<Vec<Outbox>> {
        incidents::outbox_due(&self.0, now, limit)
    }
    fn next_outbox_due(&self) -> Result<Option<Millis>> {
        incidents::next_outbox_due(&self.0)
    }
    fn outbox_count(&self, state: OutboxState) -> Result<u64> {
        incidents::outbox_count(&self.0, state)
    }
    fn dead_letters(&self, state: Option<DeadLetterState>, before: Option<DeadLetterId>, limit: u32) -> Result<Vec<DeadLetter>> {
        house::dead_letters(&self.0, state, before, limit)
    }
    fn dead_letter(&self, id: DeadLetterId) -> Result<Option<DeadLetter>> {
        house::dead_letter(&self.0, id)
    }
    fn dead_letters_due(&self, now: Millis, limit: u32) -> Result<Vec<DeadLetter>> {
        house::dead_letters_due(&self.0, now, limit)
    }
    fn dead_letters_waiting(&self, integration: Option<&IntegrationId>) -> Result<u64> {
        house::dead_letters_waiting(&self.0, integration)
    }
    fn overrides(&self, rotation: Option<&RotationId>, from: Millis) -> Result<Vec<Override>> {
        house::overrides(&self.0, rotation, from)
    }
    fn credential(&self, id: &str) -> Result<Option<Credential>> {
        house::credential(&self.0, id)
    }
    fn credentials(&self, kind: CredentialKind) -> Result<Vec<Credential>> {
        house::credentials(&self.0, kind)
    }
    fn configuration(&self) -> Result<Option<(Revision, String)>> {
        house::configuration(&self.0)
    }
    fn audit(&self, before: Option<AuditId>, limit: u32) -> Result<Vec<AuditRow>> {
        house::audit(&self.0, before, limit)
    }
    fn host_secret(&self, name: &str) -> Result<Option<Vec<u8>>> {
        house::host_secret(&self.0, name)
    }
    fn plugin_state(&self, space: &StateSpace) -> Result<Vec<StateRow>> {
        house::plugin_state(&self.0, space)
    }
    fn events_due(&self, now: Millis, limit: u32) -> Result<Vec<QueuedEvent>> {
        actions::events_due(&self.0, now, limit)
    }
    fn event(&self, id: EventId) -> Result<Option<QueuedEvent>> {
        actions::event(&self.0, id)
    }
    fn next_event_due(&self) -> Result<Option<Millis>> {
        actions::next_event_due(&self.0)
    }
    fn action(&self, id: ActionId) -> Result<Option<StoredAction>> {
        actions::by_id(&self.0, id)
    }
    fn actions_of(&self, incident: IncidentId) -> Result<Vec<StoredAction>> {
        actions::of_incident(&self.0, incident)
    }
    fn actions(&self, filter: &ActionFilter) -> Result<Vec<StoredAction>> {
        actions::list(&self.0, filter)
    }
    fn actions_due(&self, now: Millis, limit: u32) -> Result<Vec<StoredAction>> {
        actions::due(&self.0, now, limit)
    }
    fn next_action_due(&self) -> Result<Option<Millis>> {
        actions::next_due(&self.0)
    }
    fn outbox_by_reference(&self, reference: &str) -> Result<Option<Outbox>> {
        incidents::outbox_by_reference(&self.0, reference)
    }
    fn last_told(&self, user: &UserId) -> Result<Option<IncidentId>> {
        incidents::last_told(&self.0, user)
    }
    fn object(&self, kind: Kind, id: &str) -> Result<Option<Stored>> {
        objects::by_id(&self.0, kind, id)
    }
    fn objects(&self, kind: Kind, after: &str, limit: u32) -> Result<Vec<Stored>> {
        objects::list(&self.0, kind, after, limit)
    }
    fn objects_due(&self, kind: Kind, now: Millis, limit: u32) -> Result<Vec<Stored>> {
        objects::due(&self.0, kind, now, limit)
    }
    fn next_object_due(&self, kind: Kind) -> Result<Option<Millis>> {
        objects::next_due(&self.0, kind)
    }
    fn generations(&self) -> Result<Generations> {
        self.0.all_generations()
    }
}

impl Tx for Rows<Writer<'_>> {
    fn lock_keys(&mut self, keys: &[(TeamId, String)]) -> Result<()> {
        const DOING: &str = "lock keys";
        debug_assert!(keys.is_sorted(), "keys are locked in their order, or two transactions could wait for each other");
        let teams: Vec<&[u8]> = keys.iter().map(|(team, _)| team.as_str().as_bytes()).collect();
        let names: Vec<&[u8]> = keys.iter().map(|(_, key)| key.as_bytes()).collect();
        // A row that is not there cannot be locked.
        let make = "INSERT INTO open_incident (team, key) SELECT * FROM unnest($1::bytea[], $2::bytea[]) AS k (team, key) \
                    ORDER BY 1, 2 ON CONFLICT DO NOTHING RETURNING incident";
        self.0.query(DOING, make, &[&teams, &names])?;
        let lock = "SELECT o.incident FROM open_incident o JOIN unnest($1::bytea[], $2::bytea[]) AS k (team, key) \
                    ON o.team = k.team AND o.key = k.key ORDER BY o.team, o.key FOR UPDATE OF o";
        self.0.query(DOING, lock, &[&teams, &names]).map(drop)
    }
    fn prefetch(&mut self, alerts: &[(&TeamId, &str)], keys: &[(&TeamId, &str)]) -> Result<()> {
        self.0.prefetch(alerts, keys)
    }
    fn set_cursor(&mut self, cursor: JournalId) -> Result<()> {
        self.0.0.memory.borrow_mut().heat.set(Counter::Cursor, cursor.0);
        Ok(())
    }
    fn add_decision(&mut self, row: &DecisionRow) -> Result<bool> {
        alerts::add_decision(&self.0, row)
    }
    fn add_done(&mut self, id: DecisionId) -> Result<bool> {
        alerts::add_done(&self.0, id)
    }
    fn new_alert_id(&mut self) -> Result<AlertId> {
        Ok(self.0.number(Counter::Alert))
    }
    fn put_alert(&mut self, state: &AlertState) -> Result<()> {
        alerts::put(&self.0, state)
    }
    fn put_window(&mut self, team: &TeamId, key: &str, window: &Window) -> Result<()> {
        alerts::put_window(&self.0, team, key, window)
    }
    fn new_incident_id(&mut self) -> Result<IncidentId> {
        Ok(self.0.number(Counter::Incident))
    }
    fn put_incident(&mut self, incident: &Incident) -> Result<()> {
        incidents::put(&self.0, incident)
    }
    fn set_open_incident(&mut self, team: &TeamId, key: &str, incident: Option<IncidentId>) -> Result<()> {
        incidents::set_open_of_key(&self.0, team, key, incident);
        Ok(())
    }
    fn add_line(&mut self, incident: IncidentId, line: &Line) -> Result<()> {
        incidents::add_line(&self.0, incident, line)
    }
    fn new_run_id(&mut self) -> Result<RunId> {
        Ok(self.0.number(Counter::Run))
    }
    fn put_run(&mut self, run: &Run) -> Result<()> {
        incidents::put_run(&self.0, run)
    }
    fn new_outbox_id(&mut self) -> Result<OutboxId> {
        Ok(self.0.number(Counter::Outbox))
    }
    fn add_outbox(&mut self, row: &Outbox) -> Result<bool> {
        incidents::add_outbox(&self.0, row)
    }
    fn put_outbox(&mut self, row: &Outbox) -> Result<()> {
        incidents::put_outbox(&self.0, row)
    }
    fn new_dead_letter_id(&mut self) -> Result<DeadLetterId> {
        Ok(self.0.number(Counter::DeadLetter))
    }
    fn put_dead_letter(&mut self, letter: &DeadLetter) -> Result<()> {
        house::put_dead_letter(&self.0, letter);
        Ok(())
    }
    fn new_override_id(&mut self) -> Result<OverrideId> {
        Ok(self.0.number(Counter::Override))
    }
    fn put_override(&mut self, entry: &Override) -> Result<()> {
        house::put_override(&self.0, entry);
        Ok(())
    }
    fn delete_override(&mut self, id: OverrideId) -> Result<()> {
        house::delete_override(&self.0, id);
        Ok(())
    }
    fn put_credential(&mut self, credential: &Credential) -> Result<()> {
        house::put_credential(&self.0, credential);
        Ok(())
    }
    fn delete_credential(&mut self, id: &str) -> Result<()> {
        house::delete_credential(&self.0, id);
        Ok(())
    }
    fn add_configuration(&mut self, revision: Revision, document: &str, at: Millis) -> Result<()> {
        house::add_configuration(&self.0, revision, document, at)
    }
    fn add_audit(&mut self, row: &AuditRow) -> Result<()> {
        house::add_audit(&self.0, row);
        Ok(())
    }
    fn put_host_secret(&mut self, name: &str, value: &[u8]) -> Result<()> {
        house::put_host_secret(&self.0, name, value);
        Ok(())
    }
    fn put_plugin_state(&mut self, row: &StateRow) -> Result<()> {
        house::put_plugin_state(&self.0, row);
        Ok(())
    }
    fn delete_plugin_state(&mut self, space: &StateSpace, key: &str) -> Result<()> {
        house::delete_plugin_state(&self.0, space, key);
        Ok(())
    }
    fn delete_expired_plugin_state(&mut self, now: Millis, limit: u32) -> Result<u64> {
        house::delete_expired_plugin_state(&self.0, now, limit)
    }
    fn new_event_id(&mut self) -> Result<EventId> {
        Ok(self.0.number(Counter::Event))
    }
    fn put_event(&mut self, event: &QueuedEvent) -> Result<()> {
        actions::put_event(&self.0, event)
    }
    fn delete_event(&mut self, id: EventId) -> Result<()> {
        actions::delete_event(&self.0, id);
        Ok(())
    }
    fn new_action_id(&mut self) -> Result<ActionId> {
        Ok(self.0.number(Counter::Action))
    }
    fn add_action(&mut self, action: &StoredAction) -> Result<bool> {
        actions::add(&self.0, action)
    }
    fn put_action(&mut self, action: &StoredAction) -> Result<()> {
        actions::put(&self.0, action)
    }
    fn add_once(&mut self, key: &str, at: Millis) -> Result<bool> {
        actions::add_once(&self.0, key, at)
    }
    fn forget_once(&mut self, until: Millis, limit: u32) -> Result<u64> {
        actions::forget_once(&self.0, until, limit)
    }
    fn put_object(&mut self, object: &Stored) -> Result<()> {
        objects::put(&self.0, object);
        Ok(())
    }
    fn delete_object(&mut self, kind: Kind, id: &str) -> Result<bool> {
        objects::delete(&self.0, kind, id)
    }
    fn count_generations(&mut self, partitions: u64) -> Result<Generations> {
        Ok(house::count_generations(&self.0, partitions))
    }
    fn next_epoch(&mut self) -> Result<u64> {
        Ok(self.0.0.memory.borrow_mut().heat.next(Counter::Epoch))
    }
    fn as_view(&self) -> &dyn View {
        self
    }
}
