//! Whose turn it is: deficit round-robin between teams, and plain round-robin between the integrations of one.
//!
//! A team may take a chain of events that is longer than its turn; it then goes without until the others have had as much.

use std::collections::{HashMap, VecDeque};

/// Events of one turn; all teams weigh the same.
pub const TURN_EVENTS: i64 = 64;

/// Queues of chains by team and integration.
#[derive(Default)]
pub struct Fair {
    teams: HashMap<u32, Team>,
    /// Teams that wait, the next one first.
    ring: VecDeque<u32>,
}

/// Stays when its queues are empty, so that a debt is not forgotten; there are as many as the configuration has teams.
#[derive(Default)]
struct Team {
    credit: i64,
    waits: bool,
    /// Integrations that wait, the next one first.
    queues: VecDeque<(u32, VecDeque<u64>)>,
}

impl Fair {
    /// Puts a chain at the end of its integration's queue, or at its head, where the rest of a chain that had its turn belongs.
    pub fn push(&mut self, team: u32, integration: u32, chain: u64, first: bool) {
        let row = self.teams.entry(team).or_default();
        let place = row.queues.iter().position(|(id, _)| *id == integration).unwrap_or_else(|| {
            row.queues.push_back((integration, VecDeque::new()));
            row.queues.len() - 1
        });
        let queue = &mut row.queues[place].1;
        if first {
            queue.push_front(chain)
        } else {
            queue.push_back(chain)
        }
        if !row.waits {
            row.waits = true;
            self.ring.push_back(team);
        }
    }

    /// The next chain in turn, and whose it is.
    pub fn next(&mut self) -> Option<(u32, u64)> {
        loop {
            let team = *self.ring.front()?;
            let row = self.teams.get_mut(&team)?;
            if row.credit > 0 {
                return Some((team, self.take(team)?));
            }
            // It is its turn. A debt is paid off turn by turn, while the others are served.
            row.credit += TURN_EVENTS;
            if row.credit <= 0 {
                self.ring.rotate_left(1);
            }
        }
    }

    /// The next chain of one team, whoever's turn it is.
    pub fn next_of(&mut self, team: u32) -> Option<u64> {
        if self.teams.get(&team).is_some_and(|row| row.waits) { self.take(team) } else { None }
    }

    /// A team has taken so many events.
    pub fn spend(&mut self, team: u32, events: usize) {
        let Some(row) = self.teams.get_mut(&team) else { return };
        row.credit -= i64::try_from(events).unwrap_or(i64::MAX);
        if row.credit <= 0 && self.ring.front() == Some(&team) {
            self.ring.rotate_left(1);
        }
    }

    fn take(&mut self, team: u32) -> Option<u64> {
        let row = self.teams.get_mut(&team)?;
        let (integration, mut queue) = row.queues.pop_front()?;
        let chain = queue.pop_front();
        if !queue.is_empty() {
            row.queues.push_back((integration, queue));
        }
        if row.queues.is_empty() {
            row.waits = false;
            // What was not used is not saved up.
            row.credit = row.credit.min(0);
            self.ring.retain(|other| *other != team);
        }
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves so many chains, each of the length that `events` says; gives whose they were.
    fn serve(fair: &mut Fair, chains: usize, events: impl Fn(u32) -> usize) -> Vec<u32> {
        let mut served = Vec::new();
        for _ in 0..chains {
            let Some((team, _)) = fair.next() else { break };
            fair.spend(team, events(team));
            served.push(team);
        }
        served
    }

    #[test]
    fn a_flood_of_one_team_leaves_the_others_their_turn() {
        let mut fair = Fair::default();
        (0..10_000).for_each(|chain| fair.push(1, 1, chain, false));
        (0..10).for_each(|chain| fair.push(2, 2, chain, false));
        let served = serve(&mut fair, 64 + 10, |_| 1);
        assert_eq!(served.iter().filter(|team| **team == 2).count(), 10, "one turn of the flood and the other team is through");
    }

    #[test]
    fn long_chains_are_paid_off() {
        let mut fair = Fair::default();
        (0..1000).for_each(|chain| fair.push(1, 1, chain, false));
        (0..1000).for_each(|chain| fair.push(2, 2, chain, false));
        // Chains of 640 events against chains of one: equal weights mean 640 of the one for each of the other.
        let served = serve(&mut fair, 900, |team| if team == 1 { 640 } else { 1 });
        let long = served.iter().filter(|team| **team == 1).count();
        assert!((1..=3).contains(&long), "{long} long chains");
    }

    #[test]
    fn integrations_of_a_team_take_turns() {
        let mut fair = Fair::default();
        (0..100).for_each(|chain| fair.push(1, 1, chain, false));
        fair.push(1, 2, 777, false);
        let chains: Vec<u64> = (0..2).filter_map(|_| fair.next()).map(|(_, chain)| chain).collect();
        assert_eq!(chains, [0, 777]);
    }

    #[test]
    fn one_that_waits_alone_is_served_at_once_and_in_order() {
        let mut fair = Fair::default();
        (0..200).for_each(|chain| fair.push(1, 1, chain, false));
        fair.push(1, 1, 999, true);
        let mut chains = Vec::new();
        while let Some((team, chain)) = fair.next() {
            fair.spend(team, 1);
            chains.push(chain);
        }
        assert_eq!(chains, std::iter::once(999).chain(0..200).collect::<Vec<_>>());
    }
}
