//! The feeder while it is behind: looks ahead over the journal and hands out what is most urgent first.
//!
//! It begins after an outage, and when more comes in than can be decided; once it has caught up, records go their short way again.

use crate::backlog::{AHEAD_OF_TEAM, Backlog, Event as Ahead, Handed, PIECE_EVENTS, Piece, Sign};
use crate::batch::{Item, Work};
use crate::feeder::{EVENT_BYTES, Feeder, Share, cost, entity_of, events_of};
use crate::gather::{Arrival, Cost};
use crate::shared::LOOK_UP;
use domain::alert::{Severity, Status};
use domain::command::Operation;
use domain::id::{DecisionId, JournalId};
use domain::inbound::Event;
use domain::journal::{Entry, Record};
use ports::JournalError;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// So many durable records that are not handed out make a backlog.
const BEHIND_RECORDS: u64 = 1024;
/// Events that are handed out in one go. Within it the order is that of the journal, so that records need not be taken apart finely.
const ROUND_EVENTS: usize = 1024;
/// Records that are read at once while a team's are resumed.
const RESUME_RECORDS: usize = 256;
/// Bytes of bodies that are kept while their events wait; further ones are read again.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// What is behind, and the bodies of some of it.
pub struct Drain {
    backlog: Backlog,
    /// Taken for a round that it did not fit into, because it is less urgent.
    held: Option<Piece>,
    kept: HashMap<JournalId, Arc<Record>>,
    kept_bytes: usize,
}

impl Drain {
    fn keep(&mut self, id: JournalId, record: Arc<Record>) {
        let bytes = cost(&record).bytes;
        if self.kept_bytes + bytes <= KEPT_BYTES {
            self.kept_bytes += bytes;
            self.kept.insert(id, record);
        }
    }
}

/// Events to hand out in one go.
#[derive(Default)]
struct Round {
    events: Vec<Handed>,
    /// They are committed in one transaction.
    whole: bool,
}

/// Some events of one record, ready to go.
struct Part {
    arrival: Arrival,
    record: Option<Arc<Record>>,
    shares: Vec<Share>,
}

impl Feeder {
    /// Whether order is worth its price: records wait that were not looked at, or a lot is on its way to the commit.
    pub fn is_behind(&self) -> bool {
        let waiting = (self.shared.journal.head().0 + 1).saturating_sub(self.next.0);
        waiting >= BEHIND_RECORDS || (waiting > 0 && self.shared.space.taken().events >= self.busy_events())
    }

    /// Events between feeder and commit while there is a backlog: two batches keep the committer busy, and what is urgent waits for no more.
    fn busy_events(&self) -> usize {
        (2 * self.shared.settings.batch_items).min(self.shared.settings.in_flight_events).max(1)
    }

    /// Hands out what is behind until it has caught up or the engine stops.
    pub fn drain(&mut self) {
        let settings = &self.shared.settings;
        let backlog = Backlog::of((self.busy_events() / 4).min(PIECE_EVENTS), settings.in_flight_bytes / 4);
        self.drain = Some(Drain { backlog, held: None, kept: HashMap::new(), kept_bytes: 0 });
        let first = self.next;
        while !self.shared.is_stopping() {
            self.look_ahead();
            let round = self.round();
            if round.events.is_empty() {
                if self.drain.as_ref().is_none_or(|drain| drain.backlog.is_empty()) {
                    break;
                }
                // What is left could not be read; it is tried again.
                std::thread::sleep(LOOK_UP);
            } else if !self.hand_round(round) {
                break;
            }
        }
        self.drain = None;
        self.shared.ahead.store(0, Ordering::Relaxed);
        tracing::debug!(first = first.0, last = self.next.0 - 1, "a backlog was handed out");
    }

    /// Looks at everything that is durable by now, as far as there is room.
    fn look_ahead(&mut self) {
        let head = self.shared.journal.head();
        while self.next <= head && !self.shared.is_stopping() && self.drain.as_ref().is_some_and(|drain| !drain.backlog.is_full()) {
            if self.pushed.records.is_empty() {
                self.read_until(head);
            } else {
                self.pull(Duration::ZERO);
            }
        }
        while let Some((team, from)) = self.drain.as_ref().and_then(|drain| drain.backlog.to_resume()) {
            let left = self.resume(&team, from);
            let Some(drain) = &mut self.drain else { return };
            drain.backlog.resumed(&team, left);
            if left == Some(from) {
                return;
            }
        }
    }

