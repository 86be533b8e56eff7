//! What waits to be committed, and in which order it may be.
//!
//! What the feeder hands out is an arrival: a whole record, or some events of one. Its items are committed together, once all have come from
//! their partitions; it waits for what arrived before it and shares a partition with it, so the order within an entity holds, and for
//! nothing else, so a slow plugin holds up its own partition alone. The order is that of arrival: after an outage the feeder hands out what is
//! most critical first.

use crate::batch::Item;
use crate::order::{self, Candidate};
use domain::id::{DecisionId, JournalId};
use domain::state::StateSpace;
use std::collections::{BTreeMap, BTreeSet};

/// What the feeder says of a record, or of some of its events, before its items come.
pub struct Arrival {
    pub record: JournalId,
    /// The events of the record that it is; empty: all.
    pub events: Vec<u16>,
    /// Nothing of its record arrives after it.
    pub completes: bool,
    /// Is committed together with what arrives next, or not yet.
    pub with_next: bool,
    /// The partitions that its alerts go through, one bit each.
    pub partitions: u64,
    /// Waits until everything that arrived before is committed: an alert's expiry must not overtake its next report.
    pub last: bool,
    /// Items that partition threads will bring.
    pub missing: usize,
    /// Items that need no stage.
    pub items: Vec<Item>,
    pub cost: Cost,
}

impl Arrival {
    /// A whole record of which nothing is known yet.
    pub fn whole(record: JournalId, cost: Cost) -> Self {
        let (events, items) = (Vec::new(), Vec::new());
        Self { record, events, completes: true, with_next: false, partitions: 0, last: false, missing: 0, items, cost }
    }

    /// Under which its items find it: whole under its first event, else under each of its events.
    fn places(&self) -> impl Iterator<Item = DecisionId> {
        let first = self.events.is_empty().then_some(0);
        first.into_iter().chain(self.events.iter().map(|index| usize::from(*index))).map(|index| DecisionId::new(self.record, index))
    }
}

/// How much of the bounded space between feeder and commit a record takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    pub events: usize,
    pub bytes: usize,
}

impl Cost {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self { events: self.events + other.events, bytes: self.bytes + other.bytes }
    }
}

/// What is between feeder and commit, in order of arrival.
#[derive(Default)]
pub struct Gather {
    pending: BTreeMap<u64, Arrival>,
    /// Where in that order the pending ones are.
    places: BTreeMap<DecisionId, u64>,
    next: u64,
    /// Every record up to this one has arrived, all of it.
    arrived: JournalId,
    /// Later ones that have arrived, all of each.
    ahead: BTreeSet<JournalId>,
    /// How many of the items used state.
    touching: usize,
}

/// Items to commit together, in order.
#[derive(Default)]
pub struct Released {
    pub items: Vec<Item>,
    /// How many arrivals these are.
    pub arrivals: usize,
    /// How many records of which nothing arrives any more.
    pub records: u64,
    pub cost: Cost,
}

impl Gather {
    /// Starts after `cursor`, up to which all is committed.
    pub fn after(cursor: JournalId) -> Self {
        Self { arrived: cursor, ..Self::default() }
    }

    pub fn arrive(&mut self, arrival: Arrival) {
        if arrival.completes {
            if arrival.record.0 == self.arrived.0 + 1 {
                self.arrived = arrival.record;
                while self.ahead.first().is_some_and(|first| first.0 == self.arrived.0 + 1) {
                    self.ahead.pop_first();
                    self.arrived.0 += 1;
                }
            } else {
                self.ahead.insert(arrival.record);
            }
        }
        for place in arrival.places() {
            self.places.insert(place, self.next);
        }
        self.pending.insert(self.next, arrival);
        self.next += 1;
    }

    /// Items of what arrived before.
    pub fn bring(&mut self, record: JournalId, items: Vec<Item>) {
        let Some(first) = items.first() else { return };
        let place = self.places.get(&first.id).or_else(|| self.places.get(&DecisionId::new(record, 0)));
        if let Some(arrival) = place.and_then(|place| self.pending.get_mut(place)) {
            self.touching += items.iter().filter(|item| !item.touches().is_empty()).count();
            arrival.missing = arrival.missing.saturating_sub(items.len());
            arrival.items.extend(items);
        }
    }

    /// The highest record up to which everything has arrived and nothing is pending.
    pub fn cursor(&self) -> JournalId {
        let pending = self.places.first_key_value().map_or(self.arrived, |(first, _)| JournalId(first.record().0 - 1));
        pending.min(self.arrived)
    }

