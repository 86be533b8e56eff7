//! What waits for an operator, what people set and change, and what plugins remember.

use super::read::{Got, many, number, number_or_null, optional, text, text_or_null};
use super::{Source, Writer};
use crate::codec::{Number, stored};
use crate::rows::dead_letter::{kind_of, kind_word, state_of, state_word};
use crate::rows::installation::{credential_of, credential_word};
use crate::table::{AUDIT, CONFIGURATION, CREDENTIAL, DEAD_LETTER, GENERATION, HOST_SECRET, OVERRIDE, PLUGIN_STATE, Value};
use domain::id::{AuditId, DeadLetterId, IntegrationId, OverrideId, Revision, RotationId, UserId};
use domain::schedule::Override;
use domain::state::{Generations, STATE_PARTITIONS, StateEntry, StateRow, StateSpace, StateValue};
use domain::time::Millis;
use ports::StoreError;
use ports::store::{AuditRow, Credential, CredentialKind, DeadLetter, DeadLetterState};
use std::sync::Arc;
use tokio_postgres::Row;

const READ_LETTER: &str = "read a dead letter";
const READ_CREDENTIAL: &str = "read a credential";
/// Most rows of one list.
const LIST_LIMIT: u32 = 500;

fn read_letter(row: &Row) -> Got<DeadLetter> {
    Ok(DeadLetter {
        id: number(row, 0)?,
        at: number(row, 1)?,
        record: number(row, 2)?,
        decision: number_or_null(row, 3)?,
        integration: text_or_null(row, 4)?.map(IntegrationId),
        kind: kind_of(row.try_get(5)?)?,
        reason: text(row, 6)?,
        state: state_of(row.try_get(7)?)?,
        tries: u32::try_from(row.try_get::<_, i64>(8)?)?,
        next_at: number_or_null(row, 9)?,
    })
}

macro_rules! letters {
    ($rest:literal) => {
        concat!("SELECT id, at, record, decision, integration, kind, reason, state, tries, next_at FROM dead_letter ", $rest)
    };
}

pub(super) fn dead_letter(on: &impl Source, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
    optional(on, READ_LETTER, letters!("WHERE id = $1"), &[&id.stored()], read_letter)
}

pub(super) fn dead_letters(
    on: &impl Source,
    state: Option<DeadLetterState>,
    before: Option<DeadLetterId>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let before = before.map_or(i64::MAX, Number::stored);
    let limit = i64::from(limit.min(LIST_LIMIT));
    match state {
        Some(state) => {
            let sql = letters!("WHERE state = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
            many(on, READ_LETTER, sql, &[&state_word(state), &before, &limit], read_letter)
        }
        None => many(on, READ_LETTER, letters!("WHERE id < $1 ORDER BY id DESC LIMIT $2"), &[&before, &limit], read_letter),
    }
}

pub(super) fn dead_letters_due(on: &impl Source, now: Millis, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
    let sql = letters!("WHERE state = 'waiting' AND kind = 'parked' AND next_at <= $1 ORDER BY next_at, id LIMIT $2");
    many(on, READ_LETTER, sql, &[&now.0, &i64::from(limit)], read_letter)
}

pub(super) fn dead_letters_waiting(on: &impl Source, integration: Option<&IntegrationId>) -> Result<u64, StoreError> {
    let count = |row: &Row| Ok(row.try_get::<_, i64>(0)?);
    let found = match integration {
        Some(integration) => {
            let sql = "SELECT count(*) FROM dead_letter WHERE state = 'waiting' AND integration = $1";
            many(on, READ_LETTER, sql, &[&integration.as_str().as_bytes()], count)?
        }
        None => many(on, READ_LETTER, "SELECT count(*) FROM dead_letter WHERE state = 'waiting'", &[], count)?,
    };
    Ok(found.first().copied().unwrap_or(0).cast_unsigned())
}

pub(super) fn put_dead_letter(on: &Writer<'_>, letter: &DeadLetter) {
    let row = vec![
        letter.id.stored().into(),
        letter.at.0.into(),
        letter.record.stored().into(),
        stored(letter.decision).into(),
        letter.integration.as_ref().map(IntegrationId::as_str).into(),
        kind_word(letter.kind).into(),
        letter.reason.as_str().into(),
        state_word(letter.state).into(),
        i64::from(letter.tries).into(),
        stored(letter.next_at).into(),
    ];
    on.0.pending.borrow_mut().put(DEAD_LETTER, row);
}

fn read_override(row: &Row) -> Got<Override> {
    Ok(Override {
        id: number(row, 0)?,
        rotation: RotationId(text(row, 1)?),
        user: UserId(text(row, 2)?),
        from: number(row, 3)?,
        until: number(row, 4)?,
        by: UserId(text(row, 5)?),
    })
}

pub(super) fn overrides(on: &impl Source, rotation: Option<&RotationId>, from: Millis) -> Result<Vec<Override>, StoreError> {
    const DOING: &str = "read overrides";
    match rotation {
        Some(rotation) => {
            let sql = "SELECT id, rotation, \"user\", from_at, until_at, \"by\" FROM rotation_override \
                       WHERE rotation = $1 AND until_at > $2 ORDER BY from_at, id";
            many(on, DOING, sql, &[&rotation.as_str().as_bytes(), &from.0], read_override)
        }
        None => {
            let sql = "SELECT id, rotation, \"user\", from_at, until_at, \"by\" FROM rotation_override \
                       WHERE until_at > $1 ORDER BY from_at, id";
            many(on, DOING, sql, &[&from.0], read_override)
        }
    }
}

pub(super) fn put_override(on: &Writer<'_>, entry: &Override) {
    let (rotation, user, by) = (entry.rotation.as_str().into(), entry.user.as_str().into(), entry.by.as_str().into());
    let row = vec![entry.id.stored().into(), rotation, user, entry.from.0.into(), entry.until.0.into(), by];
    on.0.pending.borrow_mut().put(OVERRIDE, row);
}

pub(super) fn delete_override(on: &Writer<'_>, id: OverrideId) {
    on.0.pending.borrow_mut().delete(OVERRIDE, vec![id.stored().into()]);
}

macro_rules! credentials {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, \"user\", integration, label, scope, detail, created_at, expires_at, last_used_at FROM credential ",
            $rest
        )
    };
}

