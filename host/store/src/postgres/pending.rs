//! Rows that a job wrote and that the database does not have yet: one statement a table takes them all.

use super::link::Owned;
use crate::table::{Kind, Row, TABLES, Table, Value};
use ports::StoreError;
use std::collections::BTreeMap;

/// By table, as in [`TABLES`], and by primary key, so that rows are always locked in the same order; `None`: to be deleted.
pub(crate) struct Pending(Vec<BTreeMap<Row, Option<Row>>>);

impl Default for Pending {
    fn default() -> Self {
        Self(TABLES.iter().map(|_| BTreeMap::new()).collect())
    }
}

impl Pending {
    pub fn put(&mut self, table: usize, row: Row) {
        debug_assert_eq!(row.len(), TABLES[table].columns.len(), "{}", TABLES[table].name);
        self.0[table].insert(row[..TABLES[table].key].to_vec(), Some(row));
    }

    pub fn delete(&mut self, table: usize, key: Row) {
        self.0[table].insert(key, None);
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeMap::is_empty)
    }

    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(BTreeMap::clear);
    }

    /// Takes everything, as statements in the order of the tables.
    pub fn statements(&mut self) -> Result<Vec<(&'static str, Owned<'static>)>, StoreError> {
        let mut all = Vec::new();
        for (table, (rows, sql)) in TABLES.iter().zip(self.0.iter_mut().zip(texts())) {
            let (mut put, mut gone) = (Vec::new(), Vec::new());
            for (key, row) in std::mem::take(rows) {
                match row {
                    Some(row) => put.push(row),
                    None => gone.push(key),
                }
            }
            if !gone.is_empty() {
                all.push((sql.delete.as_str(), columns(&table.columns[..table.key], gone)?));
            }
            if !put.is_empty() {
                all.push((sql.put.as_str(), columns(table.columns, put)?));
            }
        }
        Ok(all)
    }
}

/// The statements of a table.
struct Texts {
    put: String,
    delete: String,
}

fn texts() -> &'static [Texts] {
    static TEXTS: std::sync::OnceLock<Vec<Texts>> = std::sync::OnceLock::new();
    TEXTS.get_or_init(|| TABLES.iter().map(|table| Texts { put: insert(table, !table.append_only), delete: delete(table) }).collect())
}

fn array(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "int8[]",
        Kind::Word => "text[]",
        Kind::Text | Kind::Blob => "bytea[]",
    }
}

fn unnest(columns: &[(&str, Kind)]) -> String {
    let arrays: Vec<String> = columns.iter().enumerate().map(|(at, (_, kind))| format!("${}::{}", at + 1, array(*kind))).collect();
    format!("unnest({})", arrays.join(", "))
}

/// Inserts rows given as an array a column; `replace`: or replaces.
pub(crate) fn insert(table: &Table, replace: bool) -> String {
    let head = format!("INSERT INTO {} ({}) SELECT * FROM {}", table.name, table.names(), unnest(table.columns));
    if !replace {
        return head;
    }
    let set: Vec<String> = table.columns[table.key..].iter().map(|(name, _)| format!("\"{name}\" = excluded.\"{name}\"")).collect();
    format!("{head} ON CONFLICT ({}) DO UPDATE SET {}", table.key_names(), set.join(", "))
}

fn delete(table: &Table) -> String {
    let keys = &table.columns[..table.key];
    let same: Vec<String> = keys.iter().map(|(name, _)| format!("t.\"{name}\" = k.\"{name}\"")).collect();
    format!("DELETE FROM {} t USING {} AS k ({}) WHERE {}", table.name, unnest(keys), table.key_names(), same.join(" AND "))
}

/// Rows as an array a column.
pub(crate) fn columns(kinds: &[(&str, Kind)], rows: Vec<Row>) -> Result<Owned<'static>, StoreError> {
    let mut arrays: Vec<Vec<Value>> = kinds.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (array, value) in arrays.iter_mut().zip(row) {
            array.push(value);
        }
    }
    let mut params: Owned<'static> = Vec::with_capacity(arrays.len());
    for ((name, kind), values) in kinds.iter().zip(arrays) {
        params.push(match kind {
            Kind::Int => Box::new(values.into_iter().map(|value| integer(name, value)).collect::<Result<Vec<_>, _>>()?),
            Kind::Word => Box::new(values.into_iter().map(|value| word(name, value)).collect::<Result<Vec<_>, _>>()?),
            Kind::Text | Kind::Blob => Box::new(values.into_iter().map(|value| bytes(name, value)).collect::<Result<Vec<_>, _>>()?),
        });
    }
    Ok(params)
}

fn misfit(name: &str) -> StoreError {
    StoreError::Abandoned(format!("cannot write a row: a value does not fit into the column {name}"))
}

fn integer(name: &str, value: Value) -> Result<Option<i64>, StoreError> {
    match value {
        Value::Null => Ok(None),
        Value::Int(value) => Ok(Some(value)),
        Value::Bytes(_) => Err(misfit(name)),
    }
}

fn bytes(name: &str, value: Value) -> Result<Option<Vec<u8>>, StoreError> {
    match value {
        Value::Null => Ok(None),
        Value::Bytes(value) => Ok(Some(value)),
        Value::Int(_) => Err(misfit(name)),
    }
}

fn word(name: &str, value: Value) -> Result<Option<String>, StoreError> {
    bytes(name, value)?.map(|bytes| String::from_utf8(bytes).map_err(|_| misfit(name))).transpose()
}
