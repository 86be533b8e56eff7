//! P9: entities of one incident on different partitions neither split it nor close it early, whatever the order in which threads finish.
//!
//! Planted bugs that it found: any recovery resolves its incident (closed early); a body does not wait for earlier ones on its partitions
//! (order within an entity).
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use domain::alert::Status;
use domain::id::TeamId;
use futures_util::future::join_all;
use pipeline::{EngineSettings, partition_of};
use std::sync::atomic::Ordering;
use support::House;

const ROUNDS: usize = 1000;

/// Posts all lines at once, in an order that mixes the rounds.
async fn post_all(house: &House, lines: impl Iterator<Item = String>) {
    let mut lines: Vec<String> = lines.collect();
    // A fixed shuffle: neighbours of a round come far apart or close, and never sorted.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..lines.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        lines.swap(at, (seed >> 33) as usize % (at + 1));
    }
    for chunk in lines.chunks(64) {
        join_all(chunk.iter().map(|line| house.post(line))).await;
    }
    house.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_interleavings_neither_split_nor_close_early() {
    let dir = tempfile::tempdir().unwrap();
    let settings = EngineSettings { partition_threads: 8, batch_items: 7, ..EngineSettings::default() };
    let house = House::open_with(dir.path(), domain::installation::OnFailure::Skip, settings, |store| store);
    house.mischief.jitter.store(1, Ordering::Relaxed);
    let team = TeamId::from("shop");
    let apart = (0..ROUNDS).filter(|n| partition_of(&team, &format!("a{n}")) != partition_of(&team, &format!("b{n}"))).count();
    assert!(apart > ROUNDS * 9 / 10, "the entities lie on different partitions");

    let rounds = || 0..ROUNDS;
    let line = |status: &'static str, entity: char| move |n: usize| format!("{status} {entity}{n} key-{n} critical");
    post_all(&house, rounds().map(line("firing", 'a')).chain(rounds().map(line("firing", 'b')))).await;
    check(&house, [0, 0, 0, 2], Status::Firing).await;
    // One recovers while another joins: b holds the incident open all along.
    post_all(&house, rounds().map(line("resolved", 'a')).chain(rounds().map(line("firing", 'c')))).await;
    check(&house, [0, 0, 0, 2], Status::Firing).await;
    post_all(&house, rounds().map(line("resolved", 'b')).chain(rounds().map(line("resolved", 'c')))).await;
    check(&house, [0, 0, 0, 0], Status::Resolved).await;
}

async fn check(house: &House, firing: [u32; 4], status: Status) {
    let all = house
        .store
        .view(|view| (1..=ROUNDS as u64 + 1).map(|id| view.incident(domain::id::IncidentId(id))).collect::<Result<Vec<_>, _>>())
        .await
        .unwrap();
    assert!(all[ROUNDS].is_none(), "an incident was split");
    for incident in all.into_iter().flatten() {
        assert_eq!((incident.firing, incident.status), (firing, status), "{incident:#?}");
    }
}

/// Bodies that touch many partitions, one after the other without waiting: every entity sees them in the order they came.
#[tokio::test(flavor = "multi_thread")]
async fn order_within_an_entity_holds_over_bodies_of_many_partitions() {
    const ENTITIES: usize = 10;
    let dir = tempfile::tempdir().unwrap();
    let settings = EngineSettings { partition_threads: 8, batch_items: 3, ..EngineSettings::default() };
    let house = House::open_with(dir.path(), domain::installation::OnFailure::Skip, settings, |store| store);
    house.mischief.jitter.store(1, Ordering::Relaxed);
    for round in 0..41 {
        let status = if round % 2 == 0 { "firing" } else { "resolved" };
        // Some bodies hold all entities, some one each: both ways of commit take turns.
        if round % 3 == 0 {
            let lines: Vec<String> = (0..ENTITIES).map(|n| format!("{status} e{n} key-{n}")).collect();
            house.post(&lines.join("\n")).await;
        } else {
            for n in 0..ENTITIES {
                house.post(&format!("{status} e{n} key-{n}")).await;
            }
        }
    }
    house.settle().await;
    let incidents = house.incidents().await;
    assert_eq!(incidents.len(), 21 * ENTITIES, "each of 21 firings opened one, each of 20 recoveries resolved it");
    assert_eq!(incidents.iter().filter(|incident| incident.is_open()).count(), ENTITIES);
    assert!(incidents.iter().all(|incident| incident.alert_count == 1));
}
