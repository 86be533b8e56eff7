//! The imports, answered from thread-local tables.

use std::cell::RefCell;
use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::keys::Algorithm;
use crate::log::Level;
use crate::manifest::Manifest;
use crate::mock::state::State;
use crate::types::Label;

/// A line that a plugin logged.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// How urgent.
    pub level: Level,
    /// The message.
    pub message: String,
    /// Its fields, sorted by name.
    pub fields: Vec<Label>,
}

enum Table {
    Rows(BTreeMap<String, Vec<Label>>),
    Unavailable(String),
}

#[derive(Default)]
struct Host {
    tables: BTreeMap<String, Table>,
    assets: BTreeMap<String, Vec<u8>>,
    keys: BTreeMap<String, Vec<Vec<u8>>>,
    state: State,
    lines: Vec<Line>,
    /// The manifest of the plugin that is being called, to refuse what it does not declare.
    caller: Option<&'static Manifest>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

fn host<T>(f: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(f)
}

/// Forgets everything on this thread: tables, files, keys, state and log.
pub fn forget() {
    host(|host| *host = Host::default());
}

/// Puts a row into a table.
pub fn lookup(table: &str, key: &str, row: &[(&str, &str)]) {
    let mut row: Vec<Label> = row.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    row.sort();
    host(|host| {
        let table = host.tables.entry(table.into()).or_insert_with(|| Table::Rows(BTreeMap::new()));
        if let Table::Unavailable(_) = table {
            *table = Table::Rows(BTreeMap::new());
        }
        if let Table::Rows(rows) = table {
            rows.insert(key.into(), row);
        }
    });
}

/// Makes a table unreadable.
pub fn lookup_unavailable(table: &str, reason: &str) {
    host(|host| host.tables.insert(table.into(), Table::Unavailable(reason.into())));
}

/// Packs a file with the plugin.
pub fn asset(name: &str, bytes: &[u8]) {
    host(|host| host.assets.insert(name.into(), bytes.into()));
}

/// Adds a key. A second one of the same name is the old key of a rotation: the newest signs, all verify. The mock knows HMAC only.
pub fn key(name: &str, secret: &[u8]) {
    host(|host| host.keys.entry(name.into()).or_default().push(secret.into()));
}

/// Calls `f` with what is remembered, unless the plugin that is being called does not declare `state`.
pub(crate) fn with_state<T>(f: impl FnOnce(&mut State) -> T) -> T {
    if let Some(manifest) = host(|host| host.caller.filter(|manifest| !manifest.state)) {
        // As in the sandbox, where the host traps.
        panic!("`state` is used but not declared: add `state = true` to {}", manifest.file);
    }
    host(|host| f(&mut host.state))
}

/// What was logged on this thread.
pub fn log_lines() -> Vec<Line> {
    host(|host| host.lines.clone())
}

/// Says who is calling while `f` runs.
pub(crate) fn with_caller<T>(manifest: &'static Manifest, f: impl FnOnce() -> T) -> T {
    let before = host(|host| host.caller.replace(manifest));
    let result = f();
    host(|host| host.caller = before);
    result
}

pub(crate) fn find(table: &str, key: &str) -> Result<Option<Vec<Label>>, String> {
    let undeclared = host(|host| host.caller.filter(|manifest| !manifest.lookups.contains(&table)));
    if let Some(manifest) = undeclared {
        // As in the sandbox, where the host traps.
        panic!("{}", manifest.missing("lookups", manifest.lookups_line, table));
    }
    host(|host| match host.tables.get(table) {
        None => Ok(None),
        Some(Table::Rows(rows)) => Ok(rows.get(key).cloned()),
        Some(Table::Unavailable(reason)) => Err(reason.clone()),
    })
}

pub(crate) fn asset_names() -> Vec<(String, u32)> {
    host(|host| host.assets.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u32)).collect())
}

pub(crate) fn read_asset(name: &str, offset: u32, length: u32) -> Option<Vec<u8>> {
    host(|host| {
        let bytes = host.assets.get(name)?;
        let start = bytes.len().min(offset as usize);
        let end = bytes.len().min(start.saturating_add(length as usize));
        Some(bytes[start..end].to_vec())
    })
}

pub(crate) fn write_log(level: Level, message: &str, fields: Vec<Label>) {
    host(|host| host.lines.push(Line { level, message: message.into(), fields }));
}

pub(crate) fn sign(key: &str, algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, String> {
    let secret = host(|host| host.keys.get(key).and_then(|secrets| secrets.last().cloned()));
    hmac(&secret.ok_or("there is no such key")?, algorithm, data)
}

pub(crate) fn verify(key: &str, algorithm: Algorithm, data: &[u8], signature: &[u8]) -> Result<bool, String> {
    let secrets = host(|host| host.keys.get(key).cloned()).ok_or("there is no such key")?;
    for secret in secrets {
        if hmac(&secret, algorithm, data)? == signature {
            return Ok(true);
        }
    }
    Ok(false)
}

fn hmac(secret: &[u8], algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, String> {
    fn tag<M: Mac + KeyInit>(secret: &[u8], data: &[u8]) -> Result<Vec<u8>, String> {
        let mut mac = <M as KeyInit>::new_from_slice(secret).map_err(|error| error.to_string())?;
        mac.update(data);
        Ok(mac.finalize().into_bytes().to_vec())
    }
    match algorithm {
        Algorithm::HmacSha1 => tag::<Hmac<Sha1>>(secret, data),
        Algorithm::HmacSha256 => tag::<Hmac<Sha256>>(secret, data),
        Algorithm::HmacSha512 => tag::<Hmac<Sha512>>(secret, data),
        Algorithm::Ed25519 | Algorithm::Es256 | Algorithm::Rs256 => Err("the mock signs with HMAC only".into()),
    }
}
