//! Automation: what plugins are still to be told, what they want done, and what was done once.

use crate::codec::{Number, json, number, read_json, stored};
use crate::statement::{execute, many, optional};
use domain::automation::{QueuedEvent, StoredAction};
use domain::id::{ActionId, EventId, IncidentId};
use domain::time::Millis;
use ports::StoreError;
use ports::store::ActionFilter;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

const READ_EVENT: &str = "read what happened";
const READ_ACTION: &str = "read an action";

pub(crate) fn events_due(on: &Connection, now: Millis, limit: u32) -> Result<Vec<QueuedEvent>, StoreError> {
    let sql = "SELECT body FROM incident_event WHERE due_at <= ?1 ORDER BY id LIMIT ?2";
    many(on, READ_EVENT, sql, (now.0, limit), |row| read_json(row, 0))
}

pub(crate) fn event(on: &Connection, id: EventId) -> Result<Option<QueuedEvent>, StoreError> {
    optional(on, READ_EVENT, "SELECT body FROM incident_event WHERE id = ?1", [id.stored()], |row| read_json(row, 0))
}

pub(crate) fn next_event_due(on: &Connection) -> Result<Option<Millis>, StoreError> {
    optional(on, READ_EVENT, "SELECT due_at FROM incident_event ORDER BY due_at LIMIT 1", (), |row| number(row, 0))
}

pub(crate) fn put_event(on: &Connection, event: &QueuedEvent) -> Result<(), StoreError> {
    const DOING: &str = "put what happened";
    let sql = "INSERT INTO incident_event (id, due_at, body) VALUES (?1, ?2, ?3) \
               ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, body = excluded.body";
    execute(on, DOING, sql, (event.id.stored(), event.next_at.0, json(DOING, event)?)).map(drop)
}

pub(crate) fn delete_event(on: &Connection, id: EventId) -> Result<(), StoreError> {
    execute(on, "delete what happened", "DELETE FROM incident_event WHERE id = ?1", [id.stored()]).map(drop)
}

pub(crate) fn by_id(on: &Connection, id: ActionId) -> Result<Option<StoredAction>, StoreError> {
    optional(on, READ_ACTION, "SELECT body FROM action WHERE id = ?1", [id.stored()], |row| read_json(row, 0))
}

pub(crate) fn of_incident(on: &Connection, incident: IncidentId) -> Result<Vec<StoredAction>, StoreError> {
    let sql = "SELECT body FROM action WHERE incident = ?1 ORDER BY id";
    many(on, READ_ACTION, sql, [incident.stored()], |row| read_json(row, 0))
}

pub(crate) fn list(on: &Connection, filter: &ActionFilter) -> Result<Vec<StoredAction>, StoreError> {
    let mut sql = "SELECT action.body FROM action".to_owned();
    let mut values: Vec<Value> = Vec::new();
    if filter.teams.is_some() {
        sql += " JOIN incident ON incident.id = action.incident";
    }
    sql += " WHERE 1";
    if let Some(teams) = &filter.teams {
        let places = vec!["?"; teams.len()].join(", ");
        sql += &format!(" AND incident.team IN ({places})");
        values.extend(teams.iter().map(|team| Value::Text(team.0.clone())));
    }
    if let Some(state) = filter.state {
        sql += " AND action.state = ?";
        values.push(Value::Text(state.as_str().to_owned()));
    }
    if let Some(before) = filter.before {
        sql += " AND action.id < ?";
        values.push(Value::Integer(before.stored()));
    }
    sql += " ORDER BY action.id DESC LIMIT ?";
    values.push(Value::Integer(i64::from(filter.limit)));
    many(on, READ_ACTION, &sql, params_from_iter(values), |row| read_json(row, 0))
}

pub(crate) fn due(on: &Connection, now: Millis, limit: u32) -> Result<Vec<StoredAction>, StoreError> {
    let sql = "SELECT body FROM action WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2";
    many(on, READ_ACTION, sql, (now.0, limit), |row| read_json(row, 0))
}

pub(crate) fn next_due(on: &Connection) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT due_at FROM action WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    optional(on, READ_ACTION, sql, (), |row| number(row, 0))
}

pub(crate) fn add(on: &Connection, row: &StoredAction) -> Result<bool, StoreError> {
    const DOING: &str = "add an action";
    let sql = "INSERT INTO action (id, incident, plugin, key, state, due_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
               ON CONFLICT (incident, plugin, key) DO NOTHING";
    let due = stored(due_at(row));
    let values = (row.id.stored(), row.incident.stored(), &row.plugin, &row.key, row.state.as_str(), due, json(DOING, row)?);
    Ok(execute(on, DOING, sql, values)? > 0)
}

pub(crate) fn put(on: &Connection, row: &StoredAction) -> Result<(), StoreError> {
    const DOING: &str = "put an action";
    let sql = "INSERT INTO action (id, incident, plugin, key, state, due_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
               ON CONFLICT (id) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, body = excluded.body";
    let due = stored(due_at(row));
    let values = (row.id.stored(), row.incident.stored(), &row.plugin, &row.key, row.state.as_str(), due, json(DOING, row)?);
    execute(on, DOING, sql, values).map(drop)
}

/// When somebody has to look at it. One that says no time is due at once.
pub(crate) fn due_at(row: &StoredAction) -> Option<Millis> {
    (!row.state.is_over()).then(|| row.next_at.unwrap_or(row.created_at))
}

pub(crate) fn add_once(on: &Connection, key: &str, at: Millis) -> Result<bool, StoreError> {
    let sql = "INSERT INTO once (key, at) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING";
    Ok(execute(on, "mark what is done once", sql, (key, at.0))? > 0)
}

pub(crate) fn forget_once(on: &Connection, until: Millis, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM once WHERE key IN (SELECT key FROM once WHERE at < ?1 ORDER BY at LIMIT ?2)";
    execute(on, "forget what was done once", sql, (until.0, limit)).map(|count| count as u64)
}
