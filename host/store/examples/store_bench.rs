//! Rows per second of the committer's transaction, next to the floor of plain appends on the same disk, and what the journal takes.
//!
//! `cargo run --release -p store --example store_bench -- [seconds per line] [directory] [URL of a PostgreSQL database]`

#![allow(clippy::print_stdout, reason = "it prints its figures")]

use domain::alert::{Alert, Severity, Status};
use domain::decision::{Decision, Grouping, NoteKind, Outcome, PluginRef, Stage, StageNote, Verdict};
use domain::id::{AlertId, DecisionId, IncidentId, JournalId, Revision};
use domain::inbound::{Event, Inbound, Method};
use domain::incident::AlertState;
use domain::journal::{Entry, Record, Sender};
use domain::time::Millis;
use ports::journal::Journal;
use ports::store::{DecisionRow, Store, StoreError, Tx};
use ports::{BoxFuture, Clock};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use store::{JournalOptions, PostgresJournal, PostgresServer, PostgresStore, SqliteJournal, SqliteStore, StoreOptions};

/// Decisions of one transaction.
const BATCH: u64 = 512;
/// Entities that the alerts are about.
const ENTITIES: u64 = 1_000;

#[derive(Debug)]
struct Real(Instant);

impl Clock for Real {
    fn now(&self) -> Millis {
        Millis(self.0.elapsed().as_millis() as i64)
    }
    fn wait_until(&self, _due: Millis) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// An alert of about 1 KB and 40 strings, as the design's table of costs measures.
fn alert(entity: u64, count: u64) -> Alert {
    let mut alert = Alert::firing(format!("checkout/instance-{entity:05}/HighLatency"), Severity::Critical, Millis(1_700_000_000_000));
    alert.summary = Some(format!("The 99th percentile of checkout is above 2 s on instance {entity} for 10 minutes"));
    alert.details = Some("histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) > 2".into());
    alert.source = Some("prometheus".into());
    alert.service = Some("checkout".into());
    alert.expires_at = Some(Millis(1_700_000_240_000 + count as i64));
    alert.labels = (0..14).map(|n| (format!("label_{n:02}"), format!("a value of label {n} of {entity}"))).collect();
    alert.annotations = vec![("runbook".into(), "https://wiki.example.org/runbooks/checkout-latency".into())];
    alert
}

fn rows(count: u64, entity: u64, plugin: &Arc<PluginRef>) -> (DecisionRow, AlertState) {
    let id = DecisionId::new(JournalId(1 + count / BATCH), (count % BATCH) as usize);
    let alert = alert(entity, count);
    let note = |stage, kind| StageNote { stage, plugin: Arc::clone(plugin), kind, reason: "the catalog says so".into() };
    let state = AlertState {
        id: AlertId(entity + 1),
        team: "shop".into(),
        entity: alert.entity.clone(),
        status: Status::Firing,
        severity: alert.severity,
        incident: Some(IncidentId(1 + entity / 10)),
        key: "checkout".into(),
        integration: Some("shop-prometheus".into()),
        first_at: Millis(1_700_000_000_000),
        last_at: Millis(1_700_000_000_000 + count as i64),
        count: count as u32,
        counted: true,
        suppressed_until: None,
        expires_at: alert.expires_at,
        alert: Arc::new(alert.clone()),
        last_decision: id,
    };
    let decision = Decision {
        id,
        partition: (entity % 64) as u8,
        revision: Revision(1),
        team: "shop".into(),
        integration: Some("shop-prometheus".into()),
        alert: Arc::new(alert),
        verdict: Verdict::Keep,
        grouping: Some(Grouping {
            incident_key: "checkout".into(),
            entity: None,
            window_seconds: Some(300),
            threshold: None,
            title: Some("Checkout is slow".into()),
            related: Vec::new(),
            reason: "same service".into(),
        }),
        default_route: false,
        notes: vec![note(Stage::Enrich, NoteKind::Edited(Vec::new())), note(Stage::Dedupe, NoteKind::Grouped)],
    };
    (DecisionRow { decision, incident: state.incident, outcome: Outcome::Repeated, at: state.last_at }, state)
}

fn wait(store: &dyn Store, job: impl FnOnce(&mut dyn Tx) -> Result<(), StoreError> + Send + 'static) {
    let (told, answer) = mpsc::channel();
    store.submit(Box::new(job), Box::new(move |result| drop(told.send(result))));
    answer.recv().expect("the store answers").expect("the job commits");
}

/// What the thread of this name has used of a processor, as Linux counts it; without it the figure is left out.
fn used(thread: &str) -> Option<Duration> {
    for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if read("comm").trim() == thread {
            return Some(Duration::from_nanos(read("schedstat").split(' ').next()?.parse().ok()?));
        }
    }
    None
}