    /// Takes arrivals in order until there are `limit` items. `committed` tells up to which order the touches of a plugin's state are on disk:
    /// what saw a later one goes together with it, or waits.
    pub fn release(&mut self, limit: usize, committed: impl Fn(&StateSpace) -> u64) -> Released {
        let mut released = Released::default();
        let stateful = self.waits_for_state();
        // Whom the limit would cut off may be needed by somebody before.
        let look = if stateful { usize::MAX } else { limit };
        let mut waiting = Waiting::default();
        let mut chosen = Vec::new();
        let mut run: Vec<(u64, &Arrival)> = Vec::new();
        let mut items = 0;
        for (place, arrival) in &self.pending {
            if items >= look && run.is_empty() {
                break;
            }
            run.push((*place, arrival));
            if arrival.with_next {
                continue;
            }
            if run.iter().all(|(_, arrival)| waiting.lets(arrival)) {
                items += run.iter().map(|(_, arrival)| arrival.items.len()).sum::<usize>();
                chosen.extend(run.iter().map(|(place, _)| *place));
            } else {
                for (_, arrival) in &run {
                    waiting.add(arrival);
                }
            }
            run.clear();
        }
        if stateful {
            chosen = self.closed(&chosen, limit, committed);
        }
        for place in chosen {
            let Some(mut arrival) = self.pending.remove(&place) else { continue };
            for place in arrival.places() {
                self.places.remove(&place);
            }
            arrival.items.sort_by_key(|item| item.id);
            self.touching -= arrival.items.iter().filter(|item| !item.touches().is_empty()).count();
            released.items.append(&mut arrival.items);
            released.arrivals += 1;
            released.records += u64::from(arrival.completes);
            released.cost = released.cost.and(arrival.cost);
        }
        released
    }

    /// Whether something here used state, so that what others commit may release it.
    pub fn waits_for_state(&self) -> bool {
        self.touching > 0
    }

    fn closed(&self, places: &[u64], limit: usize, committed: impl Fn(&StateSpace) -> u64) -> Vec<u64> {
        let candidate = |place: &u64| {
            let arrival = self.pending.get(place)?;
            Some(Candidate {
                place: *place,
                partitions: arrival.partitions,
                last: arrival.last,
                with_next: arrival.with_next,
                items: arrival.items.len(),
                touches: arrival.items.iter().flat_map(Item::touches).collect(),
            })
        };
        order::closed(&places.iter().filter_map(candidate).collect::<Vec<_>>(), limit, committed)
    }
}

/// What has to wait, while a release goes through what arrived.
#[derive(Default)]
struct Waiting {
    partitions: u64,
    any: bool,
}

impl Waiting {
    /// Whether an arrival may go although this has to wait. Every condition of the order stands here.
    fn lets(&self, arrival: &Arrival) -> bool {
        arrival.missing == 0 && arrival.partitions & self.partitions == 0 && !(arrival.last && self.any)
    }

