//! Objects that people keep and the host looks after.

use super::read::{many, number, optional, text};
use super::{Source, Writer};
use crate::table::OBJECT;
use domain::time::Millis;
use ports::StoreError;
use ports::object::{Kind, Stored};

const READ: &str = "read an object";

macro_rules! read {
    ($kind:expr) => {
        |row| Ok(Stored { kind: $kind, id: text(row, 0)?, due_at: row.try_get::<_, Option<i64>>(1)?.map(Millis), body: row.try_get(2)? })
    };
}

pub(super) fn by_id(on: &impl Source, kind: Kind, id: &str) -> Result<Option<Stored>, StoreError> {
    let sql = format!("SELECT id, due_at, body FROM object WHERE kind = $1 AND id = $2{}", on.lock());
    optional(on, READ, &sql, &[&kind.as_str(), &id.as_bytes()], read!(kind))
}

pub(super) fn list(on: &impl Source, kind: Kind, after: &str, limit: u32) -> Result<Vec<Stored>, StoreError> {
    let sql = "SELECT id, due_at, body FROM object WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3";
    many(on, READ, sql, &[&kind.as_str(), &after.as_bytes(), &i64::from(limit)], read!(kind))
}

pub(super) fn due(on: &impl Source, kind: Kind, now: Millis, limit: u32) -> Result<Vec<Stored>, StoreError> {
    let sql = format!("SELECT id, due_at, body FROM object WHERE kind = $1 AND due_at <= $2 ORDER BY due_at, id LIMIT $3{}", on.claim());
    many(on, READ, &sql, &[&kind.as_str(), &now.0, &i64::from(limit)], read!(kind))
}

pub(super) fn next_due(on: &impl Source, kind: Kind) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT due_at FROM object WHERE kind = $1 AND due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    optional(on, READ, sql, &[&kind.as_str()], |row| number(row, 0))
}

pub(super) fn put(on: &Writer<'_>, object: &Stored) {
    let columns =
        vec![object.kind.as_str().into(), object.id.as_str().into(), object.due_at.map(|at| at.0).into(), object.body.as_str().into()];
    on.0.pending.borrow_mut().put(OBJECT, columns);
}

pub(super) fn delete(on: &Writer<'_>, kind: Kind, id: &str) -> Result<bool, StoreError> {
    let there = by_id(on, kind, id)?.is_some();
    on.0.pending.borrow_mut().delete(OBJECT, vec![kind.as_str().into(), id.into()]);
    Ok(there)
}
