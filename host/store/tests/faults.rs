//! Full disks, failed syncs and panics at the edges of a commit. Needs the feature `failpoints`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail as tests do")]

mod clock;

use domain::id::{AlertId, DecisionId, JournalId};
use fail::FailScenario;
use ports::journal::{Journal, JournalError};
use ports::store::{Store, StoreError, Tx};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use store::conformance::{alert_state, decision_row, record};
use store::{JournalOptions, SqliteJournal, SqliteStore, StoreOptions};

fn open_store(dir: &std::path::Path) -> SqliteStore {
    SqliteStore::open(dir, StoreOptions::new(clock::real())).unwrap()
}

fn open_journal(dir: &std::path::Path) -> SqliteJournal {
    SqliteJournal::open(dir, JournalOptions::new(clock::real())).unwrap()
}

fn write(store: &SqliteStore, job: impl FnOnce(&mut dyn Tx) -> Result<(), StoreError> + Send + 'static) -> Result<(), StoreError> {
    let (told, wait) = mpsc::channel();
    store.submit(Box::new(job), Box::new(move |result| drop(told.send(result))));
    wait.recv().unwrap()
}

fn append(journal: &SqliteJournal, bytes: usize) -> Result<JournalId, JournalError> {
    let (told, wait) = mpsc::channel();
    journal.append(record("db", vec![1; bytes]), Box::new(move |result| drop(told.send(result))));
    wait.recv().unwrap()
}

#[test]
fn a_full_disk_refuses_a_record_and_the_journal_goes_on_without_a_gap() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let journal = open_journal(dir.path());
    assert_eq!(append(&journal, 10).unwrap(), JournalId(1));
    fail::cfg("journal.commit", "return(full)").unwrap();
    for _ in 0..3 {
        let refused = append(&journal, 10).unwrap_err();
        assert!(matches!(&refused, JournalError::Unavailable(why) if why.contains("full")), "{refused}");
    }
    assert_eq!((journal.head(), journal.depth()), (JournalId(1), 0));
    fail::remove("journal.commit");
    assert_eq!(append(&journal, 10).unwrap(), JournalId(2));
    assert_eq!(journal.read(JournalId(1), 10).unwrap().len(), 2);
    scenario.teardown();
}

#[test]
fn a_full_disk_fails_every_job_of_the_group_and_the_store_remembers_nothing_of_it() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let store = open_store(dir.path());
    let first = DecisionId::new(JournalId(1), 0);
    let before = alert_state(AlertId(1), "shop", "db", first);
    let given = before.clone();
    write(&store, move |tx| tx.put_alert(&given)).unwrap();

    fail::cfg("store.commit", "return(full)").unwrap();
    let (told, wait) = mpsc::channel();
    for number in 2..12_u64 {
        let told = told.clone();
        let mut changed = before.clone();
        changed.count = number as u32;
        store.submit(
            Box::new(move |tx| {
                tx.put_alert(&changed)?;
                tx.set_cursor(JournalId(number))?;
                tx.add_decision(&decision_row(DecisionId::new(JournalId(number), 0), "shop", "db")).map(drop)
            }),
            Box::new(move |result| drop(told.send(result))),
        );
    }
    for _ in 0..10 {
        assert!(matches!(wait.recv().unwrap(), Err(StoreError::Unavailable { doing: "commit", .. })));
    }
    fail::remove("store.commit");
    write(&store, move |tx| {
        assert_eq!(tx.alert(&"shop".into(), "db")?, Some(before));
        assert_eq!(tx.cursor()?, JournalId(0));
        assert_eq!(tx.decision_count()?, 0);
        tx.set_cursor(JournalId(1))
    })
    .unwrap();
    scenario.teardown();
}

/// Set in a process that this test starts: what it does and where.
const CHILD: &str = "STORE_FAULTS_CHILD";

