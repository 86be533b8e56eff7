//! Copying from and into the two files.

use super::place::{Source, Target};
use super::{CopyError, PAGE_BYTES, PAGE_ROWS};
use crate::error::OpenError;
use crate::file::{DatabaseFile, open_reader, sync_directory};
use crate::lock::Lock;
use crate::options::Synchronous;
use crate::schema::{JOURNAL, STORE};
use crate::table::{Kind, RECORD, Row, Table, Value};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};
use std::path::{Path, PathBuf};

/// The page cache of a connection, in KiB.
const PAGE_CACHE_KIB: u32 = 8 << 10;
/// Where a store is made before it is a whole one.
const INCOMING: &str = "incoming";

fn failed(doing: &'static str, folder: &Path) -> impl Fn(rusqlite::Error) -> CopyError {
    move |error| CopyError::Failed { doing, place: format!("store in {}", folder.display()), why: error.to_string() }
}

/// Keeps servers away from both files.
pub(super) fn hold(folder: &Path) -> Result<(Lock, Lock), OpenError> {
    Ok((Lock::take(&folder.join("store.lock"))?, Lock::take(&folder.join("journal.lock"))?))
}

/// One moment of both files.
pub(super) struct Snapshot {
    folder: PathBuf,
    store: Connection,
    journal: Connection,
}

impl Snapshot {
    /// The store's moment first: then the journal has at least every record that the cursor and the decisions speak of.
    pub fn of(folder: &Path) -> Result<Self, CopyError> {
        let open = |name: &str, table: &str| {
            let on = open_reader(&folder.join(name), PAGE_CACHE_KIB)?;
            on.execute_batch("BEGIN")?;
            // The moment is that of the first question.
            on.query_row(&format!("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT 1)"), (), |_| Ok(()))?;
            Ok(on)
        };
        let store = open("store.db", "counter").map_err(failed("read", folder))?;
        let journal = open("journal.db", "record").map_err(failed("read", folder))?;
        Ok(Self { folder: folder.to_owned(), store, journal })
    }

    fn rows(&self, table: &Table, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
        let on = if std::ptr::eq(table, &raw const RECORD) { &self.journal } else { &self.store };
        rows(on, table, sql, values)
    }
}

fn rows(on: &Connection, table: &Table, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let kinds = table.columns[..table.key].iter().map(|(_, kind)| *kind);
    let params = values.iter().zip(kinds).map(|(value, kind)| stored(value, kind)).collect::<rusqlite::Result<Vec<_>>>()?;
    let mut statement = on.prepare_cached(sql)?;
    let mut found = statement.query(params_from_iter(params))?;
    let (mut all, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let mut one = Vec::with_capacity(table.columns.len());
        for column in 0..table.columns.len() {
            one.push(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Text(text) | ValueRef::Blob(text) => {
                    bytes += text.len();
                    Value::Bytes(text.to_vec())
                }
                ValueRef::Real(_) => {
                    return Err(rusqlite::Error::InvalidColumnType(column, "a fraction".into(), rusqlite::types::Type::Real));
                }
            });
        }
        all.push(one);
        if bytes > PAGE_BYTES {
            break;
        }
    }
    Ok(all)
}

fn stored(value: &Value, kind: Kind) -> rusqlite::Result<rusqlite::types::Value> {
    use rusqlite::types::Value as Stored;
    Ok(match (value, kind) {
        (Value::Null, _) => Stored::Null,
        (Value::Int(number), _) => Stored::Integer(*number),
        (Value::Bytes(bytes), Kind::Word | Kind::Text) => {
            Stored::Text(std::str::from_utf8(bytes).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?.to_owned())
        }
        (Value::Bytes(bytes), Kind::Int | Kind::Blob) => Stored::Blob(bytes.clone()),
    })
}

impl Source for Snapshot {
    fn page(&mut self, table: &'static Table, after: Option<&[Value]>) -> Result<Vec<Row>, CopyError> {
        let (columns, keys) = (table.names(), table.key_names());
        let behind = match after {
            Some(key) => format!("WHERE ({keys}) > ({}) ", vec!["?"; key.len()].join(", ")),
            None => String::new(),
        };
        let sql = format!("SELECT {columns} FROM {} {behind}ORDER BY {keys} LIMIT {PAGE_ROWS}", table.name);
        self.rows(table, &sql, after.unwrap_or_default()).map_err(failed("read", &self.folder))
    }

