//! Running prepared statements, with errors in the words of the port.

use crate::error::store_error;
use ports::StoreError;
use rusqlite::{Connection, Params, Row};

/// Runs a statement that gives no rows; how many rows it changed.
pub(crate) fn execute(on: &Connection, doing: &'static str, sql: &str, params: impl Params) -> Result<usize, StoreError> {
    on.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(|error| store_error(doing, &error))
}

/// The first row, if there is one.
pub(crate) fn optional<T>(
    on: &Connection,
    doing: &'static str,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let first = || {
        let mut statement = on.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(read).transpose()
    };
    first().map_err(|error| store_error(doing, &error))
}

/// The one row of a statement that always has one.
pub(crate) fn one<T>(
    on: &Connection,
    doing: &'static str,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    optional(on, doing, sql, params, read)?.ok_or_else(|| StoreError::Corrupt { doing, why: "a row is missing".into() })
}

/// All rows.
pub(crate) fn many<T>(
    on: &Connection,
    doing: &'static str,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let all = || on.prepare_cached(sql)?.query_map(params, read)?.collect();
    let found: rusqlite::Result<Vec<T>> = all();
    found.map_err(|error| store_error(doing, &error))
}