/// What a line reports.
struct Rates {
    per_second: f64,
    longest: Duration,
    /// Of a processor, for each row, by the thread that writes: the figure that busy neighbours change least.
    cpu_us: Option<f64>,
}

/// Runs `batch` for so long.
fn measure(clock: &Real, seconds: u64, thread: &str, mut batch: impl FnMut(u64) -> u64) -> Rates {
    // Once beforehand, so that every thread has begun and the files are there.
    let warm = batch(0);
    let used_before = used(thread);
    let (began, mut written, mut longest) = (clock.elapsed(), 0, Duration::ZERO);
    while clock.elapsed().saturating_sub(began) < Duration::from_secs(seconds) {
        let before = clock.elapsed();
        written += batch(warm + written);
        longest = longest.max(clock.elapsed().saturating_sub(before));
    }
    let cpu = used(thread).zip(used_before).map(|(after, before)| after.saturating_sub(before).as_secs_f64() * 1e6 / written as f64);
    Rates { per_second: written as f64 / clock.elapsed().saturating_sub(began).as_secs_f64(), longest, cpu_us: cpu }
}

fn say(what: &str, rates: &Rates) {
    let cpu = rates.cpu_us.map_or(String::new(), |us| format!("{us:.1} µs of CPU a row, "));
    println!("{what:<72} {:>8.0} rows/s, {cpu}longest batch {:.1?}", rates.per_second, rates.longest);
}

/// Plain appends by rowid of rows of `bytes`, batches of 512, one fsync each: what this disk and SQLite can do at all.
fn floor(dir: &Path, clock: &Real, seconds: u64, bytes: usize) -> Rates {
    let on = Connection::open(dir.join(format!("floor-{bytes}.db"))).expect("opens");
    on.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE row (id INTEGER PRIMARY KEY, body BLOB)")
        .expect("sets up");
    let body = vec![7; bytes];
    measure(clock, seconds, "store_bench", |_| {
        on.execute_batch("BEGIN IMMEDIATE").expect("begins");
        for _ in 0..BATCH {
            on.prepare_cached("INSERT INTO row (body) VALUES (?1)").expect("prepares").execute([&body]).expect("inserts");
        }
        on.execute_batch("COMMIT").expect("commits");
        BATCH
    })
}

fn committer(store: &dyn Store, clock: &Real, seconds: u64, what: &str) {
    let plugin = Arc::new(PluginRef { name: "catalog".into(), version: "0.1.0".into(), digest: "a".repeat(64) });
    let existing: Vec<_> = (0..ENTITIES).map(|entity| rows(0, entity, &plugin).1).collect();
    wait(store, move |tx| existing.iter().try_for_each(|state| tx.put_alert(state)));
    let rates = measure(clock, seconds, "store-writer", |from| {
        // A permutation of the entities, so that neighbours in a batch are not neighbours in the table.
        let batch: Vec<_> = (from..from + BATCH).map(|count| rows(count, count * 7_919 % ENTITIES, &plugin)).collect();
        wait(store, move |tx| {
            let wanted: Vec<_> = batch.iter().map(|(_, state)| (&state.team, state.entity.as_str())).collect();
            tx.prefetch(&wanted, &[])?;
            for (row, state) in &batch {
                // As the committer does: it reads the alert that is there, adds the decision, puts the alert.
                assert!(tx.alert(&state.team, &state.entity)?.is_some());
                assert!(tx.add_decision(row)?);
                tx.put_alert(state)?;
            }
            tx.set_cursor(JournalId(from))
        });
        BATCH
    });
    say(what, &rates);
}

