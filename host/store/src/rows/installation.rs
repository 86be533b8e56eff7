//! What people set and change: overrides, credentials, configurations, the audit log, the host's own secrets.

use crate::codec::{BoxedError, Number, number, number_or_null, stored, unreadable};
use crate::statement::{execute, many, optional};
use domain::id::{AuditId, IntegrationId, OverrideId, Revision, RotationId, UserId};
use domain::schedule::Override;
use domain::time::Millis;
use ports::StoreError;
use ports::store::{AuditRow, Credential, CredentialKind};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

/// Most lines of one list of the audit log.
const LIST_LIMIT: u32 = 500;

fn read_override(row: &Row<'_>) -> rusqlite::Result<Override> {
    Ok(Override {
        id: number(row, 0)?,
        rotation: RotationId(row.get(1)?),
        user: UserId(row.get(2)?),
        from: number(row, 3)?,
        until: number(row, 4)?,
        by: UserId(row.get(5)?),
    })
}

pub(crate) fn overrides(on: &Connection, rotation: Option<&RotationId>, from: Millis) -> Result<Vec<Override>, StoreError> {
    const DOING: &str = "read overrides";
    match rotation {
        Some(rotation) => {
            let sql = "SELECT id, rotation, user, from_at, until_at, by FROM rotation_override \
                       WHERE rotation = ?1 AND until_at > ?2 ORDER BY from_at, id";
            many(on, DOING, sql, (rotation.as_str(), from.0), read_override)
        }
        None => {
            let sql = "SELECT id, rotation, user, from_at, until_at, by FROM rotation_override WHERE until_at > ?1 ORDER BY from_at, id";
            many(on, DOING, sql, [from.0], read_override)
        }
    }
}

pub(crate) fn put_override(on: &Connection, entry: &Override) -> Result<(), StoreError> {
    let sql = "INSERT INTO rotation_override (id, rotation, user, from_at, until_at, by) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (id) DO UPDATE SET rotation = excluded.rotation, user = excluded.user, from_at = excluded.from_at, \
               until_at = excluded.until_at, by = excluded.by";
    let values = (entry.id.stored(), entry.rotation.as_str(), entry.user.as_str(), entry.from.0, entry.until.0, entry.by.as_str());
    execute(on, "put an override", sql, values).map(drop)
}

pub(crate) fn delete_override(on: &Connection, id: OverrideId) -> Result<(), StoreError> {
    execute(on, "delete an override", "DELETE FROM rotation_override WHERE id = ?1", [id.stored()]).map(drop)
}

const READ_CREDENTIAL: &str = "read a credential";

macro_rules! select_credential {
    ($rest:literal) => {
        concat!("SELECT id, kind, user, integration, label, scope, detail, created_at, expires_at, last_used_at FROM credential ", $rest)
    };
}

fn read_credential(row: &Row<'_>) -> rusqlite::Result<Credential> {
    Ok(Credential {
        id: row.get(0)?,
        kind: credential_of(row.get_ref(1)?.as_str()?).map_err(|error| unreadable(1, Type::Text, error))?,
        user: row.get::<_, Option<String>>(2)?.map(UserId),
        integration: row.get::<_, Option<String>>(3)?.map(IntegrationId),
        label: row.get(4)?,
        scope: row.get(5)?,
        detail: row.get(6)?,
        created_at: number(row, 7)?,
        expires_at: number_or_null(row, 8)?,
        last_used_at: number_or_null(row, 9)?,
    })
}

pub(crate) fn credential_of(word: &str) -> Result<CredentialKind, BoxedError> {
    Ok(match word {
        "integration-key" => CredentialKind::IntegrationKey,
        "api-token" => CredentialKind::ApiToken,
        "session" => CredentialKind::Session,
        "sign-in-link" => CredentialKind::SignInLink,
        "password" => CredentialKind::Password,
        "calendar-feed" => CredentialKind::CalendarFeed,
        other => return Err(format!("{other:?} is no kind of credential").into()),
    })
}

