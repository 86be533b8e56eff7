//! The feeder: hands durable records to the partition threads, without a gap and within bounded space.
//!
//! The journal pushes records while they are hot; what it pushed past a full queue, or before a restart, is read back by id. While the
//! feeder keeps up it hands them out as they come; what is behind is drained in a better order, see `drain.rs`.

use crate::batch::{Item, Work};
use crate::drain::Drain;
use crate::gather::{Arrival, Cost};
use crate::partition::partition_of;
use crate::shared::{LOOK_UP, Shared, ToCommit};
use crate::worker::Task;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use domain::command::Subject;
use domain::id::{DecisionId, JournalId};
use domain::inbound::Event;
use domain::journal::{Entry, Record};
use domain::time::Millis;
use ports::JournalError;
use ports::journal::Feed;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Records that the journal may push ahead of the feeder.
const PUSHED_RECORDS: usize = 8192;
/// Estimated bytes of them.
const PUSHED_BYTES: usize = 32 * 1024 * 1024;
/// Records read back at once.
const READ_RECORDS: usize = 256;
/// What an event takes in memory beside its text, roughly, in bytes.
pub const EVENT_BYTES: usize = 1024;

/// The queue of hot records.
pub struct Pushed {
    pub records: Receiver<(JournalId, Arc<Record>)>,
    pub bytes: Arc<AtomicUsize>,
}

/// A queue and what fills it from the journal's thread without ever blocking it.
pub fn pushed() -> (Feed, Pushed) {
    let (push, records) = crossbeam_channel::bounded(PUSHED_RECORDS);
    let bytes = Arc::new(AtomicUsize::new(0));
    let held = Arc::clone(&bytes);
    let feed: Feed = Box::new(move |id, record| {
        let size = cost(record).bytes;
        if held.load(Ordering::Relaxed) + size > PUSHED_BYTES {
            return;
        }
        held.fetch_add(size, Ordering::Relaxed);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = push.try_send((id, Arc::clone(record))) {
            held.fetch_sub(size, Ordering::Relaxed);
        }
    });
    (feed, Pushed { records, bytes })
}

/// The feeder's own state.
pub struct Feeder {
    pub shared: Arc<Shared>,
    pub pushed: Pushed,
    /// One per partition thread.
    pub workers: Vec<Sender<Task>>,
    pub commit: Sender<ToCommit>,
    /// The next record to hand out.
    pub next: JournalId,
    /// Decided before a restart although above the cursor.
    pub decided: BTreeSet<DecisionId>,
    /// What is behind, while that is drained.
    pub drain: Option<Drain>,
}

/// A worker's share of a record: places of its events, and their partitions.
pub type Share = Vec<(u16, u8)>;

impl Feeder {
    /// Runs until the engine stops.
    pub fn run(mut self) {
        // What an outage left is drained in order of urgency, however little it is.
        if self.shared.journal.head() >= self.next {
            self.drain();
        }
        while !self.shared.is_stopping() {
            if self.is_behind() {
                self.drain();
            }
            if self.pushed.records.is_empty() && self.shared.journal.head() >= self.next {
                self.read_until(self.shared.journal.head());
                continue;
            }
            self.pull(LOOK_UP);
        }
    }

    /// Takes one pushed record, with what was not pushed before it.
    pub fn pull(&mut self, wait: Duration) {
        let Ok((id, record)) = self.pushed.records.recv_timeout(wait) else { return };
        self.pushed.bytes.fetch_sub(cost(&record).bytes, Ordering::Relaxed);
        if id > self.next {
            self.read_until(JournalId(id.0 - 1));
        }
        if id == self.next {
            self.take_in(id, record);
        }
    }

    /// Takes a record in; `false`: no more can be taken now.
    fn take_in(&mut self, id: JournalId, record: Arc<Record>) -> bool {
        if self.drain.is_some() { self.look_at(id, record) } else { self.hand_out(id, record) }
    }

    pub fn read_until(&mut self, last: JournalId) {
        while self.next <= last && !self.shared.is_stopping() {
            match self.shared.journal.read(self.next, READ_RECORDS) {
                Ok(records) if records.is_empty() => self.wait_for_journal("it gives back nothing"),
                Ok(records) => {
                    for (id, record) in records {
                        // Ids have no gaps: one that is missing cannot be read, and says so instead of being passed over.
                        while self.next < id {
                            self.unreadable("it is missing");
                        }
                        if id == self.next && !self.take_in(id, record) {
                            return;
                        }
                    }
                }
                Err(JournalError::Unreadable(id, why)) if id == self.next => self.unreadable(&why),
                Err(JournalError::Unreadable(id, _)) if id > self.next => self.read_up_to(id),
                Err(error) => self.wait_for_journal(&error.to_string()),
            }
        }
    }

    /// Reads singly up to a record that cannot be read.
    fn read_up_to(&mut self, unreadable: JournalId) {
        while self.next < unreadable && !self.shared.is_stopping() {
            match self.shared.journal.read(self.next, 1) {
                Ok(records) => match records.into_iter().next() {
                    Some((id, record)) if id == self.next => {
                        if !self.take_in(id, record) {
                            return;
                        }
                    }
                    _ => self.unreadable("it is missing"),
                },
                Err(JournalError::Unreadable(id, why)) if id == self.next => self.unreadable(&why),
                Err(error) => self.wait_for_journal(&error.to_string()),
            }
        }
    }

