//! Runs the suite of the ports against `SQLite`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail as tests do")]

mod clock;

use ports::{Journal, Store};
use store::conformance::{Subject, cases};
use store::{JournalOptions, SqliteJournal, SqliteStore, StoreOptions};
use tempfile::TempDir;

struct OnDisk(TempDir);

impl Subject for OnDisk {
    fn store(&self) -> Box<dyn Store> {
        Box::new(SqliteStore::open(self.0.path(), StoreOptions::new(clock::real())).unwrap())
    }
    fn journal(&self) -> Box<dyn Journal> {
        let mut options = JournalOptions::new(clock::real());
        options.queue_records = 20;
        options.queue_bytes = 1 << 20;
        Box::new(SqliteJournal::open(self.0.path(), options).unwrap())
    }
}

#[test]
fn sqlite_passes_every_case() {
    for (name, case) in cases() {
        let subject = OnDisk(tempfile::tempdir().unwrap());
        println!("{name}");
        case(&subject);
    }
}

/// The same with bounds so small that checkpoints, evictions and groups of one happen all the time.
#[test]
fn sqlite_passes_every_case_in_a_narrow_place() {
    struct Narrow(TempDir);
    impl Subject for Narrow {
        fn store(&self) -> Box<dyn Store> {
            let mut options = StoreOptions::new(clock::real());
            options.readers = 1;
            options.group_jobs = 3;
            options.heat_bytes = 4 << 10;
            options.page_cache_kib = 64;
            options.checkpoints.every_bytes = 8 << 10;
            options.checkpoints.limit_bytes = 64 << 10;
            Box::new(SqliteStore::open(self.0.path(), options).unwrap())
        }
        fn journal(&self) -> Box<dyn Journal> {
            let mut options = JournalOptions::new(clock::real());
            options.queue_records = 20;
            options.queue_bytes = 1 << 20;
            options.group_records = 2;
            options.checkpoints.every_bytes = 8 << 10;
            options.checkpoints.limit_bytes = 64 << 10;
            Box::new(SqliteJournal::open(self.0.path(), options).unwrap())
        }
    }
    for (name, case) in cases() {
        let subject = Narrow(tempfile::tempdir().unwrap());
        println!("{name}");
        case(&subject);
    }
}
