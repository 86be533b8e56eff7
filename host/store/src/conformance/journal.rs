//! The journal: ids without gaps, order, the feed, the bounds.

use super::samples::record;
use super::{Case, PATIENCE, Subject};
use domain::alert::Severity;
use domain::command::{Actor, Command, Notice, Operation, Priority, Subject as Aim};
use domain::id::JournalId;
use domain::journal::{Entry, Record};
use domain::time::Millis;
use ports::journal::{Journal, JournalError};
use std::sync::{Arc, Mutex, mpsc};

pub(super) const CASES: &[Case] = &[
    ("an empty journal", empty),
    ("every kind of record comes back whole", kinds),
    ("ids have no gaps, across openings too", gapless),
    ("the feed gets every record in order", feed),
    ("a read is bounded by count and by size", reads),
    ("a queue that is full refuses at once", overload),
    ("a journal that is dropped has written what was queued", drained),
    ("a callback that panics stops nobody", callback_panics),
];

fn append(journal: &dyn Journal, record: Record) -> Result<JournalId, JournalError> {
    let (told, wait) = mpsc::channel();
    journal.append(record, Box::new(move |result| drop(told.send(result))));
    wait.recv_timeout(PATIENCE).expect("appended is called")
}

fn small(number: u64) -> Record {
    Record { received_at: Millis(number as i64), entry: Entry::Wake { team: "shop".into(), entity: number.to_string(), due: Millis(1) } }
}

fn empty(subject: &dyn Subject) {
    let journal = subject.journal();
    assert_eq!(journal.head(), JournalId(0));
    assert_eq!(journal.depth(), 0);
    assert!(journal.read(JournalId(1), 10).expect("reads").is_empty());
}

fn kinds(subject: &dyn Subject) {
    let Entry::Taken { from, raw, .. } = record("db", b"\0\xff{}".to_vec()).entry else { unreachable!("a posted body") };
    let command = |aim, actor, operation| Entry::Command(Command { subject: aim, actor, operation });
    let entries = [
        record("db", b"\0\xff{}".to_vec()).entry,
        Entry::Parked { from: from.clone(), raw: raw.clone(), reason: "it trapped".into() },
        Entry::Rejected { from, raw, reason: "no JSON".into() },
        command(Aim::Incident(domain::id::IncidentId(7)), Actor::Host, Operation::Acknowledge),
        command(Aim::Entity("db".into()), Actor::Integration("i".into()), Operation::AddNote("note".into())),
        command(Aim::Entity("db".into()), Actor::User("alice".into(), "API".into()), Operation::SetPriority(Priority::P1)),
        command(
            Aim::Incident(domain::id::IncidentId(7)),
            Actor::Host,
            Operation::Inform(domain::command::Message {
                text: "t".into(),
                users: vec!["bob".into()],
                contacts: vec![domain::contact::Contact { kind: "mail".into(), address: "a@example.org".into() }],
            }),
        ),
        command(
            Aim::Incident(domain::id::IncidentId(7)),
            Actor::Host,
            Operation::Link(domain::care::Related::Page { url: "https://g.example/".into(), text: "graph".into() }),
        ),
        command(
            Aim::Incident(domain::id::IncidentId(7)),
            Actor::Host,
            Operation::Reroute(vec![domain::escalation::Target::Team("shop".into())]),
        ),
        Entry::Notice(Notice {
            cause: "breaker/rules".into(),
            summary: "s".into(),
            details: "d".into(),
            severity: Severity::Warning,
            integration: None,
            over: true,
        }),
        Entry::Wake { team: "shop".into(), entity: "db".into(), due: Millis(-1) },
    ];
    let records: Vec<_> = entries.into_iter().map(|entry| Record { received_at: Millis(i64::MIN), entry }).collect();
    let journal = subject.journal();
    for (number, record) in (1..).zip(&records) {
        assert_eq!(append(&*journal, record.clone()).expect("appends"), JournalId(number));
    }
    drop(journal);
    let read = subject.journal().read(JournalId(1), 100).expect("reads");
    assert_eq!(read.into_iter().map(|(_, record)| (*record).clone()).collect::<Vec<_>>(), records);
}

fn gapless(subject: &dyn Subject) {
    let mut next = 1;
    for _ in 0..3 {
        let journal = subject.journal();
        assert_eq!(journal.head(), JournalId(next - 1));
        for _ in 0..20 {
            assert_eq!(append(&*journal, small(next)).expect("appends"), JournalId(next));
            assert_eq!(journal.head(), JournalId(next));
            next += 1;
        }
    }
    let ids: Vec<_> = subject.journal().read(JournalId(0), 1_000).expect("reads").iter().map(|(id, _)| id.0).collect();
    assert_eq!(ids, (1..=60).collect::<Vec<_>>());
}

