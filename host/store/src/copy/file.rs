//! A backup: one file that says what it is, holds each table's rows in order, and ends with the SHA-256 of everything before.

use super::{CopyError, decode, encode, tables};
use crate::table::{Row, Table};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The first bytes; the number changes with the format.
const MAGIC: &[u8] = b"reveille backup 1\n";
const DIGEST_BYTES: usize = 32;
/// Largest frame, in bytes: a page, and one row more.
const FRAME_LIMIT_BYTES: u32 = 1 << 30;

/// What a frame holds.
const TABLE: u8 = 1;
const ROWS: u8 = 2;
const END: u8 = 3;

fn damaged(path: &Path, why: impl Into<String>) -> CopyError {
    CopyError::Damaged { file: path.display().to_string(), why: why.into() }
}

/// Writes one.
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Sha256,
}

impl Writer {
    /// A new file, for its owner alone: everything is in it.
    pub fn create(path: &Path) -> Result<Self, CopyError> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| CopyError::Failed { doing: "make", place: path.display().to_string(), why: error.to_string() })?;
        let mut writer = Self { path: path.to_owned(), file: BufWriter::new(file), digest: Sha256::new() };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), CopyError> {
        self.digest.update(bytes);
        let failed =
            |error: std::io::Error| CopyError::Failed { doing: "write", place: self.path.display().to_string(), why: error.to_string() };
        self.file.write_all(bytes).map_err(failed)
    }

    fn frame(&mut self, kind: u8, bytes: &[u8]) -> Result<(), CopyError> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= FRAME_LIMIT_BYTES);
        let length = length.ok_or_else(|| damaged(&self.path, "a row is too large"))?;
        self.write(&[kind])?;
        self.write(&length.to_le_bytes())?;
        self.write(bytes)
    }

    /// The rows that follow are of this table.
    pub fn table(&mut self, table: &Table) -> Result<(), CopyError> {
        self.frame(TABLE, format!("{}({})", table.name, table.names()).as_bytes())
    }

    pub fn rows(&mut self, rows: &[Row]) -> Result<(), CopyError> {
        let mut bytes = Vec::new();
        for row in rows {
            encode(row, &mut bytes);
        }
        self.frame(ROWS, &bytes)
    }

    /// Writes the digest, and syncs.
    pub fn finish(mut self) -> Result<(), CopyError> {
        self.frame(END, b"")?;
        let digest = std::mem::take(&mut self.digest).finalize();
        let failed =
            |error: std::io::Error| CopyError::Failed { doing: "write", place: self.path.display().to_string(), why: error.to_string() };
        self.file.write_all(&digest).and_then(|()| self.file.flush()).and_then(|()| self.file.get_ref().sync_all()).map_err(failed)
    }
}

/// Reads one.
pub(super) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    table: Option<&'static Table>,
}

impl Reader {
    /// Whether the whole file is what was written.
    pub fn check(path: &Path) -> Result<(), CopyError> {
        let failed = |error: std::io::Error| damaged(path, error.to_string());
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let body = length.checked_sub(DIGEST_BYTES as u64).ok_or_else(|| damaged(path, "it is too short"))?;
        let mut file = BufReader::new(file);
        let mut digest = Sha256::new();
        let (mut buffer, mut left) = (vec![0; 1 << 20], body);
        while left > 0 {
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            file.read_exact(&mut buffer[..take]).map_err(failed)?;
            if left == body && !buffer[..take].starts_with(MAGIC) {
                return Err(damaged(path, "it does not begin like one that this version knows"));
            }
            digest.update(&buffer[..take]);
            left -= take as u64;
        }
        let mut said = [0; DIGEST_BYTES];
        file.read_exact(&mut said).map_err(failed)?;
        if digest.finalize()[..] == said { Ok(()) } else { Err(damaged(path, "its digest does not fit its content")) }
    }

    pub fn open(path: &Path) -> Result<Self, CopyError> {
        let file = File::open(path).map_err(|error| damaged(path, error.to_string()))?;
        let mut reader = Self { path: path.to_owned(), file: BufReader::new(file), table: None };
        reader.take(MAGIC.len())?;
        Ok(reader)
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, CopyError> {
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes).map_err(|error| damaged(&self.path, error.to_string()))?;
        Ok(bytes)
    }

    /// The next rows; `None` at the end.
    pub fn next(&mut self) -> Result<Option<(&'static Table, Vec<Row>)>, CopyError> {
        loop {
            let head = self.take(5)?;
            let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
            if length > FRAME_LIMIT_BYTES {
                return Err(damaged(&self.path, "a part of it is too large"));
            }
            let bytes = self.take(length as usize)?;
            match (head[0], self.table) {
                (END, _) => return Ok(None),
                (TABLE, _) => {
                    let known = tables().find(|table| format!("{}({})", table.name, table.names()).as_bytes() == bytes);
                    self.table = Some(known.ok_or_else(|| damaged(&self.path, "it has a table that this version does not know"))?);
                }
                (ROWS, Some(table)) => {
                    let (mut rows, mut rest) = (Vec::new(), &bytes[..]);
                    while !rest.is_empty() {
                        let (row, behind) = decode(rest, table.columns.len()).ok_or_else(|| damaged(&self.path, "a row is cut"))?;
                        rows.push(row);
                        rest = behind;
                    }
                    return Ok(Some((table, rows)));
                }
                _ => return Err(damaged(&self.path, "a part of it is of no known kind")),
            }
        }
    }
}
