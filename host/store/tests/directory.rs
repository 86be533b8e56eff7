//! What the files promise to an operator: one server at a time, no newer version's data, logs that stay short.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail as tests do")]

mod clock;

use domain::id::JournalId;
use ports::journal::{Journal, JournalError};
use ports::store::Store;
use std::path::Path;
use std::sync::mpsc;
use store::conformance::record;
use store::{Checkpoints, JournalOptions, SqliteJournal, SqliteStore, StoreOptions};

fn open_store(dir: &Path) -> Result<SqliteStore, String> {
    SqliteStore::open(dir, StoreOptions::new(clock::real())).map_err(|error| error.to_string())
}

fn open_journal(dir: &Path) -> Result<SqliteJournal, String> {
    SqliteJournal::open(dir, JournalOptions::new(clock::real())).map_err(|error| error.to_string())
}

fn append(journal: &SqliteJournal, bytes: usize) -> Result<JournalId, JournalError> {
    let (told, wait) = mpsc::channel();
    journal.append(record("db", vec![1; bytes]), Box::new(move |result| drop(told.send(result))));
    wait.recv().unwrap()
}

fn refused<T>(opened: Result<T, String>) -> String {
    opened.err().expect("it is refused")
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("deep/data");
    let (store, journal) = (open_store(&dir).unwrap(), open_journal(&dir).unwrap());
    for words in [refused(open_store(&dir)), refused(open_journal(&dir))] {
        assert!(words.contains("in use by another server"), "{words}");
    }
    drop((store, journal));
    open_store(&dir).unwrap();
    open_journal(&dir).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["journal.db", "journal.lock", "store.db", "store.lock"], "a closed store leaves no log behind");
}

#[test]
fn data_of_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    append(&open_journal(dir.path()).unwrap(), 1).unwrap();
    let on = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    on.execute("INSERT INTO record (id, version, body) VALUES (2, 999, x'00')", ()).unwrap();
    let read = |from| open_journal(dir.path()).unwrap().read(JournalId(from), 1).map(|read| read.len());
    assert_eq!(read(1).unwrap(), 1);
    match read(2).unwrap_err() {
        JournalError::Unreadable(id, why) => assert!(id == JournalId(2) && why.contains("version 999"), "{why}"),
        other => panic!("{other}"),
    }
    on.pragma_update(None, "user_version", 999).unwrap();
    drop(on);
    let words = refused(open_journal(dir.path()));
    assert!(words.contains("was written by a newer version of Reveille (schema 999"), "{words}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("store.db"), "dear diary".repeat(1_000)).unwrap();
    let words = refused(open_store(dir.path()));
    assert!(words.contains("store.db"), "{words}");
}

#[test]
fn logs_stay_short_under_constant_load() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints { every_bytes: 256 << 10, limit_bytes: 1 << 20 };
    let (mut store_options, mut journal_options) = (StoreOptions::new(clock::real()), JournalOptions::new(clock::real()));
    store_options.checkpoints = checkpoints;
    journal_options.checkpoints = checkpoints;
    let store = SqliteStore::open(dir.path(), store_options).unwrap();
    let journal = SqliteJournal::open(dir.path(), journal_options).unwrap();
    let (told, wait) = mpsc::channel();
    let mut longest = 0;
    // 40 MiB into each, without a pause.
    for number in 0..2_000_u32 {
        let told = told.clone();
        store.submit(
            Box::new(move |tx| tx.put_host_secret(&number.to_string(), &vec![7; 20 << 10])),
            Box::new(move |result| drop(told.send(result))),
        );
        append(&journal, 20 << 10).unwrap();
        for log in ["store.db-wal", "journal.db-wal"] {
            longest = longest.max(std::fs::metadata(dir.path().join(log)).map_or(0, |log| log.len()));
        }
    }
    for _ in 0..2_000 {
        wait.recv().unwrap().unwrap();
    }
    // The limit, and what is written until the checkpoint's thread has its turn.
    assert!(longest > 256 << 10 && longest < 12 << 20, "a log grew to {longest} bytes");
}
