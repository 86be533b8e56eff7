//! Reading columns, with errors in the words of the port.

use super::Source;
use crate::codec::{BoxedError, Number, unpack_incident};
use crate::postgres::link::{Link, Param};
use domain::incident::Incident;
use ports::StoreError;
use serde::Deserialize;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use tokio_postgres::Row;

pub(crate) type Got<T> = Result<T, BoxedError>;

/// A number.
pub(crate) fn number<T: Number>(row: &Row, column: usize) -> Got<T> {
    Ok(T::of(row.try_get(column)?))
}

/// A number or NULL.
pub(crate) fn number_or_null<T: Number>(row: &Row, column: usize) -> Got<Option<T>> {
    Ok(row.try_get::<_, Option<i64>>(column)?.map(T::of))
}

/// Text from outside, which stands as bytes.
pub(crate) fn text(row: &Row, column: usize) -> Got<String> {
    Ok(std::str::from_utf8(row.try_get(column)?)?.to_owned())
}

/// Text from outside or NULL.
pub(crate) fn text_or_null(row: &Row, column: usize) -> Got<Option<String>> {
    row.try_get::<_, Option<&[u8]>>(column)?.map(|bytes| Ok(std::str::from_utf8(bytes)?.to_owned())).transpose()
}

/// A value that stands as JSON.
pub(crate) fn json<T: DeserializeOwned>(row: &Row, column: usize) -> Got<T> {
    Ok(serde_json::from_str(row.try_get(column)?)?)
}

/// An incident.
pub(crate) fn incident(row: &Row, column: usize) -> Got<Incident> {
    unpack_incident(row.try_get(column)?)
}

/// One of an enum's words, as serde spells them.
pub(crate) fn word<'a, T: Deserialize<'a>>(row: &'a Row, column: usize) -> Got<T> {
    let word: StrDeserializer<'a, WordError> = row.try_get::<_, &str>(column)?.into_deserializer();
    Ok(T::deserialize(word)?)
}

/// All rows.
pub(crate) fn many<T>(
    on: &impl Source,
    doing: &'static str,
    sql: &str,
    params: &[Param<'_>],
    read: impl Fn(&Row) -> Got<T>,
) -> Result<Vec<T>, StoreError> {
    let corrupt = |error: BoxedError| StoreError::Corrupt { doing, why: error.to_string() };
    on.query(doing, sql, params)?.iter().map(|row| read(row).map_err(corrupt)).collect()
}

/// The first row, if there is one.
pub(crate) fn optional<T>(
    on: &impl Source,
    doing: &'static str,
    sql: &str,
    params: &[Param<'_>],
    read: impl Fn(&Row) -> Got<T>,
) -> Result<Option<T>, StoreError> {
    Ok(many(on, doing, sql, params, read)?.into_iter().next())
}

/// The one number of a statement that gives one.
pub(crate) fn int(link: &Link, doing: &'static str, sql: &str) -> Result<i64, StoreError> {
    let rows = link.query(doing, "", sql, &[])?;
    let row = rows.first().ok_or_else(|| StoreError::Corrupt { doing, why: "a row is missing".into() })?;
    row.try_get(0).map_err(|error| StoreError::Corrupt { doing, why: error.to_string() })
}

/// Counts one further.
pub(crate) fn count(value: &mut i64) -> i64 {
    *value += 1;
    *value
}
