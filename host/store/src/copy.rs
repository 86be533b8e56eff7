//! Whole installations on the move: from one store to the other, into a backup file, and back. Everything goes: the journal, the history, what
//! is under way, credentials, configurations, the audit log, secrets and counters.
//!
//! A copy is verified: for every table the number of rows and a SHA-256 over all of them, in the order of their keys, must be the same on both
//! sides. A target that is not empty is refused, and one that was not finished is never served.

mod file;
mod place;
mod postgres;
mod sqlite;

pub use place::Place;

use crate::error::OpenError;
use crate::table::{RECORD, Row, TABLES, Table, Value};
use file::{Reader, Writer};
use place::{Source, Target};
use ports::Clock;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// Why a copy was not made. The source is never changed.
#[derive(Debug, Error)]
pub enum CopyError {
    /// One of the two cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// One of the two fails.
    #[error("cannot {doing} the {place}: {why}")]
    Failed { doing: &'static str, place: String, why: String },
    /// There is something in it.
    #[error("the {place} is not empty: a copy goes into an empty place only")]
    NotEmpty { place: String },
    /// It is no backup, or a part of it is lost.
    #[error("{file} is no whole backup: {why}")]
    Damaged { file: String, why: String },
    /// The server did not let go of the data.
    #[error("the server still has the {place}: stop it, and the copy is finished")]
    StillServed { place: String },
    /// The two sides differ.
    #[error(
        "the copy of the table {table} differs: {source_rows} rows with digest {source_digest}, and {target_rows} rows with digest {target_digest}"
    )]
    Differs { table: &'static str, source_rows: u64, source_digest: String, target_rows: u64, target_digest: String },
}

/// One table of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCopied {
    pub table: &'static str,
    pub rows: u64,
    /// Lower-case hex SHA-256 over all rows in the order of their keys.
    pub digest: String,
}

/// Where a move is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What is only ever added to is copied; the server may run.
    History,
    /// So many rows of a table were copied.
    Copied { table: &'static str, rows: u64 },
    /// Everything so far is there: the server has to stop now.
    StopTheServer,
    /// The server has let go; the rest is copied.
    Rest,
    /// Both sides are compared.
    Verify,
}

/// About how many bytes of rows are in memory at once.
pub(crate) const PAGE_BYTES: usize = 8 << 20;
/// Most rows of a page.
pub(crate) const PAGE_ROWS: usize = 2_000;
/// Rows that are fetched by their keys at once.
const MISSING_ROWS: usize = 64;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// All tables: the journal first, so that nothing refers to what is not there; the counters, with the cursor, last.
fn tables() -> impl Iterator<Item = &'static Table> {
    std::iter::once(&RECORD).chain(TABLES)
}

/// Copies a store into one file. The server may run: the copy shows one moment.
///
/// # Errors
/// If the store cannot be read or the file, which must not be there yet, cannot be written.
pub fn backup(from: &Place, file: &Path) -> Result<Vec<TableCopied>, CopyError> {
    let mut source = from.snapshot()?;
    let mut writer = Writer::create(file)?;
    let mut copied = Vec::new();
    for table in tables() {
        writer.table(table)?;
        let mut sum = Sum::default();
        each_page(&mut *source, table, |rows| {
            sum.add(&rows);
            writer.rows(&rows)
        })?;
        copied.push(sum.of(table));
    }
    writer.finish()?;
    Ok(copied)
}

/// Fills an empty store from a backup, once the whole file has been checked against its digest.
///
/// # Errors
/// If the file is damaged, or the store is not empty or cannot be written.
pub fn restore(file: &Path, to: &Place) -> Result<Vec<TableCopied>, CopyError> {
    Reader::check(file)?;
    let mut reader = Reader::open(file)?;
    let mut target = to.begin()?;
    let mut sums: Vec<Sum> = tables().map(|_| Sum::default()).collect();
    while let Some((table, rows)) = reader.next()? {
        let at = tables().position(|known| std::ptr::eq(known, table)).unwrap_or(0);
        sums[at].add(&rows);
        target.put(table, rows)?;
    }
    let expected: Vec<TableCopied> = tables().zip(sums).map(|(table, sum)| sum.of(table)).collect();
    let found = summed(target.written()?)?;
    compare(&expected, &found)?;
    target.finish()?;
    Ok(expected)
}

