//! Runs the suite of the ports against `PostgreSQL`, with faults too, and against `SQLite` with those that it can have.
//!
//! Bugs to plant: a lost answer taken for a commit (`Err(None)` told as done) or for a failure, a memory kept over a rollback, a repeat read with
//! the times of the decision that it cites, `add_action` that does not look whether the key is there.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail as tests do")]

mod clock;
#[path = "../../../tests/src/postgres.rs"]
#[allow(dead_code, reason = "stories use the rest")]
mod cluster;

use cluster::{Cluster, Cut, Proxy};
use domain::id::JournalId;
use ports::{Journal, Store, StoreError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use store::conformance::{Fault, Subject, cases, fault_cases};
use store::{JournalOptions, PostgresJournal, PostgresServer, PostgresStore, SqliteJournal, SqliteStore, StoreOptions};

struct InSchema<'a> {
    cluster: &'a Cluster,
    server: PostgresServer,
    proxy: Option<&'a Proxy>,
    narrow: bool,
}

fn server(port: u16, schema: &str) -> PostgresServer {
    PostgresServer::new(&Cluster::url_at(port), None, schema, b"").unwrap()
}

impl Subject for InSchema<'_> {
    fn store(&self) -> Box<dyn Store> {
        let mut options = StoreOptions::new(clock::real());
        if self.narrow {
            options.readers = 1;
            options.group_jobs = 3;
            options.heat_bytes = 4 << 10;
        }
        Box::new(PostgresStore::open(&self.server, options).unwrap())
    }
    fn journal(&self) -> Box<dyn Journal> {
        let mut options = JournalOptions::new(clock::real());
        options.queue_records = 20;
        options.queue_bytes = 1 << 20;
        if self.narrow {
            options.group_records = 2;
        }
        Box::new(PostgresJournal::open(&self.server, options).unwrap())
    }
    fn plant(&self, fault: Option<Fault>, of_the_journal: bool) -> bool {
        let point = if of_the_journal { "postgres.journal.commit" } else { "postgres.store.commit" };
        fail::remove(point);
        let Some(proxy) = self.proxy else { return false };
        proxy.cut(Cut::Nothing);
        match fault {
            None => {}
            Some(Fault::Refused) => fail::cfg(point, "return").unwrap(),
            Some(Fault::LostBefore) => proxy.cut(Cut::BeforeCommit),
            Some(Fault::LostAfter) => proxy.cut(Cut::AfterCommit),
            Some(Fault::Killed) => {
                self.cluster.sql(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'reveille%' \
                     AND pid <> pg_backend_pid()",
                );
            }
        }
        true
    }
}

/// Cases that run at once, each in a schema of its own.
const AT_ONCE: usize = 6;

#[test]
fn postgres_passes_every_case() {
    let cluster = Cluster::start_unsynced();
    let all: Vec<_> = cases().into_iter().flat_map(|case| [(case, false), (case, true)]).enumerate().collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((number, ((name, case), narrow))) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            println!("{name}{}", if *narrow { " in a narrow place" } else { "" });
            let server = server(cluster.port(), &format!("case_{number}"));
            case(&InSchema { cluster: &cluster, server, proxy: None, narrow: *narrow });
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
}

#[test]
fn both_stores_tell_the_truth_about_commits_that_fail() {
    struct OnDisk(tempfile::TempDir);
    impl Subject for OnDisk {
        fn store(&self) -> Box<dyn Store> {
            Box::new(SqliteStore::open(self.0.path(), StoreOptions::new(clock::real())).unwrap())
        }
        fn journal(&self) -> Box<dyn Journal> {
            Box::new(SqliteJournal::open(self.0.path(), JournalOptions::new(clock::real())).unwrap())
        }
        fn plant(&self, fault: Option<Fault>, of_the_journal: bool) -> bool {
            let point = if of_the_journal { "journal.commit" } else { "store.commit" };
            match fault {
                None => fail::remove(point),
                Some(Fault::Refused) => fail::cfg(point, "return(full)").unwrap(),
                // There is no connection to lose.
                Some(_) => return false,
            }
            true
        }
    }
    let scenario = fail::FailScenario::setup();
    let cluster = Cluster::start_unsynced();
    let proxy = Proxy::start(cluster.port());
    for (number, (name, case)) in (0_u32..).zip(fault_cases()) {
        println!("{name}");
        let server = server(proxy.port(), &format!("fault_{number}"));
        case(&InSchema { cluster: &cluster, server, proxy: Some(&proxy), narrow: false });
        case(&OnDisk(tempfile::tempdir().unwrap()));
    }
    assert!(proxy.cuts() >= 12, "the proxy cut {} connections", proxy.cuts());
    scenario.teardown();
}

