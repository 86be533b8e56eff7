//! The promises under attack: kills under load and at every commit edge, power cuts that forget unsynced writes, plugins that always fail.
//!
//! `REVEILLE_SOAK=N` multiplies the counts. Each test prints what it counted. Planted bugs are named where they stand.
#![allow(clippy::unwrap_used)] // An unwrap that fails is a failed story.

use reveille_tests::counted;
use reveille_tests::place::{program, root};
use reveille_tests::server::Options;
use reveille_tests::story::{Setting, Story};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often the usual counts are done.
fn rounds() -> usize {
    std::env::var("REVEILLE_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Posts alerts from four connections until told to stop; keeps every entity that was answered 2xx.
struct Load {
    stop: Arc<AtomicBool>,
    taken: Arc<Mutex<BTreeSet<String>>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

static NEXT_ENTITY: AtomicUsize = AtomicUsize::new(1);

impl Load {
    fn start(story: &Story) -> Self {
        let url = story.server.url(&format!("/integrations/generic/20131114/alert/{}/database", story.server.key("shop-victorops")));
        let stop = Arc::new(AtomicBool::new(false));
        let taken = Arc::new(Mutex::new(BTreeSet::new()));
        let threads = (0..4)
            .map(|_| {
                let (url, stop, taken) = (url.clone(), Arc::clone(&stop), Arc::clone(&taken));
                let http = story.http.clone();
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let number = NEXT_ENTITY.fetch_add(1, Ordering::Relaxed);
                        let entity = format!("entity-{number}");
                        // Few services, so that most alerts join an incident and some open one.
                        let body = json!({ "message_type": "CRITICAL", "entity_id": entity, "service": format!("s{}", number % 5), "state_message": "load" });
                        match http.post(&url).json(&body).timeout(Duration::from_secs(5)).send() {
                            Ok(answer) if answer.status().is_success() => {
                                taken.lock().unwrap().insert(entity);
                            }
                            // Refused or cut: the sender would try again; this one goes on with the next.
                            Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(2)),
                        }
                    }
                })
            })
            .collect();
        Self { stop, taken, threads }
    }

    fn end(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a sender ends");
        }
        Arc::try_unwrap(self.taken).expect("all senders have ended").into_inner().unwrap()
    }
}

