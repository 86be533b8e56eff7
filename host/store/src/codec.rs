//! How values stand in rows. What the hot path writes is postcard behind one byte that names its format; the rest is JSON, which forgives
//! an added field and can be read with any SQL shell; what is queried stands in columns of its own.

use domain::id::{ActionId, AlertId, DeadLetterId, DecisionId, EventId, IncidentId, JournalId, OutboxId, OverrideId, Revision, RunId};
use domain::incident::Incident;
use domain::time::Millis;
use ports::StoreError;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};

/// The format of packed values. postcard does not describe itself: a change of any packed type of `domain` needs the next number here,
/// the old type beside the new one, and a migration or a reader for both.
const FORMAT: u8 = 1;
/// The format of what a decision says besides its alert, since a repeat cites another.
const DECISION_FORMAT: u8 = 2;
/// The format of an incident since people arrange something about it: format 1 and a text at its end.
const INCIDENT_FORMAT: u8 = 2;

pub(crate) type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// The value behind a format byte.
pub(crate) fn pack<T: Serialize>(doing: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    pack_as(FORMAT, doing, value)
}

/// [`pack`] for what a decision says besides its alert.
pub(crate) fn pack_decision<T: Serialize>(doing: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    pack_as(DECISION_FORMAT, doing, value)
}

/// [`pack`] for an incident.
pub(crate) fn pack_incident(doing: &'static str, incident: &Incident) -> Result<Vec<u8>, StoreError> {
    pack_as(INCIDENT_FORMAT, doing, incident)
}

/// What [`pack_incident`] packed, or what was packed or written as JSON before there was anything to arrange.
pub(crate) fn unpack_incident(bytes: &[u8]) -> Result<Incident, BoxedError> {
    match bytes.split_first() {
        Some((b'{', _)) => Ok(serde_json::from_slice(bytes)?),
        Some((&INCIDENT_FORMAT, packed)) => Ok(postcard::from_bytes(packed)?),
        // An empty text takes the place of what was not there: its length, 0.
        Some((&FORMAT, packed)) => Ok(postcard::from_bytes(&[packed, &[0]].concat())?),
        Some((format, _)) => Err(format!("it is packed in format {format}, this version knows {INCIDENT_FORMAT}").into()),
        None => Err("it is empty".into()),
    }
}

fn pack_as<T: Serialize>(format: u8, doing: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(1024);
    bytes.push(format);
    postcard::to_extend(value, bytes).map_err(|error| StoreError::Abandoned(format!("cannot {doing}: {error}")))
}

/// What [`pack`] packed.
pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BoxedError> {
    match bytes.split_first() {
        Some((&FORMAT, packed)) => Ok(postcard::from_bytes(packed)?),
        Some((format, _)) => Err(format!("it is packed in format {format}, this version knows {FORMAT}").into()),
        None => Err("it is empty".into()),
    }
}

/// What [`pack_decision`] packed, or what was packed as `O` before there were repeats.
pub(crate) fn unpack_decision<T: DeserializeOwned, O: DeserializeOwned + Into<T>>(bytes: &[u8]) -> Result<T, BoxedError> {
    match bytes.split_first() {
        Some((&DECISION_FORMAT, packed)) => Ok(postcard::from_bytes(packed)?),
        _ => unpack::<O>(bytes).map(Into::into),
    }
}

/// Reads a column that holds an incident.
pub(crate) fn read_incident(row: &Row<'_>, column: usize) -> rusqlite::Result<Incident> {
    unpack_incident(row.get_ref(column)?.as_bytes()?).map_err(|error| unreadable(column, Type::Blob, error))
}

/// Reads a packed column.
pub(crate) fn read_packed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    unpack(row.get_ref(column)?.as_blob()?).map_err(|error| unreadable(column, Type::Blob, error))
}

/// A value as JSON text.
pub(crate) fn json<T: Serialize>(doing: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Abandoned(format!("cannot {doing}: {error}")))
}

/// Reads a column of JSON.
pub(crate) fn read_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| unreadable(column, Type::Text, error.into()))
}

