//! Copying from and into a schema.

use super::place::{Source, Target};
use super::{CopyError, PAGE_BYTES, PAGE_ROWS};
use crate::error::OpenError;
use crate::postgres::PostgresServer;
use crate::postgres::copying::{Link, Owned, Owner, Role, columns, insert, migrate};
use crate::table::{Kind, Row, TABLES, Table, Value};
use ports::{Clock, StoreError};

/// Rows that were only there to be locked are nobody's history.
const HIDDEN: (&str, &str) = ("open_incident", "incident IS NOT NULL");

fn failed(doing: &'static str, server: &PostgresServer) -> impl Fn(StoreError) -> CopyError {
    move |error| CopyError::Failed { doing, place: server.place(), why: error.to_string() }
}

fn connect(server: &PostgresServer) -> Result<Link, OpenError> {
    Link::connect(server, "copy").map_err(|source| OpenError::Postgres { place: server.place(), source })
}

/// Keeps servers away, and refuses whatever one that was paused still writes.
pub(super) fn hold(server: &PostgresServer, clock: &dyn Clock) -> Result<Link, OpenError> {
    let link = connect(server)?;
    Owner::take(&link, server, Role::Store, clock)?;
    Owner::take(&link, server, Role::Journal, clock)?;
    Ok(link)
}

/// One moment of a schema.
pub(super) struct Snapshot {
    server: PostgresServer,
    link: Link,
}

impl Snapshot {
    pub fn of(server: &PostgresServer) -> Result<Self, CopyError> {
        let link = connect(server)?;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT count(*) FROM counter";
        // A backup may take longer than a server's transaction may idle.
        link.batch("read", "SET idle_in_transaction_session_timeout = 0").map_err(failed("read", server))?;
        link.batch("read", begin).map_err(failed("read", server))?;
        Ok(Self { server: server.clone(), link })
    }

    fn rows(&self, table: &Table, sql: &str, values: Owned<'_>) -> Result<Vec<Row>, CopyError> {
        let params: Vec<_> = values.iter().map(|value| &**value as _).collect();
        let found = self.link.query("read", "", sql, &params).map_err(failed("read", &self.server))?;
        let unreadable =
            |error: tokio_postgres::Error| CopyError::Failed { doing: "read", place: self.server.place(), why: error.to_string() };
        let read = |row: &tokio_postgres::Row| {
            let kinds = table.columns.iter().enumerate();
            kinds
                .map(|(at, (_, kind))| {
                    Ok(match kind {
                        Kind::Int => row.try_get::<_, Option<i64>>(at)?.into(),
                        Kind::Word => row.try_get::<_, Option<&str>>(at)?.into(),
                        Kind::Text | Kind::Blob => row.try_get::<_, Option<&[u8]>>(at)?.into(),
                    })
                })
                .collect::<Result<Row, _>>()
        };
        found.iter().map(|row| read(row).map_err(unreadable)).collect()
    }
}

/// The key's columns, sorted as the other store sorts them: byte by byte.
fn sorted_keys(table: &Table) -> Vec<String> {
    let sorted =
        |(name, kind): &(&str, Kind)| if *kind == Kind::Word { format!("\"{name}\" COLLATE \"C\"") } else { format!("\"{name}\"") };
    table.columns[..table.key].iter().map(sorted).collect()
}