fn journal(journal: &dyn Journal, clock: &Real, seconds: u64) {
    let record = Record {
        received_at: Millis(0),
        entry: Entry::Taken {
            from: Sender { integration: "shop-prometheus".into(), team: "shop".into() },
            raw: Inbound {
                id: "i".into(),
                received_at: Millis(0),
                method: Method::Post,
                url: "https://reveille.example/in/***".into(),
                path: Vec::new(),
                query: Vec::new(),
                headers: Vec::new(),
                body: vec![b'x'; 1_024],
            },
            events: vec![Event::Alert(Box::new(alert(1, 1)))],
            plugin: PluginRef { name: "alertmanager".into(), version: "0.1.0".into(), digest: "a".repeat(64) },
        },
    };
    let rates = measure(clock, seconds, "journal-writer", |_| {
        let (told, answers) = mpsc::channel();
        for _ in 0..BATCH {
            let told = told.clone();
            journal.append(
                record.clone(),
                Box::new(move |result| {
                    let _ = told.send(result.expect("appends"));
                }),
            );
        }
        drop(told);
        answers.iter().count() as u64
    });
    say("journal: one alert and its body of 1 KB a record, 512 at a time", &rates);
}

#[allow(clippy::disallowed_methods, reason = "a benchmark's clock")]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(3, |text| text.parse().expect("seconds"));
    let within = arguments.next().unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let dir = tempfile::tempdir_in(within).expect("a directory");
    let clock = Arc::new(Real(Instant::now()));
    let (row, state) = rows(0, 0, &Arc::new(PluginRef { name: "catalog".into(), version: "0.1.0".into(), digest: "a".repeat(64) }));
    let packed = postcard::to_stdvec(&state.alert).expect("packs").len();
    println!("a packed alert has {packed} bytes, {} notes on its decision; batches of {BATCH}", row.decision.notes.len());
    say("floor: rows of 1 KB appended by rowid", &floor(dir.path(), &clock, seconds, 1_024));
    say("floor: rows of 1.5 KB appended by rowid", &floor(dir.path(), &clock, seconds, 1_536));
    let sub = |name: &str| dir.path().join(name);
    let usual = "decision + put of an existing alert (read first); decisions counted";
    let without = "the same without the writer's memory";
    committer(&SqliteStore::open(&sub("a"), StoreOptions::new(clock.clone())).expect("opens"), &clock, seconds, usual);
    let mut cold = StoreOptions::new(clock.clone());
    cold.heat_bytes = 0;
    committer(&SqliteStore::open(&sub("b"), cold.clone()).expect("opens"), &clock, seconds, without);
    journal(&SqliteJournal::open(&sub("c"), JournalOptions::new(clock.clone())).expect("opens"), &clock, seconds);
    let Some(url) = arguments.next() else { return };
    let server = |schema: &str| PostgresServer::new(&url, None, schema, b"").expect("an address");
    println!("the same on PostgreSQL");
    committer(&PostgresStore::open(&server("bench_a"), StoreOptions::new(clock.clone())).expect("opens"), &clock, seconds, usual);
    committer(&PostgresStore::open(&server("bench_b"), cold).expect("opens"), &clock, seconds, without);
    journal(&PostgresJournal::open(&server("bench_c"), JournalOptions::new(clock.clone())).expect("opens"), &clock, seconds);
}
