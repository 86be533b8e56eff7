//! Who may come in at the front door: each integration within its rate, and each integration and team within its share of what all share.
//!
//! A flood is refused here, before its body is read, and cannot fill the queues that the others need.

use crate::rate::Bucket;
use domain::id::{IntegrationId, TeamId};
use domain::installation::{Integration, Rate};
use domain::time::Millis;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Bodies and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    pub bodies: usize,
    pub bytes: usize,
}

/// Why a body may not come in now, in words, and when to come again.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// Over its rate; there will be room after so many seconds.
    Rate(u32, Rate),
    /// Its integration, its team or all together hold as much as they may.
    Share(String),
}

/// What is at the front door, from admission to answer.
#[derive(Clone)]
pub struct Admissions(Arc<Inner>);

struct Inner {
    limit: Held,
    held: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    all: Held,
    teams: HashMap<TeamId, Held>,
    integrations: HashMap<IntegrationId, Held>,
    /// Of integrations that have a rate.
    buckets: HashMap<IntegrationId, Bucket>,
}

/// A place at the front door; gives it back when it is dropped.
pub struct Admission {
    admissions: Admissions,
    integration: IntegrationId,
    team: TeamId,
    bytes: usize,
}

/// A team may hold three quarters, an integration half.
fn share_of_team(all: usize) -> usize {
    (all - all / 4).max(1)
}

fn share_of_integration(all: usize) -> usize {
    all.div_ceil(2).max(1)
}

impl Admissions {
    /// `limit`: of everybody together.
    pub fn of(limit: Held) -> Self {
        Self(Arc::new(Inner { limit, held: Mutex::default() }))
    }

    pub fn held(&self) -> Held {
        self.0.held.lock().all
    }

    /// Lets a body in.
    pub fn admit(&self, integration: &Integration, now: Millis) -> Result<Admission, Refused> {
        let limit = self.0.limit.bodies;
        let mut books = self.0.held.lock();
        let books = &mut *books;
        if let Some(rate) = integration.rate {
            let bucket = books.buckets.entry(integration.id.clone()).or_insert_with(|| Bucket::full(rate, now));
            bucket.take(rate, now).map_err(|seconds| Refused::Rate(seconds, rate))?;
        }
        let team = books.teams.get(&integration.team).map_or(0, |held| held.bodies);
        let own = books.integrations.get(&integration.id).map_or(0, |held| held.bodies);
        if own >= share_of_integration(limit) {
            return Err(Refused::Share(format!("{own} bodies of this integration wait")));
        }
        if team >= share_of_team(limit) {
            return Err(Refused::Share(format!("{team} bodies of this integration's team wait")));
        }
        if books.all.bodies >= limit {
            return Err(Refused::Share(format!("{limit} bodies wait")));
        }
        books.all.bodies += 1;
        books.teams.entry(integration.team.clone()).or_default().bodies += 1;
        books.integrations.entry(integration.id.clone()).or_default().bodies += 1;
        Ok(Admission { admissions: self.clone(), integration: integration.id.clone(), team: integration.team.clone(), bytes: 0 })
    }

    /// Takes what the events of a body cost beyond the first.
    pub fn owe(&self, integration: &IntegrationId, events: usize) {
        if events > 0
            && let Some(bucket) = self.0.held.lock().buckets.get_mut(integration)
        {
            bucket.owe(events);
        }
    }
}

impl Admission {
    /// Takes room for `bytes` more of the body; `false`: there is none.
    pub fn hold(&mut self, bytes: usize) -> bool {
        let limit = self.admissions.0.limit.bytes;
        let mut books = self.admissions.0.held.lock();
        let books = &mut *books;
        let (Some(team), Some(own)) = (books.teams.get_mut(&self.team), books.integrations.get_mut(&self.integration)) else {
            return false;
        };
        // One body alone is always taken: its own limit bounds it.
        let fits = |held: usize, share: usize| held + bytes <= share || held == self.bytes;
        if !fits(books.all.bytes, limit) || !fits(team.bytes, share_of_team(limit)) || !fits(own.bytes, share_of_integration(limit)) {
            return false;
        }
        for held in [&mut books.all, team, own] {
            held.bytes += bytes;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut books = self.admissions.0.held.lock();
        let given = Held { bodies: 1, bytes: self.bytes };
        books.all = books.all.less(given);
        give_back(&mut books.teams, &self.team, given);
        give_back(&mut books.integrations, &self.integration, given);
    }
}

impl Held {
    fn less(self, given: Self) -> Self {
        Self { bodies: self.bodies.saturating_sub(given.bodies), bytes: self.bytes.saturating_sub(given.bytes) }
    }
}

fn give_back<K: Eq + Hash>(held: &mut HashMap<K, Held>, key: &K, given: Held) {
    if let Some(entry) = held.get_mut(key) {
        *entry = entry.less(given);
        if *entry == Held::default() {
            held.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::installation::{Door, OnFailure, PluginUse};

    fn integration(id: &str, team: &str, rate: Option<Rate>) -> Integration {
        Integration {
            id: id.into(),
            team: team.into(),
            door: Door::Normalize(PluginUse { plugin: "lines".into(), settings: "{}".into(), on_failure: OnFailure::Skip }),
            pipeline: "main".into(),
            default_policy: None,
            body_limit_bytes: 1000,
            expire_after_seconds: None,
            rate,
        }
    }

    fn fill(admissions: &Admissions, integration: &Integration) -> Vec<Admission> {
        std::iter::from_fn(|| admissions.admit(integration, Millis(0)).ok()).collect()
    }

    #[test]
    fn a_flood_holds_its_share_and_no_more() {
        let admissions = Admissions::of(Held { bodies: 8, bytes: 100 });
        let flood = fill(&admissions, &integration("a", "shop", None));
        assert_eq!(flood.len(), 4);
        let second = fill(&admissions, &integration("b", "shop", None));
        assert_eq!(second.len(), 2, "its team may hold six");
        assert_eq!(fill(&admissions, &integration("c", "ops", None)).len(), 2);
        drop((flood, second));
        assert_eq!(admissions.held(), Held::default());
        assert!(admissions.0.held.lock().teams.is_empty());
    }

    #[test]
    fn bytes_are_held_as_they_come() {
        let admissions = Admissions::of(Held { bodies: 8, bytes: 100 });
        let (a, b) = (integration("a", "shop", None), integration("b", "ops", None));
        let mut first = admissions.admit(&a, Millis(0)).unwrap();
        assert!(first.hold(50) && first.hold(1), "one alone may be as long as its limit allows");
        let mut second = admissions.admit(&a, Millis(0)).unwrap();
        assert!(!second.hold(1));
        let mut other = admissions.admit(&b, Millis(0)).unwrap();
        assert!(other.hold(49) && !other.hold(1));
    }

    #[test]
    fn the_rate_is_the_integrations_own() {
        let admissions = Admissions::of(Held { bodies: 100, bytes: 100 });
        let rate = Rate { per_second: 1, burst: 2 };
        assert_eq!(fill(&admissions, &integration("a", "shop", Some(rate))).len(), 2);
        assert_eq!(fill(&admissions, &integration("b", "shop", Some(rate))).len(), 2);
        let refused = admissions.admit(&integration("a", "shop", Some(rate)), Millis(0)).err();
        assert_eq!(refused, Some(Refused::Rate(1, rate)));
    }
}