impl Source for Snapshot {
    fn page(&mut self, table: &'static Table, after: Option<&[Value]>) -> Result<Vec<Row>, CopyError> {
        let keys = sorted_keys(table).join(", ");
        let blobs = table.columns.iter().filter(|(_, kind)| *kind == Kind::Blob);
        let sizes: Vec<String> = blobs.map(|(name, _)| format!("coalesce(octet_length(\"{name}\"), 0)")).collect();
        let size = if sizes.is_empty() { "0".to_owned() } else { sizes.join(" + ") };
        let mut conditions: Vec<String> = Vec::new();
        let mut values: Owned<'_> = Vec::new();
        if let Some(after) = after {
            let places: Vec<String> = (1..=after.len()).map(|at| format!("${at}")).collect();
            conditions.push(format!("({keys}) > ({})", places.join(", ")));
            for (value, (_, kind)) in after.iter().zip(table.columns) {
                values.push(match (value, kind) {
                    (Value::Bytes(bytes), Kind::Word) => Box::new(String::from_utf8_lossy(bytes).into_owned()),
                    (Value::Bytes(bytes), _) => Box::new(bytes.clone()),
                    (Value::Int(number), _) => Box::new(*number),
                    (Value::Null, _) => Box::new(None::<i64>),
                });
            }
        }
        if table.name == HIDDEN.0 {
            conditions.push(HIDDEN.1.to_owned());
        }
        let condition = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
        // The sum stops before the rows are fetched.
        let sql = format!(
            "SELECT {names} FROM (SELECT *, sum({size}) OVER (ORDER BY {keys}) AS page_bytes, row_number() OVER (ORDER BY {keys}) AS page_row \
             FROM (SELECT {names} FROM {table} {condition} ORDER BY {keys} LIMIT {PAGE_ROWS}) a) b \
             WHERE page_bytes <= {PAGE_BYTES} OR page_row = 1 ORDER BY {keys}",
            names = table.names(),
            table = table.name,
        );
        self.rows(table, &sql, values)
    }

    fn keys(&mut self, table: &'static Table) -> Result<Vec<i64>, CopyError> {
        let sql = format!("SELECT {0} FROM {1} ORDER BY {0}", table.key_names(), table.name);
        let found = self.link.query("read", "", &sql, &[]).map_err(failed("read", &self.server))?;
        Ok(found.iter().map(|row| row.get(0)).collect())
    }

    fn by_keys(&mut self, table: &'static Table, keys: &[i64]) -> Result<Vec<Row>, CopyError> {
        let key = table.key_names();
        let sql = format!("SELECT {} FROM {} WHERE {key} = ANY ($1) ORDER BY {key}", table.names(), table.name);
        self.rows(table, &sql, vec![Box::new(keys.to_vec())])
    }
}

/// A schema that is filled.
pub(super) struct Filling {
    server: PostgresServer,
    link: Link,
    read: Option<Snapshot>,
}

impl Filling {
    pub fn begin(server: &PostgresServer) -> Result<Self, CopyError> {
        let link = connect(server)?;
        migrate(&link, server)?;
        let failed = failed("write", server);
        let some: Vec<String> = super::tables()
            .map(|table| format!("EXISTS (SELECT 1 FROM {})", table.name))
            .chain(["EXISTS (SELECT 1 FROM owner WHERE epoch > 0)".into()])
            .collect();
        let sql = format!("SELECT ({}) OR (SELECT unfinished <> 0 FROM reveille_schema)", some.join(" OR "));
        let found = link.query("write", "", &sql, &[]).map_err(&failed)?;
        if found.first().is_none_or(|row| row.get(0)) {
            return Err(CopyError::NotEmpty { place: server.place() });
        }
        link.batch("write", "UPDATE reveille_schema SET unfinished = 1").map_err(&failed)?;
        Ok(Self { server: server.clone(), link, read: None })
    }
}

impl Target for Filling {
    fn put(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), CopyError> {
        self.read = None;
        let failed = failed("write", &self.server);
        let params = columns(table.columns, rows).map_err(&failed)?;
        self.link.execute("write", "", &insert(table, false), params).map_err(failed).map(drop)
    }

    fn written(&mut self) -> Result<&mut dyn Source, CopyError> {
        let snapshot = match self.read.take() {
            Some(snapshot) => snapshot,
            None => Snapshot::of(&self.server)?,
        };
        Ok(self.read.insert(snapshot))
    }

    fn finish(self: Box<Self>) -> Result<(), CopyError> {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        let sql = format!(
            "BEGIN; UPDATE owner SET head = coalesce((SELECT max(id) FROM record), 0) WHERE name = 'journal'; \
             UPDATE reveille_schema SET unfinished = 0; COMMIT; ANALYZE record, {}",
            names.join(", ")
        );
        // ANALYZE cannot share a message with the transaction before it.
        let (commit, analyze) = sql.split_at(sql.find("ANALYZE").unwrap_or(sql.len()));
        self.link.batch("finish", commit).map_err(failed("finish", &self.server))?;
        self.link.batch("finish", analyze).map_err(failed("finish", &self.server))
    }
}
