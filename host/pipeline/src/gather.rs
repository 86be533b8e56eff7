//! What waits to be committed, and in which order it may be.
//!
//! A record's items are committed together, once all have arrived from their partitions; a record waits for earlier ones that share a
//! partition with it, so the order within an entity holds, and for no others, so a slow plugin holds up its own partition alone.

use crate::batch::Item;
use crate::order::{self, Candidate};
use domain::id::JournalId;
use domain::state::StateSpace;
use std::collections::BTreeMap;

/// What the feeder says of a record before its items come.
pub struct Arrival {
    pub record: JournalId,
    /// The partitions that its alerts go through, one bit each.
    pub partitions: u64,
    /// Waits until everything earlier is committed: an alert's expiry must not overtake its next report.
    pub last: bool,
    /// Items that partition threads will bring.
    pub missing: usize,
    /// Items that need no stage.
    pub items: Vec<Item>,
    pub cost: Cost,
}

/// How much of the bounded space between feeder and commit a record takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    pub events: usize,
    pub bytes: usize,
}

/// Records between feeder and commit, by id.
#[derive(Default)]
pub struct Gather {
    pending: BTreeMap<JournalId, Arrival>,
    /// The highest record that ever arrived.
    head: JournalId,
    /// How many of the items used state.
    touching: usize,
}

/// Items to commit together, in order.
#[derive(Default)]
pub struct Released {
    pub items: Vec<Item>,
    pub records: usize,
    pub cost: Cost,
}

impl Gather {
    /// Starts after `cursor`, up to which all is committed.
    pub fn after(cursor: JournalId) -> Self {
        Self { head: cursor, ..Self::default() }
    }

    pub fn arrive(&mut self, arrival: Arrival) {
        self.head = self.head.max(arrival.record);
        self.pending.insert(arrival.record, arrival);
    }

    /// Items of a record that arrived before.
    pub fn bring(&mut self, record: JournalId, items: Vec<Item>) {
        if let Some(arrival) = self.pending.get_mut(&record) {
            self.touching += items.iter().filter(|item| !item.touches().is_empty()).count();
            arrival.missing = arrival.missing.saturating_sub(items.len());
            arrival.items.extend(items);
        }
    }

    /// The highest record below which nothing is pending.
    pub fn cursor(&self) -> JournalId {
        self.pending.first_key_value().map_or(self.head, |(first, _)| JournalId(first.0 - 1))
    }

    /// Takes whole records in order until there are `limit` items. `committed` tells up to which order the touches of a plugin's state are on
    /// disk: what saw a later one goes together with it, or waits.
    pub fn release(&mut self, limit: usize, committed: impl Fn(&StateSpace) -> u64) -> Released {
        let mut released = Released::default();
        let stateful = self.waits_for_state();
        // Whom the limit would cut off may be needed by somebody before.
        let look = if stateful { usize::MAX } else { limit };
        let mut blocked = 0_u64;
        let mut earlier_waits = false;
        let mut ids = Vec::new();
        let mut items = 0;
        for (id, arrival) in &self.pending {
            if items >= look {
                break;
            }
            let waits = arrival.missing > 0 || arrival.partitions & blocked != 0 || (arrival.last && earlier_waits);
            if waits {
                blocked |= arrival.partitions;
                earlier_waits = true;
            } else {
                items += arrival.items.len();
                ids.push(*id);
            }
        }
        if stateful {
            ids = self.closed(&ids, limit, committed);
        }
        for id in ids {
            let Some(mut arrival) = self.pending.remove(&id) else { continue };
            arrival.items.sort_by_key(|item| item.id);
            self.touching -= arrival.items.iter().filter(|item| !item.touches().is_empty()).count();
            released.items.append(&mut arrival.items);
            released.records += 1;
            released.cost.events += arrival.cost.events;
            released.cost.bytes += arrival.cost.bytes;
        }
        released
    }

    /// Whether something here used state, so that what others commit may release it.
    pub fn waits_for_state(&self) -> bool {
        self.touching > 0
    }

    fn closed(&self, ids: &[JournalId], limit: usize, committed: impl Fn(&StateSpace) -> u64) -> Vec<JournalId> {
        let candidate = |id: &JournalId| {
            let arrival = self.pending.get(id)?;
            let touches = arrival.items.iter().flat_map(Item::touches).collect();
            Some(Candidate { record: *id, partitions: arrival.partitions, items: arrival.items.len(), touches })
        };
        order::closed(&ids.iter().filter_map(candidate).collect::<Vec<_>>(), limit, committed)
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
        Arrival { record: JournalId(record), partitions, last: false, missing, items: Vec::new(), cost: Cost::default() }
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
        assert_eq!(gather.release(512, |_| 0).records, 1);
        assert_eq!(gather.cursor(), JournalId(8));
    }
}
