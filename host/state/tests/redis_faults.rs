//! Promise: hot state is never wrong. Random faults of Redis, of the way to it and of the process, with a real store as the truth.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on has failed; its counts are printed")]

mod support;

use ports::HotState;
use ports::hot::{WindowKey, partition_of_window};
use state::{Hot, HotSettings};
use std::sync::Arc;
use std::time::Duration;
use support::proxy::{DEAF, DRIP, PASS, Proxy, REFUSE, STALL};
use support::redis::{Server, quick};
use support::{House, LIMITS, NOW, key, space, window};

const FAULTS: u32 = 300;
const KEYS: u64 = 60;
const TEAMS: [&str; 3] = ["a", "b", "c"];

/// xorshift64*: the same faults for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    Flush,
    Pause,
    Cut,
    Stall,
    Drip,
    Deaf,
    Partition,
    /// The process ends between commit and flush.
    CrashAfterCommit,
    /// The process ends; what was flushed is there.
    Restart,
    /// A former owner goes on writing.
    FormerOwner,
    /// The server comes back with what it saved some time ago.
    OldDump,
    /// Keys are evicted.
    Evict,
    /// The header of every partition is lost, and no more.
    Headers,
    /// Scripts break off half-way.
    Full,
    Scripts,
}

const KINDS: [Fault; 16] = [
    Fault::Kill,
    Fault::Flush,
    Fault::Pause,
    Fault::Cut,
    Fault::Stall,
    Fault::Drip,
    Fault::Deaf,
    Fault::Partition,
    Fault::CrashAfterCommit,
    Fault::Restart,
    Fault::FormerOwner,
    Fault::OldDump,
    Fault::Evict,
    Fault::Headers,
    Fault::Full,
    Fault::Scripts,
];

struct Run {
    house: House,
    server: Server,
    proxy: Proxy,
    chance: Chance,
    former: Option<Arc<Hot>>,
    saved: bool,
    tick: i64,
    asked: u64,
    known: u64,
    /// Answers of memory, Redis and store in processes that ended.
    hits: [u64; 3],
}

impl Run {
    fn new(seed: u64) -> Self {
        let server = Server::start(&[]);
        let proxy = Proxy::start(server.port);
        let mut redis = quick(proxy.port);
        redis.read_limit = Duration::from_millis(15);
        redis.write_limit = Duration::from_millis(60);
        redis.connect_limit = Duration::from_millis(60);
        redis.retry = (Duration::from_millis(1), Duration::from_millis(8));
        // A batch may have more for Redis than fits: the rest is dropped, while the way there is well.
        redis.queue_items = 4;
        let settings = HotSettings { window_bytes: 3000, redis: Some(redis), ..HotSettings::default() };
        let house = House::with(settings);
        Self { house, server, proxy, chance: Chance(seed), former: None, saved: false, tick: 0, asked: 0, known: 0, hits: [0; 3] }
    }

    fn key(&mut self) -> WindowKey {
        key("shop", &format!("host-{}", self.chance.below(KEYS)))
    }

    /// A batch as the committer makes one: asks, learns, commits, tells.
    fn batch(&mut self, told: bool) {
        let keys: Vec<WindowKey> = (0..6).map(|_| self.key()).collect();
        self.check(&keys);
        let mut windows: Vec<_> = Vec::new();
        for key in &keys[..3] {
            self.tick += 1;
            let new = if self.chance.below(5) == 0 { window(&[]) } else { window(&[self.tick, self.tick + 1]) };
            if !windows.iter().any(|(other, _)| other == key) {
                windows.push((key.clone(), new));
            }
        }
        let slot = self.house.hot.slot();
        let mut touches = Vec::new();
        for team in TEAMS {
            if self.chance.below(3) == 0 {
                touches.push(self.house.kept(&slot, team, |slot| slot.add("n", 1, 6000).map(drop)).unwrap());
            }
        }
        if told {
            self.house.commit(&touches, &windows);
        } else {
            self.house.store_only(&touches, &windows);
        }
    }

    /// Every window that is known is the store's.
    fn check(&mut self, keys: &[WindowKey]) {
        let got = self.house.hot.windows(keys);
        let mut learned = Vec::new();
        for (key, got) in keys.iter().zip(got) {
            let truth = self.house.truth(key);
            self.asked += 1;
            match got {
                Some(got) => {
                    assert_eq!(got, truth, "{key:?} is stale");
                    self.known += 1;
                }
                None => learned.push((key.clone(), truth)),
            }
        }
        self.house.hot.learned(&learned);
    }

    fn check_all(&mut self) {
        let keys: Vec<WindowKey> = (0..KEYS).map(|n| key("shop", &format!("host-{n}"))).collect();
        self.check(&keys);
        let slot = self.house.hot.slot();
        for team in TEAMS {
            let stored = self.house.rows(team);
            slot.open(&space(team), LIMITS, NOW).unwrap();
            assert_eq!(slot.get("n").unwrap().as_ref(), stored.first().map(|row| &row.entry), "what is remembered for {team}");
            slot.close(false);
        }
    }

