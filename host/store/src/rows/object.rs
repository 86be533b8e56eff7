//! Objects that people keep and the host looks after.

use crate::statement::{execute, many, optional};
use domain::time::Millis;
use ports::StoreError;
use ports::object::{Kind, Stored};
use rusqlite::{Connection, Row};

const READ: &str = "read an object";

fn read(row: &Row<'_>, kind: Kind) -> Result<Stored, rusqlite::Error> {
    Ok(Stored { kind, id: row.get(0)?, due_at: row.get::<_, Option<i64>>(1)?.map(Millis), body: row.get(2)? })
}

pub(crate) fn by_id(on: &Connection, kind: Kind, id: &str) -> Result<Option<Stored>, StoreError> {
    let sql = "SELECT id, due_at, body FROM object WHERE kind = ?1 AND id = ?2";
    optional(on, READ, sql, (kind.as_str(), id), |row| read(row, kind))
}

pub(crate) fn list(on: &Connection, kind: Kind, after: &str, limit: u32) -> Result<Vec<Stored>, StoreError> {
    let sql = "SELECT id, due_at, body FROM object WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    many(on, READ, sql, (kind.as_str(), after, limit), |row| read(row, kind))
}

pub(crate) fn due(on: &Connection, kind: Kind, now: Millis, limit: u32) -> Result<Vec<Stored>, StoreError> {
    let sql = "SELECT id, due_at, body FROM object WHERE kind = ?1 AND due_at <= ?2 ORDER BY due_at, id LIMIT ?3";
    many(on, READ, sql, (kind.as_str(), now.0, limit), |row| read(row, kind))
}

pub(crate) fn next_due(on: &Connection, kind: Kind) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT due_at FROM object WHERE kind = ?1 AND due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    optional(on, READ, sql, [kind.as_str()], |row| row.get(0).map(Millis))
}

pub(crate) fn put(on: &Connection, object: &Stored) -> Result<(), StoreError> {
    let sql = "INSERT INTO object (kind, id, due_at, body) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (kind, id) DO UPDATE SET due_at = excluded.due_at, body = excluded.body";
    execute(on, "put an object", sql, (object.kind.as_str(), &object.id, object.due_at.map(|at| at.0), &object.body)).map(drop)
}

pub(crate) fn delete(on: &Connection, kind: Kind, id: &str) -> Result<bool, StoreError> {
    Ok(execute(on, "delete an object", "DELETE FROM object WHERE kind = ?1 AND id = ?2", (kind.as_str(), id))? > 0)
}
