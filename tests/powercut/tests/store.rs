//! Cuts the power of the store and the journal themselves: nothing that they acknowledged is lost; and with syncing switched off by a planted
//! bug, this test sees the loss.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use domain::id::{AlertId, DecisionId, JournalId};
use domain::time::Millis;
use ports::{BoxFuture, Clock, Journal, Store};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use store::conformance::{alert_state, decision_row, record};
use store::{Checkpoints, JournalOptions, SqliteJournal, SqliteStore, StoreOptions};

/// Set in the program below which the layer lies: its data directory.
const PROGRAM: &str = "POWERCUT_TEST_STORE";

#[derive(Debug)]
struct Real(Instant);

impl Clock for Real {
    fn now(&self) -> Millis {
        Millis(0)
    }
    fn wait_until(&self, _due: Millis) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the clock")]
fn open(dir: &Path) -> (SqliteStore, SqliteJournal) {
    let clock: Arc<dyn Clock> = Arc::new(Real(Instant::now()));
    // So small that the log is carried over and begun anew all the time.
    let checkpoints = Checkpoints { every_bytes: 64 << 10, limit_bytes: 256 << 10 };
    let mut options = StoreOptions::new(Arc::clone(&clock));
    options.checkpoints = checkpoints;
    let mut journal = JournalOptions::new(clock);
    journal.checkpoints = checkpoints;
    (SqliteStore::open(dir, options).unwrap(), SqliteJournal::open(dir, journal).unwrap())
}

/// Takes records in, decides them and says each number once both are acknowledged. Nothing where this is the test.
#[test]
fn program() {
    let Ok(dir) = std::env::var(PROGRAM) else { return };
    let (store, journal) = open(Path::new(&dir));
    loop {
        let (told, wait) = mpsc::channel();
        journal.append(record("db", vec![1; 700]), Box::new(move |result| drop(told.send(result))));
        let id = wait.recv().unwrap().unwrap();
        let (told, wait) = mpsc::channel();
        store.submit(
            Box::new(move |tx| {
                let decision = DecisionId::new(id, 0);
                assert!(tx.add_decision(&decision_row(decision, "shop", "db"))?);
                tx.put_alert(&alert_state(AlertId(1), "shop", "db", decision))?;
                tx.set_cursor(id)
            }),
            Box::new(move |result| drop(told.send(result))),
        );
        wait.recv().unwrap().unwrap();
        println!("\nsaid {id}");
        std::io::stdout().flush().unwrap();
    }
}

fn cut_power(dir: &Path, lines: usize, synchronous: &str) -> (u64, PathBuf) {
    let exe = std::env::current_exe().unwrap();
    let shadow = dir.with_extension("shadow");
    let mut child = Command::new(&exe)
        .args(["--exact", "program", "--nocapture", "--test-threads=1"])
        .env(PROGRAM, dir.join("data"))
        .env("REVEILLE_SIM_SYNCHRONOUS", synchronous)
        .env("LD_PRELOAD", exe.with_file_name("libpowercut.so"))
        .env("POWERCUT_DIR", dir)
        .env("POWERCUT_SHADOW", &shadow)
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<u64> = output.filter_map(|line| line.strip_prefix("said ")?.parse().ok()).take(lines).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(shadow.join(".content")).unwrap();
    (*said.last().expect("the program said something"), shadow)
}

/// The cursor, how many decisions and how many records are on this disk; all that is there fits together.
fn stored(disk: &Path) -> (u64, u64, u64) {
    let (store, journal) = open(&disk.join("data"));
    let (told, wait) = mpsc::channel();
    store.read(
        Box::new(move |view| {
            let (cursor, count) = (view.cursor()?, view.decision_count()?);
            let marks = view.decided_from(DecisionId(0))?;
            assert_eq!(marks, (1..=cursor.0).map(|id| DecisionId::new(JournalId(id), 0)).collect::<Vec<_>>());
            let alert = view.alert(&"shop".into(), "db")?;
            assert_eq!(alert.map(|alert| alert.last_decision), marks.last().copied());
            let _ = told.send((cursor.0, count));
            Ok(())
        }),
        Box::new(|result| result.unwrap()),
    );
    let (cursor, count) = wait.recv_timeout(Duration::from_secs(30)).unwrap();
    (cursor, count, journal.head().0)
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    let place = tempfile::tempdir().unwrap();
    let mut dir = place.path().join("0");
    fs::create_dir(&dir).unwrap();
    for (round, lines) in [1, 300, 20, 3, 150].into_iter().enumerate() {
        let (acknowledged, disk) = cut_power(&dir, lines, "full");
        let (cursor, count, head) = stored(&disk);
        assert!(cursor >= acknowledged && head >= acknowledged, "round {round}: {acknowledged} acknowledged, {cursor} and {head} stored");
        assert_eq!(count, cursor);
        assert!(head >= cursor, "a decision is of a record that is there");
        dir = place.path().join((round + 1).to_string());
        fs::rename(disk, &dir).unwrap();
        // The next round numbers on from the journal's head: what was journaled and not decided is decided first by a real server.
        if head > cursor {
            let (store, _journal) = open(&dir.join("data"));
            let (told, wait) = mpsc::channel();
            store.submit(
                Box::new(move |tx| {
                    for id in cursor + 1..=head {
                        let decision = DecisionId::new(JournalId(id), 0);
                        tx.add_decision(&decision_row(decision, "shop", "db"))?;
                        tx.put_alert(&alert_state(AlertId(1), "shop", "db", decision))?;
                    }
                    tx.set_cursor(JournalId(head))
                }),
                Box::new(move |result| drop(told.send(result))),
            );
            wait.recv().unwrap().unwrap();
        }
    }
}

/// The planted bug: `REVEILLE_SIM_SYNCHRONOUS=off`.
#[test]
fn a_store_that_does_not_sync_is_found_out() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("0");
    fs::create_dir(&dir).unwrap();
    let (acknowledged, disk) = cut_power(&dir, 50, "off");
    // What is left may not even be a database.
    let kept = std::panic::catch_unwind(|| stored(&disk)).map_or(0, |(cursor, _, head)| cursor.min(head));
    assert!(kept < acknowledged, "{acknowledged} were acknowledged without a sync, and {kept} are there");
}