fn write(store: &PostgresStore, cursor: u64) -> Result<(), StoreError> {
    let (told, wait) = mpsc::channel();
    store.submit(Box::new(move |tx| tx.set_cursor(JournalId(cursor))), Box::new(move |result| drop(told.send(result))));
    wait.recv_timeout(Duration::from_secs(30)).unwrap()
}

/// Bug to plant: `Owner::check` without its `epoch = $2`.
#[test]
fn a_former_owner_is_refused_and_a_second_server_is_kept_out() {
    let cluster = Cluster::start_unsynced();
    let server = server(cluster.port(), "owned");
    let open = || PostgresStore::open(&server, StoreOptions::new(clock::real()));
    let first = open().unwrap();
    write(&first, 1).unwrap();
    let words = open().err().expect("it is refused").to_string();
    assert!(words.contains("is in use by another server (reveille store from 127.0.0.1"), "{words}");
    // As if it had been paused until its session was given up and somebody else took over.
    cluster.sql("UPDATE owned.owner SET epoch = epoch + 1 WHERE name = 'store'");
    for _ in 0..3 {
        let refused = write(&first, 2).unwrap_err().to_string();
        assert!(refused.contains("another server has taken the store over"), "{refused}");
    }
    assert_eq!(cluster.sql("SELECT value FROM owned.counter WHERE name = 'cursor'"), "1");
    drop(first);
    write(&open().unwrap(), 3).unwrap();
}

#[test]
fn foreign_newer_and_unfinished_schemas_are_refused_in_words() {
    let cluster = Cluster::start_unsynced();
    let open = |schema: &str| {
        let opened = PostgresStore::open(&server(cluster.port(), schema), StoreOptions::new(clock::real()));
        opened.map(drop).map_err(|error| error.to_string())
    };
    cluster.sql("CREATE SCHEMA diary; CREATE TABLE diary.page (text TEXT)");
    assert!(open("diary").unwrap_err().contains("holds tables that are not Reveille's"));
    open("ours").unwrap();
    open("ours").unwrap();
    cluster.sql("UPDATE ours.reveille_schema SET version = 99");
    assert!(open("ours").unwrap_err().contains("written by a newer version of Reveille (schema 99"));
    cluster.sql("UPDATE ours.reveille_schema SET version = 2, unfinished = 1");
    assert!(open("ours").unwrap_err().contains("a copy that was not finished"));
}

/// Bug to plant: a trigger left out of the schema.
#[test]
fn append_only_tables_refuse_update_delete_and_truncate() {
    let cluster = Cluster::start_unsynced();
    drop(PostgresStore::open(&server(cluster.port(), "kept"), StoreOptions::new(clock::real())).unwrap());
    cluster.sql(
        "INSERT INTO kept.audit VALUES (1, 0, 'host', 'a', 's', 'd'); INSERT INTO kept.configuration VALUES (1, 0, '{}'); \
         INSERT INTO kept.timeline VALUES (1, 1, 0, 'opened', 't', '{}', NULL); INSERT INTO kept.decision VALUES (1, 0, 't', NULL, NULL, '', ''); \
         INSERT INTO kept.record VALUES (1, 1, '')",
    );
    for (table, column) in [("audit", "at"), ("configuration", "at"), ("timeline", "at"), ("decision", "at"), ("record", "version")] {
        for statement in
            [format!("UPDATE kept.{table} SET {column} = 9"), format!("DELETE FROM kept.{table}"), format!("TRUNCATE kept.{table}")]
        {
            let tried = format!(
                "DO $$ BEGIN {statement}; RAISE 'it was taken'; EXCEPTION WHEN raise_exception THEN \
                                 IF SQLERRM NOT LIKE '%is append-only' THEN RAISE; END IF; END $$"
            );
            cluster.sql(&tried);
        }
    }
}