pub(crate) fn credential_word(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::IntegrationKey => "integration-key",
        CredentialKind::ApiToken => "api-token",
        CredentialKind::Session => "session",
        CredentialKind::SignInLink => "sign-in-link",
        CredentialKind::Password => "password",
        CredentialKind::CalendarFeed => "calendar-feed",
    }
}

pub(crate) fn credential(on: &Connection, id: &str) -> Result<Option<Credential>, StoreError> {
    optional(on, READ_CREDENTIAL, select_credential!("WHERE id = ?1"), [id], read_credential)
}

pub(crate) fn credentials(on: &Connection, kind: CredentialKind) -> Result<Vec<Credential>, StoreError> {
    many(on, READ_CREDENTIAL, select_credential!("WHERE kind = ?1 ORDER BY created_at, id"), [credential_word(kind)], read_credential)
}

pub(crate) fn put_credential(on: &Connection, credential: &Credential) -> Result<(), StoreError> {
    let sql = "INSERT INTO credential (id, kind, user, integration, label, scope, detail, created_at, expires_at, last_used_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, \
               user = excluded.user, integration = excluded.integration, label = excluded.label, scope = excluded.scope, \
               detail = excluded.detail, created_at = excluded.created_at, expires_at = excluded.expires_at, \
               last_used_at = excluded.last_used_at";
    let values = (
        &credential.id,
        credential_word(credential.kind),
        credential.user.as_ref().map(UserId::as_str),
        credential.integration.as_ref().map(IntegrationId::as_str),
        &credential.label,
        &credential.scope,
        &credential.detail,
        credential.created_at.0,
        stored(credential.expires_at),
        stored(credential.last_used_at),
    );
    execute(on, "put a credential", sql, values).map(drop)
}

pub(crate) fn delete_credential(on: &Connection, id: &str) -> Result<(), StoreError> {
    execute(on, "delete a credential", "DELETE FROM credential WHERE id = ?1", [id]).map(drop)
}

pub(crate) fn configuration(on: &Connection) -> Result<Option<(Revision, String)>, StoreError> {
    let sql = "SELECT revision, document FROM configuration ORDER BY revision DESC LIMIT 1";
    optional(on, "read the configuration", sql, (), |row| Ok((number(row, 0)?, row.get(1)?)))
}

pub(crate) fn add_configuration(on: &Connection, revision: Revision, document: &str, at: Millis) -> Result<(), StoreError> {
    const DOING: &str = "add a configuration";
    let newest = optional(on, DOING, "SELECT max(revision) FROM configuration", (), |row| number_or_null::<Revision>(row, 0))?.flatten();
    let expected = newest.map_or(1, |newest| newest.0 + 1);
    if revision.0 != expected {
        return Err(StoreError::Abandoned(format!("configuration {revision} cannot be added: the next revision is {expected}")));
    }
    let sql = "INSERT INTO configuration (revision, at, document) VALUES (?1, ?2, ?3)";
    execute(on, DOING, sql, (revision.stored(), at.0, document)).map(drop)
}

pub(crate) fn audit(on: &Connection, before: Option<AuditId>, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
    let sql = "SELECT id, at, actor, action, subject, details FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
    many(on, "read the audit log", sql, (before.map_or(i64::MAX, Number::stored), limit.min(LIST_LIMIT)), |row| {
        Ok(AuditRow {
            id: number(row, 0)?,
            at: number(row, 1)?,
            actor: row.get(2)?,
            action: row.get(3)?,
            subject: row.get(4)?,
            details: row.get(5)?,
        })
    })
}

pub(crate) fn add_audit(on: &Connection, row: &AuditRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit (at, actor, action, subject, details) VALUES (?1, ?2, ?3, ?4, ?5)";
    execute(on, "add to the audit log", sql, (row.at.0, &row.actor, &row.action, &row.subject, &row.details)).map(drop)
}

pub(crate) fn host_secret(on: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    optional(on, "read a secret of the host", "SELECT value FROM host_secret WHERE name = ?1", [name], |row| row.get(0))
}

pub(crate) fn put_host_secret(on: &Connection, name: &str, value: &[u8]) -> Result<(), StoreError> {
    let sql = "INSERT INTO host_secret (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    execute(on, "put a secret of the host", sql, (name, value)).map(drop)
}
