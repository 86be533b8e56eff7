//! What should be done? Tells automation plugins what happened to an incident, and puts down what they want done.
//!
//! An event is a row written with the change that it tells of. It is deleted in the transaction that writes the plugin's actions, so that an
//! answer counts once: a crash before it asks again from the committed state, a crash after it finds no event.

mod ask;
mod take;

use crate::house::House;
use crate::instances::Threads;
use crate::message::incident_view;
use crate::reconciler::Work;
use ask::{Asked, ask};
use domain::action::Change;
use domain::automation::QueuedEvent;
use domain::id::EventId;
use domain::incident::Incident;
use domain::state::{Generations, Touch};
use domain::time::Millis;
use ports::plugin::{IncidentEvent, IncidentView};
use ports::{Automated, BoxFuture, HotState, Snapshot, StoreError, Tx, View, Wakes};
use std::sync::Arc;
use std::time::Duration;
use take::{Taken, take};

pub use take::finish;

/// Events looked at in one pass.
const BATCH: u32 = 64;
/// Threads that ask plugins.
const THREADS: usize = 2;
/// How long after its first, second, … failure a plugin is asked about an event again, in seconds; after the last it is told on the timeline.
const RETRY_SECONDS: [u32; 3] = [5, 30, 120];
/// How often the order of touches is looked at, and a store asked again that must take one, in real time.
const TURN_PAUSE: Duration = Duration::from_millis(5);

/// Notes in the caller's transaction what the automation plugins of an incident are to be told.
pub fn tell(tx: &mut dyn Tx, incident: &Incident, change: &Change, snapshot: &Snapshot, now: Millis) -> Result<(), StoreError> {
    for automated in snapshot.automation(incident) {
        let (id, plugin) = (tx.new_event_id()?, automated.plugin.cite().name.clone());
        tx.put_event(&QueuedEvent { id, incident: incident.id, plugin, at: now, change: change.clone(), tries: 0, next_at: now })?;
    }
    Ok(())
}

/// The reconciler of events.
pub struct Automation {
    house: Arc<House>,
    plugins: Threads,
}

/// An event with its incident as it is now; `None`: there is none any more.
type Due = (QueuedEvent, Option<IncidentView>);

impl Automation {
    pub fn new(house: Arc<House>) -> Self {
        Self { house, plugins: Threads::start("automate", THREADS) }
    }

    async fn tell_due(&self) -> Result<Option<Millis>, StoreError> {
        let snapshot = self.house.parts.live.load();
        let (due, next) = self.due(&snapshot).await?;
        if due.is_empty() {
            return Ok(next);
        }
        for (event, covered) in joined_as_one(due) {
            self.one(&snapshot, event, covered).await?;
        }
        Ok(Some(self.house.now()))
    }

    async fn due(&self, snapshot: &Arc<Snapshot>) -> Result<(Vec<Due>, Option<Millis>), StoreError> {
        let (now, installation) = (self.house.now(), Arc::clone(&snapshot.installation));
        let public_url = self.house.parts.public_url.clone();
        let job = move |view: &dyn View| {
            let events = view.events_due(now, BATCH)?;
            if events.is_empty() {
                return Ok((Vec::new(), view.next_event_due()?));
            }
            let mut due = Vec::with_capacity(events.len());
            for event in events {
                let incident = view.incident(event.incident)?;
                let seen = incident.map(|incident| incident_view(view, incident, &installation, &public_url)).transpose()?;
                due.push((event, seen));
            }
            Ok((due, None))
        };
        self.house.parts.store.view(job).await
    }

    /// Asks the event's plugin and commits the answer.
    async fn one(&self, snapshot: &Arc<Snapshot>, (event, seen): Due, covered: Vec<EventId>) -> Result<(), StoreError> {
        let found = seen.as_ref().and_then(|seen| by_name(snapshot, &seen.incident, &event.plugin)).cloned();
        let asked = match (found, seen) {
            (Some(automated), Some(seen)) => Some(self.ask(snapshot, automated, seen, &event).await),
            // The incident or the plugin's place is gone: nobody is to be told any more.
            _ => None,
        };
        fail::fail_point!("automation.before.commit", |_| Err(StoreError::Abandoned("fail point".into())));
        let taken = self.commit(snapshot, event, covered, asked).await?;
        fail::fail_point!("automation.after.commit");
        let wakes = &self.house.parts.wakes;
        if taken.queued {
            wakes.actions.notify_one();
        }
        self.house.changed(taken.changed.into_iter().collect());
        Ok(())
    }

    async fn ask(&self, snapshot: &Arc<Snapshot>, automated: Automated, seen: IncidentView, event: &QueuedEvent) -> Asked {
        let (plugin, revision) = (Arc::clone(&automated.plugin), snapshot.revision);
        let may_remember = snapshot.installation.grants.get(&plugin.cite().name).is_some_and(|grant| grant.state);
        let hot = self.house.parts.hot.clone().filter(|_| may_remember);
        let (asked_about, now) = (IncidentEvent { at: event.at, change: event.change.clone(), incident: seen }, self.house.now());
        metrics::counter!("reveille_oncall_automation_events_total", "change" => event.change.as_str()).increment(1);
        let answer = self.plugins.run(move |instances| ask(instances, revision, &plugin, hot.as_ref(), &asked_about, now)).await;
        let (answer, touch) = answer.unwrap_or_else(ask::no_thread);
        Asked { automated, answer, touch }
    }