/// Moves an installation. First what is only ever added to, while the server may run; then it waits until the server has stopped, at most
/// `wait`, holds the data so that none starts, and copies the rest. `say` hears where it is.
///
/// # Errors
/// If the target is not empty, the server does not stop in time, or one of the two fails.
pub fn migrate(
    from: &Place,
    to: &Place,
    clock: &dyn Clock,
    wait: Duration,
    say: &mut dyn FnMut(Step),
) -> Result<Vec<TableCopied>, CopyError> {
    let mut target = to.begin()?;
    say(Step::History);
    let mut source = from.snapshot()?;
    for table in tables().filter(|table| table.append_only) {
        let mut rows = 0;
        each_page(&mut *source, table, |page| {
            rows += page.len() as u64;
            target.put(table, page)
        })?;
        say(Step::Copied { table: table.name, rows });
    }
    drop(source);
    let mut told = false;
    let begun = clock.elapsed();
    let held = loop {
        match from.hold(clock) {
            Ok(held) => break held,
            Err(OpenError::InUse { .. } | OpenError::SchemaInUse { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        if !std::mem::replace(&mut told, true) {
            say(Step::StopTheServer);
        }
        if clock.elapsed().saturating_sub(begun) > wait {
            return Err(CopyError::StillServed { place: from.words() });
        }
        std::thread::sleep(LOOK_EVERY);
    };
    say(Step::Rest);
    let mut source = from.snapshot()?;
    for table in tables() {
        if table.append_only {
            add_missing(&mut *source, &mut *target, table)?;
        } else {
            each_page(&mut *source, table, |page| target.put(table, page))?;
        }
    }
    say(Step::Verify);
    let copied = summed(&mut *source)?;
    let found = summed(target.written()?)?;
    compare(&copied, &found)?;
    target.finish()?;
    drop(held);
    Ok(copied)
}

/// Rows that came since the first round; not only at the end, because decisions are not committed in the order of their ids.
fn add_missing(source: &mut dyn Source, target: &mut dyn Target, table: &'static Table) -> Result<(), CopyError> {
    let there = target.written()?.keys(table)?;
    let missing: Vec<i64> = source.keys(table)?.into_iter().filter(|key| there.binary_search(key).is_err()).collect();
    for keys in missing.chunks(MISSING_ROWS) {
        let rows = source.by_keys(table, keys)?;
        target.put(table, rows)?;
    }
    Ok(())
}

fn each_page(
    source: &mut dyn Source,
    table: &'static Table,
    mut take: impl FnMut(Vec<Row>) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut after: Option<Row> = None;
    loop {
        let rows = source.page(table, after.as_deref())?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last[..table.key].to_vec());
        take(rows)?;
    }
}

fn summed(source: &mut dyn Source) -> Result<Vec<TableCopied>, CopyError> {
    tables()
        .map(|table| {
            let mut sum = Sum::default();
            each_page(source, table, |rows| {
                sum.add(&rows);
                Ok(())
            })?;
            Ok(sum.of(table))
        })
        .collect()
}

fn compare(source: &[TableCopied], target: &[TableCopied]) -> Result<(), CopyError> {
    match source.iter().zip(target).find(|(source, target)| source != target) {
        None => Ok(()),
        Some((source, target)) => Err(CopyError::Differs {
            table: source.table,
            source_rows: source.rows,
            source_digest: source.digest.clone(),
            target_rows: target.rows,
            target_digest: target.digest.clone(),
        }),
    }
}

/// Counts and digests rows.
#[derive(Default)]
struct Sum {
    rows: u64,
    digest: Sha256,
}

impl Sum {
    fn add(&mut self, rows: &[Row]) {
        let mut bytes = Vec::new();
        for row in rows {
            encode(row, &mut bytes);
        }
        self.rows += rows.len() as u64;
        self.digest.update(&bytes);
    }

    fn of(self, table: &Table) -> TableCopied {
        TableCopied { table: table.name, rows: self.rows, digest: hex::encode(self.digest.finalize()) }
    }
}

/// A row as bytes: each value behind a byte that says what it is.
fn encode(row: &[Value], into: &mut Vec<u8>) {
    for value in row {
        match value {
            Value::Null => into.push(0),
            Value::Int(number) => {
                into.push(1);
                into.extend(number.to_le_bytes());
            }
            Value::Bytes(bytes) => {
                into.push(2);
                into.extend((bytes.len() as u64).to_le_bytes());
                into.extend(bytes);
            }
        }
    }
}

/// What [`encode`] made, with what follows it; `None`: it is cut short or no row.
fn decode(mut bytes: &[u8], columns: usize) -> Option<(Row, &[u8])> {
    let mut row = Vec::with_capacity(columns);
    for _ in 0..columns {
        let (kind, rest) = bytes.split_first()?;
        bytes = rest;
        row.push(match kind {
            0 => Value::Null,
            1 => {
                let (number, rest) = bytes.split_first_chunk()?;
                bytes = rest;
                Value::Int(i64::from_le_bytes(*number))
            }
            2 => {
                let (length, rest) = bytes.split_first_chunk()?;
                let (value, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
                bytes = rest;
                Value::Bytes(value.to_vec())
            }
            _ => return None,
        });
    }
    Some((row, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_and_a_cut_one_does_not() {
        let row = vec![Value::Null, Value::Int(-2), Value::Bytes(vec![0, 255]), Value::Bytes(vec![])];
        let mut bytes = Vec::new();
        encode(&row, &mut bytes);
        assert_eq!(decode(&bytes, 4), Some((row, &[][..])));
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], 4), None, "cut after {end}");
        }
    }
}
