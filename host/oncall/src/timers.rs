//! Incidents whose own time has come: a snooze ends, an acknowledgement grew old, no alert came for long. A timer only says when to look;
//! what follows is a command by the host, and the commit looks once more whether it still holds.

use crate::house::House;
use crate::reconciler::Work;
use domain::care::{CareRules, Purpose};
use domain::command::{Actor, Command, Operation, Subject};
use domain::id::{Revision, TeamId};
use domain::incident::Incident;
use domain::installation::Installation;
use domain::time::Millis;
use ports::object::{self, Object as _};
use ports::store::IncidentFilter;
use ports::timer::Timer;
use ports::{BoxFuture, Snapshot, StoreError, Tx, View, Wakes};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Timers looked at in one go.
const BATCH: u32 = 128;
/// Open incidents looked at in one go when the rules changed.
const COVER_BATCH: u32 = 500;
/// How long after a command of which nobody can say what became of it the incident is looked at again, in seconds.
const PAUSE_SECONDS: u32 = 5;
/// No revision was looked at yet.
const NONE: u64 = u64::MAX;

/// The reconciler of timers.
pub struct Timers {
    house: Arc<House>,
    /// The configuration whose rules all open incidents have their timers by.
    covered: AtomicU64,
}

/// What a timer that is due comes to.
enum Due {
    Act(Timer, Operation, String),
    /// Later, or never.
    Move(Timer, Option<Millis>),
}

impl Timers {
    pub fn new(house: Arc<House>) -> Self {
        Self { house, covered: AtomicU64::new(NONE) }
    }

    async fn pass_once(&self) -> Result<Option<Millis>, StoreError> {
        let snapshot = self.house.parts.live.load();
        self.cover(&snapshot).await?;
        loop {
            let now = self.house.now();
            let installation = Arc::clone(&snapshot.installation);
            let (due, next) = self
                .house
                .parts
                .store
                .view(move |view| {
                    let mut due = Vec::new();
                    for timer in object::due::<Timer>(view, now, BATCH)? {
                        let incident = view.incident(timer.incident)?;
                        due.push(look(timer, incident.as_ref(), &installation, now));
                    }
                    Ok((due, view.next_object_due(Timer::KIND)?))
                })
                .await?;
            if due.is_empty() {
                return Ok(next);
            }
            for each in due {
                match each {
                    Due::Act(timer, operation, key) => self.act(timer, operation, key, &snapshot).await?,
                    Due::Move(timer, to) => self.house.parts.store.write(move |tx| set(tx, timer, to)).await?,
                }
            }
        }
    }

    /// Hands the command in. Whatever comes of it, the timer is not due any more afterwards.
    async fn act(&self, timer: Timer, operation: Operation, key: String, snapshot: &Arc<Snapshot>) -> Result<(), StoreError> {
        let command = Command { subject: Subject::Incident(timer.incident), actor: Actor::Host, operation };
        let done = self.house.parts.commands.once(None, command, key).await;
        if let Err(failure) = &done {
            tracing::warn!(incident = timer.incident.0, purpose = timer.purpose.as_str(), %failure, "an incident's timer is tried again");
        }
        metrics::counter!("reveille_oncall_timers_total", "purpose" => timer.purpose.as_str()).increment(1);
        let (now, installation) = (self.house.now(), Arc::clone(&snapshot.installation));
        self.house
            .parts
            .store
            .write(move |tx| {
                if object::find::<Timer>(tx.as_view(), &timer.id())?.is_none_or(|left| left.due_at > now) {
                    return Ok(());
                }
                let incident = tx.incident(timer.incident)?;
                let to = match look(timer.clone(), incident.as_ref(), &installation, now) {
                    Due::Move(_, to) => to,
                    Due::Act(..) => Some(now.plus_seconds(PAUSE_SECONDS)),
                };
                set(tx, timer, to)
            })
            .await
    }

    /// Gives all open incidents the timers that new rules want; the committer keeps them up to date from then on.
    async fn cover(&self, snapshot: &Arc<Snapshot>) -> Result<(), StoreError> {
        let Revision(revision) = snapshot.revision;
        if self.covered.load(Ordering::Acquire) == revision {
            return Ok(());
        }
        let teams: Vec<TeamId> =
            snapshot.installation.teams.values().filter(|team| team.care.is_any()).map(|team| team.id.clone()).collect();
        let mut before = None;
        while !teams.is_empty() {
            let filter = IncidentFilter { open: Some(true), teams: Some(teams.clone()), before, limit: COVER_BATCH };
            let installation = Arc::clone(&snapshot.installation);
            let (last, missing) = self
                .house
                .parts
                .store
                .view(move |view| {
                    let open = view.incidents(&filter)?;
                    let mut missing = Vec::new();
                    for incident in &open {
                        missing.extend(lacks(view, incident, &rules(incident, &installation))?);
                    }
                    Ok((open.last().map(|incident| incident.id), missing))
                })
                .await?;
            if !missing.is_empty() {
                self.house.parts.store.write(move |tx| missing.iter().try_for_each(|timer| object::put(tx, timer))).await?;
            }
            let Some(last) = last else { break };
            before = Some(last);
        }
        self.covered.store(revision, Ordering::Release);
        Ok(())
    }
}

/// What to do about a timer that is due, from the incident's row alone.
fn look(timer: Timer, incident: Option<&Incident>, installation: &Installation, now: Millis) -> Due {
    let Some(incident) = incident else { return Due::Move(timer, None) };
    let due = incident.due(timer.purpose, &rules(incident, installation));
    if due.is_none_or(|at| at > now) {
        return Due::Move(timer, due);
    }
    let (operation, since) = match timer.purpose {
        Purpose::Snooze => {
            let Some(until) = incident.care.snoozed_until else { return Due::Move(timer, None) };
            (Operation::EndSnooze(until), until)
        }
        Purpose::Return => {
            let Some(since) = incident.care.confirmed_at.max(incident.acknowledged_at) else { return Due::Move(timer, None) };
            (Operation::ReturnStale(since), since)
        }
        Purpose::Resolve => (Operation::AutoResolve(incident.last_alert_at), incident.last_alert_at),
    };
    let key = format!("timer/{}/{}/{}", timer.id(), since.0, incident.care.epoch);
    Due::Act(timer, operation, key)
}

fn rules(incident: &Incident, installation: &Installation) -> CareRules {
    installation.teams.get(&incident.team).map(|team| team.care).unwrap_or_default()
}

fn set(tx: &mut dyn Tx, timer: Timer, to: Option<Millis>) -> Result<(), StoreError> {
    match to {
        Some(due_at) => object::put(tx, &Timer { due_at, ..timer }),
        None => object::delete::<Timer>(tx, &timer.id()).map(drop),
    }
}

/// The timers that an incident lacks, or has only for later than its rules want. One that is too early moves itself when it is due.
fn lacks(view: &dyn View, incident: &Incident, rules: &CareRules) -> Result<Vec<Timer>, StoreError> {
    let mut missing = Vec::new();
    for purpose in Purpose::ALL {
        let Some(due_at) = incident.due(purpose, rules) else { continue };
        let has = object::find::<Timer>(view, &Timer::id_of(incident.id, purpose))?;
        if has.is_none_or(|timer| timer.due_at > due_at) {
            missing.push(Timer { incident: incident.id, purpose, due_at });
        }
    }
    Ok(missing)
}

impl Work for Timers {
    fn name(&self) -> &'static str {
        "timers"
    }

    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a tokio::sync::Notify {
        &wakes.timers
    }

    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        Box::pin(async move { self.pass_once().await })
    }
}