fn read_credential(row: &Row) -> Got<Credential> {
    Ok(Credential {
        id: text(row, 0)?,
        kind: credential_of(row.try_get(1)?)?,
        user: text_or_null(row, 2)?.map(UserId),
        integration: text_or_null(row, 3)?.map(IntegrationId),
        label: text(row, 4)?,
        scope: text(row, 5)?,
        detail: text(row, 6)?,
        created_at: number(row, 7)?,
        expires_at: number_or_null(row, 8)?,
        last_used_at: number_or_null(row, 9)?,
    })
}

pub(super) fn credential(on: &impl Source, id: &str) -> Result<Option<Credential>, StoreError> {
    optional(on, READ_CREDENTIAL, credentials!("WHERE id = $1"), &[&id.as_bytes()], read_credential)
}

pub(super) fn credentials(on: &impl Source, kind: CredentialKind) -> Result<Vec<Credential>, StoreError> {
    many(on, READ_CREDENTIAL, credentials!("WHERE kind = $1 ORDER BY created_at, id"), &[&credential_word(kind)], read_credential)
}

pub(super) fn put_credential(on: &Writer<'_>, credential: &Credential) {
    let row = vec![
        credential.id.as_str().into(),
        credential_word(credential.kind).into(),
        credential.user.as_ref().map(UserId::as_str).into(),
        credential.integration.as_ref().map(IntegrationId::as_str).into(),
        credential.label.as_str().into(),
        credential.scope.as_str().into(),
        credential.detail.as_str().into(),
        credential.created_at.0.into(),
        stored(credential.expires_at).into(),
        stored(credential.last_used_at).into(),
    ];
    on.0.pending.borrow_mut().put(CREDENTIAL, row);
}

pub(super) fn delete_credential(on: &Writer<'_>, id: &str) {
    on.0.pending.borrow_mut().delete(CREDENTIAL, vec![id.into()]);
}

pub(super) fn configuration(on: &impl Source) -> Result<Option<(Revision, String)>, StoreError> {
    let sql = "SELECT revision, document FROM configuration ORDER BY revision DESC LIMIT 1";
    optional(on, "read the configuration", sql, &[], |row| Ok((number(row, 0)?, text(row, 1)?)))
}

pub(super) fn add_configuration(on: &Writer<'_>, revision: Revision, document: &str, at: Millis) -> Result<(), StoreError> {
    const DOING: &str = "add a configuration";
    let newest = optional(on, DOING, "SELECT max(revision) FROM configuration", &[], |row| number_or_null::<Revision>(row, 0))?.flatten();
    let expected = newest.map_or(1, |newest| newest.0 + 1);
    if revision.0 != expected {
        return Err(StoreError::Abandoned(format!("configuration {revision} cannot be added: the next revision is {expected}")));
    }
    on.0.pending.borrow_mut().put(CONFIGURATION, vec![revision.stored().into(), at.0.into(), document.into()]);
    Ok(())
}

