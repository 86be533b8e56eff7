//! Makes sure that a page arrives: claims due messages, renders and sends each, and records what came of it.
//!
//! At least once, never less: a claim lapses, so a message whose sender died is sent again, under the same idempotency key.

mod browsers;
mod claim;
mod record;
mod send;
mod silent;

use crate::house::House;
use crate::instances::Threads;
use crate::message::{self, About, Context};
use crate::reconciler::Work;
use domain::id::OutboxId;
use domain::page::Outbox;
use domain::time::Millis;
use ports::object::Kind;
use ports::plugin::Page;
use ports::{BoxFuture, Snapshot, StoreError, View, Wakes};
use record::record;
use send::{Came, Sent};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

pub use record::{Recorded, arrived_after_all, failed_after_all};
pub use silent::heard;

/// Messages on their way at one time.
const FLYING_LIMIT: usize = 64;
/// Of one contact kind: a provider that stalls must not stop the others.
const FLYING_OF_KIND_LIMIT: usize = 32;
/// Due messages looked at to fill the free places.
const LOOK_LIMIT: u32 = 512;
/// Free places below which a finished message does not yet call for more: reading the queue for each would cost more than it gains.
const REFILL_FREE: usize = 16;
/// How long a claim lasts, in milliseconds; longer than rendering and four exchanges may take together.
const LEASE_MS: i64 = 60_000;
/// Threads that render.
const RENDER_THREADS: usize = 4;
/// How often a result is offered to a store that does not take it.
const RECORD_TRIES: u32 = 5;
/// Pause before a result is offered to the store again.
const RECORD_PAUSE: Duration = Duration::from_millis(500);

/// The reconciler of the outbox.
pub struct Delivery {
    house: Arc<House>,
    plugins: Threads,
    flying: Mutex<BTreeMap<String, usize>>,
    /// What a former process had on its way was put back.
    released: AtomicBool,
}

impl Delivery {
    pub fn new(house: Arc<House>) -> Self {
        let plugins = Threads::start("notify", RENDER_THREADS);
        Self { house, plugins, flying: Mutex::default(), released: AtomicBool::new(false) }
    }

    async fn deliver_due(self: &Arc<Self>) -> Result<Option<Millis>, StoreError> {
        if !self.released.load(Ordering::Acquire) {
            self.release().await?;
            self.released.store(true, Ordering::Release);
        }
        let now = self.house.now();
        let (due, next) = self
            .house
            .parts
            .store
            .view(move |view| {
                let due = view.outbox_due(now, LOOK_LIMIT)?;
                Ok(if due.is_empty() { (due, view.next_outbox_due()?) } else { (due, None) })
            })
            .await?;
        if due.is_empty() {
            return Ok(next);
        }
        let chosen = self.choose(&due);
        let all = chosen.len() == due.len();
        if !chosen.is_empty() {
            self.launch(chosen).await?;
        }
        // What found no free place is looked at again when one gets free.
        Ok(all.then(|| self.house.now()))
    }

    /// Puts back what a process before this one had claimed: nobody else sends on this machine.
    async fn release(&self) -> Result<(), StoreError> {
        let now = self.house.now();
        let count = self.house.parts.store.write(move |tx| claim::release(tx, now, now.plus_millis(LEASE_MS))).await?;
        if count > 0 {
            tracing::info!(count, "messages that were on their way when the last process ended are sent again");
        }
        Ok(())
    }

    /// Takes pages as failed whose provider does not report that they arrived; gives when to look again.
    async fn hear_silence(&self) -> Result<Option<Millis>, StoreError> {
        let now = self.house.now();
        let next = self.house.parts.store.view(|view| view.next_object_due(Kind::Receipt)).await?;
        if next.is_none_or(|due| due > now) {
            return Ok(next);
        }
        let snapshot = self.house.parts.live.load();
        let installation = Arc::clone(&snapshot.installation);
        let overdue = self.house.parts.store.write(move |tx| silent::overdue(tx, &installation, now)).await?;
        for (row, recorded) in overdue {
            self.tell(&row, recorded, &snapshot).await;
        }
        Ok(Some(now))
    }

    /// Those of the due rows that there is a place for, with their places.
    fn choose(self: &Arc<Self>, due: &[Outbox]) -> BTreeMap<OutboxId, Place> {
        let mut flying = lock(&self.flying);
        let mut total: usize = flying.values().sum();
        let mut chosen = BTreeMap::new();
        for row in due {
            if total >= FLYING_LIMIT {
                break;
            }
            let of_kind = flying.entry(row.contact.kind.clone()).or_default();
            if *of_kind < FLYING_OF_KIND_LIMIT {
                *of_kind += 1;
                total += 1;
                self.house.activity.enter();
                chosen.insert(row.id, Place { delivery: Arc::clone(self), kind: row.contact.kind.clone() });
            }
        }
        chosen
    }

    /// Claims what was chosen and sends each message in a task of its own.
    async fn launch(self: &Arc<Self>, mut chosen: BTreeMap<OutboxId, Place>) -> Result<(), StoreError> {
        let now = self.house.now();
        let ids: Vec<OutboxId> = chosen.keys().copied().collect();
        let snapshot = self.house.parts.live.load();
        let installation = Arc::clone(&snapshot.installation);
        let mut claimed = self
            .house
            .parts
            .store
            .write(move |tx| {
                let claimed = claim::claim(tx, &ids, &installation, now)?;
                fail::fail_point!("delivery.before.claim", |_| Err(StoreError::Abandoned("fail point".into())));
                Ok(claimed)
            })
            .await?;
        fail::fail_point!("delivery.after.claim");
        self.house.changed(claimed.cancelled);
        let about = claimed.bundles.iter().map(|(id, bundled)| (*id, bundled.about())).collect();
        for (row, page) in self.pages(claimed.rows, about, &snapshot, now).await {
            if let Some(place) = chosen.remove(&row.id) {
                let (delivery, snapshot) = (Arc::clone(self), Arc::clone(&snapshot));
                let followers = claimed.bundles.remove(&row.id).map(|bundled| bundled.followers).unwrap_or_default();
                tokio::spawn(async move {
                    delivery.deliver(row, followers, page, &snapshot).await;
                    drop(place);
                });
            }
        }
        Ok(())
    }

