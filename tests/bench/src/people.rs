//! A night with very many open incidents: thousands of escalations get due in the same instant, and again while the server is down.
//!
//! Everything goes through the front door. Ten groups of incidents are posted one after the other, each under a policy that waits as much
//! less as it was posted later, so that all groups meet. The rest waits half a day for its first step.

use crate::Size;
use crate::backing::Backing;
use crate::data;
use crate::figures::Figures;
use crate::latency::Latencies;
use crate::load::{Door, post_all};
use crate::sink::{Sink, wall_ms};
use crate::stand::Stand;
use anyhow::{Context, Result, ensure};
use domain::escalation::{Run, Target};
use domain::page::Outbox;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

/// Groups of a wave.
const GROUPS: usize = 10;
/// Between the posts of two groups, in seconds: enough for a group to be decided and routed.
const APART_SECONDS: usize = 2;
/// What the last group waits for its first step, in seconds.
const LEAST_SECONDS: usize = 15;
/// Before the wave gets due the server is killed, in seconds.
const KILLED_BEFORE_SECONDS: u64 = 3;
/// Alerts a body, of the rest and of a wave.
const BATCH: usize = 1000;
const WAVE_BATCH: usize = 50;
const CONNECTIONS: usize = 4;
/// What the egress gives one host.
const FLOOR_CONNECTIONS: usize = 8;
/// How long the reconcilers are watched while nothing is due.
const IDLE: Duration = Duration::from_secs(16);

/// Fills the house, then two waves; the second gets due while nobody is there.
pub fn measure(figures: &mut Figures, dir: &Path, backing: Backing, size: Size) -> Result<()> {
    figures.setting(
        "people",
        &format!("{} open incidents with a running escalation each; twice {} of them due in one instant", size.incidents, size.due),
        "caches as they ship",
        "closed loop, bodies of 1,000 and of 50; pages to an HTTP sink in this process",
        &format!("as many messages posted to the same sink by a plain loop over {FLOOR_CONNECTIONS} kept connections"),
    );
    let sink = Sink::start()?;
    let mut stand = Stand::open_with(dir, "people", backing, &documents(&sink), &allow(&sink))?;
    let (rest, first, second) = (0..size.incidents - size.due, size.incidents - size.due, size.incidents);
    let began = Instant::now();
    post_all(&stand.door(), &data::bodies(&alerts(rest.clone(), "rest"), BATCH), CONNECTIONS)?;
    stand.drained(Duration::from_secs(600))?;
    routed(&stand, rest.len(), Duration::from_secs(600))?;
    figures.add("people_open_seconds", began.elapsed().as_secs_f64(), "s until all but the wave are decided and routed");

    let due = post_wave(&stand, first..second, "first")?;
    routed(&stand, size.incidents, Duration::from_secs(10))?;
    figures.add("people_incidents", stand.count("SELECT count(*) FROM run WHERE due_at IS NOT NULL")? as f64, "escalations that run");
    figures.add("people_rss_mib", stand.resident_mib()?, "MiB resident with all of them open");
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
    sink.wait(size.due, Duration::from_secs(60))?;
    let pages = pages(&stand)?;
    lateness(figures, &pages, &sink, size.due)?;
    idle(figures, &stand)?;

    restart(figures, &mut stand, &sink, size)?;
    ensure!(stand.server.stop(), "the server stops well:\n{}", stand.server.log());

    let floor = Sink::start()?;
    let bodies: Vec<Vec<u8>> = data::bodies(&alerts(0..size.due, "floor"), 1);
    let round = post_all(&Door { address: floor.address, path: "/floor".into() }, &bodies, FLOOR_CONNECTIONS)?;
    figures.add("floor_people_seconds", round.seconds, &format!("s until a plain loop has sent {} messages to the sink", size.due));
    Ok(())
}

