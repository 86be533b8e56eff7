//! Automation: what plugins are still to be told, what they want done, and what was done once.

use super::read::{json as read_json, many, number, optional};
use super::{Source, Writer};
use crate::codec::{Number, json, stored};
use crate::rows::action::due_at;
use crate::table::{ACTION, EVENT, ONCE};
use domain::automation::{ActionState, QueuedEvent, StoredAction};
use domain::id::{ActionId, EventId, IncidentId};
use domain::time::Millis;
use ports::StoreError;
use ports::store::ActionFilter;

const READ_EVENT: &str = "read what happened";
const READ_ACTION: &str = "read an action";

pub(super) fn events_due(on: &impl Source, now: Millis, limit: u32) -> Result<Vec<QueuedEvent>, StoreError> {
    let sql = "SELECT body FROM incident_event WHERE due_at <= $1 ORDER BY id LIMIT $2";
    many(on, READ_EVENT, sql, &[&now.0, &i64::from(limit)], |row| read_json(row, 0))
}

pub(super) fn event(on: &impl Source, id: EventId) -> Result<Option<QueuedEvent>, StoreError> {
    let sql = format!("SELECT body FROM incident_event WHERE id = $1{}", on.lock());
    optional(on, READ_EVENT, &sql, &[&id.stored()], |row| read_json(row, 0))
}

pub(super) fn next_event_due(on: &impl Source) -> Result<Option<Millis>, StoreError> {
    optional(on, READ_EVENT, "SELECT due_at FROM incident_event ORDER BY due_at LIMIT 1", &[], |row| number(row, 0))
}

pub(super) fn put_event(on: &Writer<'_>, event: &QueuedEvent) -> Result<(), StoreError> {
    let body = json("put what happened", event)?;
    on.0.pending.borrow_mut().put(EVENT, vec![event.id.stored().into(), event.next_at.0.into(), body.into()]);
    Ok(())
}

pub(super) fn delete_event(on: &Writer<'_>, id: EventId) {
    on.0.pending.borrow_mut().delete(EVENT, vec![id.stored().into()]);
}

pub(super) fn by_id(on: &impl Source, id: ActionId) -> Result<Option<StoredAction>, StoreError> {
    let sql = format!("SELECT body FROM action WHERE id = $1{}", on.lock());
    optional(on, READ_ACTION, &sql, &[&id.stored()], |row| read_json(row, 0))
}

pub(super) fn of_incident(on: &impl Source, incident: IncidentId) -> Result<Vec<StoredAction>, StoreError> {
    let sql = "SELECT body FROM action WHERE incident = $1 ORDER BY id";
    many(on, READ_ACTION, sql, &[&incident.stored()], |row| read_json(row, 0))
}

pub(super) fn list(on: &impl Source, filter: &ActionFilter) -> Result<Vec<StoredAction>, StoreError> {
    let before = filter.before.map_or(i64::MAX, Number::stored);
    let state = filter.state.map(ActionState::as_str);
    let teams: Option<Vec<&[u8]>> = filter.teams.as_ref().map(|teams| teams.iter().map(|team| team.as_str().as_bytes()).collect());
    let sql = "SELECT body FROM action a WHERE id < $1 AND ($2::text IS NULL OR state = $2) \
               AND ($3::bytea[] IS NULL OR EXISTS (SELECT 1 FROM incident i WHERE i.id = a.incident AND i.team = ANY ($3))) \
               ORDER BY id DESC LIMIT $4";
    many(on, READ_ACTION, sql, &[&before, &state, &teams, &i64::from(filter.limit)], |row| read_json(row, 0))
}

pub(super) fn due(on: &impl Source, now: Millis, limit: u32) -> Result<Vec<StoredAction>, StoreError> {
    let sql = format!("SELECT body FROM action WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2{}", on.claim());
    many(on, READ_ACTION, &sql, &[&now.0, &i64::from(limit)], |row| read_json(row, 0))
}

pub(super) fn next_due(on: &impl Source) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT due_at FROM action WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    optional(on, READ_ACTION, sql, &[], |row| number(row, 0))
}

pub(super) fn add(on: &Writer<'_>, row: &StoredAction) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM action WHERE incident = $1 AND plugin = $2 AND key = $3";
    // Also sees what this job has put: a question sends that ahead.
    let there = optional(on, READ_ACTION, sql, &[&row.incident.stored(), &row.plugin.as_bytes(), &row.key.as_bytes()], |found| {
        number::<ActionId>(found, 0)
    })?;
    if there.is_some() {
        return Ok(false);
    }
    put(on, row)?;
    Ok(true)
}

pub(super) fn put(on: &Writer<'_>, row: &StoredAction) -> Result<(), StoreError> {
    let columns = vec![
        row.id.stored().into(),
        row.incident.stored().into(),
        row.plugin.as_str().into(),
        row.key.as_str().into(),
        row.state.as_str().into(),
        stored(due_at(row)).into(),
        json("put an action", row)?.into(),
    ];
    on.0.pending.borrow_mut().put(ACTION, columns);
    Ok(())
}

pub(super) fn add_once(on: &Writer<'_>, key: &str, at: Millis) -> Result<bool, StoreError> {
    const DOING: &str = "mark what is done once";
    if optional(on, DOING, "SELECT at FROM once WHERE key = $1", &[&key.as_bytes()], |row| number::<Millis>(row, 0))?.is_some() {
        return Ok(false);
    }
    on.0.pending.borrow_mut().put(ONCE, vec![key.into(), at.0.into()]);
    Ok(true)
}

pub(super) fn forget_once(on: &Writer<'_>, until: Millis, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM once WHERE key IN (SELECT key FROM once WHERE at < $1 ORDER BY at LIMIT $2) RETURNING at";
    on.query("forget what was done once", sql, &[&until.0, &i64::from(limit)]).map(|gone| gone.len() as u64)
}
