//! What is measured: the program as it ships with its bundled stages, every 2xx durable, every post a committed decision.

use crate::Size;
use crate::backing::Backing;
use crate::data::{self, Mix};
use crate::figures::Figures;
use crate::load::post_all;
use crate::processor::{Times, shares};
use crate::stand::Stand;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Connections for single posts.
pub const CONNECTIONS: usize = 64;
/// Connections for batches.
pub const BATCH_CONNECTIONS: usize = 16;

/// The posts, made before the clock runs.
pub struct Bodies {
    /// What has to be known first, 64 a body.
    pub known: Vec<Vec<u8>>,
    pub singles: Vec<Vec<u8>>,
    pub batches: Vec<Vec<u8>>,
    known_alerts: usize,
    /// Incidents that all of them together open.
    incidents: usize,
}

impl Bodies {
    /// The same bytes at every run.
    pub fn make(size: Size) -> Self {
        let mut mix = Mix::new(size.known);
        let known = mix.known();
        let singles: Vec<Value> = (0..size.singles).map(|_| mix.next_alert()).collect();
        let batches: Vec<Value> = (0..size.batches * 64).map(|_| mix.next_alert()).collect();
        Self {
            known_alerts: known.len(),
            incidents: mix.incidents(),
            known: data::bodies(&known, 64),
            singles: data::bodies(&singles, 1),
            batches: data::bodies(&batches, 64),
        }
    }
}

/// Singles, then batches, then the count of decisions.
pub fn measure(figures: &mut Figures, dir: &Path, backing: Backing, bodies: &Bodies) -> Result<()> {
    figures.setting(
        "throughput",
        "the mix: single posts, then bodies of 64",
        "no cache of results",
        &format!("closed loop, {CONNECTIONS} and {BATCH_CONNECTIONS} connections"),
        "floor_single of the same run; Alertmanager (--only peer)",
    );
    let mut stand = Stand::open(dir, "reveille", backing)?;
    let door = stand.door();
    post_all(&door, &bodies.known, 4)?;
    stand.drained(Duration::from_secs(120))?;

    let id = stand.id()?;
    let before = Times::of(id)?;
    let began = Instant::now();
    let round = post_all(&door, &bodies.singles, CONNECTIONS)?;
    stand.drained(Duration::from_secs(120))?;
    let decided_in = began.elapsed().as_secs_f64();
    figures.round("ack_single", &round);
    figures.add("single_decided_per_s", bodies.singles.len() as f64 / decided_in, "alerts/s, from the first post to the last commit");
    spent(figures, "single", &Times::of(id)?.since(&before), bodies.singles.len() as f64);

    let before = Times::of(id)?;
    let began = Instant::now();
    let round = post_all(&door, &bodies.batches, BATCH_CONNECTIONS)?;
    let alerts = (bodies.batches.len() * 64) as f64;
    stand.drained(Duration::from_secs(240))?;
    let decided_in = began.elapsed().as_secs_f64();
    figures.round("ack_batch64_posts", &round);
    figures.add("ack_batch64_per_s", round.per_second() * 64.0, "alerts/s");
    figures.add("decided_per_s", alerts / decided_in, "alerts/s, from the first post to the last commit");
    spent(figures, "batch", &Times::of(id)?.since(&before), alerts);
    figures.add("rss_mib", stand.resident_mib()?, "MiB resident after both");

    let expected = bodies.known_alerts + bodies.singles.len() + bodies.batches.len() * 64;
    let counted = stand.all_decided(expected)?;
    figures.add("decisions_counted", counted as f64, "rows, equal to the alerts posted");
    let parked = stand.count("SELECT count(*) FROM dead_letter")?;
    figures.add("bodies_parked", parked as f64, "bodies whose normalizer was preempted past its deadline, decided later");
    ensure!(stand.server.stop(), "the server stops well:\n{}", stand.server.log());
    let counted = stand.count("SELECT count(*) FROM incident WHERE team = 'bench'")?;
    ensure!(counted == bodies.incidents, "the alerts belong to {} incidents and {counted} were opened", bodies.incidents);
    figures.add("incidents_counted", counted as f64, "rows, equal to the incidents of the data set");
    Ok(())
}

/// The server's processor time for an alert, whole and by threads.
fn spent(figures: &mut Figures, what: &str, spent: &Times, alerts: f64) {
    figures.add(&format!("{what}_server_us_per_alert"), spent.total() / alerts, "µs of CPU, all threads of the server");
    for (name, micros, words) in shares(spent, alerts) {
        figures.add(&format!("{what}_server_us_{name}"), micros, &words);
    }
}

/// Everything that is bundled on the way of an alert; pages go nowhere, since nobody is asked to be woken by a benchmark.
pub fn documents() -> Vec<(String, String)> {
    let services: Vec<Value> = (0..data::SERVICES)
        .map(|at| json!({ "kind": "Service", "id": format!("service-{at:04}"), "team": "bench", "tier": "2", "runbook": format!("https://runbooks.example.org/service-{at:04}") }))
        .collect();
    let correlate = json!({ "rules": [ { "when": { "field": "service", "exists": true }, "key": "${{service}}/${{labels.alertname}}" } ] });
    let quiet = json!({ "routes": [ { "name": "the record", "to": [ { "team": "bench" } ], "urgency": "quiet" } ] });
    let fixed = json!([
        { "kind": "User", "id": "bench", "admin": true, "contacts": [ { "kind": "ntfy", "address": "http://127.0.0.1:9/bench" } ] },
        { "kind": "Team", "id": "bench", "members": ["bench"], "default_policy": "bench" },
        { "kind": "Policy", "id": "bench", "team": "bench", "steps": [ { "page": ["user/bench"] } ] },
        { "kind": "Settings", "default_policy": "bench" },
        { "kind": "Integration", "id": "bench", "team": "bench", "normalize": "alertmanager" },
        { "kind": "Grant", "id": "catalog", "lookups": ["catalog"] },
        { "kind": "Channel", "id": "ntfy" },
        { "kind": "Pipeline", "id": "default",
          "enrich": [ { "plugin": "rules", "settings": data::rules() }, "catalog" ],
          "filter": [ { "plugin": "rules", "settings": data::rules() } ],
          "dedupe": [ { "plugin": "correlate", "settings": correlate } ],
          "route": [ { "plugin": "route", "settings": quiet } ] },
    ]);
    let all: Vec<String> = fixed.as_array().into_iter().flatten().chain(&services).map(Value::to_string).collect();
    vec![("bench.yaml".into(), all.join("\n---\n"))]
}