    /// Commits an answer. One that touched what the plugin remembers has to be committed in its turn, and in the end: others wait for it.
    async fn commit(
        &self,
        snapshot: &Arc<Snapshot>,
        event: QueuedEvent,
        covered: Vec<EventId>,
        asked: Option<Asked>,
    ) -> Result<Taken, StoreError> {
        let touch = asked.as_ref().and_then(|asked| asked.touch.clone());
        if let (Some(hot), Some(touch)) = (&self.house.parts.hot, &touch) {
            in_turn(hot, touch).await;
        }
        let (event, covered, asked) = (Arc::new(event), Arc::new(covered), Arc::new(asked));
        loop {
            let (event, covered, asked, of_job) = (Arc::clone(&event), Arc::clone(&covered), Arc::clone(&asked), Arc::clone(snapshot));
            let (now, touch_of_job) = (self.house.now(), touch.clone());
            let job = move |tx: &mut dyn Tx| {
                let taken = take(tx, &event, &covered, asked.as_ref().as_ref(), &of_job, now)?;
                let generations = touch_of_job.map(|touch| remember(tx, &touch)).transpose()?;
                Ok((taken, generations))
            };
            match (self.house.parts.store.write(job).await, &touch) {
                (Ok((taken, generations)), _) => {
                    if let (Some(hot), Some(touch), Some(generations)) = (&self.house.parts.hot, &touch, generations) {
                        hot.committed(std::slice::from_ref(touch), &[], &generations);
                    }
                    return Ok(taken);
                }
                (Err(error), None) => return Err(error),
                (Err(error), Some(_)) => {
                    tracing::error!(%error, "what an automation plugin remembers cannot be stored yet; trying again");
                    tokio::time::sleep(TURN_PAUSE * 20).await;
                }
            }
        }
    }
}

/// The plugin's place among those of the incident's pipeline.
fn by_name<'a>(snapshot: &'a Snapshot, incident: &Incident, plugin: &str) -> Option<&'a Automated> {
    snapshot.automation(incident).iter().find(|automated| automated.plugin.cite().name == plugin)
}

/// Alerts that joined while nobody looked are told as one: the last stands for those before it, which are given by their ids.
fn joined_as_one(due: Vec<Due>) -> Vec<(Due, Vec<EventId>)> {
    let joined = |event: &QueuedEvent| event.change == Change::AlertJoined && event.tries == 0;
    let mut told: Vec<(Due, Vec<EventId>)> = Vec::with_capacity(due.len());
    for (event, seen) in due {
        let same = |other: &QueuedEvent| other.incident == event.incident && other.plugin == event.plugin;
        let before = told.iter().rposition(|((other, _), _)| same(other));
        match before.filter(|place| joined(&event) && joined(&told[*place].0.0)) {
            Some(place) => {
                let (first, covered) = &mut told[place];
                covered.push(first.0.id);
                *first = (event, seen);
            }
            None => told.push(((event, seen), Vec::new())),
        }
    }
    told
}

/// Waits until every touch of the space before this one is committed.
async fn in_turn(hot: &Arc<dyn HotState>, touch: &Touch) {
    while hot.committed_order(&touch.space).saturating_add(1) < touch.order {
        tokio::time::sleep(TURN_PAUSE).await;
    }
}

/// Writes what a call remembered.
fn remember(tx: &mut dyn Tx, touch: &Touch) -> Result<Generations, StoreError> {
    for write in &touch.writes {
        match &write.entry {
            Some(entry) => {
                let row = domain::state::StateRow { space: Arc::clone(&touch.space), key: write.key.clone(), entry: entry.clone() };
                tx.put_plugin_state(&row)?;
            }
            None => tx.delete_plugin_state(&touch.space, &write.key)?,
        }
    }
    if touch.writes.is_empty() {
        return tx.generations();
    }
    tx.count_generations(1 << ports::hot::partition_of_space(&touch.space))
}

impl Work for Automation {
    fn name(&self) -> &'static str {
        "automation"
    }

    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a tokio::sync::Notify {
        &wakes.automation
    }

    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        Box::pin(async move { self.tell_due().await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::IncidentId;

    fn event(id: u64, incident: u64, change: Change) -> Due {
        let (incident, plugin) = (IncidentId(incident), "webhook-actions".to_owned());
        (QueuedEvent { id: EventId(id), incident, plugin, at: Millis(0), change, tries: 0, next_at: Millis(0) }, None)
    }

    #[test]
    fn alerts_that_joined_together_are_told_as_one_and_nothing_else_is() {
        let due = vec![
            event(1, 7, Change::Opened),
            event(2, 7, Change::AlertJoined),
            event(3, 8, Change::AlertJoined),
            event(4, 7, Change::AlertJoined),
            event(5, 7, Change::Resolved),
            event(6, 7, Change::AlertJoined),
        ];
        let told: Vec<(u64, Vec<u64>)> = joined_as_one(due)
            .into_iter()
            .map(|((event, _), covered)| (event.id.0, covered.into_iter().map(|id| id.0).collect()))
            .collect();
        assert_eq!(told, [(1, vec![]), (4, vec![2]), (3, vec![]), (5, vec![]), (6, vec![])]);
    }
}
