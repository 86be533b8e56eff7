//! What plugins remember, and the numbers that fence copies of it.

use crate::codec::number;
use crate::statement::{execute, many};
use domain::state::{Generations, STATE_PARTITIONS, StateEntry, StateRow, StateSpace, StateValue};
use domain::time::Millis;
use ports::StoreError;
use rusqlite::Connection;
use std::sync::Arc;

pub(crate) fn of_space(on: &Connection, space: &StateSpace) -> Result<Vec<StateRow>, StoreError> {
    let shared = Arc::new(space.clone());
    let sql = "SELECT key, counter, value, version, expires_at FROM plugin_state WHERE space = ?1 ORDER BY key";
    many(on, "read what a plugin remembers", sql, [space.to_string()], |row| {
        let value = match row.get::<_, Option<i64>>(1)? {
            Some(sum) => StateValue::Counter(sum),
            None => StateValue::Bytes(row.get_ref(2)?.as_blob()?.into()),
        };
        let entry = StateEntry { value, version: row.get::<_, i64>(3)?.cast_unsigned(), expires_at: number(row, 4)? };
        Ok(StateRow { space: Arc::clone(&shared), key: row.get(0)?, entry })
    })
}

pub(crate) fn put(on: &Connection, row: &StateRow) -> Result<(), StoreError> {
    let StateEntry { value, version, expires_at } = &row.entry;
    let (sum, bytes) = match value {
        StateValue::Counter(sum) => (Some(*sum), None),
        StateValue::Bytes(bytes) => (None, Some(&bytes[..])),
    };
    let sql = "INSERT INTO plugin_state (space, key, counter, value, version, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (space, key) DO UPDATE SET counter = excluded.counter, value = excluded.value, version = excluded.version, \
               expires_at = excluded.expires_at";
    let values = (row.space.to_string(), &row.key, sum, bytes, version.cast_signed(), expires_at.0);
    execute(on, "remember for a plugin", sql, values).map(drop)
}

pub(crate) fn delete(on: &Connection, space: &StateSpace, key: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM plugin_state WHERE space = ?1 AND key = ?2";
    execute(on, "forget for a plugin", sql, (space.to_string(), key)).map(drop)
}

pub(crate) fn delete_expired(on: &Connection, now: Millis, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM plugin_state WHERE (space, key) IN \
               (SELECT space, key FROM plugin_state WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
    execute(on, "forget what has expired", sql, (now.0, limit)).map(|count| count as u64)
}

pub(crate) fn generations(on: &Connection) -> Result<Generations, StoreError> {
    let mut all = Generations::default();
    let rows = many(on, "read generations", "SELECT partition, value FROM generation", [], |row| {
        Ok((usize::from(row.get::<_, u8>(0)?), row.get::<_, i64>(1)?.cast_unsigned()))
    })?;
    for (partition, value) in rows {
        if let Some(slot) = all.0.get_mut(partition) {
            *slot = value;
        }
    }
    Ok(all)
}

pub(crate) fn count_generations(on: &Connection, partitions: u64) -> Result<Generations, StoreError> {
    let sql = "INSERT INTO generation (partition, value) VALUES (?1, 1) ON CONFLICT (partition) DO UPDATE SET value = value + 1";
    for partition in (0..STATE_PARTITIONS).filter(|partition| partitions & (1 << partition) != 0) {
        execute(on, "count a generation", sql, [partition])?;
    }
    generations(on)
}