    fn reopen(&mut self) {
        for (sum, hits) in self.hits.iter_mut().zip(self.house.hot.status().hits) {
            *sum += hits;
        }
        self.house.reopen();
    }

    fn strike(&mut self, fault: Fault) {
        let quiet = Duration::from_millis(25);
        match fault {
            Fault::Kill => {
                self.server.kill();
                self.batch(true);
                let _ = std::fs::remove_file(self.server.dump());
                self.saved = false;
                self.server.restart();
            }
            Fault::Flush => drop(self.server.say(&["FLUSHALL"])),
            Fault::Pause => {
                self.server.signal("-STOP");
                self.batch(true);
                std::thread::sleep(quiet);
                self.server.signal("-CONT");
            }
            Fault::Cut => self.proxy.cut(),
            Fault::Stall => self.through(STALL, quiet),
            Fault::Drip => self.through(DRIP, quiet),
            Fault::Deaf => self.through(DEAF, quiet),
            Fault::Partition => {
                self.proxy.cut();
                self.through(REFUSE, quiet);
            }
            Fault::CrashAfterCommit => {
                self.batch(false);
                self.reopen();
            }
            Fault::Restart => {
                if self.chance.below(2) == 0 {
                    self.house.flushed();
                }
                self.reopen();
            }
            Fault::FormerOwner => {
                let former = Arc::clone(&self.house.hot);
                self.reopen();
                self.lie(&former);
                self.former = Some(former);
            }
            Fault::OldDump => {
                if self.saved {
                    self.server.kill();
                    self.batch(true);
                    self.server.restart();
                    self.saved = false;
                } else {
                    self.server.say(&["SAVE"]);
                    self.saved = true;
                }
            }
            Fault::Evict => {
                let script = "EVAL \"for i = 1, 10 do redis.call('DEL', redis.call('RANDOMKEY') or '') end return 0\" 0";
                self.server.say(&[script]);
            }
            Fault::Headers => {
                let script = "EVAL \"for _, k in ipairs(redis.call('KEYS', '*:header')) do redis.call('DEL', k) end return 0\" 0";
                self.server.say(&[script]);
            }
            Fault::Full => {
                self.server.say(&["CONFIG SET maxmemory 1"]);
                self.batch(true);
                std::thread::sleep(quiet);
                self.server.say(&["CONFIG SET maxmemory 0"]);
            }
            Fault::Scripts => drop(self.server.say(&["SCRIPT FLUSH"])),
        }
        // Who is not the owner any more does not give up.
        if let Some(former) = self.former.clone() {
            self.lie(&former);
        }
    }

    fn through(&mut self, mode: u8, time: Duration) {
        self.proxy.set(mode);
        self.batch(true);
        std::thread::sleep(time);
        self.proxy.set(PASS);
    }

    /// A former owner tells of a commit that never was, with the numbers that would fit.
    fn lie(&mut self, former: &Hot) {
        let mut generations = self.house.runtime.block_on(self.house.store.view(|view| view.generations())).unwrap();
        let key = self.key();
        generations.0[usize::from(partition_of_window(&key))] += 1;
        former.committed(&[], &[(key, window(&[-666]))], &generations);
    }
}

fn faults(seed: u64, count: u32) -> [u64; 2] {
    let mut run = Run::new(seed);
    let mut met = std::collections::BTreeMap::new();
    for number in 0..count {
        let fault = KINDS[run.chance.below(KINDS.len() as u64) as usize];
        *met.entry(format!("{fault:?}")).or_insert(0u32) += 1;
        run.house.connected();
        for _ in 0..2 {
            run.batch(true);
        }
        if run.chance.below(2) == 0 {
            run.house.runtime.block_on(run.house.hot.flush(Duration::from_millis(100)));
        }
        run.strike(fault);
        run.check_all();
        if number % 4 == 0 {
            run.reopen();
            run.house.connected();
            run.check_all();
        }
    }
    run.reopen();
    assert_eq!(met.len(), KINDS.len(), "{met:?}");
    println!("{count} faults {met:?}: {} answers, {} known, by memory, redis and store {:?}", run.asked, run.known, run.hits);
    [run.known, run.hits[1]]
}

/// Seen to fail against these planted bugs: the generation is not compared; a missing header counts as an empty copy; a name space's copy counts
/// without the mark of the whole; a gap in the generations does not begin a new copy. Not seen by it: an epoch that is not compared, because
/// lineage and base stand behind it (`redis.rs` sees that), and a header that is written before the data, because no fault here breaks a
/// script off half-way.
#[test]
fn three_hundred_faults_and_no_stale_answer() {
    let rounds = std::env::var("REVEILLE_SOAK").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let [known, by_redis] = faults(0x5eed_0001, FAULTS * rounds);
    assert!(known > 1000 && by_redis > 500, "it was hardly ever asked: {known} known, {by_redis} by redis");
}
