//! What calls of plugins see of each other, against the store that is the truth and against a simple model.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on has failed; its counts are printed")]

mod support;

use domain::state::{StateEntry, StateValue, StateWrite, Touch};
use domain::time::Millis;
use ports::plugin::StateLimits;
use ports::{HotState, StateFault};
use proptest::prelude::*;
use state::HotSettings;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::{House, LIMITS, NOW, space};

fn bytes(entry: Option<StateEntry>) -> Option<Vec<u8>> {
    entry.map(|entry| match entry.value {
        StateValue::Bytes(bytes) => bytes.to_vec(),
        StateValue::Counter(sum) => panic!("a counter of {sum}"),
    })
}

#[test]
fn writes_are_seen_by_the_same_call_at_once_and_by_others_when_it_is_kept() {
    let house = House::new();
    let (one, two) = (house.hot.slot(), house.hot.slot());
    one.open(&space("a"), LIMITS, NOW).unwrap();
    let version = one.set("k", b"v", 60).unwrap();
    assert!(version < 1 << 53);
    let entry = one.get("k").unwrap().unwrap();
    assert_eq!((entry.version, entry.expires_at), (version, NOW.plus_seconds(60)));
    let touch = one.close(true).unwrap();
    assert_eq!((touch.order, touch.writes.len()), (1, 1));
    two.open(&space("a"), LIMITS, NOW).unwrap();
    assert_eq!(two.get("k").unwrap().map(|entry| entry.version), Some(version));
    assert_eq!(two.close(true), Some(Touch { space: space("a"), order: 2, writes: Vec::new() }));
    one.open(&space("b"), LIMITS, NOW).unwrap();
    assert_eq!(one.get("k"), Ok(None), "another team's name space is another");
    assert_eq!(one.close(true).map(|touch| touch.order), Some(1));
    one.open(&space("a"), LIMITS, NOW).unwrap();
    assert_eq!(one.close(true), None, "it used no state");
}

/// Fails if `close(false)` applies the writes, or counts an order.
#[test]
fn a_call_that_is_not_kept_did_nothing() {
    let house = House::new();
    let slot = house.hot.slot();
    house.kept(&slot, "a", |slot| slot.set("k", b"1", 60).map(drop)).unwrap();
    slot.open(&space("a"), LIMITS, NOW).unwrap();
    slot.set("k", b"2", 60).unwrap();
    slot.add("n", 1, 60).unwrap();
    slot.delete("k").unwrap();
    assert_eq!(slot.get("k"), Ok(None));
    assert_eq!(slot.close(false), None);
    let touch = house.kept(&slot, "a", |slot| {
        assert_eq!(bytes(slot.get("k")?), Some(b"1".to_vec()));
        assert_eq!(slot.get("n")?, None);
        Ok(())
    });
    assert_eq!(touch.unwrap().order, 2);
    assert_eq!(slot.get("k"), Err(StateFault::Unavailable), "no call is open");
}

#[test]
fn replace_asks_for_the_version_and_counters_do_not_mix_with_values() {
    let house = House::new();
    let slot = house.hot.slot();
    slot.open(&space("a"), LIMITS, NOW).unwrap();
    assert_eq!(slot.replace("k", Some(1), b"x", 60), Err(StateFault::Conflict(None)));
    let first = slot.replace("k", None, b"x", 60).unwrap();
    assert_eq!(slot.replace("k", None, b"y", 60), Err(StateFault::Conflict(Some(first))));
    let second = slot.replace("k", Some(first), b"y", 60).unwrap();
    assert_ne!(first, second);
    assert_eq!(slot.add("k", 1, 60), Err(StateFault::Conflict(Some(second))));
    assert_eq!(slot.add("n", 2, 60), Ok(2));
    assert_eq!(slot.add("n", -5, 60), Ok(-3));
    let version = slot.get("n").unwrap().unwrap().version;
    assert_eq!(slot.set("n", b"x", 60), Err(StateFault::Conflict(Some(version))));
    assert_eq!(slot.replace("n", Some(version), b"x", 60), Err(StateFault::Conflict(Some(version))));
    assert_eq!(bytes(slot.get("k").unwrap()), Some(b"y".to_vec()));
    slot.delete("n").unwrap();
    assert!(slot.set("n", b"x", 60).is_ok());
}

