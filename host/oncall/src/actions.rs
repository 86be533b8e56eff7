//! Does what automation plugins want done: claims due actions, carries each out, and records what came of it.
//!
//! At least once, under the same idempotency key: a claim lapses, so an action whose doer died is done again.

mod claim;
mod perform;
mod record;

use crate::house::{House, line};
use crate::reconciler::Work;
use claim::{Claimed, claim};
use domain::action::{ActionResult, Step};
use domain::automation::{ActionState, StoredAction};
use domain::id::ActionId;
use domain::time::Millis;
use domain::timeline::LineKind;
use perform::{Performed, perform};
use ports::{BoxFuture, Snapshot, StoreError, Tx, Wakes};
use record::record;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Actions being done at one time.
const DOING_LIMIT: usize = 16;
/// Due actions looked at to fill the free places.
const LOOK_LIMIT: u32 = 128;
/// How long a claim lasts, in milliseconds; longer than an exchange may take.
const LEASE_MS: i64 = 60_000;
/// How often a result is offered to a store that does not take it.
const RECORD_TRIES: u32 = 5;
/// Pause before a result is offered to the store again.
const RECORD_PAUSE: Duration = Duration::from_millis(500);
/// Longest shown part of an address or a note, in bytes.
const SHOWN_LIMIT_BYTES: usize = 200;

/// What an action does, after "wants to".
pub fn words(action: &StoredAction) -> String {
    let cut = |text: &str| domain::alert::cut(text, SHOWN_LIMIT_BYTES);
    match &action.step {
        Step::Call(request) => format!("call {} {}", request.method.as_str(), cut(&request.url)),
        Step::Page(destination) => format!("page {}", destination.target),
        Step::SetPriority(priority) => format!("set the priority to {}", priority.as_str()),
        Step::AddNote(text) => format!("note \"{}\"", cut(text)),
        Step::RunRunbook(run) => format!("run the runbook {}", cut(&run.runbook)),
        Step::OpenTicket(thread) => format!("open a ticket \"{}\"", cut(&thread.title)),
        Step::OpenChannel(thread) => format!("open a channel \"{}\"", cut(&thread.title)),
    }
}

/// Ends an action that nobody approved.
pub fn lapse(tx: &mut dyn Tx, action: StoredAction, why: &str, now: Millis) -> Result<(), StoreError> {
    let result = ActionResult { key: action.key.clone(), ok: false, output: format!("not approved: {why}"), response: None };
    let lapsed = StoredAction { state: ActionState::Lapsed, next_at: None, result: Some(result), ..action };
    tx.put_action(&lapsed)?;
    let text = format!("{} does not {}: nobody approved it and {why}", lapsed.plugin, words(&lapsed));
    tx.add_line(lapsed.incident, &line(now, LineKind::ActionRefused, text, Some(lapsed.cause.clone())))?;
    crate::automation::finish(tx, &lapsed, now)
}

/// The reconciler of actions.
pub struct Actions {
    house: Arc<House>,
    doing: Mutex<BTreeSet<ActionId>>,
    /// What a former process was doing was put back.
    released: AtomicBool,
}

impl Actions {
    pub fn new(house: Arc<House>) -> Self {
        Self { house, doing: Mutex::default(), released: AtomicBool::new(false) }
    }

    async fn do_due(self: &Arc<Self>) -> Result<Option<Millis>, StoreError> {
        let now = self.house.now();
        if !self.released.load(Ordering::Acquire) {
            self.house.parts.store.write(move |tx| claim::release(tx, now, now.plus_millis(LEASE_MS))).await?;
            self.released.store(true, Ordering::Release);
        }
        let (due, next) = self
            .house
            .parts
            .store
            .view(move |view| {
                let due: Vec<ActionId> = view.actions_due(now, LOOK_LIMIT)?.into_iter().map(|action| action.id).collect();
                Ok(if due.is_empty() { (due, view.next_action_due()?) } else { (due, None) })
            })
            .await?;
        if due.is_empty() {
            return Ok(next);
        }
        let all = due.len();
        let places = self.places(due);
        let complete = places.len() == all;
        if !places.is_empty() {
            self.launch(places).await?;
        }
        // What found no free place is looked at again when one gets free.
        Ok(complete.then(|| self.house.now()))
    }