/// Reads a column that holds one of an enum's words, as serde spells them.
pub(crate) fn read_word<'a, T: Deserialize<'a>>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<T> {
    let word: StrDeserializer<'a, WordError> = row.get_ref(column)?.as_str()?.into_deserializer();
    T::deserialize(word).map_err(|error| unreadable(column, Type::Text, error.into()))
}

/// An error about a column's content.
pub(crate) fn unreadable(column: usize, kind: Type, error: BoxedError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, error)
}

/// A number that the database keeps as a signed integer.
pub(crate) trait Number: Sized {
    /// As it is stored.
    fn stored(self) -> i64;
    /// From what is stored.
    fn of(stored: i64) -> Self;
}

macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl Number for $name {
            fn stored(self) -> i64 { self.0.cast_signed() }
            fn of(stored: i64) -> Self { Self(stored.cast_unsigned()) }
        }
    )*};
}
numbers!(ActionId, AlertId, DeadLetterId, DecisionId, EventId, IncidentId, JournalId, OutboxId, OverrideId, Revision, RunId);

impl Number for domain::id::AuditId {
    fn stored(self) -> i64 {
        self.0.cast_signed()
    }
    fn of(stored: i64) -> Self {
        Self(stored.cast_unsigned())
    }
}

impl Number for Millis {
    fn stored(self) -> i64 {
        self.0
    }
    fn of(stored: i64) -> Self {
        Self(stored)
    }
}

/// Reads a number.
pub(crate) fn number<T: Number>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get(column).map(T::of)
}

/// Reads a number or NULL.
pub(crate) fn number_or_null<T: Number>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(T::of))
}

/// A number or NULL, as stored.
pub(crate) fn stored<T: Number>(value: Option<T>) -> Option<i64> {
    value.map(T::stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::alert::{Alert, Severity};

    /// By postcard's specification, not by its output: whoever changes the alert sees here that [`FORMAT`] has to follow.
    #[test]
    fn an_alert_is_packed_as_format_1_says() {
        let packed = pack("pack", &Alert::firing("db", Severity::Critical, Millis(1))).unwrap();
        // Format; entity; firing, critical; seven fields that are not there; 1 in zigzag; no expiry; three empty lists.
        let expected = [&[1, 2][..], b"db", &[0, 3], &[0; 7], &[2], &[0], &[0; 3]].concat();
        assert_eq!(packed, expected);
    }

    /// Bytes as an older version wrote them, by postcard's specification. Seen red with: reading them as the new format.
    #[cfg(feature = "conformance")]
    #[test]
    fn an_incident_of_format_1_is_read_with_nothing_arranged() {
        let mut incident = crate::conformance::samples::incident(domain::id::IncidentId(7), "shop");
        incident.care = domain::care::Care::default();
        let packed = pack_incident("pack", &incident).unwrap();
        // Nothing arranged is an empty text at the end: one byte, its length.
        assert_eq!((packed[0], packed[packed.len() - 1]), (INCIDENT_FORMAT, 0));
        let old = [&[FORMAT], &packed[1..packed.len() - 1]].concat();
        assert_eq!(unpack_incident(&old).unwrap(), incident);
        assert_eq!(unpack_incident(&packed).unwrap(), incident);
        let mut json = serde_json::to_value(&incident).unwrap();
        json.as_object_mut().unwrap().remove("care");
        assert_eq!(unpack_incident(json.to_string().as_bytes()).unwrap(), incident);
        incident.care.snoozed_until = Some(Millis(5));
        assert_eq!(unpack_incident(&pack_incident("pack", &incident).unwrap()).unwrap(), incident);
    }

    #[test]
    fn a_format_that_is_not_known_is_said() {
        let packed = pack("pack", &7_u32).unwrap();
        assert_eq!(packed, [FORMAT, 7]);
        assert_eq!(unpack::<u32>(&packed).unwrap(), 7);
        assert_eq!(unpack::<u32>(&[9, 7]).unwrap_err().to_string(), "it is packed in format 9, this version knows 1");
        assert_eq!(unpack::<u32>(&[]).unwrap_err().to_string(), "it is empty");
    }
}
