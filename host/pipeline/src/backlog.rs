//! What is behind the feeder, in the order in which it is best handed out: most critical first across entities, in order within one.
//!
//! An event of an entity waits in that entity's chain, and a chain is as urgent as its most urgent part, so that a critical report pulls
//! what came before it. An alert that fired and ended within the backlog is handed out as one piece that is committed at once: it is on
//! record, and nobody is paged for what is over. Only ids and a few words of each event are kept; bodies are read again by id.
//!
//! Order has a price: a body is read for each piece that has a part of it. So only what is news is put in order: an event that says another
//! thing than the one before it in its chain. What repeats comes after all news, body by body as the journal has it.

use crate::fair::{Fair, TURN_EVENTS};
use domain::alert::{Severity, Status};
use domain::id::{DecisionId, JournalId};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasher;
use std::time::Duration;

/// Events known ahead; about 80 MiB when each is an entity of its own.
pub const AHEAD_EVENTS: usize = 524_288;
/// Of one team. What it has beyond stays in the journal for now, and others are looked at meanwhile.
pub const AHEAD_OF_TEAM: usize = AHEAD_EVENTS / 4;
/// Events that are committed as one piece, at most.
pub const PIECE_EVENTS: usize = 1024;
/// A team that waits so long gets a turn even where others have more urgent things to say.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often waiting teams are looked over.
const LOOK_OVER: Duration = Duration::from_millis(50);

/// What an event says of its urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Somebody wants something done with an incident.
    Command,
    /// An alert, or what its sender wants done with it.
    Alert(Status, Severity),
    /// Of the host itself, or about a body.
    Host,
    /// Nobody is paged for it.
    Aside,
    /// An alert's own time has come: after everything before it.
    Wake,
}

/// An event that waits.
pub struct Event<'a> {
    pub id: DecisionId,
    pub team: &'a str,
    pub integration: &'a str,
    /// Whose place in the order it keeps.
    pub entity: Option<&'a str>,
    pub sign: Sign,
    /// What it takes in memory once its body is read, about.
    pub bytes: usize,
}

/// An event to hand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handed {
    pub id: DecisionId,
    /// The last of its record that was still waiting.
    pub completes: bool,
}

/// Events to hand out at once, in order.
#[derive(Debug, Default)]
pub struct Piece {
    pub events: Vec<Handed>,
    /// They are committed in one transaction, because somebody would be paged for what is over otherwise.
    pub whole: bool,
    /// What they take in memory, about.
    pub bytes: usize,
    /// How urgent they are; 0 comes first.
    pub rank: usize,
}

/// Ranks: a live one of a severity, then one that is over; answers to what was before the backlog come right after what is critical.
const COMMANDS: usize = 0;
const ANSWERS: usize = 2;
const HOST: usize = 4;
const ASIDE: usize = 8;
/// Repeats, body by body: the keys of this rank are records.
const BULK: usize = 10;
const RANKS: usize = 11;

struct Waiting {
    id: DecisionId,
    bytes: u32,
    ends: bool,
}

/// The events of one entity, or one event that has none.
struct Chain {
    team: u32,
    integration: u32,
    rank: usize,
    severity: Severity,
    answers: bool,
    /// The rank that an event without an entity has by itself.
    fixed: Option<usize>,
    /// What the last event that was added says.
    last: Option<(Status, Severity)>,
    /// So many of the first events go up to the last one that is news.
    news: usize,
    /// How many of the events end the alert.
    ends: usize,
    events: VecDeque<Waiting>,
}

impl Chain {
    fn rank(&self) -> usize {
        if let Some(rank) = self.fixed {
            return rank;
        }
        if self.news == 0 && self.ends == 0 {
            return BULK;
        }
        let over = self.events.back().is_some_and(|event| event.ends);
        let own = match self.severity {
            Severity::Critical if over => 3,
            Severity::Critical => 1,
            Severity::Error => 4 + usize::from(over),
            Severity::Warning => 6 + usize::from(over),
            Severity::Info => 8 + usize::from(over),
        };
        if self.answers { own.min(ANSWERS) } else { own }
    }
}

/// What waits of a record.
#[derive(Default)]
struct Held {
    left: u16,
    /// The chains that its events were added to.
    chains: Vec<u64>,
}

/// How a team has been served.
struct Service {
    waiting: usize,
    since: Duration,
}

/// The index of what is behind.
pub struct Backlog {
    hasher: RandomState,
    names: HashMap<String, u32>,
    chains: HashMap<u64, Chain>,
    ranks: [Fair; RANKS],
    wakes: VecDeque<DecisionId>,
    records: BTreeMap<JournalId, Held>,
    services: HashMap<u32, Service>,
    /// Teams that have more than their share: from which record on theirs were not looked at.
    put_off: BTreeMap<String, JournalId>,
    looked_over: Duration,
    /// A team that has waited too long, and how many events it may have now.
    overdue: Option<(u32, i64)>,
    events: usize,
    piece: (usize, usize),
}

