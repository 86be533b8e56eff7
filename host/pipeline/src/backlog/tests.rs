//! The order in which a backlog is handed out.

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

/// A body is read for each piece: what only repeats must not be taken apart by entity.
#[test]
fn repeats_come_after_all_news_and_body_by_body() {
    let mut backlog = backlog();
    for record in 1..=4 {
        for (index, entity) in ["a", "b", "c"].into_iter().enumerate() {
            let severity = if (record, entity) == (3, "c") { Severity::Critical } else { Severity::Warning };
            backlog.add(&Event { id: DecisionId::new(JournalId(record), index), ..firing(record, entity, severity) }, NOW);
        }
    }
    // `c` rises in 3 and falls in 4, which is news too; of `a` and `b` only the first reports are.
    assert_eq!(drained(&mut backlog), [vec![1, 2, 3, 4], vec![1], vec![1], vec![2, 2], vec![3, 3], vec![4, 4]]);
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
        let severity = if record % 2 == 0 { Severity::Info } else { Severity::Warning };
        backlog.add(&firing(record, "db", severity), NOW);
    }
    let lengths: Vec<usize> = drained(&mut backlog).iter().map(Vec::len).collect();
    assert_eq!(lengths, [64, 64, 64, 8]);
}

#[test]
fn a_team_beyond_its_share_is_put_off_and_resumed() {
    let mut backlog = backlog();
    let mut record = 0;
    while !backlog.puts_off("noisy", JournalId(record + 1)) {
        record += 1;
        let events = 1000_usize;
        for index in 0..events {
            let id = DecisionId::new(JournalId(record), index);
            backlog.add(&Event { id, ..alert(record, "noisy", "one", Status::Firing, Severity::Critical) }, NOW);
        }
    }
    assert_eq!(record, AHEAD_OF_TEAM.div_ceil(1000) as u64);
    assert!(!backlog.puts_off("calm", JournalId(record + 2)) && backlog.to_resume().is_none());
    backlog.add(&Event { sign: Sign::Wake, entity: None, ..firing(record + 3, "", Severity::Info) }, NOW);
    let mut handed = 0;
    let resumed = loop {
        if let Some(resumed) = backlog.to_resume() {
            break resumed;
        }
        handed += backlog.next(NOW).events.len();
    };
    assert_eq!(resumed, ("noisy".to_owned(), JournalId(record + 1)));
    assert!((AHEAD_OF_TEAM / 2..AHEAD_OF_TEAM / 2 + 2000).contains(&handed), "{handed}");
    while backlog.len() > 1 {
        assert!(!backlog.next(NOW).events.is_empty());
    }
    assert!(backlog.next(NOW).events.is_empty(), "the wake waits for what was put off before it");
    backlog.resumed("noisy", None);
    assert_eq!(backlog.next(NOW).events[0].id.record(), JournalId(record + 3));
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
        // A record is one sender's, and so of one team.
        let mut teams: Vec<usize> = Vec::new();
        for (place, event) in events.iter().enumerate() {
            teams.push(if index == 0 { event.team } else { teams[place - 1] });
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
            let integration = if record.is_multiple_of(2) { "x" } else { "y" };
            backlog.add(&Event { id, team: TEAMS[teams[place]], integration, entity, sign: event.sign, bytes: place * 1000 }, clock);
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
                let same = one.entity.is_some() && one.entity == other.entity && teams[i] == teams[j];
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
