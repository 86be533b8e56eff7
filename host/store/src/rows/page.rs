//! Escalation runs and the outbox: what is due, and when.

use crate::codec::{Number, json, number, read_json, stored};
use crate::statement::{execute, many, one, optional};
use domain::escalation::{Run, RunState};
use domain::id::{IncidentId, OutboxId, RunId, UserId};
use domain::page::{Outbox, OutboxState};
use domain::time::Millis;
use ports::StoreError;
use rusqlite::Connection;

const READ_RUN: &str = "read an escalation";
const READ_OUTBOX: &str = "read the outbox";

pub(crate) fn run(on: &Connection, id: RunId) -> Result<Option<Run>, StoreError> {
    optional(on, READ_RUN, "SELECT body FROM run WHERE id = ?1", [id.stored()], |row| read_json(row, 0))
}

pub(crate) fn runs_of(on: &Connection, incident: IncidentId) -> Result<Vec<Run>, StoreError> {
    many(on, READ_RUN, "SELECT body FROM run WHERE incident = ?1 ORDER BY id", [incident.stored()], |row| read_json(row, 0))
}

pub(crate) fn runs_due(on: &Connection, now: Millis, limit: u32) -> Result<Vec<Run>, StoreError> {
    let sql = "SELECT body FROM run WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2";
    many(on, READ_RUN, sql, (now.0, limit), |row| read_json(row, 0))
}

pub(crate) fn next_run_due(on: &Connection) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT due_at FROM run WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    optional(on, READ_RUN, sql, (), |row| number(row, 0))
}

pub(crate) fn put_run(on: &Connection, run: &Run) -> Result<(), StoreError> {
    const DOING: &str = "put an escalation";
    let due = run.next_at.filter(|_| run.state == RunState::Active);
    let sql = "INSERT INTO run (id, incident, due_at, body) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (id) DO UPDATE SET incident = excluded.incident, due_at = excluded.due_at, body = excluded.body";
    execute(on, DOING, sql, (run.id.stored(), run.incident.stored(), stored(due), json(DOING, run)?)).map(drop)
}

pub(crate) fn outbox(on: &Connection, id: OutboxId) -> Result<Option<Outbox>, StoreError> {
    optional(on, READ_OUTBOX, "SELECT body FROM outbox WHERE id = ?1", [id.stored()], |row| read_json(row, 0))
}

pub(crate) fn outbox_by_key(on: &Connection, key: &str) -> Result<Option<Outbox>, StoreError> {
    optional(on, READ_OUTBOX, "SELECT body FROM outbox WHERE key = ?1", [key], |row| read_json(row, 0))
}

pub(crate) fn outbox_by_reference(on: &Connection, reference: &str) -> Result<Option<Outbox>, StoreError> {
    let sql = "SELECT body FROM outbox WHERE json_extract(body, '$.reference') = ?1 ORDER BY id DESC LIMIT 1";
    optional(on, READ_OUTBOX, sql, [reference], |row| read_json(row, 0))
}

pub(crate) fn last_told(on: &Connection, user: &UserId) -> Result<Option<IncidentId>, StoreError> {
    let sql = "SELECT incident FROM outbox WHERE json_extract(body, '$.user') = ?1 AND state = 'accepted' AND incident IS NOT NULL \
               ORDER BY id DESC LIMIT 1";
    optional(on, READ_OUTBOX, sql, [user.as_str()], |row| number(row, 0))
}

pub(crate) fn outbox_of(on: &Connection, incident: IncidentId) -> Result<Vec<Outbox>, StoreError> {
    many(on, READ_OUTBOX, "SELECT body FROM outbox WHERE incident = ?1 ORDER BY id", [incident.stored()], |row| read_json(row, 0))
}

pub(crate) fn outbox_due(on: &Connection, now: Millis, limit: u32) -> Result<Vec<Outbox>, StoreError> {
    let sql = "SELECT body FROM outbox WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2";
    many(on, READ_OUTBOX, sql, (now.0, limit), |row| read_json(row, 0))
}

pub(crate) fn next_outbox_due(on: &Connection) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT due_at FROM outbox WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    optional(on, READ_OUTBOX, sql, (), |row| number(row, 0))
}

pub(crate) fn outbox_count(on: &Connection, state: OutboxState) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM outbox WHERE state = ?1";
    one(on, READ_OUTBOX, sql, [word(state)], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

pub(crate) fn add_outbox(on: &Connection, row: &Outbox) -> Result<bool, StoreError> {
    const DOING: &str = "add to the outbox";
    let sql = "INSERT INTO outbox (id, key, incident, state, due_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (key) DO NOTHING";
    let values = (row.id.stored(), &row.key, stored(row.incident), word(row.state), stored(due(row)), json(DOING, row)?);
    Ok(execute(on, DOING, sql, values)? > 0)
}

pub(crate) fn put_outbox(on: &Connection, row: &Outbox) -> Result<(), StoreError> {
    const DOING: &str = "put into the outbox";
    let sql = "INSERT INTO outbox (id, key, incident, state, due_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (id) DO UPDATE SET key = excluded.key, incident = excluded.incident, state = excluded.state, \
               due_at = excluded.due_at, body = excluded.body";
    let values = (row.id.stored(), &row.key, stored(row.incident), word(row.state), stored(due(row)), json(DOING, row)?);
    execute(on, DOING, sql, values).map(drop)
}

/// When somebody has to look at it. One that says no time is due at once: better a page twice than a page never.
pub(crate) fn due(row: &Outbox) -> Option<Millis> {
    match row.state {
        OutboxState::Queued | OutboxState::Sending => Some(row.next_at.unwrap_or(row.queued_at)),
        OutboxState::Accepted | OutboxState::Failed | OutboxState::Cancelled => None,
    }
}

pub(crate) fn word(state: OutboxState) -> &'static str {
    match state {
        OutboxState::Queued => "queued",
        OutboxState::Sending => "sending",
        OutboxState::Accepted => "accepted",
        OutboxState::Failed => "failed",
        OutboxState::Cancelled => "cancelled",
    }
}