fn feed(subject: &dyn Subject) {
    let journal: Arc<dyn Journal> = subject.journal().into();
    append(&*journal, small(1)).expect("appends");
    let fed = Arc::new(Mutex::new(Vec::new()));
    let (told, wait) = mpsc::channel();
    let (seen, reader) = (Arc::clone(&fed), Arc::downgrade(&journal));
    journal.set_feed(Box::new(move |id, record| {
        let durable = reader.upgrade().is_none_or(|journal| journal.head() >= id);
        seen.lock().expect("no panic").push((id, Arc::clone(record), durable));
        let _ = told.send(());
    }));
    std::thread::scope(|scope| {
        for lane in 0..4_u64 {
            let journal = Arc::clone(&journal);
            scope.spawn(move || {
                for number in 0..50 {
                    append(&*journal, small(100 * lane + number)).expect("appends");
                }
            });
        }
    });
    for _ in 0..200 {
        wait.recv_timeout(PATIENCE).expect("the feed is told");
    }
    let fed = fed.lock().expect("no panic");
    assert_eq!(fed.iter().map(|(id, ..)| id.0).collect::<Vec<_>>(), (2..=201).collect::<Vec<_>>());
    assert!(fed.iter().all(|(.., durable)| *durable), "what is fed is durable");
    let read = journal.read(JournalId(2), 1_000).expect("reads");
    assert!(read.iter().zip(&*fed).all(|(read, fed)| read.0 == fed.0 && *read.1 == *fed.1));
}

fn reads(subject: &dyn Subject) {
    let journal = subject.journal();
    for number in 1..=8 {
        append(&*journal, record("db", vec![number; 3 << 20])).expect("appends");
    }
    let ids = |from, limit| journal.read(JournalId(from), limit).expect("reads").iter().map(|(id, _)| id.0).collect::<Vec<_>>();
    assert_eq!(ids(3, 1), [3]);
    assert_eq!(ids(1, 100), [1, 2], "about 8 MiB of records of 3 MiB");
    assert_eq!(ids(8, 100), [8]);
    assert_eq!(ids(9, 100), [0; 0]);
    assert_eq!(ids(1, 0), [0; 0]);
}

/// Holds the journal's writer in a callback until it is let go.
fn hold(journal: &dyn Journal) -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel::<()>();
    let (held, holding) = mpsc::channel();
    journal.append(
        small(0),
        Box::new(move |_| {
            let _ = held.send(());
            let _ = wait.recv();
        }),
    );
    holding.recv_timeout(PATIENCE).expect("the first is written");
    go
}

fn overload(subject: &dyn Subject) {
    let journal = subject.journal();
    let go = hold(&*journal);
    let (told, wait) = mpsc::channel();
    for number in 0..30 {
        let told = told.clone();
        journal.append(small(number), Box::new(move |result| drop(told.send(result))));
    }
    // The last ten were told at once.
    for _ in 0..10 {
        let refused = wait.recv_timeout(PATIENCE).expect("a full queue answers at once");
        assert!(matches!(refused, Err(JournalError::Overloaded(20))), "{refused:?}");
    }
    assert_eq!(journal.depth(), 20);
    go.send(()).expect("the writer waits");
    let ids: Vec<_> = (0..20).map(|_| wait.recv_timeout(PATIENCE).expect("told").expect("appends").0).collect();
    assert_eq!(ids, (2..=21).collect::<Vec<_>>());

    // By bytes: the second half MiB fits beside the first, the third does not.
    let go = hold(&*journal);
    for _ in 0..3 {
        let told = told.clone();
        journal.append(record("db", vec![1; 500 << 10]), Box::new(move |result| drop(told.send(result))));
    }
    assert!(matches!(wait.recv_timeout(PATIENCE).expect("told"), Err(JournalError::Overloaded(2))));
    go.send(()).expect("the writer waits");
    assert_eq!((0..2).map(|_| wait.recv_timeout(PATIENCE).expect("told").expect("appends").0).collect::<Vec<_>>(), [23, 24]);
    // One that is longer than the whole queue is taken by an empty one.
    assert_eq!(append(&*journal, record("db", vec![1; 2 << 20])).expect("appends"), JournalId(25));
    assert_eq!(journal.depth(), 0);
}

fn drained(subject: &dyn Subject) {
    let journal = subject.journal();
    let (told, wait) = mpsc::channel();
    for number in 0..20 {
        let told = told.clone();
        journal.append(small(number), Box::new(move |result| drop(told.send(result))));
    }
    drop(journal);
    drop(told);
    let ids: Vec<_> = wait.iter().map(|result| result.expect("appends").0).collect();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
    assert_eq!(subject.journal().head(), JournalId(20));
}

fn callback_panics(subject: &dyn Subject) {
    let journal = subject.journal();
    journal.append(small(1), Box::new(|_| panic!("planted in a callback")));
    assert_eq!(append(&*journal, small(2)).expect("appends"), JournalId(2));
}