    fn add(&mut self, arrival: &Arrival) {
        self.partitions |= arrival.partitions;
        self.any = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Work;
    use domain::id::DecisionId;
    use domain::time::Millis;

    fn item(record: u64, index: usize) -> Item {
        Item { id: DecisionId::new(JournalId(record), index), at: Millis(0), work: Work::Unreadable(String::new()) }
    }

    fn arrival(record: u64, partitions: u64, missing: usize) -> Arrival {
        Arrival { partitions, missing, ..Arrival::whole(JournalId(record), Cost::default()) }
    }

    fn released(gather: &mut Gather) -> Vec<u64> {
        gather.release(512, |_| 0).items.iter().map(|item| item.id.record().0).collect()
    }

    #[test]
    fn a_slow_partition_holds_up_its_own_records_alone() {
        let mut gather = Gather::default();
        gather.arrive(arrival(1, 0b01, 1));
        gather.arrive(arrival(2, 0b10, 1));
        gather.arrive(arrival(3, 0b01, 1));
        gather.bring(JournalId(2), vec![item(2, 0)]);
        gather.bring(JournalId(3), vec![item(3, 0)]);
        assert_eq!(released(&mut gather), [2]);
        assert_eq!(gather.cursor(), JournalId(0));
        gather.bring(JournalId(1), vec![item(1, 0)]);
        assert_eq!(released(&mut gather), [1, 3]);
        assert_eq!(gather.cursor(), JournalId(3));
    }

    #[test]
    fn a_body_is_released_whole_and_in_its_own_order() {
        let mut gather = Gather::default();
        gather.arrive(arrival(1, 0b11, 3));
        gather.bring(JournalId(1), vec![item(1, 2), item(1, 1)]);
        assert!(released(&mut gather).is_empty());
        gather.bring(JournalId(1), vec![item(1, 0)]);
        let items = gather.release(1, |_| 0).items;
        assert_eq!(items.iter().map(|i| i.id.index()).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_body_waits_behind_every_partition_that_it_touches() {
        let mut gather = Gather::default();
        gather.arrive(arrival(1, 0b10, 1));
        gather.arrive(arrival(2, 0b11, 2));
        gather.arrive(arrival(3, 0b01, 1));
        gather.bring(JournalId(2), vec![item(2, 0), item(2, 1)]);
        gather.bring(JournalId(3), vec![item(3, 0)]);
        assert!(released(&mut gather).is_empty(), "3 shares a partition with 2, which waits for 1");
    }

    #[test]
    fn a_wake_comes_after_everything_before_it_and_a_command_overtakes() {
        let mut gather = Gather::default();
        gather.arrive(arrival(1, 0b1, 1));
        gather.arrive(Arrival { last: true, items: vec![item(2, 0)], ..arrival(2, 0, 0) });
        gather.arrive(Arrival { items: vec![item(3, 0)], ..arrival(3, 0, 0) });
        assert_eq!(released(&mut gather), [3]);
        gather.bring(JournalId(1), vec![item(1, 0)]);
        assert_eq!(released(&mut gather), [1, 2]);
    }

    #[test]
    fn a_record_without_items_moves_the_cursor() {
        let mut gather = Gather::after(JournalId(7));
        assert_eq!(gather.cursor(), JournalId(7));
        gather.arrive(arrival(8, 0, 0));
        assert_eq!(gather.release(512, |_| 0).arrivals, 1);
        assert_eq!(gather.cursor(), JournalId(8));
    }

    #[test]
    fn the_cursor_waits_for_what_was_put_off() {
        let mut gather = Gather::after(JournalId(3));
        gather.arrive(Arrival { items: vec![item(6, 0)], ..arrival(6, 0b1, 0) });
        assert_eq!((released(&mut gather), gather.cursor()), (vec![6], JournalId(3)));
        let part =
            |index: u16, completes| Arrival { events: vec![index], completes, items: vec![item(4, index.into())], ..arrival(4, 0b1, 0) };
        gather.arrive(part(1, false));
        assert_eq!((released(&mut gather), gather.cursor()), (vec![4], JournalId(3)), "its first event is still to come");
        gather.arrive(part(0, true));
        assert_eq!((released(&mut gather), gather.cursor()), (vec![4], JournalId(4)));
        gather.arrive(Arrival { items: vec![item(5, 0)], ..arrival(5, 0b1, 0) });
        assert_eq!(gather.cursor(), JournalId(4));
        assert_eq!((released(&mut gather), gather.cursor()), (vec![5], JournalId(6)));
    }

    #[test]
    fn the_order_is_that_of_arrival_and_items_find_their_part() {
        let mut gather = Gather::default();
        gather.arrive(Arrival { events: vec![0, 5], completes: false, ..arrival(1, 0b1, 2) });
        gather.arrive(Arrival { events: vec![2, 7], ..arrival(1, 0b1, 2) });
        gather.bring(JournalId(1), vec![item(1, 7), item(1, 2)]);
        assert!(released(&mut gather).is_empty(), "it shares a partition with what arrived before");
        gather.bring(JournalId(1), vec![item(1, 5)]);
        gather.bring(JournalId(1), vec![item(1, 0)]);
        let ids: Vec<usize> = gather.release(512, |_| 0).items.iter().map(|item| item.id.index()).collect();
        assert_eq!(ids, [0, 5, 2, 7]);
    }

    #[test]
    fn what_belongs_together_is_released_together_whatever_the_limit() {
        let mut gather = Gather::default();
        gather.arrive(Arrival { with_next: true, items: vec![item(1, 0)], ..arrival(1, 0b1, 0) });
        assert!(released(&mut gather).is_empty(), "what it goes with has not arrived");
        gather.arrive(arrival(2, 0b1, 1));
        assert!(released(&mut gather).is_empty(), "it is not decided");
        gather.bring(JournalId(2), vec![item(2, 0)]);
        assert_eq!(gather.release(1, |_| 0).items.len(), 2);
    }
}