    /// Looks at the records of one team that were put off; gives the first that still is.
    fn resume(&mut self, team: &str, from: JournalId) -> Option<JournalId> {
        let mut at = from;
        let mut step = RESUME_RECORDS;
        let next = self.next;
        while at < next {
            match self.shared.journal.read(at, step) {
                Ok(records) if records.is_empty() => return Some(at),
                Ok(records) => {
                    for (id, record) in records.into_iter().filter(|(id, _)| *id < next) {
                        let full = self
                            .drain
                            .as_ref()
                            .is_none_or(|drain| drain.backlog.is_full() || drain.backlog.waiting_of(team) >= AHEAD_OF_TEAM);
                        if full || self.shared.is_stopping() {
                            return Some(id);
                        }
                        if team_of(&record) == Some(team) {
                            self.note(id, record);
                        }
                        at = JournalId(id.0 + 1);
                    }
                    step = RESUME_RECORDS;
                }
                Err(JournalError::Unreadable(id, why)) if id == at => {
                    // It could be read a moment ago, or was listed then. The next start lists it in any case.
                    tracing::error!(record = id.0, why, "a journal record cannot be read again");
                    at = JournalId(id.0 + 1);
                }
                Err(JournalError::Unreadable(..)) => step = 1,
                Err(error) => {
                    self.wait_for_journal(&error.to_string());
                    return Some(at);
                }
            }
        }
        None
    }

    /// Looks at the next record; `false`: there is no room for more.
    pub fn look_at(&mut self, id: JournalId, record: Arc<Record>) -> bool {
        self.next = JournalId(id.0 + 1);
        let Some(drain) = &mut self.drain else { return false };
        if team_of(&record).is_some_and(|team| drain.backlog.puts_off(team, id)) {
            return true;
        }
        self.note(id, record);
        self.drain.as_ref().is_some_and(|drain| !drain.backlog.is_full())
    }

    /// Notes what a record says.
    fn note(&mut self, id: JournalId, record: Arc<Record>) {
        let now = self.shared.clock.elapsed();
        let Some(drain) = &mut self.drain else { return };
        let count = events_of(&record);
        let bytes = cost(&record).bytes / count.max(1);
        let mut waits = false;
        for index in 0..count {
            let decision = DecisionId::new(id, index);
            if self.decided.remove(&decision) {
                continue;
            }
            waits = true;
            let (team, integration, entity, sign) = words_of(&record, index);
            drain.backlog.add(&Ahead { id: decision, team, integration, entity, sign, bytes }, now);
        }
        if waits {
            drain.keep(id, record);
        } else {
            // Nothing of it is left to decide, but the cursor has to pass it.
            self.send(Arrival::whole(id, Cost::default()), None, Vec::new());
        }
    }

    fn round(&mut self) -> Round {
        let now = self.shared.clock.elapsed();
        let mut round = Round::default();
        let (most, bytes_limit) = (ROUND_EVENTS.min(self.busy_events() / 2).max(1), self.shared.settings.in_flight_bytes / 4);
        let mut bytes = 0;
        let mut rank = None;
        let Some(drain) = &mut self.drain else { return round };
        while round.events.len() < most && bytes <= bytes_limit {
            let piece = drain.held.take().unwrap_or_else(|| drain.backlog.next(now));
            if piece.events.is_empty() {
                break;
            }
            // A round is of one urgency, or its own order would undo the backlog's.
            if *rank.get_or_insert(piece.rank) != piece.rank {
                drain.held = Some(piece);
                break;
            }
            bytes += piece.bytes;
            round.whole |= piece.whole;
            round.events.extend(piece.events);
        }
        self.shared.ahead.store(drain.backlog.len(), Ordering::Relaxed);
        // Ids are in order within each entity, so this order holds it too.
        round.events.sort_unstable();
        round
    }

    /// Hands a round out, record by record; `false` if the engine stops.
    fn hand_round(&mut self, round: Round) -> bool {
        let limit = self.busy_events();
        let mut parts = Vec::new();
        for group in round.events.chunk_by(|one, other| one.id.record() == other.id.record()) {
            let Some(part) = self.part(group) else { return false };
            parts.push(part);
        }
        if round.whole {
            // What is committed at once needs its room at once, or it would wait for itself.
            let total = parts.iter().fold(Cost::default(), |sum, part| sum.and(part.arrival.cost));
            if !self.shared.space.take(total, limit, || self.shared.is_stopping()) {
                return false;
            }
        }
        let last = parts.len().saturating_sub(1);
        for (place, Part { mut arrival, record, shares }) in parts.into_iter().enumerate() {
            fail::fail_point!("pipeline.before.dispatch");
            arrival.with_next = round.whole && place < last;
            let room = round.whole || self.shared.space.take(arrival.cost, limit, || self.shared.is_stopping());
            if !room || !self.send(arrival, record.as_ref(), shares) {
                return false;
            }
        }
        true
    }