/// Kills the server before a second wave is due and starts it after.
fn restart(figures: &mut Figures, stand: &mut Stand, sink: &Sink, size: Size) -> Result<()> {
    let due = post_wave(stand, size.incidents..size.incidents + size.due, "second")?;
    routed(stand, size.incidents + size.due, Duration::from_secs(10))?;
    std::thread::sleep(due.saturating_duration_since(Instant::now() + Duration::from_secs(KILLED_BEFORE_SECONDS)));
    let before = sink.count();
    stand.server.kill();
    std::thread::sleep(due.saturating_duration_since(Instant::now()) + Duration::from_secs(1));
    let began = Instant::now();
    stand.server.try_start().map_err(anyhow::Error::msg)?;
    figures.add("people_restart_seconds", began.elapsed().as_secs_f64(), "s from the start to ready");
    let ready = wall_ms();
    sink.wait(before + size.due, Duration::from_secs(60))?;
    let pages = pages(stand)?;
    let second = |page: &&Page| page.due > ready - 60_000 && sink.at(&page.key).is_none_or(|at| at > ready - 5000);
    let late: Vec<Duration> = pages.iter().filter(second).filter_map(|page| Some(sink.at(&page.key)? - ready)).map(millis).collect();
    told(figures, "people_restart_sent", late, size.due, "from ready until the sink has a page that got due while the server was down")?;
    figures.add("people_restart_rss_mib", stand.resident_mib()?, "MiB resident after that");
    Ok(())
}

/// A page of a wave.
struct Page {
    key: String,
    /// When the step was due, in milliseconds since 1970.
    due: i64,
    queued: i64,
}

/// What was paged, from the stored rows.
fn pages(stand: &Stand) -> Result<Vec<Page>> {
    let runs = stand.texts("SELECT body FROM run")?;
    let runs = runs.iter().map(|body| serde_json::from_str::<Run>(body)).collect::<Result<Vec<_>, _>>()?;
    let runs: HashMap<_, _> = runs.into_iter().map(|run| (run.id, run)).collect();
    let mut pages = Vec::new();
    for body in stand.texts("SELECT body FROM outbox")? {
        let row: Outbox = serde_json::from_str(&body)?;
        let run = row.run.and_then(|run| runs.get(&run)).context("a page without its escalation")?;
        let Target::Policy(policy) = &run.target else { continue };
        let Some(group) = policy.as_str().strip_prefix("group-").and_then(|group| group.parse().ok()) else { continue };
        let due = run.started_at.plus_seconds(u32::try_from(waits(group))?).0;
        pages.push(Page { key: row.key, due, queued: row.queued_at.0 });
    }
    Ok(pages)
}

fn lateness(figures: &mut Figures, pages: &[Page], sink: &Sink, due: usize) -> Result<()> {
    let times = || pages.iter().map(|page| page.due);
    let span = times().max().unwrap_or_default() - times().min().unwrap_or_default();
    figures.add("people_due_span_ms", span as f64, "ms between the first and the last that got due");
    let queued = pages.iter().map(|page| millis(page.queued - page.due)).collect();
    told(figures, "people_claimed", queued, due, "from due until the timer is claimed and its page in the outbox")?;
    let sent = pages.iter().filter_map(|page| Some(sink.at(&page.key)? - page.due)).map(millis).collect();
    told(figures, "people_sent", sent, due, "from due until the sink has the page")?;
    let last = pages.iter().filter_map(|page| sink.at(&page.key)).max().unwrap_or_default() - times().min().unwrap_or_default();
    figures.add("people_wave_seconds", last as f64 / 1000.0, "s from the first due time until the sink has all");
    Ok(())
}

/// Each exactly once, or the run fails.
fn told(figures: &mut Figures, name: &str, all: Vec<Duration>, expected: usize, words: &str) -> Result<()> {
    ensure!(all.len() == expected, "{name}: {expected} pages were due and {} came", all.len());
    let all = Latencies::new(all);
    for (share, percent) in [("p50", 50.0), ("p99", 99.0), ("max", 100.0)] {
        figures.add(&format!("{name}_{share}_ms"), all.ms(percent), &format!("ms {words}"));
    }
    figures.curve(name, all.curve());
    Ok(())
}

/// What a look of each reconciler costs while nothing is due.
fn idle(figures: &mut Figures, stand: &Stand) -> Result<()> {
    let read = |name: &str| -> Result<(f64, f64)> {
        let of = |what: &str| stand.metric(&format!("reveille_oncall_pass_seconds_{what}{{loop=\"{name}\"}}"));
        Ok((of("sum")?.unwrap_or_default(), of("count")?.unwrap_or_default()))
    };
    let loops = ["router", "escalation", "delivery", "timers"];
    let before = loops.iter().map(|name| read(name)).collect::<Result<Vec<_>>>()?;
    std::thread::sleep(IDLE);
    for (name, (sum, count)) in loops.iter().zip(before) {
        let after = read(name)?;
        ensure!(after.1 > count, "the loop {name} made no pass in {} s", IDLE.as_secs());
        figures.add(&format!("people_pass_{name}_ms"), (after.0 - sum) / (after.1 - count) * 1000.0, "ms, mean of a pass with nothing due");
    }
    Ok(())
}