#[test]
fn limits_hold_at_their_edges() {
    let house = House::new();
    let slot = house.hot.slot();
    let limits = StateLimits { schema: 1, keys: 2, bytes: 20_000 };
    slot.open(&space("a"), limits, NOW).unwrap();
    let over = Err(StateFault::OverLimit);
    assert_eq!(slot.set(&"k".repeat(257), b"", 60), over);
    assert_eq!(slot.set("k", &vec![0; 16_385], 60), over);
    assert_eq!(slot.set("k", b"", 0), over);
    assert_eq!(slot.set("k", b"", 2_592_001), over);
    assert!(slot.set(&"k".repeat(256), b"", 2_592_000).is_ok());
    assert!(slot.set("k", &vec![0; 16_384], 1).is_ok());
    assert_eq!(slot.set("third", b"", 60), over, "two keys, and a third");
    assert!(slot.set("k", b"smaller", 1).is_ok());
    slot.delete("k").unwrap();
    assert!(slot.set("j", &vec![0; 16_384], 1).is_ok());
    slot.delete(&"k".repeat(256)).unwrap();
    assert_eq!(slot.set("l", &[0; 4_000], 1), over, "20,000 bytes with the keys");
    slot.close(true);
    slot.open(&space("a"), limits, NOW.plus_seconds(1)).unwrap();
    assert_eq!(slot.get("j"), Ok(None), "gone from its end on");
    assert!(slot.set("l", &[0; 4_000], 1).is_ok(), "what has expired makes room");
}

/// Fails if the counter of versions begins again in a new process.
#[test]
fn versions_do_not_repeat_after_a_restart_and_committed_state_is_there_again() {
    let mut house = House::new();
    let slot = house.hot.slot();
    let touch = house.kept(&slot, "a", |slot| slot.set("k", b"1", 600).map(drop)).unwrap();
    house.commit(&[touch], &[]);
    house.kept(&slot, "a", |slot| slot.set("lost", b"1", 600).map(drop)).unwrap();
    drop(slot);
    let seen = house.versions("a");
    house.reopen();
    let slot = house.hot.slot();
    slot.open(&space("a"), LIMITS, NOW).unwrap();
    assert_eq!(bytes(slot.get("k").unwrap()), Some(b"1".to_vec()));
    assert_eq!(slot.get("lost"), Ok(None), "its decision was never committed");
    let version = slot.set("k", b"2", 600).unwrap();
    assert!(seen.iter().all(|old| *old < version), "{seen:?} {version}");
}

/// Fails if a name space with touches that wait for their commit is dropped: what they wrote would be read from the store, where it is not yet.
#[test]
fn memory_is_taken_from_idle_spaces_only() {
    let settings = HotSettings { state_bytes: 40_000, ..HotSettings::default() };
    let house = House::with(settings);
    let slot = house.hot.slot();
    let large = vec![7; 15_000];
    let first = house.kept(&slot, "a", |slot| slot.set("k", &large, 600).map(drop)).unwrap();
    let second = house.kept(&slot, "b", |slot| slot.set("k", &large, 600).map(drop)).unwrap();
    let third = |slot: &Arc<dyn ports::StateSlot>| house.kept(slot, "c", |slot| slot.set("k", &large, 600).map(drop));
    assert_eq!(third(&slot), Err(StateFault::OverLimit), "both others wait for their commit");
    assert_eq!(house.hot.committed_order(&first.space), 0);
    house.commit(std::slice::from_ref(&first), &[]);
    assert_eq!(house.hot.committed_order(&first.space), 1);
    assert!(third(&slot).is_ok(), "the first is in the store and idle");
    house.kept(&slot, "b", |slot| slot.get("k").map(|entry| assert!(entry.is_some()))).unwrap();
    house.commit(&[second], &[]);
    let again = house.kept(&slot, "a", |slot| slot.get("k").map(|entry| assert!(entry.is_some())));
    assert_eq!(again, Err(StateFault::OverLimit), "the second call of b is not committed, nor is c's");
    house.commit(&[Touch { space: space("b"), order: 2, writes: Vec::new() }], &[]);
    let again = house.kept(&slot, "a", |slot| slot.get("k").map(|entry| assert!(entry.is_some()))).unwrap();
    assert_eq!(again.order, 2, "the order goes on where it was");
}

