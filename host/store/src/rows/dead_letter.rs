//! Dead letters: what waits for an operator or for another try.

use crate::codec::{BoxedError, Number, number, number_or_null, stored, unreadable};
use crate::statement::{execute, many, one, optional};
use domain::id::{DeadLetterId, IntegrationId};
use domain::time::Millis;
use ports::StoreError;
use ports::store::{DeadLetter, DeadLetterKind, DeadLetterState};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

const READ: &str = "read a dead letter";
/// Most dead letters of one list.
const LIST_LIMIT: u32 = 500;

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, at, record, decision, integration, kind, reason, state, tries, next_at FROM dead_letter ", $rest)
    };
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: number(row, 0)?,
        at: number(row, 1)?,
        record: number(row, 2)?,
        decision: number_or_null(row, 3)?,
        integration: row.get::<_, Option<String>>(4)?.map(IntegrationId),
        kind: kind_of(row.get_ref(5)?.as_str()?).map_err(|error| unreadable(5, Type::Text, error))?,
        reason: row.get(6)?,
        state: state_of(row.get_ref(7)?.as_str()?).map_err(|error| unreadable(7, Type::Text, error))?,
        tries: row.get(8)?,
        next_at: number_or_null(row, 9)?,
    })
}

pub(crate) fn kind_of(word: &str) -> Result<DeadLetterKind, BoxedError> {
    Ok(match word {
        "parked" => DeadLetterKind::Parked,
        "rejected" => DeadLetterKind::Rejected,
        "uncommitted" => DeadLetterKind::Uncommitted,
        other => return Err(format!("{other:?} is no kind of dead letter").into()),
    })
}

pub(crate) fn state_of(word: &str) -> Result<DeadLetterState, BoxedError> {
    Ok(match word {
        "waiting" => DeadLetterState::Waiting,
        "replayed" => DeadLetterState::Replayed,
        "discarded" => DeadLetterState::Discarded,
        other => return Err(format!("{other:?} is no state of a dead letter").into()),
    })
}

pub(crate) fn kind_word(kind: DeadLetterKind) -> &'static str {
    match kind {
        DeadLetterKind::Parked => "parked",
        DeadLetterKind::Rejected => "rejected",
        DeadLetterKind::Uncommitted => "uncommitted",
    }
}

pub(crate) fn state_word(state: DeadLetterState) -> &'static str {
    match state {
        DeadLetterState::Waiting => "waiting",
        DeadLetterState::Replayed => "replayed",
        DeadLetterState::Discarded => "discarded",
    }
}

pub(crate) fn by_id(on: &Connection, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
    optional(on, READ, select!("WHERE id = ?1"), [id.stored()], read)
}

pub(crate) fn list(
    on: &Connection,
    state: Option<DeadLetterState>,
    before: Option<DeadLetterId>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let before = before.map_or(i64::MAX, Number::stored);
    let limit = limit.min(LIST_LIMIT);
    match state {
        Some(state) => {
            many(on, READ, select!("WHERE state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"), (state_word(state), before, limit), read)
        }
        None => many(on, READ, select!("WHERE id < ?1 ORDER BY id DESC LIMIT ?2"), (before, limit), read),
    }
}

pub(crate) fn due(on: &Connection, now: Millis, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
    let sql = select!("WHERE state = 'waiting' AND kind = 'parked' AND next_at <= ?1 ORDER BY next_at, id LIMIT ?2");
    many(on, READ, sql, (now.0, limit), read)
}

pub(crate) fn waiting(on: &Connection, integration: Option<&IntegrationId>) -> Result<u64, StoreError> {
    let count = |row: &Row<'_>| row.get::<_, i64>(0);
    match integration {
        Some(integration) => {
            let sql = "SELECT count(*) FROM dead_letter WHERE state = 'waiting' AND integration = ?1";
            one(on, READ, sql, [integration.as_str()], count)
        }
        None => one(on, READ, "SELECT count(*) FROM dead_letter WHERE state = 'waiting'", (), count),
    }
    .map(i64::cast_unsigned)
}

pub(crate) fn put(on: &Connection, letter: &DeadLetter) -> Result<(), StoreError> {
    let sql = "INSERT INTO dead_letter (id, at, record, decision, integration, kind, reason, state, tries, next_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET at = excluded.at, \
               record = excluded.record, decision = excluded.decision, integration = excluded.integration, kind = excluded.kind, \
               reason = excluded.reason, state = excluded.state, tries = excluded.tries, next_at = excluded.next_at";
    let values = (
        letter.id.stored(),
        letter.at.0,
        letter.record.stored(),
        stored(letter.decision),
        letter.integration.as_ref().map(IntegrationId::as_str),
        kind_word(letter.kind),
        &letter.reason,
        state_word(letter.state),
        letter.tries,
        stored(letter.next_at),
    );
    execute(on, "put a dead letter", sql, values).map(drop)
}