    /// Some events of one record, ready to go; `None` if the engine stops.
    fn part(&mut self, group: &[Handed]) -> Option<Part> {
        let id = group[0].id.record();
        let completes = group.iter().any(|handed| handed.completes);
        let events: Vec<u16> = group.iter().map(|handed| handed.id.index() as u16).collect();
        let mut shares: Vec<Share> = vec![Vec::new(); self.workers.len()];
        let body = self.body(id, completes)?;
        let mut arrival = Arrival::whole(id, Cost { events: events.len(), bytes: EVENT_BYTES * events.len() });
        arrival.completes = completes;
        let record = match body {
            Ok(record) => {
                arrival.cost = share_of_cost(&record, events.len());
                for index in &events {
                    self.sort_out(&mut arrival, &mut shares, &record, usize::from(*index));
                }
                Some(record)
            }
            Err(why) => {
                arrival.items = events.iter().map(|index| self.lost(DecisionId::new(id, usize::from(*index)), &why)).collect();
                None
            }
        };
        arrival.events = events;
        Some(Part { arrival, record, shares })
    }

    /// The record with this id, or why it cannot be read; `None` if the engine stops.
    fn body(&mut self, id: JournalId, completes: bool) -> Option<Result<Arc<Record>, String>> {
        if let Some(drain) = &mut self.drain {
            let kept = if completes { drain.kept.remove(&id) } else { drain.kept.get(&id).cloned() };
            if let Some(record) = kept {
                if completes {
                    drain.kept_bytes = drain.kept_bytes.saturating_sub(cost(&record).bytes);
                }
                return Some(Ok(record));
            }
        }
        while !self.shared.is_stopping() {
            match self.shared.journal.read(id, 1) {
                Ok(records) => match records.into_iter().next() {
                    Some((found, record)) if found == id => return Some(Ok(record)),
                    _ => return Some(Err("it is missing".to_owned())),
                },
                Err(JournalError::Unreadable(_, why)) => return Some(Err(why)),
                Err(error) => self.wait_for_journal(&error.to_string()),
            }
        }
        None
    }

    fn lost(&self, id: DecisionId, why: &str) -> Item {
        tracing::error!(record = id.record().0, why, "a journal record cannot be read");
        Item { id, at: self.shared.clock.now(), work: Work::Unreadable(format!("read its record: {why}")) }
    }
}

/// Whose record it is, if it is a sender's.
fn team_of(record: &Record) -> Option<&str> {
    match &record.entry {
        Entry::Taken { from, .. } | Entry::Parked { from, .. } | Entry::Rejected { from, .. } => Some(from.team.as_str()),
        Entry::Once { from, .. } => from.as_ref().map(|from| from.team.as_str()),
        Entry::Command(_) | Entry::Notice(_) | Entry::Wake { .. } => None,
    }
}

/// What some events of a record take.
fn share_of_cost(record: &Record, events: usize) -> Cost {
    Cost { events, bytes: cost(record).bytes / events_of(record).max(1) * events }
}

/// Team, integration, entity and urgency of a place in a record.
fn words_of(record: &Record, index: usize) -> (&str, &str, Option<&str>, Sign) {
    match &record.entry {
        Entry::Taken { from, events, .. } => {
            let event = &events[index];
            let sign = match event {
                Event::Alert(alert) => Sign::Alert(alert.status, alert.severity),
                Event::Command(_) if entity_of(event).is_none() => Sign::Command,
                Event::Command(command) => Sign::Alert(wanted(&command.operation), Severity::Info),
                Event::Heartbeat(_) | Event::Change(_) => Sign::Aside,
            };
            (from.team.as_str(), from.integration.as_str(), entity_of(event), sign)
        }
        Entry::Parked { from, .. } | Entry::Rejected { from, .. } => (from.team.as_str(), from.integration.as_str(), None, Sign::Host),
        Entry::Command(_) | Entry::Once { .. } => ("", "", None, Sign::Command),
        Entry::Notice(_) => ("", "", None, Sign::Host),
        Entry::Wake { .. } => ("", "", None, Sign::Wake),
    }
}

/// Where a sender's command would bring its alert.
fn wanted(operation: &Operation) -> Status {
    match operation {
        Operation::Resolve | Operation::ResolveAs(..) | Operation::AutoResolve(_) => Status::Resolved,
        Operation::Acknowledge | Operation::Take | Operation::Snooze(_) => Status::Acknowledged,
        _ => Status::Firing,
    }
}
