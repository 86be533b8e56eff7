//! A partition thread: runs the stages on the alerts of its partitions, in order, with its own warm instances.

use crate::batch::{Item, Work, undecided};
use crate::shared::{LOOK_UP, Shared, ToCommit};
use crate::stages::WarmStages;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use domain::alert::Alert;
use domain::id::{DecisionId, JournalId};
use domain::inbound::Event;
use domain::journal::{Entry, Record};
use std::sync::Arc;
use std::time::Duration;

/// The events of one record that belong to one thread's partitions: place in the record, and partition.
pub struct Task {
    pub id: JournalId,
    pub record: Arc<Record>,
    pub events: Vec<(u16, u8)>,
}

/// Tasks that a thread takes under one snapshot.
const TASKS_PER_SNAPSHOT: usize = 64;

/// Runs until the engine stops or the feeder is gone.
pub fn run(shared: &Shared, tasks: &Receiver<Task>, commit: &Sender<ToCommit>) {
    let mut stages = WarmStages::of(shared.live.load(), Some(&*shared.hot));
    let mut pause = SwapPause::default();
    loop {
        let first = match tasks.recv_timeout(LOOK_UP) {
            Ok(task) => task,
            Err(RecvTimeoutError::Timeout) if !shared.is_stopping() => {
                // A thread without work must not hold on to what is no longer in force.
                let snapshot = shared.live.load();
                if !stages.are_of(&snapshot) {
                    stages = WarmStages::of(snapshot, Some(&*shared.hot));
                }
                continue;
            }
            Err(_) => return,
        };
        // A batch boundary: the newest snapshot takes over, and the old instances go.
        let snapshot = shared.live.load();
        let swapped = (!stages.are_of(&snapshot)).then(|| shared.clock.elapsed());
        if swapped.is_some() {
            stages = WarmStages::of(snapshot, Some(&*shared.hot));
        }
        stages.hush(shared.live.silences());
        let mut swapped = swapped;
        for task in std::iter::once(first).chain(tasks.try_iter().take(TASKS_PER_SNAPSHOT - 1)) {
            if shared.is_stopping() {
                return;
            }
            let id = task.id;
            let items = decide(&mut stages, task);
            if let Some(began) = swapped.take() {
                pause.took(shared.clock.elapsed().saturating_sub(began));
            }
            if commit.send(ToCommit::Items(id, items)).is_err() {
                return;
            }
        }
    }
}

/// How long this thread's partitions waited for a swap: from the end of one batch until the first record under the new snapshot is decided.
#[derive(Default)]
struct SwapPause {
    longest: Duration,
}

impl SwapPause {
    fn took(&mut self, time: Duration) {
        metrics::histogram!("reveille_pipeline_swap_seconds").record(time.as_secs_f64());
        if time > self.longest {
            self.longest = time;
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            metrics::gauge!("reveille_pipeline_longest_swap_seconds", "thread" => thread).set(time.as_secs_f64());
        }
    }
}

fn decide(stages: &mut WarmStages, mut task: Task) -> Vec<Item> {
    let Entry::Taken { from, .. } = &task.record.entry else { return Vec::new() };
    let from = from.clone();
    let at = task.record.received_at;
    let item = |(index, partition): (u16, u8)| {
        let id = DecisionId::new(task.id, usize::from(index));
        let work = match alert_of(&mut task.record, index) {
            Some(alert) => {
                let (decision, touches) = stages.decide(id, partition, &from, alert);
                undecided(decision, touches)
            }
            // A command about an entity keeps its place among that entity's alerts.
            None => Work::Event(Arc::clone(&task.record)),
        };
        Item { id, at, work }
    };
    task.events.into_iter().map(item).collect()
}

/// The alert at a place of a record: taken out of it where nobody else needs the record any more, which is the common case.
fn alert_of(record: &mut Arc<Record>, index: u16) -> Option<Alert> {
    let index = usize::from(index);
    if let Some(Record { entry: Entry::Taken { events, .. }, .. }) = Arc::get_mut(record) {
        return match &mut events[index] {
            Event::Alert(alert) => {
                let place = Alert::firing("", alert.severity, alert.received_at);
                Some(std::mem::replace(&mut **alert, place))
            }
            _ => None,
        };
    }
    match &record.entry {
        Entry::Taken { events, .. } => match &events[index] {
            Event::Alert(alert) => Some(alert.as_ref().clone()),
            _ => None,
        },
        _ => None,
    }
}