/// What the child does; nothing where this is no child.
#[test]
fn child() {
    let Ok(asked) = std::env::var(CHILD) else { return };
    let (what, dir) = asked.split_once(' ').unwrap();
    let _scenario = FailScenario::setup();
    let dir = std::path::Path::new(dir);
    match what {
        "journal" => drop(append(&open_journal(dir), 10)),
        "store" => drop(write(&open_store(dir), |tx| tx.set_cursor(JournalId(7)))),
        "checkpoint" => {
            let mut options = StoreOptions::new(clock::real());
            options.checkpoints.every_bytes = 1;
            let store = SqliteStore::open(dir, options).unwrap();
            for number in 0..1_000 {
                write(&store, move |tx| tx.set_cursor(JournalId(number))).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
        "limited" => limited(dir),
        other => panic!("{other} is nothing to do"),
    }
    println!("survived");
}

/// Runs the child; whether it survived, and its exit code.
fn run_child(what: &str, dir: &std::path::Path, failpoints: &str, shell: Option<&str>) -> (bool, Option<i32>, String) {
    let exe = std::env::current_exe().unwrap();
    let mut command = match shell {
        Some(before) => {
            let mut command = Command::new("bash");
            command.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\"")).arg(exe);
            command
        }
        None => Command::new(exe),
    };
    let output = command
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, format!("{what} {}", dir.display()))
        .env("FAILPOINTS", failpoints)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (said.contains("survived"), output.status.code(), said)
}

#[test]
fn a_failed_sync_ends_the_process_at_every_place_that_syncs() {
    for (what, failpoints) in
        [("journal", "journal.commit=return(io)"), ("store", "store.commit=return(io)"), ("checkpoint", "store.checkpoint=return(io)")]
    {
        let dir = tempfile::tempdir().unwrap();
        let (survived, code, said) = run_child(what, dir.path(), failpoints, None);
        assert!(!survived && code == Some(74), "{what}: {code:?} {said}");
    }
}

#[test]
fn a_panic_at_an_edge_ends_the_process_and_only_what_came_before_the_commit_is_lost() {
    for (what, failpoints, cursor, head) in [
        ("store", "store.before.commit=panic", 0, 0),
        ("store", "store.after.commit=panic", 7, 0),
        ("journal", "journal.before.commit=panic", 0, 0),
        ("journal", "journal.after.commit=panic", 0, 1),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (survived, code, said) = run_child(what, dir.path(), failpoints, None);
        assert!(!survived && code == Some(74), "{failpoints}: {code:?} {said}");
        // No other test's fail points while this one looks.
        let _scenario = FailScenario::setup();
        write(&open_store(dir.path()), move |tx| {
            assert_eq!(tx.cursor()?, JournalId(cursor), "{failpoints}");
            Ok(())
        })
        .unwrap();
        assert_eq!(open_journal(dir.path()).head(), JournalId(head), "{failpoints}");
    }
}

/// Under a real limit of file sizes, which the kernel answers with EFBIG: writes are refused, reads go on, and nothing is half there.
fn limited(dir: &std::path::Path) {
    let journal = open_journal(dir);
    let stored = (0..100).map_while(|_| append(&journal, 100 << 10).ok()).count() as u64;
    assert!((1..100).contains(&stored), "the limit was met after {stored}");
    for _ in 0..3 {
        assert!(matches!(append(&journal, 100 << 10), Err(JournalError::Unavailable(_))));
    }
    assert_eq!(journal.head(), JournalId(stored));
    assert_eq!(journal.read(JournalId(stored), 10).unwrap().len(), 1);

    let store = open_store(dir);
    let mut stored = 0;
    while stored < 100 && write(&store, move |tx| tx.put_host_secret(&stored.to_string(), &vec![1; 100 << 10])).is_ok() {
        stored += 1;
    }
    assert!((1..100).contains(&stored), "the limit was met after {stored}");
    let full = write(&store, move |tx| tx.put_host_secret("more", &vec![1; 100 << 10])).unwrap_err();
    assert!(matches!(full, StoreError::Unavailable { .. }), "{full:?}");
    write(&store, move |tx| {
        assert!(tx.host_secret("more")?.is_none());
        assert!(tx.host_secret(&(stored - 1).to_string())?.is_some());
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_disk_that_takes_no_more_is_said_and_survived() {
    let dir = tempfile::tempdir().unwrap();
    // In KiB; and SIGXFSZ ignored, so that a write fails instead.
    let (survived, code, said) = run_child("limited", dir.path(), "", Some("ulimit -f 2048; trap '' XFSZ"));
    assert!(survived && code == Some(0), "{code:?} {said}");
    let _scenario = FailScenario::setup();
    // With room again, everything goes on where it was.
    let journal = open_journal(dir.path());
    let head = journal.head().0;
    assert_eq!(append(&journal, 10).unwrap(), JournalId(head + 1));
}
