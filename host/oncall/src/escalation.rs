//! Due runs: one transaction turns a run's timer into the pages of its next step, so that a timer and its page are never apart.

use crate::automation::tell;
use crate::house::{House, line};
use crate::reconciler::Work;
use domain::action::Change;
use domain::alert::Status;
use domain::escalation::{Advance, Begun, Duty, Run, RunState, StepPage, advance};
use domain::id::{IncidentId, RunId, UserId};
use domain::incident::Incident;
use domain::installation::Installation;
use domain::page::{Outbox, OutboxState, Purpose};
use domain::schedule::Override;
use domain::time::Millis;
use domain::timeline::LineKind;
use ports::{BoxFuture, Snapshot, StoreError, Tx, Wakes};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Runs advanced in one transaction: many enough that a wave of pages costs few fsyncs, few enough that the writer serves others soon.
const BATCH: usize = 128;
/// Batches of one pass.
const BATCHES: u32 = 64;
/// How long until an escalation is looked at again whose alerts are all suppressed, in seconds.
const HELD_SECONDS: u32 = 60;
/// Longest idempotency key, in bytes.
const KEY_LIMIT_BYTES: usize = 64;

/// The reconciler of escalation runs.
pub struct Escalation {
    house: Arc<House>,
}

/// What came of a batch.
#[derive(Default)]
struct Done {
    incidents: Vec<IncidentId>,
    pages: u64,
}

impl Escalation {
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }

    async fn advance_due(&self) -> Result<Option<Millis>, StoreError> {
        for _ in 0..BATCHES {
            let now = self.house.now();
            let (due, next) = self
                .house
                .parts
                .store
                .view(move |view| {
                    let due: Vec<(RunId, Option<Millis>)> =
                        view.runs_due(now, BATCH as u32)?.into_iter().map(|r| (r.id, r.next_at)).collect();
                    Ok(if due.is_empty() { (due, view.next_run_due()?) } else { (due, None) })
                })
                .await?;
            if due.is_empty() {
                return Ok(next);
            }
            if let Some(earliest) = due.first().and_then(|(_, at)| *at) {
                metrics::histogram!("reveille_oncall_escalation_lag_seconds").record(now.since(earliest) as f64 / 1000.0);
            }
            self.batch(due.into_iter().map(|(id, _)| id).collect()).await?;
        }
        Ok(Some(self.house.now()))
    }

    /// All in one transaction; if that fails, each in its own, so that one that cannot be stored holds up no other.
    async fn batch(&self, runs: Vec<RunId>) -> Result<(), StoreError> {
        match self.commit(runs.clone()).await {
            Err(error) if runs.len() > 1 => {
                tracing::warn!(%error, "cannot commit a batch of escalations; trying each alone");
                let mut failure = None;
                for run in runs {
                    if let Err(error) = self.commit(vec![run]).await {
                        tracing::error!(%error, run = run.0, "cannot commit an escalation");
                        failure = Some(error);
                    }
                }
                failure.map_or(Ok(()), Err)
            }
            result => result,
        }
    }

    async fn commit(&self, runs: Vec<RunId>) -> Result<(), StoreError> {
        let snapshot = self.house.parts.live.load();
        let now = self.house.now();
        let job = move |tx: &mut dyn Tx| {
            let overrides = tx.overrides(None, now)?;
            let mut done = Done::default();
            for run in runs {
                advance_one(tx, run, &snapshot, &overrides, now, &mut done)?;
            }
            fail::fail_point!("escalation.before.commit", |_| Err(StoreError::Abandoned("fail point".into())));
            Ok(done)
        };
        let done = self.house.parts.store.write(job).await?;
        fail::fail_point!("escalation.after.commit");
        metrics::counter!("reveille_oncall_pages_total").increment(done.pages);
        if done.pages > 0 {
            self.house.parts.wakes.delivery.notify_one();
            self.house.parts.wakes.automation.notify_one();
        }
        self.house.changed(done.incidents);
        Ok(())
    }
}

/// Advances one run, unless it is not due any more.
fn advance_one(
    tx: &mut dyn Tx,
    id: RunId,
    snapshot: &Snapshot,
    overrides: &[Override],
    now: Millis,
    done: &mut Done,
) -> Result<(), StoreError> {
    let installation = &*snapshot.installation;
    let Some(run) = tx.run(id)?.filter(|r| r.state == RunState::Active && r.next_at.is_some_and(|at| at <= now)) else { return Ok(()) };
    let Some(incident) = tx.incident(run.incident)? else {
        return tx.put_run(&Run { state: RunState::Stopped, next_at: None, ..run });
    };
    if is_held(&incident) {
        return tx.put_run(&Run { next_at: Some(now.plus_seconds(HELD_SECONDS)), ..run });
    }
    let runs = tx.runs_of(incident.id)?;
    let Advance { run, page, begun, said } = advance(&run, &incident, &runs, &Duty { installation, overrides, now });
    tx.put_run(&run)?;
    for said in said {
        tx.add_line(incident.id, &line(now, said.kind, &said.text, run.cause.clone()))?;
    }
    for begun in begun {
        begin(tx, &run, begun, now)?;
    }
    if let Some(page) = page {
        tell(tx, &incident, &Change::Escalated(page.step), snapshot, now)?;
        done.pages += queue(tx, &run, &page, installation, now)?;
    }
    done.incidents.push(incident.id);
    Ok(())
}

