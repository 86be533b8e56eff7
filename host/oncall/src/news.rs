//! Who was told that something is broken is told what became of it: that somebody has it, that it is over, that it is open again.
//!
//! For the channels that follow their incidents. What happened was noted with the change itself; the note goes in the transaction that queues
//! the messages, so that a crash loses none and repeats none.

use crate::house::House;
use crate::reconciler::Work;
use domain::alert::Status;
use domain::contact::Contact;
use domain::id::UserId;
use domain::incident::Incident;
use domain::installation::Installation;
use domain::page::{Outbox, OutboxState, Purpose};
use domain::time::Millis;
use ports::object;
use ports::{BoxFuture, News, Snapshot, StoreError, Tx, Wakes};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Notes looked at in one pass.
const BATCH: u32 = 64;
/// How long it waits for messages that are on their way just now: they have no reference yet by which they could be edited. In milliseconds.
const AGAIN_MS: i64 = 1000;
/// After so long it waits for them no more, in milliseconds.
const PATIENCE_MS: i64 = 60_000;

/// The reconciler of news.
pub struct NewsDesk {
    house: Arc<House>,
}

impl NewsDesk {
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }

    async fn tell_due(&self) -> Result<Option<Millis>, StoreError> {
        let (store, now) = (&self.house.parts.store, self.house.now());
        let (due, next) = store
            .view(move |view| {
                let due: Vec<News> = object::due(view, now, BATCH)?;
                Ok(if due.is_empty() { (due, view.next_object_due(object::Kind::News)?) } else { (due, None) })
            })
            .await?;
        if due.is_empty() {
            return Ok(next);
        }
        let snapshot = self.house.parts.live.load();
        let queued = store.write(move |tx| due.iter().try_fold(0u32, |sum, news| Ok(sum + tell(tx, news, &snapshot, now)?))).await?;
        fail::fail_point!("news.after.commit");
        if queued > 0 {
            self.house.parts.wakes.delivery.notify_one();
        }
        Ok(Some(self.house.now()))
    }
}

/// Queues the messages that one piece of news makes, and takes its note away; gives how many.
fn tell(tx: &mut dyn Tx, news: &News, snapshot: &Snapshot, now: Millis) -> Result<u32, StoreError> {
    let Some(incident) = tx.incident(news.incident)? else {
        object::delete::<News>(tx, &news.incident.to_string())?;
        return Ok(0);
    };
    let kinds = snapshot.followed();
    let rows: Vec<Outbox> = tx.outbox_of(incident.id)?.into_iter().filter(|row| kinds.contains(row.contact.kind.as_str())).collect();
    let flying = |row: &Outbox| row.state == OutboxState::Sending && !matches!(row.purpose, Purpose::Test(_));
    if rows.iter().any(flying) && now < news.at.plus_millis(PATIENCE_MS) {
        object::put(tx, &News { next_at: now.plus_millis(AGAIN_MS), ..news.clone() })?;
        return Ok(0);
    }
    let words = words(&incident, &snapshot.installation);
    let mut queued = 0;
    for sent in told(&rows) {
        let id = tx.new_outbox_id()?;
        let row = Outbox {
            id,
            // By the row's own number: two things may happen to an incident at one time.
            key: format!("{}-n-{id}", incident.id),
            run: None,
            purpose: Purpose::Update(words.clone()),
            state: OutboxState::Queued,
            tries: 0,
            queued_at: now,
            next_at: Some(now),
            reference: None,
            last_error: None,
            ..sent.clone()
        };
        tx.add_outbox(&row)?;
        queued += 1;
    }
    object::delete::<News>(tx, &news.incident.to_string())?;
    Ok(queued)
}

/// The newest message to each contact that a provider took, unless that contact hears of it anyway.
fn told(rows: &[Outbox]) -> impl Iterator<Item = &Outbox> {
    let waits = |row: &&Outbox| matches!((row.state, &row.purpose), (OutboxState::Queued, Purpose::Update(_)));
    let waiting: BTreeSet<(&str, &str)> = rows.iter().filter(waits).map(|row| address(&row.contact)).collect();
    let mut newest: BTreeMap<(&str, &str), &Outbox> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.state == OutboxState::Accepted) {
        let known = newest.entry(address(&row.contact)).or_insert(row);
        if known.id < row.id {
            *known = row;
        }
    }
    newest.into_iter().filter(move |(contact, _)| !waiting.contains(contact)).map(|(_, row)| row)
}

fn address(contact: &Contact) -> (&str, &str) {
    (&contact.kind, &contact.address)
}

/// What became of it.
fn words(incident: &Incident, installation: &Installation) -> String {
    let name = |id: &UserId| installation.users.get(id).map_or_else(|| id.0.clone(), |user| user.name.clone());
    let names: Vec<String> = incident.responders.iter().map(name).collect();
    let by = if names.is_empty() { String::new() } else { format!(" by {}", names.join(", ")) };
    match incident.status {
        Status::Acknowledged => format!("Acknowledged{by}"),
        Status::Resolved => "Resolved".to_owned(),
        Status::Firing => "Open again: nobody is on it".to_owned(),
    }
}

impl Work for NewsDesk {
    fn name(&self) -> &'static str {
        "news"
    }

    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a tokio::sync::Notify {
        &wakes.news
    }

    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        Box::pin(async move { self.tell_due().await })
    }
}
