//! Which store, and where: what `[store]` of `reveille.toml` says.

use anyhow::{Context, Result};
use documents::ServerFile;
use documents::server::PostgresSection;
use ports::{Clock, Journal, Store};
use std::sync::Arc;
use std::time::Duration;
use store::copy::Place;
use store::{JournalOptions, PostgresJournal, PostgresServer, PostgresStore, SqliteJournal, SqliteStore, StoreOptions};

/// Where the data of this installation are.
pub fn place(file: &ServerFile) -> Result<Place> {
    Ok(match &file.postgres {
        None => Place::Sqlite(file.data_dir.clone()),
        Some(section) => Place::Postgres(server(section, file)?),
    })
}

/// Opens store and journal.
pub fn open(file: &ServerFile, clock: &Arc<dyn Clock>) -> Result<(Arc<dyn Store>, Arc<dyn Journal>)> {
    let mut options = StoreOptions::new(Arc::clone(clock));
    let mut journal_options = JournalOptions::new(Arc::clone(clock));
    journal_options.queue_records = file.journal_queue;
    Ok(match (place(file)?, &file.postgres) {
        (Place::Postgres(server), section) => {
            options.readers = section.as_ref().map_or(options.readers, |section| section.readers);
            let store = PostgresStore::open(&server, options).context("cannot open the store")?;
            let journal = PostgresJournal::open(&server, journal_options).context("cannot open the journal")?;
            (Arc::new(store), Arc::new(journal))
        }
        (Place::Sqlite(folder), _) => {
            let store = SqliteStore::open(&folder, options).context("cannot open the store")?;
            let journal = SqliteJournal::open(&folder, journal_options).context("cannot open the journal")?;
            (Arc::new(store), Arc::new(journal))
        }
    })
}

fn server(section: &PostgresSection, file: &ServerFile) -> Result<PostgresServer> {
    let password = match &section.password_secret {
        Some(name) => {
            let secret = file.secrets.get(name).with_context(|| format!("there is no [secrets.{name}]"))?;
            Some(secret.source.read().with_context(|| format!("cannot use [secrets.{name}]"))?)
        }
        None => None,
    };
    let roots = match &section.ca_file {
        Some(path) => std::fs::read(path).with_context(|| format!("cannot read store.ca_file {}", path.display()))?,
        None => Vec::new(),
    };
    let password = password.as_ref().map(documents::Secret::expose);
    let mut server = PostgresServer::new(&section.url, password, &section.schema, &roots).context("[store] cannot be used")?;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    server.set_time_outs(seconds(section.connect_timeout_seconds), seconds(section.answer_timeout_seconds));
    Ok(server)
}
