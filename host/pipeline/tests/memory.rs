//! P17: what plugins remember counts every alert once, whichever threads ask them and whenever the process dies.
//!
//! Planted bugs that these tests found: records released without what they saw (`graph.saw` left empty in `order.rs`): numbers twice and numbers
//! missing after a crash; what plugins remember left out of the commit (`write_heat`): counting begins anew after a crash.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use domain::decision::Verdict;
use domain::state::{StateSpace, StateValue};
use futures_util::future::join_all;
use ports::store::DecisionFilter;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::House;

/// The numbers that the plugin said, by group: of all, of the group.
async fn said(house: &House) -> (Vec<u64>, BTreeMap<String, Vec<u64>>) {
    let mut all = Vec::new();
    let mut groups: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut before = None;
    loop {
        let filter = DecisionFilter { before, limit: 500, ..DecisionFilter::default() };
        let rows = house.store.view(move |view| view.decisions(&filter)).await.unwrap();
        let Some(last) = rows.last() else { break };
        before = Some(last.decision.id);
        for row in rows {
            let Verdict::Suppress { reason, .. } = &row.decision.verdict else { panic!("not counted: {row:?}") };
            let (of_all, of_group) = reason.split_once(' ').unwrap();
            all.push(of_all.parse().unwrap());
            groups.entry(row.decision.alert.group.clone().unwrap()).or_default().push(of_group.parse().unwrap());
        }
    }
    all.sort_unstable();
    groups.values_mut().for_each(|numbers| numbers.sort_unstable());
    (all, groups)
}

/// Every number once, from 1 on, and the store remembers the last.
async fn check(house: &House, posted: u64) {
    let (all, groups) = said(house).await;
    assert_eq!(all, (1..=posted).collect::<Vec<_>>(), "each alert counted once, none twice");
    for (group, numbers) in groups {
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "group {group}");
    }
    let space = StateSpace { plugin: "counter".into(), schema: 1, team: "shop".into() };
    let rows = house.store.view(move |view| view.plugin_state(&space)).await.unwrap();
    let sum = rows.iter().find(|row| row.key == "all").map(|row| row.entry.value.clone());
    assert_eq!(sum, Some(StateValue::Counter(posted as i64)));
}

fn line(n: u64) -> String {
    format!("firing e{n} g{} critical", n % 5)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_all_partitions_see_each_other_whole() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::counting(dir.path());
    house.mischief.jitter.store(1, Ordering::Relaxed);
    let lines: Vec<String> = (0..2000).map(line).collect();
    for chunk in lines.chunks(50) {
        // Bodies of one alert, and bodies that span partitions.
        let (single, rest) = chunk.split_at(25);
        join_all(single.iter().map(|line| house.post(line))).await;
        house.post(&rest.join("\n")).await;
    }
    house.settle().await;
    check(&house, 2000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_counts_nothing_twice_and_forgets_nothing() {
    let rounds = 60 * std::env::var("REVEILLE_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let dir = tempfile::tempdir().unwrap();
    let mut posted = 0;
    for round in 0..rounds {
        let house = House::counting(dir.path());
        house.mischief.jitter.store(round + 1, Ordering::Relaxed);
        let lines: Vec<String> = (posted..posted + 24).map(line).collect();
        posted += 24;
        let (single, rest) = lines.split_at(12);
        join_all(single.iter().map(|line| house.post(line))).await;
        house.post(&rest.join("\n")).await;
        tokio::time::sleep(Duration::from_micros(round * 97 % 3000)).await;
        house.stop();
    }
    let house = House::counting(dir.path());
    house.settle().await;
    check(&house, posted).await;
}