impl Backlog {
    /// An empty one. `piece_events`, `piece_bytes`: what is committed at once has to fit into the space behind the feeder.
    pub fn of(piece_events: usize, piece_bytes: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            names: HashMap::new(),
            chains: HashMap::new(),
            ranks: Default::default(),
            wakes: VecDeque::new(),
            records: BTreeMap::new(),
            services: HashMap::new(),
            put_off: BTreeMap::new(),
            looked_over: Duration::ZERO,
            overdue: None,
            events: 0,
            piece: (piece_events.clamp(1, PIECE_EVENTS), piece_bytes),
        }
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.events
    }

    /// Nothing waits, here or put off.
    pub fn is_empty(&self) -> bool {
        self.events == 0 && self.put_off.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.events >= AHEAD_EVENTS
    }

    /// Puts a record off if its team has its share here already, and all of that team's from then on.
    pub fn puts_off(&mut self, team: &str, record: JournalId) -> bool {
        if self.put_off.contains_key(team) {
            return true;
        }
        let is_over = self.waiting_of(team) >= AHEAD_OF_TEAM;
        if is_over {
            self.put_off.insert(team.to_owned(), record);
        }
        is_over
    }

    /// A team whose records were put off and that has room again, and from which record on.
    pub fn to_resume(&self) -> Option<(String, JournalId)> {
        let has_room = |team: &&String| self.waiting_of(team) < AHEAD_OF_TEAM / 2;
        self.put_off.iter().find(|(team, _)| has_room(team)).map(|(team, from)| (team.clone(), *from))
    }

    /// A team's records were looked at up to this one; `None`: all of them.
    pub fn resumed(&mut self, team: &str, from: Option<JournalId>) {
        match from {
            Some(from) => drop(self.put_off.insert(team.to_owned(), from)),
            None => drop(self.put_off.remove(team)),
        }
    }

    /// How many events of a team wait.
    pub fn waiting_of(&self, team: &str) -> usize {
        self.names.get(team).and_then(|number| self.services.get(number)).map_or(0, |service| service.waiting)
    }

    /// Adds an event; they come in the order of their ids. `now`: since the start.
    pub fn add(&mut self, event: &Event<'_>, now: Duration) {
        self.events += 1;
        let record = event.id.record();
        let is_first = !self.records.contains_key(&record);
        let held = self.records.entry(record).or_default();
        held.left += 1;
        if event.sign == Sign::Wake {
            self.wakes.push_back(event.id);
            return;
        }
        let (team, integration) = (number(&mut self.names, event.team), number(&mut self.names, event.integration));
        if is_first {
            self.ranks[BULK].push(team, integration, record.0, false);
        }
        let service = self.services.entry(team).or_insert(Service { waiting: 0, since: now });
        if service.waiting == 0 {
            service.since = now;
        }
        service.waiting += 1;
        // Two entities of one hash share a chain, which costs a little urgency and never their order.
        let key = match event.entity {
            Some(entity) => self.hasher.hash_one((event.team, entity)),
            None => self.hasher.hash_one(event.id),
        };
        held.chains.push(key);
        let (status, severity) = match event.sign {
            Sign::Alert(status, severity) => (status, severity),
            Sign::Command | Sign::Host | Sign::Aside | Sign::Wake => (Status::Firing, Severity::Info),
        };
        let fixed = match event.sign {
            Sign::Command => Some(COMMANDS),
            Sign::Host => Some(HOST),
            Sign::Aside => Some(ASIDE),
            Sign::Alert(..) | Sign::Wake => None,
        };
        let answers = status != Status::Firing;
        let rank = RANKS;
        let made = || Chain {
            team,
            integration,
            rank,
            severity: Severity::Info,
            answers,
            fixed,
            last: None,
            news: 0,
            ends: 0,
            events: VecDeque::new(),
        };
        let chain = self.chains.entry(key).or_insert_with(made);
        if status == Status::Firing {
            chain.severity = chain.severity.max(severity);
        }
        let bytes = u32::try_from(event.bytes).unwrap_or(u32::MAX);
        let ends = status == Status::Resolved;
        chain.events.push_back(Waiting { id: event.id, bytes, ends });
        chain.ends += usize::from(ends);
        if chain.last.replace((status, severity)) != Some((status, severity)) {
            chain.news = chain.events.len();
        }
        let rank = chain.rank();
        if rank != chain.rank {
            chain.rank = rank;
            // Its place in another rank's queue is passed over when its turn comes there.
            if rank != BULK {
                self.ranks[rank].push(chain.team, chain.integration, key, false);
            }
        }
    }

    /// What to hand out next; empty: nothing waits. `now`: since the start.
    pub fn next(&mut self, now: Duration) -> Piece {
        if let Some(wake) = self.wakes.front().copied()
            && self.records.first_key_value().is_some_and(|(first, _)| *first >= wake.record())
            && self.put_off.values().all(|from| *from > wake.record())
        {
            self.wakes.pop_front();
            self.events -= 1;
            let handed = self.handed(wake);
            return Piece { events: vec![handed], whole: false, bytes: 0, rank: RANKS };
        }
        self.look_over(now);
        if let Some((team, left)) = self.overdue {
            for rank in 0..RANKS {
                while let Some(key) = self.ranks[rank].next_of(team) {
                    if let Some(piece) = self.take(key, rank, now) {
                        let left = left - piece.events.len() as i64;
                        self.overdue = (left > 0).then_some((team, left));
                        return piece;
                    }
                }
            }
            self.overdue = None;
        }
        for rank in 0..RANKS {
            while let Some((team, key)) = self.ranks[rank].next() {
                if let Some(piece) = self.take(key, rank, now) {
                    self.ranks[rank].spend(team, piece.events.len());
                    return piece;
                }
            }
        }
        Piece::default()
    }

    /// Notices a team that has waited too long.
    fn look_over(&mut self, now: Duration) {
        if self.overdue.is_some() || now.saturating_sub(self.looked_over) < LOOK_OVER {
            return;
        }
        self.looked_over = now;
        let longest = self.services.iter().filter(|(_, service)| service.waiting > 0).min_by_key(|(team, service)| (service.since, **team));
        self.overdue = longest.filter(|(_, service)| now.saturating_sub(service.since) >= PATIENCE).map(|(team, _)| (*team, TURN_EVENTS));
    }

    /// Takes the beginning of a chain; `None` if it is gone or waits at another rank by now.
    fn take(&mut self, key: u64, rank: usize, now: Duration) -> Option<Piece> {
        if rank == BULK {
            return self.take_record(JournalId(key), now);
        }
        let chain = self.chains.get_mut(&key).filter(|chain| chain.rank == rank)?;
        let (count, whole) = cut(chain, self.piece);
        let mut piece = Piece { whole, rank, ..Piece::default() };
        let (team, integration) = (chain.team, chain.integration);
        if let Some(rank) = self.drain(key, count, &mut piece, now) {
            self.ranks[rank].push(team, integration, key, true);
        }
        Some(piece)
    }

    /// What is left of a record, with what its entities said before; `None`: nothing.
    fn take_record(&mut self, record: JournalId, now: Duration) -> Option<Piece> {
        let keys = std::mem::take(&mut self.records.get_mut(&record)?.chains);
        let mut piece = Piece { rank: BULK, ..Piece::default() };
        for key in keys {
            let Some(chain) = self.chains.get(&key).filter(|chain| chain.rank == BULK) else { continue };
            let count = chain.events.iter().take_while(|event| event.id.record() <= record).count();
            self.drain(key, count, &mut piece, now);
        }
        (!piece.events.is_empty()).then_some(piece)
    }

    /// Moves the first events of a chain to the piece. Gives the rank at which the chain goes on, if it has to be asked for there.
    fn drain(&mut self, key: u64, count: usize, piece: &mut Piece, now: Duration) -> Option<usize> {
        let chain = self.chains.get_mut(&key)?;
        let gone: Vec<Waiting> = chain.events.drain(..count).collect();
        chain.news = chain.news.saturating_sub(count);
        chain.ends -= gone.iter().filter(|event| event.ends).count();
        chain.rank = chain.rank();
        let (team, rank) = (chain.team, Some(chain.rank).filter(|rank| *rank != BULK && !chain.events.is_empty()));
        if chain.events.is_empty() {
            self.chains.remove(&key);
        }
        self.events -= gone.len();
        if let Some(service) = self.services.get_mut(&team) {
            service.waiting -= gone.len();
            service.since = now;
        }
        piece.bytes += gone.iter().map(|event| event.bytes as usize).sum::<usize>();
        for event in gone {
            let handed = self.handed(event.id);
            piece.events.push(handed);
        }
        rank
    }

    fn handed(&mut self, id: DecisionId) -> Handed {
        let left = self.records.get_mut(&id.record()).map_or(0, |held| {
            held.left -= 1;
            held.left
        });
        if left == 0 {
            self.records.remove(&id.record());
        }
        Handed { id, completes: left == 0 }
    }
}

fn number(names: &mut HashMap<String, u32>, name: &str) -> u32 {
    if let Some(number) = names.get(name) {
        return *number;
    }
    let number = names.len() as u32;
    names.insert(name.to_owned(), number);
    number
}

/// How many events of a chain go at once, and whether they have to be committed at once: up to where the alert ends, if that is not too
/// far ahead, else one turn of what is news.
fn cut(chain: &Chain, (most, bytes_limit): (usize, usize)) -> (usize, bool) {
    let turn = TURN_EVENTS as usize;
    if chain.ends == 0 {
        return (chain.news.clamp(1, turn).min(chain.events.len()), false);
    }
    let mut bytes = 0;
    let mut fit = 0;
    for (index, event) in chain.events.iter().take(most).enumerate() {
        bytes += event.bytes as usize;
        if bytes > bytes_limit {
            break;
        }
        fit = index + 1;
        if event.ends {
            return (fit, fit > 1);
        }
    }
    (fit.clamp(1, turn), false)
}

#[cfg(test)]
mod tests;