/// Fails if the first operation does not lock the name space: two adds would read the same sum.
#[test]
fn calls_of_several_threads_see_each_other_whole() {
    let house = House::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let slot = house.hot.slot();
                for _ in 0..500 {
                    house
                        .kept(&slot, "a", |slot| {
                            let before = slot.add("n", 1, 600)?;
                            assert_eq!(slot.add("n", 1, 600)?, before + 1);
                            Ok(())
                        })
                        .unwrap();
                }
            });
        }
    });
    let slot = house.hot.slot();
    slot.open(&space("a"), LIMITS, NOW).unwrap();
    assert_eq!(slot.add("n", 0, 600), Ok(4000));
    assert_eq!(slot.close(true).unwrap().order, 2001);
}

#[derive(Debug, Clone)]
enum Step {
    Get(u8),
    Set(u8, Vec<u8>, u32),
    /// Over the present version, or another.
    Replace(u8, bool, Vec<u8>),
    Add(u8, i32, u32),
    Delete(u8),
    Close(bool),
    Later(i64),
    Commit,
    /// Memory is lost; only with nothing uncommitted, as uncommitted work is done again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0u8..5;
    let value = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        4 => key.clone().prop_map(Step::Get),
        4 => (key.clone(), value.clone(), 1u32..5).prop_map(|(k, v, t)| Step::Set(k, v, t)),
        3 => (key.clone(), any::<bool>(), value).prop_map(|(k, right, v)| Step::Replace(k, right, v)),
        3 => (key.clone(), -3i32..4, 1u32..5).prop_map(|(k, n, t)| Step::Add(k, n, t)),
        2 => key.prop_map(Step::Delete),
        4 => any::<bool>().prop_map(Step::Close),
        2 => (0i64..3000).prop_map(Step::Later),
        1 => Just(Step::Commit),
        1 => Just(Step::Restart),
    ]
}

const SMALL: StateLimits = StateLimits { schema: 1, keys: 3, bytes: 100 };

/// A map, and a copy of it for the open call: nothing expires but by looking at the time.
#[derive(Default)]
struct Model {
    kept: BTreeMap<String, StateEntry>,
    call: BTreeMap<String, StateEntry>,
}

impl Model {
    fn get(&self, key: &str, now: Millis) -> Option<&StateEntry> {
        self.call.get(key).filter(|entry| entry.expires_at > now)
    }

    fn fits(&self, key: &str, size: usize, now: Millis) -> bool {
        let others = self.call.iter().filter(|(other, entry)| *other != key && entry.expires_at > now);
        let (keys, bytes) = others.fold((0, 0), |(keys, bytes), (key, entry)| (keys + 1, bytes + key.len() + entry.value.size()));
        keys < SMALL.keys && bytes + key.len() + size <= SMALL.bytes
    }