/// Every entity that has a committed decision.
fn decided(story: &Story) -> BTreeSet<String> {
    let mut entities = BTreeSet::new();
    let mut before = String::new();
    loop {
        let page = story.api(&format!("decisions?limit=500{before}"));
        entities.extend(page["items"].as_array().unwrap().iter().map(|d| d["entity"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_before"].as_u64() else { return entities };
        before = format!("&before={next}");
    }
}

/// Open incidents that nobody was paged for, once everything that is due has happened.
fn unpaged(story: &Story) -> Vec<Value> {
    let open = story.api("incidents?open=true&limit=500");
    let open = open["items"].as_array().unwrap().clone();
    open.into_iter().filter(|i| story.incident(i["id"].as_u64().unwrap())["pages"].as_array().is_none_or(Vec::is_empty)).collect()
}

/// The rest that a simulated clock needs none of: real time for a server to be under load.
fn under_load(at_most: Duration) {
    std::thread::sleep(at_most);
}

fn hits(story: &Story) -> BTreeSet<String> {
    std::fs::read_to_string(story.server.dir.join("hits")).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn with_hits() -> Story {
    Story::set_up(Setting { on_disk: true, ..Setting::default() })
}

/// P1, P2: killed at random moments under load, nothing that was answered 2xx is lost and no incident stays without a page.
#[test]
fn p1_kills_at_random_under_load() {
    let kills = 150 * rounds();
    let mut story = with_hits();
    story.server.start();
    let load = Load::start(&story);
    for kill in 0..kills {
        under_load(Duration::from_millis(20 + (kill as u64 * 37) % 180));
        story.server.kill();
        story.server.start();
    }
    let taken = load.end();
    story.settle();
    let decided = decided(&story);
    let lost: Vec<&String> = taken.difference(&decided).collect();
    counted(&format!("P1: {kills} kills at random, {} alerts answered 2xx, {} decided, {} lost", taken.len(), decided.len(), lost.len()));
    assert!(taken.len() > kills, "there was load");
    assert!(lost.is_empty(), "lost: {lost:?}");
    let unpaged = unpaged(&story);
    assert!(unpaged.is_empty(), "P2: open and unpaged: {unpaged:#?}");
}

/// The edges of every commit: the program ends itself there, as if its plug were pulled.
const EDGES: &[&str] = &[
    "journal.before.commit",
    "journal.after.commit",
    "store.before.commit",
    "store.after.commit",
    "pipeline.before.journal",
    "pipeline.after.journal",
    "pipeline.before.dispatch",
    "pipeline.before.commit",
    "pipeline.before.cursor",
    "pipeline.after.commit",
    "router.before.commit",
    "router.after.commit",
    "escalation.before.commit",
    "escalation.after.commit",
    "delivery.before.claim",
    "delivery.after.claim",
    "delivery.before.send",
    "delivery.after.accepted",
    "delivery.after.record",
];

/// P1 at every commit edge; each fail point is seen hit.
#[test]
fn p1_kills_at_every_commit_edge() {
    let each = 10 * rounds();
    let mut story = with_hits();
    story.server.start();
    let load = Load::start(&story);
    let mut kills = 0;
    for edge in EDGES {
        for round in 0..each {
            // The n-th time that the edge is reached, so that the kills do not all fall on the first commit.
            let skip = round % 7;
            if story.server.try_sim(&json!({ "fail": edge, "action": "kill", "after": skip })).is_ok() {
                page_until_it_ends(&mut story, edge, round);
                kills += 1;
            }
            story.server.kill();
            story.server.start();
        }
    }
    let taken = load.end();
    story.settle();
    let decided = decided(&story);
    let lost: Vec<&String> = taken.difference(&decided).collect();
    let hits = hits(&story);
    counted(&format!(
        "P1: {kills} kills at {} commit edges, {} alerts answered 2xx, {} lost, edges hit: {hits:?}",
        EDGES.len(),
        taken.len(),
        lost.len()
    ));
    assert!(lost.is_empty(), "lost: {lost:?}");
    let missed: Vec<&&str> = EDGES.iter().filter(|edge| !hits.contains(**edge)).collect();
    assert!(missed.is_empty(), "never reached: {missed:?}");
    assert!(unpaged(&story).is_empty(), "P2: {:#?}", unpaged(&story));
}

/// Something new to page about, again and again, so that router, escalation and delivery have work, until the server has ended itself.
#[allow(clippy::disallowed_methods)] // A process dies in real time.
fn page_until_it_ends(story: &mut Story, edge: &str, round: usize) {
    let began = Instant::now();
    let mut number = 0;
    while !story.server.has_ended() {
        assert!(began.elapsed() < Duration::from_secs(20), "{edge} was not reached in 20 s, with {number} new incidents");
        number += 1;
        story.victorops_quietly(
            "CRITICAL",
            &format!("page-{edge}-{round}-{number}"),
            json!({ "service": format!("fresh-{edge}-{round}-{number}") }),
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Cuts the power `cuts` times under load; gives how many acknowledged alerts were lost.
fn cut_power(cuts: usize, environment: &[(&str, &str)]) -> (usize, usize) {
    let shim = program("libpowercut.so");
    let mut story = Story::set_up(Setting { on_disk: true, ..Setting::default() });
    let store = story.server.dir.join("store");
    let shadow = story.server.dir.join("shadow");
    story.server.preload(&[
        ("LD_PRELOAD", &shim.display().to_string()),
        ("POWERCUT_DIR", &store.display().to_string()),
        ("POWERCUT_SHADOW", &shadow.display().to_string()),
    ]);
    story.server.preload(environment);
    story.server.start();
    let load = Load::start(&story);
    for cut in 0..cuts {
        under_load(Duration::from_millis(30 + (cut as u64 * 53) % 120));
        story.server.kill();
        put_what_was_synced(&store, &shadow);
        story.server.start();
    }
    let taken = load.end();
    story.settle();
    let decided = decided(&story);
    (taken.len(), taken.difference(&decided).count())
}

/// The disk holds what was synced, and nothing else.
fn put_what_was_synced(store: &std::path::Path, shadow: &std::path::Path) {
    std::fs::remove_dir_all(store).expect("the folder goes");
    let _ = std::fs::remove_dir_all(shadow.join(".content"));
    std::fs::rename(shadow, store).expect("the shadow takes its place");
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder to copy").filter_map(Result::ok) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_dir(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("a file is copied");
        }
    }
}

/// P1 on disks: what was never synced is gone after a power cut, and still nothing acknowledged is lost.
#[test]
fn p1_power_cuts() {
    let cuts = 100 * rounds();
    let (taken, lost) = cut_power(cuts, &[]);
    counted(&format!("P1: {cuts} power cuts, {taken} alerts answered 2xx, {lost} lost"));
    assert!(taken > cuts, "there was load");
    assert_eq!(lost, 0);
}

/// Planted bug: with `synchronous=OFF` nothing is synced before the 2xx, and the test above must see it.
#[test]
fn p1_power_cuts_see_a_store_that_does_not_sync() {
    let (taken, lost) = cut_power(3, &[("REVEILLE_SIM_SYNCHRONOUS", "off")]);
    counted(&format!("P1, planted synchronous=OFF: {taken} alerts answered 2xx, {lost} lost"));
    assert!(lost > 0, "a store that does not sync loses nothing, so this layer sees nothing");
}

/// P3: a crash between "provider accepted" and "recorded" sends at most one duplicate, with the same idempotency key; any other page comes once.
#[test]
fn p3_a_duplicate_only_after_a_crash_and_with_the_same_key() {
    let crashes = 20 * rounds();
    let mut story = Story::two_people();
    let path = format!("/integrations/generic/20131114/alert/{}/platform", story.server.key("shop-victorops"));
    for crash in 0..crashes {
        story.server.sim(&json!({ "fail": "delivery.after.accepted", "action": "kill" }));
        let body = json!({ "message_type": "CRITICAL", "entity_id": format!("node-{crash}") });
        // The server dies while or after it answers.
        let _ = story.http.post(story.server.url(&path)).json(&body).timeout(Duration::from_secs(5)).send();
        page_until_it_ends(&mut story, "delivery.after.accepted", crash + 1000);
        story.server.kill();
        story.server.start();
        story.settle();
    }
    let mut by_key = std::collections::BTreeMap::new();
    for ring in story.rings("carol") {
        *by_key.entry(ring.header("idempotency-key").expect("a key").to_owned()).or_insert(0_usize) += 1;
    }
    let duplicates = by_key.values().filter(|n| **n > 1).count();
    counted(&format!(
        "P3: {crashes} crashes after a provider accepted, {} pages, {duplicates} of them twice, none more often",
        by_key.len()
    ));
    assert_eq!(by_key.len(), crashes, "one step is one page");
    assert!(by_key.values().all(|n| *n <= 2), "{by_key:?}");
}

/// P6: each hook in turn traps on every call; every alert still pages.
#[test]
fn p6_every_hook_failing_still_pages() {
    for (plugin, hook) in [
        ("victorops", "normalize"),
        ("rules", "enrich and filter"),
        ("catalog", "enrich"),
        ("correlate", "dedupe"),
        ("route", "route"),
        ("ntfy", "notify"),
        ("mail", "notify"),
    ] {
        let plugins = tempfile::tempdir().expect("a folder for plugins");
        copy_dir(&reveille_tests::place::plugins(), plugins.path());
        let mut story = Story::set_up(Setting {
            options: Options { plugins: Some(plugins.path().to_owned()), ..Options::default() },
            ..Setting::default()
        });
        // The configuration was accepted with the good plugin; its file is exchanged for one that traps on every call.
        break_plugin(&plugins.path().join(plugin), plugin);
        // The version that was accepted is lost too, so that the server has nothing but the file.
        std::fs::remove_dir_all(story.server.dir.join("store/plugin-versions").join(plugin)).expect("the versions that are kept");
        story.server.start();
        let mut number = 0;
        for _ in 0..30 {
            number += 1;
            let answer = story.victorops("CRITICAL", &format!("e{number}"), json!({ "service": format!("s{number}") }));
            assert!(answer.status().is_success(), "{plugin}: {}", answer.status());
        }
        story.settle();
        let open = story.api("incidents?open=true&limit=500");
        let open = open["items"].as_array().unwrap();
        assert!(!open.is_empty(), "{plugin} failing at {hook}: no incident at all");
        assert!(unpaged(&story).is_empty(), "{plugin} failing at {hook}: {:#?}", unpaged(&story));
        assert!(!story.rings("alice").is_empty(), "{plugin} failing at {hook}: alice's phone never rang");
        let reachable = open.len() + story.api("dead-letters?limit=500")["items"].as_array().map_or(0, Vec::len);
        assert!(reachable >= 30, "{plugin} failing at {hook}: {reachable} of 30 alerts can be listed");
        counted(&format!("P6: {plugin} failing at {hook}: {} open incidents, {} rings", open.len(), story.rings("alice").len()));
    }
}

/// Puts a component that traps at every call in a plugin's place; it says of itself that it answers every hook, and which contacts it serves.
fn break_plugin(folder: &std::path::Path, name: &str) {
    std::fs::copy(guest("trap"), folder.join("plugin.wasm")).expect("a guest that traps");
    let contacts = if ["ntfy", "mail"].contains(&name) {
        format!("[[contacts]]\nkind = \"{name}\"\nlabel = \"{name}\"\npurposes = [\"escalation\", \"update\", \"test\"]\n")
    } else {
        String::new()
    };
    let manifest = format!(
        "name = \"{name}\"\nversion = \"9.9.9\"\napi = \"1.0\"\nhooks = [\"normalize\", \"enrich\", \"filter\", \"dedupe\", \"route\", \"notify\"]\n\
         reads = [\"*\"]\n{contacts}[settings]\ntype = \"object\"\n"
    );
    std::fs::write(folder.join("plugin.toml"), manifest).expect("a manifest");
}

fn guest(name: &str) -> std::path::PathBuf {
    let dir = std::env::var_os("REVEILLE_GUESTS").map_or_else(|| root().join("tests/guests/target/wasm32-wasip2/release"), Into::into);
    let path = dir.join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is not built: run the tests with `cargo xtask test`", path.display());
    path
}
