//! The tables of each file, as a list of steps; `PRAGMA user_version` counts those that were taken.

use crate::error::OpenError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// One kind of file and how it came to be what it is.
pub(crate) struct Schema {
    /// The file's name without `.db`.
    pub name: &'static str,
    /// How large the pages of a new file are, in bytes.
    pub page_bytes: u32,
    /// Marks the file as ours: `PRAGMA application_id`.
    application_id: i64,
    /// The steps, oldest first. A released step is never edited.
    migrations: &'static [&'static str],
}

/// `store.db`.
pub(crate) const STORE: Schema = Schema {
    name: "store",
    page_bytes: 4096,
    application_id: 0x5256_5354,
    migrations: &[
        include_str!("schema/store_1.sql"),
        include_str!("schema/store_2.sql"),
        include_str!("schema/store_3.sql"),
        include_str!("schema/store_4.sql"),
    ],
};
/// `journal.db`. It is only appended to, by whole groups of records: large pages cost it fewer writes.
pub(crate) const JOURNAL: Schema =
    Schema { name: "journal", page_bytes: 16_384, application_id: 0x5256_4a4c, migrations: &[include_str!("schema/journal_1.sql")] };

impl Schema {
    /// Refuses a file that is something else or that a newer version wrote.
    pub fn refuse_foreign(&self, on: &Connection, path: &Path) -> Result<(), OpenError> {
        let read = |pragma| {
            on.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(|source| OpenError::Database {
                doing: "read",
                path: path.to_owned(),
                source,
            })
        };
        let found = read("application_id")?;
        let version = read("user_version")?;
        let tables = on
            .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get::<_, i64>(0))
            .map_err(|source| OpenError::Database { doing: "read", path: path.to_owned(), source })?;
        let empty = found == 0 && version == 0 && tables == 0;
        if found != self.application_id && !empty {
            return Err(OpenError::Foreign { path: path.to_owned(), expected: self.name, found });
        }
        let known = self.migrations.len() as i64;
        if version > known {
            return Err(OpenError::Newer { path: path.to_owned(), found: version, known });
        }
        Ok(())
    }

    /// Takes the steps that are missing, all in one transaction.
    pub fn migrate(&self, on: &mut Connection) -> Result<(), rusqlite::Error> {
        let transaction = on.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let taken = transaction.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
        let missing = self.migrations.iter().skip(usize::try_from(taken).unwrap_or(usize::MAX));
        for step in missing {
            transaction.execute_batch(step)?;
        }
        if taken < self.migrations.len() as i64 {
            transaction.pragma_update(None, "application_id", self.application_id)?;
            transaction.pragma_update(None, "user_version", self.migrations.len() as i64)?;
        }
        transaction.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_file_and_a_foreign_file_are_refused_in_words() {
        let path = Path::new("data/store.db");
        let mut on = Connection::open_in_memory().unwrap();
        STORE.refuse_foreign(&on, path).unwrap();
        STORE.migrate(&mut on).unwrap();
        STORE.refuse_foreign(&on, path).unwrap();
        STORE.migrate(&mut on).unwrap();

        let foreign = JOURNAL.refuse_foreign(&on, path).unwrap_err().to_string();
        assert_eq!(foreign, "data/store.db is no journal of Reveille: its application id is 0x52565354");

        on.pragma_update(None, "user_version", 99).unwrap();
        let newer = STORE.refuse_foreign(&on, path).unwrap_err().to_string();
        assert!(
            newer.starts_with("data/store.db was written by a newer version of Reveille (schema 99, this one knows up to 4)"),
            "{newer}"
        );
    }

    #[test]
    fn append_only_tables_refuse_update_delete_and_replace() {
        let mut on = Connection::open_in_memory().unwrap();
        on.pragma_update(None, "recursive_triggers", true).unwrap();
        STORE.migrate(&mut on).unwrap();
        on.execute_batch(
            "INSERT INTO audit VALUES (1, 0, 'host', 'a', 's', 'd');
             INSERT INTO configuration VALUES (1, 0, '{}');
             INSERT INTO timeline VALUES (1, 1, 0, 'opened', 't', '{}', NULL);
             INSERT INTO decision VALUES (1, 0, 't', NULL, x'', x'', NULL);",
        )
        .unwrap();
        for table in ["audit", "configuration", "timeline", "decision"] {
            for statement in [
                format!("UPDATE {table} SET at = 1"),
                format!("DELETE FROM {table}"),
                format!("REPLACE INTO {table} SELECT * FROM {table}"),
            ] {
                let refused = on.execute_batch(&statement).unwrap_err().to_string();
                assert!(refused.contains("append-only"), "{statement}: {refused}");
            }
        }
    }
}