pub(super) fn audit(on: &impl Source, before: Option<AuditId>, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
    let sql = "SELECT id, at, actor, action, subject, details FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2";
    let (before, limit) = (before.map_or(i64::MAX, Number::stored), i64::from(limit.min(LIST_LIMIT)));
    many(on, "read the audit log", sql, &[&before, &limit], |row| {
        Ok(AuditRow {
            id: number(row, 0)?,
            at: number(row, 1)?,
            actor: text(row, 2)?,
            action: text(row, 3)?,
            subject: text(row, 4)?,
            details: text(row, 5)?,
        })
    })
}

pub(super) fn add_audit(on: &Writer<'_>, row: &AuditRow) {
    let id = on.0.memory.borrow_mut().next_audit();
    let texts = [&row.actor, &row.action, &row.subject, &row.details].map(|text| Value::from(text.as_str()));
    on.0.pending.borrow_mut().put(AUDIT, [vec![id.into(), row.at.0.into()], texts.to_vec()].concat());
}

pub(super) fn host_secret(on: &impl Source, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT value FROM host_secret WHERE name = $1";
    optional(on, "read a secret of the host", sql, &[&name.as_bytes()], |row| Ok(row.try_get(0)?))
}

pub(super) fn put_host_secret(on: &Writer<'_>, name: &str, value: &[u8]) {
    on.0.pending.borrow_mut().put(HOST_SECRET, vec![name.into(), value.into()]);
}

pub(super) fn plugin_state(on: &impl Source, space: &StateSpace) -> Result<Vec<StateRow>, StoreError> {
    let shared = Arc::new(space.clone());
    let sql = "SELECT key, counter, value, version, expires_at FROM plugin_state WHERE space = $1 ORDER BY key";
    many(on, "read what a plugin remembers", sql, &[&space.to_string().as_bytes()], |row| {
        let value = match row.try_get::<_, Option<i64>>(1)? {
            Some(sum) => StateValue::Counter(sum),
            None => StateValue::Bytes(row.try_get::<_, &[u8]>(2)?.into()),
        };
        let entry = StateEntry { value, version: row.try_get::<_, i64>(3)?.cast_unsigned(), expires_at: number(row, 4)? };
        Ok(StateRow { space: Arc::clone(&shared), key: text(row, 0)?, entry })
    })
}

pub(super) fn put_plugin_state(on: &Writer<'_>, row: &StateRow) {
    let StateEntry { value, version, expires_at } = &row.entry;
    let (sum, bytes) = match value {
        StateValue::Counter(sum) => (Value::Int(*sum), Value::Null),
        StateValue::Bytes(bytes) => (Value::Null, Value::from(&bytes[..])),
    };
    let columns =
        vec![row.space.to_string().into(), row.key.as_str().into(), sum, bytes, version.cast_signed().into(), expires_at.0.into()];
    on.0.pending.borrow_mut().put(PLUGIN_STATE, columns);
}

pub(super) fn delete_plugin_state(on: &Writer<'_>, space: &StateSpace, key: &str) {
    on.0.pending.borrow_mut().delete(PLUGIN_STATE, vec![space.to_string().into(), key.into()]);
}

pub(super) fn delete_expired_plugin_state(on: &Writer<'_>, now: Millis, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM plugin_state WHERE (space, key) IN \
               (SELECT space, key FROM plugin_state WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) RETURNING expires_at";
    on.query("forget what has expired", sql, &[&now.0, &i64::from(limit)]).map(|gone| gone.len() as u64)
}

pub(super) fn generations(on: &impl Source) -> Result<Generations, StoreError> {
    let mut all = Generations::default();
    let rows = many(on, "read generations", "SELECT partition, value FROM generation", &[], |row| {
        Ok((usize::try_from(row.try_get::<_, i64>(0)?)?, row.try_get::<_, i64>(1)?.cast_unsigned()))
    })?;
    for (partition, value) in rows {
        if let Some(slot) = all.0.get_mut(partition) {
            *slot = value;
        }
    }
    Ok(all)
}

pub(super) fn count_generations(on: &Writer<'_>, partitions: u64) -> Generations {
    let mut memory = on.0.memory.borrow_mut();
    let all = memory.generations_mut();
    for partition in (0..STATE_PARTITIONS).filter(|partition| partitions & (1 << partition) != 0) {
        let slot = &mut all.0[usize::from(partition)];
        *slot += 1;
        on.0.pending.borrow_mut().put(GENERATION, vec![i64::from(partition).into(), slot.cast_signed().into()]);
    }
    *all
}
