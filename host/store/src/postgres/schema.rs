//! The tables in the database, as a list of steps; the table `reveille_schema` counts those that were taken.

use super::link::Link;
use super::server::PostgresServer;
use crate::error::OpenError;
use ports::StoreError;

/// The steps, oldest first. A released step is never edited.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql")];
/// Marks the schema as ours.
const APPLICATION: &str = "reveille";
/// One opening at a time.
const LOCK: i64 = 0x5256_5343;

/// Makes the tables, or brings them to the newest version; refuses a schema that is something else or that a newer version wrote.
pub(crate) fn migrate(link: &Link, server: &PostgresServer) -> Result<(), OpenError> {
    let place = server.place();
    let failed = |source: StoreError| OpenError::Postgres { place: place.clone(), source };
    link.batch("begin the check of the schema", "BEGIN").map_err(failed)?;
    let judged = in_transaction(link, server);
    let end = if judged.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = link.batch("end the check of the schema", end).map_err(failed);
    link.forgive();
    judged.and(ended)
}

fn in_transaction(link: &Link, server: &PostgresServer) -> Result<(), OpenError> {
    const DOING: &str = "check the schema";
    let place = server.place();
    let failed = |source: StoreError| OpenError::Postgres { place: place.clone(), source };
    link.batch(DOING, &format!("SELECT pg_advisory_xact_lock({LOCK})")).map_err(failed)?;
    let there = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $1 AND c.relkind = 'r' AND ($2 = '' OR c.relname = $2)";
    let count = |name: &str| -> Result<i64, OpenError> {
        let rows = link.query(DOING, "", there, &[&server.schema, &name]).map_err(failed)?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    };
    let marked = count("reveille_schema")? > 0;
    if !marked && count("")? > 0 {
        return Err(OpenError::ForeignSchema { place });
    }
    let mut taken = 0;
    if marked {
        let rows = link.query(DOING, "", "SELECT application, version FROM reveille_schema", &[]).map_err(failed)?;
        let Some(row) = rows.first().filter(|row| row.try_get::<_, &str>(0).is_ok_and(|name| name == APPLICATION)) else {
            return Err(OpenError::ForeignSchema { place });
        };
        taken = row.try_get::<_, i64>(1).unwrap_or(i64::MAX);
    }
    let known = MIGRATIONS.len() as i64;
    if taken > known {
        return Err(OpenError::NewerSchema { place, found: taken, known });
    }
    if !marked {
        let make = format!(
            "CREATE SCHEMA IF NOT EXISTS \"{}\"; CREATE TABLE reveille_schema (application TEXT NOT NULL, version BIGINT NOT NULL, \
             unfinished BIGINT NOT NULL); INSERT INTO reveille_schema VALUES ('{APPLICATION}', 0, 0)",
            server.schema
        );
        link.batch("make the schema", &make).map_err(failed)?;
    }
    for step in MIGRATIONS.iter().skip(usize::try_from(taken).unwrap_or(usize::MAX)) {
        link.batch("bring the tables to the newest version", step).map_err(failed)?;
    }
    link.batch(DOING, &format!("UPDATE reveille_schema SET version = {known}")).map_err(failed)
}