    /// What writing gives, but for the version.
    fn write(&mut self, key: &str, expected: Option<Option<u64>>, value: StateValue, now: Millis) -> Result<(), StateFault> {
        let old = self.get(key, now);
        let version = old.map(|entry| entry.version);
        let mixes = old.is_some_and(|entry| matches!(entry.value, StateValue::Counter(_)) != matches!(value, StateValue::Counter(_)));
        if mixes || expected.is_some_and(|expected| expected != version) {
            return Err(StateFault::Conflict(version));
        }
        if self.fits(key, value.size(), now) { Ok(()) } else { Err(StateFault::OverLimit) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Every answer is the model's, over any calls, expiries, commits and restarts. Fails if expired entries are read, if limits count what
    /// has expired, if an uncommitted write is dropped, or if a version is given twice.
    #[test]
    fn answers_are_the_models(steps in proptest::collection::vec(step(), 1..80)) {
        let mut house = House::new();
        let mut slot = house.hot.slot();
        let (mut model, mut now, mut seen, mut waiting) = (Model::default(), NOW, Vec::new(), Vec::new());
        slot.open(&space("a"), SMALL, now).unwrap();
        for step in steps {
            let key = |k: u8| format!("key-{k}");
            let mut wrote = None;
            match step {
                Step::Get(k) => {
                    let got = slot.get(&key(k)).unwrap();
                    prop_assert_eq!(got.as_ref(), model.get(&key(k), now));
                }
                Step::Set(k, value, ttl) => {
                    let entry = StateValue::Bytes(value.as_slice().into());
                    let expected = model.write(&key(k), None, entry.clone(), now);
                    let got = slot.set(&key(k), &value, ttl);
                    prop_assert_eq!(got.map(drop), expected);
                    wrote = got.ok().map(|version| (key(k), entry, version, ttl));
                }
                Step::Replace(k, right, value) => {
                    let present = model.get(&key(k), now).map(|entry| entry.version);
                    let asked = if right { present } else { present.map_or(Some(1), |version| Some(version + 1)) };
                    let entry = StateValue::Bytes(value.as_slice().into());
                    let expected = model.write(&key(k), Some(asked), entry.clone(), now);
                    let got = slot.replace(&key(k), asked, &value, 2);
                    prop_assert_eq!(got.map(drop), expected);
                    wrote = got.ok().map(|version| (key(k), entry, version, 2));
                }
                Step::Add(k, amount, ttl) => {
                    let before = match model.get(&key(k), now).map(|entry| &entry.value) {
                        Some(StateValue::Counter(sum)) => *sum,
                        _ => 0,
                    };
                    let sum = before + i64::from(amount);
                    let expected = model.write(&key(k), None, StateValue::Counter(sum), now).map(|()| sum);
                    let got = slot.add(&key(k), amount, ttl);
                    prop_assert_eq!(got, expected);
                    if got.is_ok() {
                        let version = slot.get(&key(k)).unwrap().unwrap().version;
                        wrote = Some((key(k), StateValue::Counter(sum), version, ttl));
                    }
                }
                Step::Delete(k) => {
                    slot.delete(&key(k)).unwrap();
                    model.call.remove(&key(k));
                }
                Step::Close(keep) => {
                    waiting.extend(slot.close(keep));
                    if keep { model.kept = model.call.clone() } else { model.call = model.kept.clone() }
                    slot.open(&space("a"), SMALL, now).unwrap();
                }
                Step::Later(millis) => {
                    waiting.extend(slot.close(true));
                    model.kept = model.call.clone();
                    now = now.plus_millis(millis);
                    house.hot.expire(now);
                    slot.open(&space("a"), SMALL, now).unwrap();
                }
                Step::Commit => house.commit(&std::mem::take(&mut waiting), &[]),
                Step::Restart => {
                    slot.close(false);
                    model.call = model.kept.clone();
                    house.commit(&std::mem::take(&mut waiting), &[]);
                    house.reopen();
                    slot = house.hot.slot();
                    slot.open(&space("a"), SMALL, now).unwrap();
                }
            }
            if let Some((key, value, version, ttl)) = wrote {
                prop_assert!(!seen.contains(&version), "version {} is given twice", version);
                seen.push(version);
                model.call.insert(key, StateEntry { value, version, expires_at: now.plus_seconds(ttl) });
            }
        }
        let orders: Vec<u64> = waiting.iter().map(|touch| touch.order).collect();
        prop_assert!(orders.windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", orders);
    }
}

#[test]
fn a_touch_holds_what_the_store_has_to_hold() {
    let house = House::new();
    let slot = house.hot.slot();
    let touch = house
        .kept(&slot, "a", |slot| {
            slot.set("k", b"1", 60)?;
            slot.set("k", b"2", 60)?;
            slot.set("gone", b"1", 60)?;
            slot.delete("gone")
        })
        .unwrap();
    assert!(matches!(&touch.writes[..], [StateWrite { key, entry: None }, StateWrite { entry: Some(_), .. }] if key == "gone"));
}
