//! Which arrivals may be committed together when their plugins share state.
//!
//! Calls of a plugin see each other's writes in one order. A decision that saw the writes of another may be on disk only if that other is: else a
//! crash between the two would make the second count what was never counted. So arrivals are released in sets that are closed under "saw".

use domain::state::{StateSpace, Touch};
use std::collections::{BTreeMap, HashMap};

/// An arrival that is complete and that no earlier one holds up.
pub struct Candidate<'a> {
    pub place: u64,
    /// The partitions that its alerts go through, one bit each.
    pub partitions: u64,
    /// Goes after everything before it.
    pub last: bool,
    /// Goes together with the one after it in the list.
    pub with_next: bool,
    /// How many items it has.
    pub items: usize,
    pub touches: Vec<&'a Touch>,
}

/// The places of what to commit now, in order: about `limit` items' worth that saw nothing which is neither on disk nor among them. `candidates`
/// stand in the order of their places; `committed` is the order up to which a space's touches are on disk.
pub fn closed(candidates: &[Candidate<'_>], limit: usize, committed: impl Fn(&StateSpace) -> u64) -> Vec<u64> {
    let graph = Graph::of(candidates, committed);
    let held = graph.held();
    let mut chosen = vec![false; candidates.len()];
    let mut items = 0;
    for first in 0..candidates.len() {
        if items >= limit {
            break;
        }
        let mut todo = vec![first];
        while let Some(at) = todo.pop() {
            if held[at] || std::mem::replace(&mut chosen[at], true) {
                continue;
            }
            items += candidates[at].items;
            todo.extend(graph.saw[at].iter().chain(&graph.behind[at]));
        }
    }
    candidates.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(candidate, _)| candidate.place).collect()
}

/// Who needs whom, by place in the list.
struct Graph {
    /// Those whose writes one saw directly, and those that it goes together with.
    saw: Vec<Vec<usize>>,
    /// Those that stand directly before one in a partition.
    behind: Vec<Vec<usize>>,
    /// Saw a touch that no candidate brings and that is not on disk.
    lacking: Vec<bool>,
}

