//! What a prepared plugin may ask of the host: what its manifest asks, as far as the operator granted it.

use crate::keyring::{Algorithm, KeyRing};
use crate::manifest::{Manifest, nearest};
use domain::installation::{Grant, Table};
use ports::plugin::Surroundings;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tables and keys within reach, and how to tell which line would allow another.
pub(crate) struct Granted {
    manifest: Arc<Manifest>,
    tables: BTreeMap<String, Arc<Table>>,
    keys: Vec<String>,
    ring: Arc<KeyRing>,
    state: bool,
}

impl Granted {
    /// Holds what the manifest asks against the grant and what there is.
    ///
    /// # Errors
    /// One sentence with the line to add.
    pub(crate) fn check(manifest: &Arc<Manifest>, grant: &Grant, around: &Surroundings, ring: &Arc<KeyRing>) -> Result<Self, String> {
        let name = &manifest.name;
        let mut tables = BTreeMap::new();
        for table in &manifest.lookups {
            if !grant.lookups.contains(table) {
                return Err(format!("asks for the table `{table}`, which is not granted: add `{table}` to grants.{name}.lookups"));
            }
            let Some(found) = around.tables.get(table) else {
                let near = nearest(table, around.tables.keys().map(String::as_str));
                let there = around.tables.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(format!("asks for the table `{table}`, which is not there{near} (there are: {there})"));
            };
            tables.insert(table.clone(), Arc::clone(found));
        }
        let any = manifest.keys.iter().any(|key| key == "*");
        for key in manifest.keys.iter().filter(|key| *key != "*") {
            if !grant.keys.contains(key) {
                return Err(format!("asks for the key `{key}`, which is not granted: add `{key}` to grants.{name}.keys"));
            }
        }
        let keys: Vec<String> = grant.keys.iter().filter(|key| any || manifest.keys.contains(key)).cloned().collect();
        if let Some(missing) = keys.iter().find(|key| !ring.names().any(|known| known == key.as_str())) {
            let near = nearest(missing, ring.names());
            return Err(format!("grants.{name}.keys names the key `{missing}`, which is not configured{near}"));
        }
        if manifest.state.is_some() && !grant.state {
            return Err(format!("asks for `state`, which is not granted: add `state: true` to grants.{name}"));
        }
        Ok(Self { manifest: Arc::clone(manifest), tables, keys, ring: Arc::clone(ring), state: grant.state })
    }

    /// Whether it may remember; the error is why the call traps.
    pub(crate) fn state(&self) -> Result<(), String> {
        match (&self.manifest.state, self.state) {
            (Some(_), true) => Ok(()),
            (Some(_), false) => Err(format!("used `state`, which is not granted: add `state: true` to grants.{}", self.manifest.name)),
            (None, _) => Err("used `state`, which is not declared: add `state = true` to plugin.toml".into()),
        }
    }

    /// Whether its tables are still what `around` holds.
    pub(crate) fn has_tables_of(&self, around: &Surroundings) -> bool {
        self.tables.iter().all(|(name, table)| around.tables.get(name).is_some_and(|now| Arc::ptr_eq(now, table) || now == table))
    }

    /// The table; the error is why the call traps.
    pub(crate) fn table(&self, table: &str) -> Result<&Table, String> {
        let found = self.tables.get(table).map(Arc::as_ref);
        found.ok_or_else(|| format!("asked for the table `{table}`, which is not declared: {}", self.manifest.allow("lookups", table)))
    }

    fn key(&self, key: &str) -> Result<(), String> {
        if self.keys.iter().any(|granted| granted == key) {
            return Ok(());
        }
        let declared = self.manifest.keys.iter().any(|declared| declared == "*" || declared == key);
        let fix = if declared {
            format!("is not granted: add `{key}` to grants.{}.keys", self.manifest.name)
        } else {
            format!("is not declared: {}", self.manifest.allow("keys", key))
        };
        Err(format!("asked for the key `{key}`, which {fix}"))
    }

    /// Signs; the outer error is why the call traps, the inner one what the guest is told.
    pub(crate) fn sign(&self, key: &str, algorithm: &str, data: &[u8]) -> Result<Result<Vec<u8>, String>, String> {
        self.key(key)?;
        Ok(Algorithm::find(algorithm).and_then(|algorithm| self.ring.sign(key, algorithm, data)))
    }

    /// Verifies; errors as in [`Self::sign`].
    pub(crate) fn verify(&self, key: &str, algorithm: &str, data: &[u8], given: &[u8]) -> Result<Result<bool, String>, String> {
        self.key(key)?;
        Ok(Algorithm::find(algorithm).and_then(|algorithm| self.ring.verify(key, algorithm, data, given)))
    }
}