    fn keys(&mut self, table: &'static Table) -> Result<Vec<i64>, CopyError> {
        let on = if std::ptr::eq(table, &raw const RECORD) { &self.journal } else { &self.store };
        let sql = format!("SELECT {0} FROM {1} ORDER BY {0}", table.key_names(), table.name);
        let all = || on.prepare_cached(&sql)?.query_map((), |row| row.get(0))?.collect();
        let all: rusqlite::Result<Vec<i64>> = all();
        all.map_err(failed("read", &self.folder))
    }

    fn by_keys(&mut self, table: &'static Table, keys: &[i64]) -> Result<Vec<Row>, CopyError> {
        let mut found = Vec::new();
        let sql = format!("SELECT {} FROM {} WHERE {} = ?", table.names(), table.name, table.key_names());
        for key in keys {
            found.extend(self.rows(table, &sql, &[Value::Int(*key)]).map_err(failed("read", &self.folder))?);
        }
        Ok(found)
    }
}

/// New files that are filled in a folder of their own.
pub(super) struct Filling {
    folder: PathBuf,
    store: DatabaseFile,
    journal: DatabaseFile,
    read: Option<Snapshot>,
    _held: (Lock, Lock),
}

impl Filling {
    pub fn begin(folder: &Path) -> Result<Self, CopyError> {
        let incoming = folder.join(INCOMING);
        let place = || format!("store in {}", folder.display());
        if ["store.db", "journal.db", INCOMING].iter().any(|name| folder.join(name).exists()) {
            return Err(CopyError::NotEmpty { place: place() });
        }
        std::fs::create_dir_all(&incoming).map_err(|error| CopyError::Failed { doing: "make", place: place(), why: error.to_string() })?;
        let held = hold(folder)?;
        let store = DatabaseFile::open(&incoming, &STORE, Synchronous::Full, PAGE_CACHE_KIB)?;
        let journal = DatabaseFile::open(&incoming, &JOURNAL, Synchronous::Full, PAGE_CACHE_KIB)?;
        Ok(Self { folder: folder.to_owned(), store, journal, read: None, _held: held })
    }
}

impl Target for Filling {
    fn put(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), CopyError> {
        self.read = None;
        let on = if std::ptr::eq(table, &raw const RECORD) { &mut self.journal.writer } else { &mut self.store.writer };
        let places = vec!["?"; table.columns.len()].join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.names());
        let mut write = || {
            let transaction = on.transaction()?;
            let mut statement = transaction.prepare_cached(&sql)?;
            for row in &rows {
                let values = row.iter().zip(table.columns).map(|(value, (_, kind))| stored(value, *kind));
                statement.execute(params_from_iter(values.collect::<rusqlite::Result<Vec<_>>>()?))?;
            }
            drop(statement);
            transaction.commit()
        };
        write().map_err(failed("write", &self.folder))
    }

    fn written(&mut self) -> Result<&mut dyn Source, CopyError> {
        let snapshot = match self.read.take() {
            Some(snapshot) => snapshot,
            None => Snapshot::of(&self.folder.join(INCOMING))?,
        };
        Ok(self.read.insert(snapshot))
    }

    fn finish(self: Box<Self>) -> Result<(), CopyError> {
        let Self { folder, store, journal, read, _held } = *self;
        drop(read);
        let incoming = folder.join(INCOMING);
        for file in [&store, &journal] {
            let whole = file.writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get::<_, bool>(0));
            if whole.map_err(failed("finish", &folder))? {
                return Err(CopyError::Failed {
                    doing: "finish",
                    place: format!("store in {}", folder.display()),
                    why: "it is read".into(),
                });
            }
        }
        drop((store, journal));
        // The store last: without it there is nothing to serve.
        let moved = ["journal.db", "store.db"].iter().try_for_each(|name| std::fs::rename(incoming.join(name), folder.join(name)));
        let moved = moved.and_then(|()| std::fs::remove_dir_all(&incoming));
        moved.map_err(|error| CopyError::Failed {
            doing: "finish",
            place: format!("store in {}", folder.display()),
            why: error.to_string(),
        })?;
        Ok(sync_directory(&folder)?)
    }
}