impl Graph {
    fn of(candidates: &[Candidate<'_>], committed: impl Fn(&StateSpace) -> u64) -> Self {
        let mut owners: HashMap<&StateSpace, BTreeMap<u64, usize>> = HashMap::new();
        for (at, candidate) in candidates.iter().enumerate() {
            for touch in &candidate.touches {
                owners.entry(&touch.space).or_default().insert(touch.order, at);
            }
        }
        let on_disk: HashMap<&StateSpace, u64> = owners.keys().map(|space| (*space, committed(space))).collect();
        let mut graph = Self {
            saw: vec![Vec::new(); candidates.len()],
            behind: vec![Vec::new(); candidates.len()],
            lacking: vec![false; candidates.len()],
        };
        let mut last_of = [None; 64];
        let mut last = 0;
        for (at, candidate) in candidates.iter().enumerate() {
            for touch in candidate.touches.iter().filter(|touch| touch.order > on_disk[&*touch.space] + 1) {
                match owners[&*touch.space].get(&(touch.order - 1)) {
                    Some(owner) => graph.saw[at].push(*owner),
                    None => graph.lacking[at] = true,
                }
            }
            if candidate.with_next && at + 1 < candidates.len() {
                graph.saw[at].push(at + 1);
                graph.saw[at + 1].push(at);
            }
            if candidate.last {
                graph.behind[at].extend(last..at);
                last = at;
            }
            for (partition, last) in last_of.iter_mut().enumerate() {
                if candidate.partitions & (1 << partition) != 0 {
                    graph.behind[at].extend(last.replace(at));
                }
            }
        }
        graph
    }

    /// Those that lack something, and everyone who needs one of them.
    fn held(&self) -> Vec<bool> {
        let mut needed_by = vec![Vec::new(); self.saw.len()];
        for at in 0..self.saw.len() {
            for needs in self.saw[at].iter().chain(&self.behind[at]) {
                needed_by[*needs].push(at);
            }
        }
        let mut held = vec![false; self.saw.len()];
        let mut todo: Vec<usize> = (0..self.saw.len()).filter(|at| self.lacking[*at]).collect();
        while let Some(at) = todo.pop() {
            if !std::mem::replace(&mut held[at], true) {
                todo.extend(&needed_by[at]);
            }
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn touch(space: &str, order: u64) -> Touch {
        let space = StateSpace { plugin: space.into(), schema: 1, team: "shop".into() };
        Touch { space: Arc::new(space), order, writes: Vec::new() }
    }

    /// `(record, partitions, touches)`
    type Given = (u64, u64, Vec<(&'static str, u64)>);

    fn released(given: &[Given], limit: usize, committed: u64) -> Vec<u64> {
        let touches: Vec<Vec<Touch>> =
            given.iter().map(|(_, _, ts)| ts.iter().map(|(space, order)| touch(space, *order)).collect()).collect();
        let candidates: Vec<Candidate<'_>> = given
            .iter()
            .zip(&touches)
            .map(|((record, partitions, _), touches)| Candidate {
                place: *record,
                partitions: *partitions,
                last: false,
                with_next: false,
                items: 1,
                touches: touches.iter().collect(),
            })
            .collect();
        closed(&candidates, limit, |_| committed)
    }

    #[test]
    fn what_goes_last_or_together_waits_for_what_waits() {
        let touches = [touch("a", 2)];
        let plain = |place: u64| Candidate { place, partitions: 1 << place, last: false, with_next: false, items: 1, touches: Vec::new() };
        let candidates = [
            plain(1),
            Candidate { with_next: true, ..plain(2) },
            Candidate { touches: touches.iter().collect(), ..plain(3) },
            plain(4),
            Candidate { last: true, ..plain(5) },
        ];
        assert_eq!(closed(&candidates, 10, |_| 0), [1, 4], "3 lacks a touch, 2 goes with it, 5 goes after all");
        assert_eq!(closed(&candidates, 10, |_| 1), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn one_that_saw_a_touch_that_is_not_here_waits_and_holds_up_its_partition_alone() {
        let given = [(1, 0b01, vec![("a", 2)]), (2, 0b10, vec![]), (3, 0b01, vec![]), (4, 0b10, vec![("b", 1)])];
        assert_eq!(released(&given, 10, 0), [2, 4]);
        // The touch before it is on disk meanwhile.
        assert_eq!(released(&given, 10, 1), [1, 2, 3, 4]);
    }

    #[test]
    fn what_was_seen_comes_along_even_past_the_limit() {
        // 5 saw 10, and 10 stands behind 7 in a partition.
        let given = [(5, 0b001, vec![("a", 2)]), (7, 0b010, vec![]), (8, 0b100, vec![]), (10, 0b010, vec![("a", 1)])];
        assert_eq!(released(&given, 1, 0), [5, 7, 10]);
    }

    #[test]
    fn two_that_need_each_other_go_together() {
        // 10 follows 5 in its partition, and 5 saw 10.
        let given = [(5, 0b1, vec![("a", 2)]), (10, 0b1, vec![("a", 1)])];
        assert_eq!(released(&given, 1, 0), [5, 10]);
    }

    proptest! {
        /// Planted bug: `graph.saw` left empty. Then a record is released without what it saw.
        #[test]
        fn a_released_set_is_closed_and_nothing_is_stuck(
            partitions in proptest::collection::vec(1_u64..16, 1..24),
            drawn in proptest::collection::vec((0_usize..24, 0_usize..2), 0..40),
            on_disk in 0_u64..3,
            missing in proptest::option::of(0_usize..40),
            limit in 1_usize..8,
        ) {
            let names = ["a", "b"];
            let mut next = [1_u64; 2];
            let mut given: Vec<Given> = partitions.iter().enumerate().map(|(at, bits)| (at as u64 + 1, *bits, Vec::new())).collect();
            for (index, (at, space)) in drawn.iter().enumerate() {
                let order = next[*space];
                next[*space] += 1;
                if order > on_disk && missing != Some(index) {
                    let at = at % given.len();
                    given[at].2.push((names[*space], order));
                }
            }
            let set: BTreeSet<u64> = released(&given, limit, on_disk).into_iter().collect();
            let present: BTreeSet<(&str, u64)> = given.iter().flat_map(|(_, _, touches)| touches.iter().copied()).collect();
            let inside: BTreeSet<(&str, u64)> = given.iter().filter(|(id, _, _)| set.contains(id)).flat_map(|(_, _, t)| t.iter().copied()).collect();
            for (space, order) in &inside {
                for earlier in on_disk + 1..*order {
                    prop_assert!(inside.contains(&(*space, earlier)), "{space} {order} without {earlier}");
                }
            }
            for (id, bits, _) in given.iter().filter(|(id, _, _)| set.contains(id)) {
                for (earlier, other, _) in given.iter().filter(|(earlier, _, _)| earlier < id) {
                    prop_assert!(other & bits == 0 || set.contains(earlier), "{id} overtakes {earlier}");
                }
            }
            // With every touch present, the first record is always released: nothing waits for ever.
            let whole = |space: usize| (on_disk + 1..next[space]).all(|order| present.contains(&(names[space], order)));
            if whole(0) && whole(1) {
                prop_assert!(set.contains(&1));
            }
        }
    }
}
