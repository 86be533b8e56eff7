//! Dead letters: parked bodies are tried again behind the door; an operator replays or discards the rest.

use crate::answer::ReplayError;
use crate::batch::{Batch, Committed};
use crate::engine::complete;
use crate::normalizers::Normalizers;
use crate::rows::Spare;
use crate::shared::Shared;
use domain::decision::PluginRef;
use domain::id::{DeadLetterId, DecisionId, JournalId};
use domain::inbound::{EVENTS_LIMIT, Event};
use domain::journal::{Entry, Record};
use ports::store::{DeadLetter, DeadLetterKind, DeadLetterState};
use ports::{JournalError, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// How long after each try a parked body is tried again, in seconds; after the last it waits for an operator.
const BACK_OFF_SECONDS: [u32; 6] = [5, 30, 120, 600, 3600, 21_600];
/// Dead letters tried in one go.
const TRIES: u32 = 32;
/// How often the loop looks although nobody called.
const PERIOD_SECONDS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// Tries parked bodies again when they are due.
pub async fn retry(shared: Arc<Shared>, normalizers: Normalizers) {
    loop {
        let now = shared.clock.now();
        match shared.store.view(move |view| view.dead_letters_due(now, TRIES)).await {
            Ok(due) if due.is_empty() => {
                tokio::select! {
                    () = shared.clock.wait_until(now.plus_seconds(PERIOD_SECONDS)) => {}
                    () = shared.wakes.dead_letters.notified() => shared.clock.wait_until(now.plus_seconds(1)).await,
                }
            }
            Ok(due) => {
                for letter in due {
                    let id = letter.id;
                    if let Err(error) = try_again(&shared, &normalizers, letter).await {
                        tracing::info!(dead_letter = id.0, error = %error, "a parked body is still not taken");
                        if matches!(error, ReplayError::Journal(_) | ReplayError::Store(_)) {
                            tokio::time::sleep(PAUSE).await;
                        }
                    }
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "dead letters cannot be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Tries a dead letter again because somebody asks.
pub async fn replay(shared: &Shared, normalizers: &Normalizers, id: DeadLetterId) -> Result<String, ReplayError> {
    let letter = waiting(shared, id).await?;
    try_again(shared, normalizers, letter).await
}

/// Puts a dead letter aside.
pub async fn discard(shared: &Shared, id: DeadLetterId) -> Result<(), ReplayError> {
    let letter = waiting(shared, id).await?;
    settle(shared, letter, DeadLetterState::Discarded).await
}

async fn waiting(shared: &Shared, id: DeadLetterId) -> Result<DeadLetter, ReplayError> {
    let letter = shared.store.view(move |view| view.dead_letter(id)).await?.ok_or(ReplayError::Unknown(id))?;
    if letter.state == DeadLetterState::Waiting { Ok(letter) } else { Err(ReplayError::Settled(id)) }
}

async fn try_again(shared: &Shared, normalizers: &Normalizers, letter: DeadLetter) -> Result<String, ReplayError> {
    let record = read(shared, letter.record).await?;
    let entry = match (&record.entry, letter.decision) {
        (Entry::Parked { .. } | Entry::Rejected { .. }, _) => match normalize(shared, normalizers, &record, letter.id).await {
            Ok(entry) => entry,
            Err(ReplayError::StillFails(reason)) => return still_fails(shared, letter, reason).await,
            Err(error) => return Err(error),
        },
        (_, Some(decision)) => again(&record, decision),
        (entry, None) => entry.clone(),
    };
    let words = match &entry {
        Entry::Taken { events, .. } => format!("taken in with {} events", events.len()),
        _ => "taken in".to_owned(),
    };
    fail::fail_point!("pipeline.before.replay");
    shared.journal.appended(Record { received_at: shared.clock.now(), entry }).await?;
    fail::fail_point!("pipeline.after.replay");
    settle(shared, letter, DeadLetterState::Replayed).await?;
    Ok(words)
}

async fn read(shared: &Shared, id: JournalId) -> Result<Arc<Record>, ReplayError> {
    let journal = Arc::clone(&shared.journal);
    let read = tokio::task::spawn_blocking(move || journal.read(id, 1)).await;
    let stopped = |_| JournalError::Unavailable("its reader has stopped".to_owned());
    let record = read.map_err(stopped)??.into_iter().find(|(found, _)| *found == id);
    Ok(record.ok_or_else(|| JournalError::Unreadable(id, "it is missing".to_owned()))?.1)
}

/// The one event of a record whose decision could not be committed, as a record of its own.
fn again(record: &Record, decision: DecisionId) -> Entry {
    match &record.entry {
        Entry::Taken { from, raw, events, plugin } => Entry::Taken {
            from: from.clone(),
            raw: raw.clone(),
            events: events.get(decision.index()).cloned().into_iter().collect::<Vec<Event>>(),
            plugin: plugin.clone(),
        },
        entry => entry.clone(),
    }
}

/// What the plugin in force now makes of a body.
async fn normalize(shared: &Shared, normalizers: &Normalizers, record: &Record, id: DeadLetterId) -> Result<Entry, ReplayError> {
    let (Entry::Parked { from, raw, .. } | Entry::Rejected { from, raw, .. }) = &record.entry else {
        return Ok(record.entry.clone());
    };
    if raw.body.is_empty() && matches!(record.entry, Entry::Rejected { .. }) {
        return Err(ReplayError::NotKept(id));
    }
    let still = |reason: &str| ReplayError::StillFails(reason.to_owned());
    let plugin = shared.live.load().normalizers.get(&from.integration).cloned();
    let plugin = plugin.ok_or_else(|| {
        still("the integration has no normalizer in force; what people answer is not tried again: they have to repeat it")
    })?;
    let cite = PluginRef::clone(plugin.cite());
    let (raw, outcome) =
        normalizers.run(plugin, Box::new(raw.clone())).await.map_err(|_| still("too many bodies wait for a normalizer"))?;
    let mut normalized = match outcome {
        Ok(Ok(normalized)) => normalized,
        Ok(Err(refusal)) => return Err(still(&refusal.reason)),
        Err(failure) => return Err(still(&format!("{} {failure}", cite.name))),
    };
    if normalized.events.len() > EVENTS_LIMIT {
        return Err(still(&format!("{} made more than {EVENTS_LIMIT} events of it", cite.name)));
    }
    complete(&mut normalized.events, &raw);
    // What it says happened then; what is reckoned with is now.
    let now = shared.clock.now();
    for event in &mut normalized.events {
        if let Event::Alert(alert) = event {
            alert.received_at = now;
        }
    }
    Ok(Entry::Taken { from: from.clone(), raw: *raw, events: normalized.events, plugin: cite })
}

/// Counts the try and says when the next one is.
async fn still_fails(shared: &Shared, letter: DeadLetter, reason: String) -> Result<String, ReplayError> {
    let now = shared.clock.now();
    let pause = BACK_OFF_SECONDS.get(letter.tries as usize).filter(|_| letter.kind == DeadLetterKind::Parked);
    let next_at = pause.map(|seconds| now.plus_seconds(*seconds));
    let next = DeadLetter { tries: letter.tries.saturating_add(1), next_at, reason: reason.clone(), ..letter };
    shared.store.write(move |tx| tx.put_dead_letter(&next)).await?;
    Err(ReplayError::StillFails(reason))
}

/// Marks it; the last one that an integration had waiting resolves the incident about them.
async fn settle(shared: &Shared, letter: DeadLetter, state: DeadLetterState) -> Result<(), ReplayError> {
    let now = shared.clock.now();
    let availability = shared.availability.load_full();
    let snapshot = shared.live.load();
    let job = move |tx: &mut dyn ports::Tx| -> Result<Committed, StoreError> {
        let settled = DeadLetter { state, next_at: None, ..letter };
        tx.put_dead_letter(&settled)?;
        if tx.dead_letters_waiting(settled.integration.as_ref())? > 0 {
            return Ok(Committed::default());
        }
        Batch::on(tx, Spare::default(), &availability, &snapshot).no_dead_letters_left(settled.integration.as_ref(), now)
    };
    let committed = shared.store.write(job).await?;
    shared.announce(&committed);
    Ok(())
}
