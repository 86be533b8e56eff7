//! Due runs: one transaction turns a run's timer into the pages of its next step, so that a timer and its page are never apart.

use crate::automation::tell;
use crate::house::{House, line};
use crate::paging::queue;
use crate::reconciler::Work;
use domain::action::Change;
use domain::alert::Status;
use domain::escalation::{Advance, Begun, Duty, Run, RunState, Target, Turned, Turns, advance};
use domain::id::{IncidentId, PolicyId, RunId, UserId};
use domain::incident::Incident;
use domain::page::Outbox;
use domain::schedule::Override;
use domain::time::Millis;
use ports::{BoxFuture, Snapshot, StoreError, Tx, Wakes, object};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Runs advanced in one transaction: many enough that a wave of pages costs few fsyncs, few enough that the writer serves others soon.
const BATCH: usize = 128;
/// Batches of one pass.
const BATCHES: u32 = 64;
/// How long an override that is over still counts for who was on call before, in milliseconds.
const OVERRIDES_BACK_MS: i64 = 8 * 24 * 3_600_000;
/// How long until an escalation is looked at again whose alerts are all suppressed, in seconds.
const HELD_SECONDS: u32 = 60;
/// Most alerts that are looked at for one that is suppressed.
const HELD_ALERTS: u32 = 500;
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
            // Also those that ended lately: they say who was on call before.
            let overrides = tx.overrides(None, now.plus_millis(-OVERRIDES_BACK_MS))?;
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
    if is_held(tx, &incident)? {
        return tx.put_run(&Run { next_at: Some(now.plus_seconds(HELD_SECONDS)), ..run });
    }
    let runs = tx.runs_of(incident.id)?;
    let duty = Duty { installation, overrides, now };
    let turns = turns(tx, &run, &duty)?;
    let Advance { run, page, begun, said, turned } = advance(&run, &incident, &runs, &duty, &turns);
    if let Some(Turned { policy, step, next }) = turned {
        object::put(tx, &KeptTurn { policy, step, next })?;
    }
    tx.put_run(&run)?;
    for said in said {
        tx.add_line(incident.id, &line(now, said.kind, &said.text, run.cause.clone()))?;
    }
    for begun in begun {
        begin(tx, &run, begun, now)?;
    }
    if let Some(page) = page {
        tell(tx, &incident, &Change::Escalated(page.step), snapshot, now)?;
        done.pages += queue(tx, &run, &page, &incident, installation, now)?;
    }
    done.incidents.push(incident.id);
    Ok(())
}

/// Everything that fires on it is suppressed: its escalation waits until something fires again, or it resolves. One on which nothing fires
/// at all, because somebody opened it again, is not held.
fn is_held(tx: &dyn Tx, incident: &Incident) -> Result<bool, StoreError> {
    if incident.status != Status::Firing || incident.own || incident.firing.iter().sum::<u32>() > 0 {
        return Ok(false);
    }
    let alerts = tx.alerts_of(incident.id, HELD_ALERTS)?;
    Ok(alerts.iter().any(|alert| alert.status == Status::Firing && alert.suppressed_until.is_some()))
}

fn begin(tx: &mut dyn Tx, by: &Run, begun: Begun, now: Millis) -> Result<(), StoreError> {
    let run = Run {
        // What an escalation hands over to when it ends is no call for help any more.
        ask: by.ask.filter(|_| by.state == RunState::Active),
        epoch: by.epoch,
        ..Run::begun(tx.new_run_id()?, by.incident, begun, by.cause.clone(), now)
    };
    tx.put_run(&run)
}

/// Whose turn it is in the steps of the run's policy whose targets take turns.
fn turns(tx: &dyn Tx, run: &Run, duty: &Duty<'_>) -> Result<Turns, StoreError> {
    let Target::Policy(policy) = duty.canonical(&run.target) else { return Ok(Turns::new()) };
    let mut turns = Turns::new();
    for (step, _) in duty.plan(&run.target).iter().flat_map(|plan| plan.steps.iter().enumerate()).filter(|(_, step)| step.round_robin) {
        let step = step as u32;
        if let Some(kept) = object::find::<KeptTurn>(tx.as_view(), &KeptTurn::id_of(&policy, step))? {
            turns.insert((policy.clone(), step), kept.next);
        }
    }
    Ok(turns)
}

/// Whose turn is next in a step: stored, and moved on in the transaction of the page, so that one after the other has it, whatever
/// incidents of others come between and however often the server starts anew.
#[derive(Debug, Serialize, Deserialize)]
struct KeptTurn {
    policy: PolicyId,
    step: u32,
    next: u32,
}

impl KeptTurn {
    fn id_of(policy: &PolicyId, step: u32) -> String {
        format!("{policy}/{step}")
    }
}

impl object::Object for KeptTurn {
    const KIND: object::Kind = object::Kind::Turn;

    fn id(&self) -> String {
        Self::id_of(&self.policy, self.step)
    }

    fn due_at(&self) -> Option<Millis> {
        None
    }
}

/// The idempotency key of one message: where the user's id makes it too long, its digest stands for it.
pub fn key(run: &Run, step: u32, repeat: u32, user: &UserId, attempt: u32, contact_index: u32) -> String {
    let whole = Outbox::idempotency_key(run.incident, run.id, step, repeat, user, attempt, contact_index);
    if whole.len() <= KEY_LIMIT_BYTES {
        return whole;
    }
    let digest = hex::encode(&Sha256::digest(user.as_str())[..8]);
    bounded(Outbox::idempotency_key(run.incident, run.id, step, repeat, &digest.into(), attempt, contact_index))
}

/// A key that is too long as its digest.
pub fn bounded(key: String) -> String {
    if key.len() <= KEY_LIMIT_BYTES { key } else { hex::encode(Sha256::digest(key)) }
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
            ask: None,
            epoch: 0,
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
