//! What is behind the feeder, in the order in which it is best handed out: most critical first across entities, in order within one.
//!
//! An event of an entity waits in that entity's chain, and a chain is as urgent as its most urgent part, so that a critical report pulls
//! what came before it. An alert that fired and ended within the backlog is handed out as one piece that is committed at once: it is on
//! record, and nobody is paged for what is over. Only ids and a few words of each event are kept; bodies are read again by id.

use crate::fair::{Fair, TURN_EVENTS};
use domain::alert::{Severity, Status};
use domain::id::{DecisionId, JournalId};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasher;
use std::time::Duration;

/// Events known ahead; about 40 MiB when each is an entity of its own.
pub const AHEAD_EVENTS: usize = 262_144;
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
}

/// Ranks: a live one of a severity, then one that is over; answers to what was before the backlog come right after what is critical.
const COMMANDS: usize = 0;
const ANSWERS: usize = 2;
const HOST: usize = 4;
const ASIDE: usize = 8;
const RANKS: usize = 10;

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
    events: VecDeque<Waiting>,
}

impl Chain {
    fn rank(&self) -> usize {
        if let Some(rank) = self.fixed {
            return rank;
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
    /// How many events of each record wait here.
    records: BTreeMap<JournalId, u16>,
    services: HashMap<u32, Service>,
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

    pub fn is_full(&self) -> bool {
        self.events >= AHEAD_EVENTS
    }

    /// Adds an event; they come in the order of their ids. `now`: since the start.
    pub fn add(&mut self, event: &Event<'_>, now: Duration) {
        self.events += 1;
        *self.records.entry(event.id.record()).or_default() += 1;
        if event.sign == Sign::Wake {
            self.wakes.push_back(event.id);
            return;
        }
        let (team, integration) = (self.number(event.team), self.number(event.integration));
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
        let made = || Chain { team, integration, rank, severity: Severity::Info, answers, fixed, events: VecDeque::new() };
        let chain = self.chains.entry(key).or_insert_with(made);
        if status == Status::Firing {
            chain.severity = chain.severity.max(severity);
        }
        let bytes = u32::try_from(event.bytes).unwrap_or(u32::MAX);
        chain.events.push_back(Waiting { id: event.id, bytes, ends: status == Status::Resolved });
        let rank = chain.rank();
        if rank != chain.rank {
            chain.rank = rank;
            // Its place in another rank's queue is passed over when its turn comes there.
            self.ranks[rank].push(chain.team, chain.integration, key, false);
        }
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.insert(name.to_owned(), number);
        number
    }

    /// What to hand out next; empty: nothing waits. `now`: since the start.
    pub fn next(&mut self, now: Duration) -> Piece {
        if let Some(wake) = self.wakes.front().copied()
            && self.records.first_key_value().is_some_and(|(first, _)| *first >= wake.record())
        {
            self.wakes.pop_front();
            self.events -= 1;
            let handed = self.handed(wake);
            return Piece { events: vec![handed], whole: false, bytes: 0 };
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
        let chain = self.chains.get_mut(&key).filter(|chain| chain.rank == rank)?;
        let (count, whole) = cut(&chain.events, self.piece);
        let bytes = chain.events.iter().take(count).map(|event| event.bytes as usize).sum();
        let ids: Vec<DecisionId> = chain.events.drain(..count).map(|event| event.id).collect();
        let (team, integration) = (chain.team, chain.integration);
        if chain.events.is_empty() {
            self.chains.remove(&key);
        } else {
            self.ranks[rank].push(team, integration, key, true);
        }
        self.events -= ids.len();
        if let Some(service) = self.services.get_mut(&team) {
            service.waiting -= ids.len();
            service.since = now;
        }
        let events = ids.into_iter().map(|id| self.handed(id)).collect();
        Some(Piece { events, whole, bytes })
    }

    fn handed(&mut self, id: DecisionId) -> Handed {
        let left = self.records.get_mut(&id.record()).map_or(0, |left| {
            *left -= 1;
            *left
        });
        if left == 0 {
            self.records.remove(&id.record());
        }
        Handed { id, completes: left == 0 }
    }
}

/// How many events of a chain go at once, and whether they have to be committed at once: up to where the alert ends, if that is not too
/// far ahead, else one turn.
fn cut(events: &VecDeque<Waiting>, (most, bytes_limit): (usize, usize)) -> (usize, bool) {
    let mut bytes = 0;
    let mut fit = 0;
    for (index, event) in events.iter().take(most).enumerate() {
        bytes += event.bytes as usize;
        if bytes > bytes_limit {
            break;
        }
        fit = index + 1;
        if event.ends {
            return (fit, fit > 1);
        }
    }
    (fit.clamp(1, TURN_EVENTS as usize), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::ZERO;

    fn alert<'a>(record: u64, team: &'a str, entity: &'a str, status: Status, severity: Severity) -> Event<'a> {
        let id = DecisionId::new(JournalId(record), 0);
        Event { id, team, integration: team, entity: Some(entity), sign: Sign::Alert(status, severity), bytes: 1 }
    }

    fn firing(record: u64, entity: &str, severity: Severity) -> Event<'_> {
        alert(record, "shop", entity, Status::Firing, severity)
    }

    fn backlog() -> Backlog {
        Backlog::of(PIECE_EVENTS, 1 << 20)
    }

    /// Pieces until nothing waits, as record numbers.
    fn drained(backlog: &mut Backlog) -> Vec<Vec<u64>> {
        let mut pieces = Vec::new();
        loop {
            let piece = backlog.next(NOW);
            if piece.events.is_empty() {
                assert_eq!((backlog.len(), backlog.records.len(), backlog.chains.len()), (0, 0, 0));
                return pieces;
            }
            pieces.push(piece.events.iter().map(|handed| handed.id.record().0).collect());
        }
    }

    #[test]
    fn most_critical_first_and_a_critical_report_pulls_its_entitys_past() {
        let mut backlog = backlog();
        backlog.add(&firing(1, "disk", Severity::Warning), NOW);
        backlog.add(&firing(2, "db", Severity::Info), NOW);
        backlog.add(&firing(3, "web", Severity::Error), NOW);
        backlog.add(&firing(4, "db", Severity::Critical), NOW);
        backlog.add(&firing(5, "db", Severity::Info), NOW);
        assert_eq!(drained(&mut backlog), [vec![2, 4, 5], vec![3], vec![1]]);
    }

    #[test]
    fn what_is_over_goes_as_one_piece_and_after_what_is_live() {
        let mut backlog = backlog();
        backlog.add(&firing(1, "over", Severity::Critical), NOW);
        backlog.add(&alert(2, "shop", "over", Status::Resolved, Severity::Info), NOW);
        backlog.add(&firing(3, "live", Severity::Critical), NOW);
        assert_eq!(backlog.next(NOW).events[0].id.record(), JournalId(3));
        let over = backlog.next(NOW);
        assert_eq!((over.whole, over.events.len()), (true, 2));
    }

    #[test]
    fn an_answer_to_what_was_before_comes_right_after_the_critical() {
        let mut backlog = backlog();
        backlog.add(&firing(1, "b", Severity::Error), NOW);
        backlog.add(&alert(2, "shop", "a", Status::Resolved, Severity::Info), NOW);
        backlog.add(&firing(3, "c", Severity::Critical), NOW);
        assert_eq!(drained(&mut backlog), [vec![3], vec![2], vec![1]]);
    }

    #[test]
    fn a_wake_comes_after_everything_before_it() {
        let mut backlog = backlog();
        backlog.add(&firing(1, "a", Severity::Info), NOW);
        backlog.add(&Event { sign: Sign::Wake, entity: None, ..firing(2, "", Severity::Info) }, NOW);
        backlog.add(&firing(3, "b", Severity::Critical), NOW);
        assert_eq!(drained(&mut backlog), [vec![3], vec![1], vec![2]]);
    }

    #[test]
    fn a_team_that_waits_too_long_gets_a_turn_whatever_the_others_say() {
        let mut backlog = backlog();
        let names: Vec<String> = (0..5000).map(|n| format!("e{n}")).collect();
        backlog.add(&alert(1, "calm", "disk", Status::Firing, Severity::Info), NOW);
        for (n, name) in names.iter().enumerate() {
            backlog.add(&alert(n as u64 + 2, "noisy", name, Status::Firing, Severity::Critical), NOW);
        }
        for _ in 0..2000 {
            assert_ne!(backlog.next(NOW).events[0].id.record(), JournalId(1), "critical ones first");
        }
        assert_eq!(backlog.next(Duration::from_millis(1001)).events[0].id.record(), JournalId(1));
    }

    #[test]
    fn a_chain_without_an_end_goes_turn_by_turn() {
        let mut backlog = backlog();
        for record in 1..=200 {
            backlog.add(&firing(record, "db", Severity::Info), NOW);
        }
        let lengths: Vec<usize> = drained(&mut backlog).iter().map(Vec::len).collect();
        assert_eq!(lengths, [64, 64, 64, 8]);
    }

    #[derive(Debug, Clone)]
    struct Any {
        team: usize,
        entity: Option<usize>,
        sign: Sign,
        record_goes_on: bool,
        /// Take some pieces before it is added.
        pieces: usize,
    }

    const TEAMS: [&str; 3] = ["shop", "ops", "data"];
    const ENTITIES: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn any() -> impl Strategy<Value = Any> {
        let status = prop_oneof![Just(Status::Firing), Just(Status::Acknowledged), Just(Status::Resolved)];
        let severity = (0..4_usize).prop_map(|n| Severity::ALL[n]);
        let sign = prop_oneof![
            12 => (status, severity).prop_map(|(status, severity)| Sign::Alert(status, severity)),
            1 => Just(Sign::Command),
            1 => Just(Sign::Host),
            1 => Just(Sign::Aside),
            1 => Just(Sign::Wake),
        ];
        (0..3_usize, 0..5_usize, sign, any_bool(), prop_oneof![9 => Just(0_usize), 1 => 1..6_usize]).prop_map(
            |(team, entity, sign, goes_on, pieces)| {
                let alert = matches!(sign, Sign::Alert(..));
                Any { team, entity: alert.then_some(entity), sign, record_goes_on: alert && goes_on, pieces }
            },
        )
    }

    fn any_bool() -> impl Strategy<Value = bool> {
        proptest::bool::ANY
    }

    proptest! {
        /// Whatever comes and whenever it is asked: every event is handed out exactly once, in order within its entity, a wake after all
        /// before it, and a record is complete with its last event and no earlier.
        #[test]
        fn every_event_once_and_in_order_within_its_entity(events in prop::collection::vec(any(), 1..120), piece in 1..9_usize) {
            let mut backlog = Backlog::of(piece, 1 << 20);
            let mut handed: Vec<Handed> = Vec::new();
            let mut clock = NOW;
            let (mut record, mut index) = (1_u64, 0_usize);
            let mut ids = Vec::new();
            for (place, event) in events.iter().enumerate() {
                for _ in 0..event.pieces {
                    clock += Duration::from_millis(400);
                    // A record is handed over to the backlog whole before the next piece is asked for.
                    if index == 0 {
                        handed.extend(backlog.next(clock).events);
                    }
                }
                let id = DecisionId::new(JournalId(record), index);
                ids.push(id);
                let entity = event.entity.map(|n| ENTITIES[n]);
                let integration = if place % 2 == 0 { "x" } else { "y" };
                backlog.add(&Event { id, team: TEAMS[event.team], integration, entity, sign: event.sign, bytes: place * 1000 }, clock);
                let next_too = events.get(place + 1).is_some_and(|next| matches!(next.sign, Sign::Alert(..)));
                if event.record_goes_on && next_too { index += 1 } else { (record, index) = (record + 1, 0) }
            }
            loop {
                let piece = backlog.next(clock);
                if piece.events.is_empty() { break }
                handed.extend(piece.events);
            }
            let mut sorted: Vec<DecisionId> = handed.iter().map(|handed| handed.id).collect();
            let order: HashMap<DecisionId, usize> = sorted.iter().enumerate().map(|(place, id)| (*id, place)).collect();
            sorted.sort();
            prop_assert_eq!(&sorted, &ids, "each exactly once");
            for (i, one) in events.iter().enumerate() {
                for (j, other) in events.iter().enumerate().skip(i + 1) {
                    let same = one.entity.is_some() && one.entity == other.entity && one.team == other.team;
                    let wake = other.sign == Sign::Wake;
                    prop_assert!(!(same || wake) || order[&ids[i]] < order[&ids[j]], "{i} before {j}");
                }
            }
            for (place, one) in handed.iter().enumerate() {
                let later = handed[place + 1..].iter().any(|other| other.id.record() == one.id.record());
                prop_assert_eq!(one.completes, !later);
            }
        }
    }
}