    pub fn wait_for_journal(&self, why: &str) {
        tracing::error!(next = self.next.0, why, "the feeder cannot read the journal and tries again");
        std::thread::sleep(LOOK_UP);
    }

    /// Lists a record that cannot be read as a dead letter.
    fn unreadable(&mut self, why: &str) {
        let id = self.next;
        tracing::error!(record = id.0, why, "a journal record cannot be read");
        let item =
            Item { id: DecisionId::new(id, 0), at: self.shared.clock.now(), work: Work::Unreadable(format!("read its record: {why}")) };
        let items = if self.decided.remove(&item.id) { Vec::new() } else { vec![item] };
        self.next = JournalId(id.0 + 1);
        self.arrive(Arrival { items, ..Arrival::whole(id, Cost { events: 1, bytes: EVENT_BYTES }) }, None, Vec::new());
    }

    /// Waits for room, then hands an arrival out; `false` if the engine stops.
    fn arrive(&self, arrival: Arrival, record: Option<&Arc<Record>>, shares: Vec<Share>) -> bool {
        self.shared.space.take(arrival.cost, usize::MAX, || self.shared.is_stopping()) && self.send(arrival, record, shares)
    }

    /// Hands one record out; `false` if the engine stops.
    fn hand_out(&mut self, id: JournalId, record: Arc<Record>) -> bool {
        fail::fail_point!("pipeline.before.dispatch");
        let mut arrival = Arrival::whole(id, cost(&record));
        let mut shares: Vec<Share> = vec![Vec::new(); self.workers.len()];
        for index in 0..events_of(&record) {
            if !self.decided.remove(&DecisionId::new(id, index)) {
                self.sort_out(&mut arrival, &mut shares, &record, index);
            }
        }
        self.next = JournalId(id.0 + 1);
        self.arrive(arrival, Some(&record), shares)
    }

    /// Puts one event of a record where it belongs.
    pub fn sort_out(&self, arrival: &mut Arrival, shares: &mut [Share], record: &Arc<Record>, index: usize) {
        let id = DecisionId::new(arrival.record, index);
        let mut by_itself = |work| arrival.items.push(Item { id, at: record.received_at, work });
        let Entry::Taken { from, events, .. } = &record.entry else {
            by_itself(Work::Entry(Arc::clone(record)));
            arrival.last = matches!(record.entry, Entry::Wake { .. });
            return;
        };
        let Some(entity) = entity_of(&events[index]) else { return by_itself(Work::Event(Arc::clone(record))) };
        let partition = partition_of(&from.team, entity);
        arrival.partitions |= 1 << partition;
        arrival.missing += 1;
        shares[usize::from(partition) % self.workers.len()].push((index as u16, partition));
    }

    /// Tells the committer of an arrival that has its room, and gives its events to the workers; `false` if the engine stops.
    pub fn send(&self, arrival: Arrival, record: Option<&Arc<Record>>, shares: Vec<Share>) -> bool {
        let id = arrival.record;
        if self.commit.send(ToCommit::Arrival(arrival)).is_err() {
            return false;
        }
        let Some(record) = record else { return true };
        let mut busy = shares.into_iter().zip(&self.workers).filter(|(events, _)| !events.is_empty());
        busy.all(|(events, worker)| worker.send(Task { id, record: Arc::clone(record), events }).is_ok())
    }
}

/// How many things a record holds that are decided one by one.
pub fn events_of(record: &Record) -> usize {
    if let Entry::Taken { events, .. } = &record.entry { events.len() } else { 1 }
}

/// Whose place in the order an event has to keep.
pub fn entity_of(event: &Event) -> Option<&str> {
    match event {
        Event::Alert(alert) => Some(&alert.entity),
        Event::Command(command) => match &command.subject {
            Subject::Entity(entity) => Some(entity),
            Subject::Incident(_) => None,
        },
        Event::Heartbeat(_) | Event::Change(_) => None,
    }
}

/// What a record takes, roughly.
pub fn cost(record: &Record) -> Cost {
    match &record.entry {
        Entry::Taken { raw, events, .. } => {
            Cost { events: events.len().max(1), bytes: 3 * raw.body.len() + events.len().max(1) * EVENT_BYTES }
        }
        Entry::Parked { raw, .. } | Entry::Rejected { raw, .. } => Cost { events: 1, bytes: raw.body.len() + EVENT_BYTES },
        Entry::Command(_) | Entry::Once { .. } | Entry::Notice(_) | Entry::Wake { .. } => Cost { events: 1, bytes: EVENT_BYTES },
    }
}

/// When the newest record came in: the host was alive then.
pub fn newest(journal: &dyn ports::Journal) -> Option<Millis> {
    let head = journal.head();
    let records = (head.0 > 0).then(|| journal.read(head, 1)).and_then(Result::ok)?;
    records.first().map(|(_, record)| record.received_at)
}