/// Everything that fires on it is suppressed: its escalation waits until something fires again, or it resolves.
fn is_held(incident: &Incident) -> bool {
    incident.status == Status::Firing && !incident.own && incident.firing.iter().sum::<u32>() == 0
}

fn begin(tx: &mut dyn Tx, by: &Run, begun: Begun, now: Millis) -> Result<(), StoreError> {
    let Begun { target, last_resort, next_at, reason } = begun;
    let run = Run {
        id: tx.new_run_id()?,
        incident: by.incident,
        target,
        state: RunState::Active,
        step: 0,
        repeat: 0,
        next_at: Some(next_at),
        last_resort,
        reason,
        cause: by.cause.clone(),
        started_at: now,
    };
    tx.put_run(&run)
}

/// Queues a message per person and contact; gives how many.
fn queue(tx: &mut dyn Tx, run: &Run, page: &StepPage, installation: &Installation, now: Millis) -> Result<u64, StoreError> {
    let mut count = 0;
    for user in page.users.iter().filter_map(|id| installation.users.get(id)) {
        for (index, method) in user.contacts.iter().enumerate() {
            let index = index as u32;
            let row = Outbox {
                id: tx.new_outbox_id()?,
                key: key(run, page.step, page.repeat, &user.id, 0, index),
                incident: Some(run.incident),
                run: Some(run.id),
                user: Some(user.id.clone()),
                contact: method.contact.clone(),
                contact_index: index,
                purpose: Purpose::Escalation(page.step),
                state: OutboxState::Queued,
                tries: 0,
                queued_at: now,
                next_at: Some(now.plus_seconds(method.delay_seconds)),
                reference: None,
                last_error: None,
            };
            if tx.add_outbox(&row)? {
                let text = match method.delay_seconds {
                    0 => format!("Paged {} by {} (step {})", user.id, method.contact.kind, page.step),
                    delay => format!("Will page {} by {} in {} (step {})", user.id, method.contact.kind, duration(delay), page.step),
                };
                tx.add_line(run.incident, &line(now, LineKind::Paged, text, run.cause.clone()))?;
                count += 1;
            }
        }
    }
    Ok(count)
}

fn duration(seconds: u32) -> String {
    if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
}

/// The idempotency key of one message: where the user's id makes it too long, its digest stands for it.
pub fn key(run: &Run, step: u32, repeat: u32, user: &UserId, attempt: u32, contact_index: u32) -> String {
    let whole = Outbox::idempotency_key(run.incident, run.id, step, repeat, user, attempt, contact_index);
    if whole.len() <= KEY_LIMIT_BYTES {
        return whole;
    }
    let digest = hex::encode(&Sha256::digest(user.as_str())[..8]);
    let short = Outbox::idempotency_key(run.incident, run.id, step, repeat, &digest.into(), attempt, contact_index);
    if short.len() <= KEY_LIMIT_BYTES { short } else { hex::encode(Sha256::digest(whole)) }
}

impl Work for Escalation {
    fn name(&self) -> &'static str {
        "escalation"
    }

    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a tokio::sync::Notify {
        &wakes.escalation
    }

    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        Box::pin(async move { self.advance_due().await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::escalation::Target;

    #[test]
    fn keys_fit_and_differ() {
        let run = |n| Run {
            id: RunId(n),
            incident: IncidentId(n),
            target: Target::User("alice".into()),
            state: RunState::Active,
            step: 0,
            repeat: 0,
            next_at: None,
            last_resort: false,
            reason: String::new(),
            cause: None,
            started_at: Millis(0),
        };
        assert_eq!(key(&run(7), 1, 2, &"alice".into(), 0, 3), "7-7-1-2-alice-0-3");
        let long = "somebody.with-a-very-long-name@an-organisation-with-a-long-name.example";
        let keys = [
            key(&run(7), 1, 2, &long.into(), 0, 3),
            key(&run(7), 1, 2, &format!("{long}x").into(), 0, 3),
            key(&run(7), 1, 2, &long.into(), 1, 3),
            key(&run(u64::MAX), u32::MAX, u32::MAX, &long.into(), 0, u32::MAX),
            key(&run(u64::MAX), u32::MAX, u32::MAX, &long.into(), 0, 0),
        ];
        assert!(keys.iter().all(|k| k.len() <= KEY_LIMIT_BYTES), "{keys:?}");
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len());
    }
}