    fn places(self: &Arc<Self>, due: Vec<ActionId>) -> Vec<Place> {
        let mut doing = lock(&self.doing);
        let mut places = Vec::new();
        for id in due {
            if doing.len() < DOING_LIMIT && doing.insert(id) {
                self.house.activity.enter();
                places.push(Place { actions: Arc::clone(self), id });
            }
        }
        places
    }

    async fn launch(self: &Arc<Self>, places: Vec<Place>) -> Result<(), StoreError> {
        let (now, ids) = (self.house.now(), places.iter().map(|place| place.id).collect::<Vec<_>>());
        let job = move |tx: &mut dyn Tx| {
            let claimed = claim(tx, &ids, now)?;
            fail::fail_point!("actions.before.claim", |_| Err(StoreError::Abandoned("fail point".into())));
            Ok(claimed)
        };
        let Claimed { rows, lapsed } = self.house.parts.store.write(job).await?;
        fail::fail_point!("actions.after.claim");
        if !lapsed.is_empty() {
            self.house.parts.wakes.automation.notify_one();
            self.house.changed(lapsed);
        }
        let snapshot = self.house.parts.live.load();
        for place in places {
            let Some(row) = rows.iter().find(|row| row.id == place.id).cloned() else { continue };
            let (actions, snapshot) = (Arc::clone(self), Arc::clone(&snapshot));
            tokio::spawn(async move {
                actions.one(row, &snapshot).await;
                drop(place);
            });
        }
        Ok(())
    }

    async fn one(&self, row: StoredAction, snapshot: &Arc<Snapshot>) {
        let performed = perform(&self.house, &row, snapshot).await;
        let result = match &performed {
            Performed::Done(_) | Performed::Inside => "done",
            Performed::Again(..) => "retry",
            Performed::Failed(_) => "failed",
        };
        if matches!(performed, Performed::Done(_)) {
            fail::fail_point!("actions.after.done");
        }
        metrics::counter!("reveille_oncall_actions_total", "result" => result).increment(1);
        self.keep(row, performed, snapshot).await;
    }

    /// Records what came of an action; a store that does not take it is asked again. What is never recorded is done again.
    async fn keep(&self, row: StoredAction, performed: Performed, snapshot: &Arc<Snapshot>) {
        let performed = Arc::new(performed);
        for attempt in 1..=RECORD_TRIES {
            let now = self.house.now();
            let (claimed, performed, snapshot) = (row.clone(), Arc::clone(&performed), Arc::clone(snapshot));
            match self.house.parts.store.write(move |tx| record(tx, &claimed, &performed, &snapshot, now)).await {
                Ok(()) => {
                    fail::fail_point!("actions.after.record");
                    let wakes = &self.house.parts.wakes;
                    wakes.automation.notify_one();
                    wakes.escalation.notify_one();
                    wakes.actions.notify_one();
                    self.house.changed(vec![row.incident]);
                    return;
                }
                Err(error) => tracing::error!(%error, action = row.id.0, attempt, "cannot record what came of an action"),
            }
            if attempt < RECORD_TRIES {
                // By real time: a store comes back by no clock of ours.
                tokio::time::sleep(RECORD_PAUSE).await;
            }
        }
    }
}

/// A place among the actions being done; free again once dropped, also by a panic.
struct Place {
    actions: Arc<Actions>,
    id: ActionId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let was_full = {
            let mut doing = lock(&self.actions.doing);
            doing.remove(&self.id);
            doing.len() + 1 >= DOING_LIMIT
        };
        if was_full {
            self.actions.house.parts.wakes.actions.notify_one();
        }
        self.actions.house.activity.leave();
    }
}

impl Work for Actions {
    fn name(&self) -> &'static str {
        "actions"
    }

    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a tokio::sync::Notify {
        &wakes.actions
    }

    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        Box::pin(async move { self.do_due().await })
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