/// Posts one wave, group by group; gives when it is due.
fn post_wave(stand: &Stand, which: Range<usize>, wave: &str) -> Result<Instant> {
    let began = Instant::now();
    let each = which.len().div_ceil(GROUPS);
    let all: Vec<usize> = which.collect();
    for (group, part) in all.chunks(each).enumerate() {
        let at = began + Duration::from_secs((group * APART_SECONDS) as u64);
        let bodies = data::bodies(&alerts(part[0]..part[part.len() - 1] + 1, &format!("{wave}-{group}")), WAVE_BATCH);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        post_all(&stand.door(), &bodies, CONNECTIONS)?;
    }
    Ok(began + Duration::from_secs(waits(0) as u64))
}

/// How long a group waits for its first step, in seconds.
fn waits(group: usize) -> usize {
    LEAST_SECONDS + (GROUPS - group) * APART_SECONDS
}

/// Waits until so many escalations run.
fn routed(stand: &Stand, expected: usize, at_most: Duration) -> Result<()> {
    let began = Instant::now();
    loop {
        let runs = stand.count("SELECT count(*) FROM run")?;
        if runs >= expected {
            return Ok(());
        }
        ensure!(began.elapsed() < at_most, "{expected} incidents were posted and {runs} escalations run after {} s", at_most.as_secs());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// One alert an incident.
fn alerts(which: Range<usize>, wave: &str) -> Vec<Value> {
    which.map(|incident| data::alone(incident, wave)).collect()
}

fn millis(of: i64) -> Duration {
    Duration::from_millis(of.max(0).unsigned_abs())
}

fn allow(sink: &Sink) -> String {
    format!("[[egress.allow]]\nhost = \"127.0.0.1\"\nports = [{}]\nprivate = true\n", sink.address.port())
}

/// Ten people with a policy each, and one that waits half a day; the bundled stages without rules, since this is not about them.
fn documents(sink: &Sink) -> Vec<(String, String)> {
    let group = |n: usize| (format!("group-{n}"), format!("{}s", waits(n)), format!("*-{n}"));
    let user = |id: String| json!({ "kind": "User", "id": id, "admin": id == "person-0", "contacts": [ { "kind": "webhook", "address": sink.url(&id) } ] });
    let policy = |id: &str, after: &str, n: usize| {
        let step = |after: &str| json!({ "after": after, "page": [format!("user/person-{n}")] });
        json!({ "kind": "Policy", "id": id, "team": "bench", "steps": [step(after), step("12h")] })
    };
    let routes: Vec<Value> = (0..GROUPS)
        .map(group)
        .map(|(id, _, wave)| json!({ "labels": { "wave": [wave] }, "to": [ { "escalation_policy": id } ] }))
        .collect();
    let correlate = json!({ "rules": [ { "when": { "field": "service", "exists": true }, "key": "${{service}}/${{labels.alertname}}" } ] });
    let mut all: Vec<Value> = (0..GROUPS).map(|n| user(format!("person-{n}"))).collect();
    all.extend((0..GROUPS).map(|n| policy(&group(n).0, &group(n).1, n)));
    all.extend([
        policy("later", "12h", 0),
        json!({ "kind": "Team", "id": "bench", "members": ["person-0"], "default_policy": "later" }),
        json!({ "kind": "Settings", "default_policy": "later" }),
        json!({ "kind": "Integration", "id": "bench", "team": "bench", "normalize": "alertmanager" }),
        json!({ "kind": "Channel", "id": "webhook" }),
        json!({ "kind": "Pipeline", "id": "default",
            "dedupe": [ { "plugin": "correlate", "settings": correlate } ],
            "route": [ { "plugin": "route", "settings": { "routes": routes } } ] }),
    ]);
    let all: Vec<String> = all.iter().map(Value::to_string).collect();
    vec![("people.yaml".into(), all.join("\n---\n"))]
}