    /// What each message says. Where the incident cannot be read, the person is paged without it.
    async fn pages(
        &self,
        rows: Vec<Outbox>,
        about: BTreeMap<OutboxId, About>,
        snapshot: &Arc<Snapshot>,
        now: Millis,
    ) -> Vec<(Outbox, Page)> {
        let (house, of_job, asked) = (Arc::clone(&self.house), Arc::clone(snapshot), rows.clone());
        let read = move |view: &dyn View| {
            let parts = &house.parts;
            let context = Context { installation: &of_job.installation, links: &parts.links, public_url: &parts.public_url, now };
            let page = |row: Outbox| {
                let about = about.get(&row.id).cloned().unwrap_or_default();
                let page = message::page_about(view, &row, &about, &context).unwrap_or_else(|error| {
                    tracing::error!(%error, outbox = row.id.0, "paging without the incident, which cannot be read");
                    message::bare_page(&row, &context)
                });
                (row, page)
            };
            Ok(asked.into_iter().map(page).collect::<Vec<_>>())
        };
        match self.house.parts.store.view(read).await {
            Ok(pages) => pages,
            Err(error) => {
                tracing::error!(%error, "paging without the incidents, which cannot be read");
                let parts = &self.house.parts;
                let context = Context { installation: &snapshot.installation, links: &parts.links, public_url: &parts.public_url, now };
                rows.into_iter()
                    .map(|row| {
                        let page = message::bare_page(&row, &context);
                        (row, page)
                    })
                    .collect()
            }
        }
    }

    /// Sends a message; what comes of it is recorded for it and for all that go with it.
    async fn deliver(&self, row: Outbox, followers: Vec<Outbox>, page: Page, snapshot: &Arc<Snapshot>) {
        let sent = browsers::send(&self.house, &self.plugins, snapshot, page).await;
        if matches!(sent.came, Came::Accepted(_) | Came::Delivered(_)) {
            fail::fail_point!("delivery.after.accepted");
        }
        let kind = row.contact.kind.clone();
        let result = match &sent.came {
            Came::Accepted(_) => "accepted",
            Came::Delivered(_) => "delivered",
            Came::Retry(..) => "retry",
            Came::Failed(_) => "failed",
        };
        metrics::counter!("reveille_oncall_deliveries_total", "kind" => kind, "result" => result).increment(1);
        let sent = Arc::new(sent);
        for row in std::iter::once(&row).chain(&followers) {
            if let Some(recorded) = self.keep(row, &sent, snapshot).await {
                fail::fail_point!("delivery.after.record");
                self.tell(row, recorded, snapshot).await;
            }
        }
    }

    /// Records what came of a message; a store that does not take it is asked again. What is never recorded is sent again.
    async fn keep(&self, row: &Outbox, sent: &Arc<Sent>, snapshot: &Arc<Snapshot>) -> Option<Recorded> {
        for attempt in 1..=RECORD_TRIES {
            let (claimed, sent, installation) = (row.clone(), Arc::clone(sent), Arc::clone(&snapshot.installation));
            let now = self.house.now();
            match self.house.parts.store.write(move |tx| record(tx, &claimed, &sent, &installation, now)).await {
                Ok(recorded) => return recorded,
                Err(error) => tracing::error!(%error, outbox = row.id.0, attempt, "cannot record what came of a message"),
            }
            if attempt < RECORD_TRIES {
                // By real time: a store comes back by no clock of ours.
                tokio::time::sleep(RECORD_PAUSE).await;
            }
        }
        None
    }

    /// Wakes who has to act on a result, and reports channels that fail.
    async fn tell(&self, row: &Outbox, recorded: Recorded, snapshot: &Snapshot) {
        let wakes = &self.house.parts.wakes;
        if recorded.queued {
            wakes.delivery.notify_one();
        }
        if recorded.hurried {
            wakes.escalation.notify_one();
        }
        self.house.changed(row.incident.into_iter().collect());
        self.house.note_of_channel(row, &recorded, &snapshot.installation).await;
        if let Some(notice) = recorded.notice {
            self.house.parts.alarm.raise(notice);
        }
    }
}

/// A place among the messages on their way; free again once dropped, also by a panic.
struct Place {
    delivery: Arc<Delivery>,
    kind: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let total: usize = {
            let mut flying = lock(&self.delivery.flying);
            if let Some(count) = flying.get_mut(&self.kind) {
                *count -= 1;
                if *count == 0 {
                    flying.remove(&self.kind);
                }
            }
            flying.values().sum()
        };
        if total + REFILL_FREE <= FLYING_LIMIT {
            self.delivery.house.parts.wakes.delivery.notify_one();
        }
        self.delivery.house.activity.leave();
    }
}

impl Work for Delivery {
    fn name(&self) -> &'static str {
        "delivery"
    }

    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a tokio::sync::Notify {
        &wakes.delivery
    }

    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        Box::pin(async move {
            let silent = self.hear_silence().await?;
            let due = self.deliver_due().await?;
            Ok([silent, due].into_iter().flatten().min())
        })
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
