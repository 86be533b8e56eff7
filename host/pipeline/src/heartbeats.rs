//! Looks after heartbeats: notes signs of life, and journals an alert of its own sender when one stays away, and when it is back.

use crate::quiet::host;
use crate::shared::Shared;
use domain::heartbeat::{Beat, Heartbeat, News};
use domain::inbound::{Event, Inbound, Method};
use domain::journal::{Entry, Record, Sender};
use domain::time::Millis;
use ports::object;
use ports::{StoreError, Tx};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often it looks without being told, in seconds: a new configuration is seen at once anyway.
const PERIOD_SECONDS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// Notes a sign of life; `true`: it was missing, so somebody has to be told.
pub fn came(tx: &mut dyn Tx, heartbeat: &Heartbeat, at: Millis) -> Result<bool, StoreError> {
    let known = object::find::<Beat>(tx.as_view(), &heartbeat.id)?;
    let new = known.is_none();
    let mut beat = known.unwrap_or_else(|| heartbeat.expected(at));
    if beat.came(at, heartbeat) || new {
        object::put(tx, &beat)?;
    }
    Ok(beat.missed_at.is_some())
}

/// Runs as long as the engine.
pub async fn keep(shared: Arc<Shared>) {
    loop {
        match pass(&shared).await {
            Ok(next) => {
                let period = shared.clock.now().plus_seconds(PERIOD_SECONDS);
                tokio::select! {
                    () = shared.clock.wait_until(next.map_or(period, |next| next.min(period))) => {}
                    () = shared.wakes.heartbeats.notified() => {}
                }
            }
            Err(error) => {
                tracing::warn!(error, "heartbeats could not be looked at; tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Looks at every heartbeat; when the next is due.
async fn pass(shared: &Shared) -> Result<Option<Millis>, String> {
    let words = |error: StoreError| error.to_string();
    let now = shared.clock.now();
    let availability = shared.availability.load_full();
    let installation = Arc::clone(&shared.live.load().installation);
    let stored = shared.store.view(|view| object::all::<Beat>(view)).await.map_err(words)?;
    let mut known: BTreeMap<String, Beat> = stored.into_iter().map(|beat| (beat.id.clone(), beat)).collect();
    let mut next: Option<Millis> = None;
    for heartbeat in installation.heartbeats.values() {
        let before = known.remove(&heartbeat.id);
        let mut beat = before.clone().unwrap_or_else(|| heartbeat.expected(now));
        beat.team.clone_from(&heartbeat.team);
        let news = heartbeat.look(&mut beat, now, &availability);
        if let Some(news) = news {
            // First to the journal: a crash between the two tells it twice, which changes nothing.
            tell(shared, heartbeat, news, beat.seen_at, now).await?;
        }
        next = [next, beat.due_at].into_iter().flatten().min();
        if before.as_ref() != Some(&beat) {
            store(shared, before, beat).await.map_err(words)?;
        }
    }
    for (id, gone) in known {
        if gone.missed_at.is_some() {
            let last = Heartbeat {
                id: id.clone(),
                team: gone.team.clone(),
                every_seconds: 0,
                grace_seconds: 0,
                severity: domain::alert::Severity::Error,
                policy: None,
                alerts: Vec::new(),
            };
            tell(shared, &last, News::Back, gone.seen_at, now).await?;
        }
        shared.store.write(move |tx| object::delete::<Beat>(tx, &id).map(drop)).await.map_err(words)?;
    }
    Ok(next)
}

/// Writes what the look changed, unless a sign of life came meanwhile: then it is looked at again.
async fn store(shared: &Shared, before: Option<Beat>, beat: Beat) -> Result<(), StoreError> {
    let written = move |tx: &mut dyn Tx| -> Result<bool, StoreError> {
        let now = object::find::<Beat>(tx.as_view(), &beat.id)?;
        let same = now.as_ref().map(|now| now.seen_at) == before.as_ref().map(|before| before.seen_at);
        let mut beat = beat;
        if let Some(now) = now.filter(|_| !same) {
            beat.seen_at = now.seen_at;
            beat.due_at = Some(now.seen_at);
        }
        object::put(tx, &beat)?;
        Ok(same)
    };
    if !shared.store.write(written).await? {
        shared.wakes.heartbeats.notify_one();
    }
    Ok(())
}

async fn tell(shared: &Shared, heartbeat: &Heartbeat, news: News, seen_at: Millis, now: Millis) -> Result<(), String> {
    tracing::warn!(heartbeat = heartbeat.id, news = ?news, "heartbeat");
    metrics::counter!("reveille_pipeline_heartbeat_news_total", "news" => if news == News::Missed { "missed" } else { "back" })
        .increment(1);
    let raw = Inbound {
        id: format!("heartbeat-{}-{}", heartbeat.id, now.0),
        received_at: now,
        method: Method::Get,
        url: String::new(),
        path: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let entry = Entry::Taken {
        from: Sender { integration: heartbeat.sender(), team: heartbeat.team.clone() },
        raw,
        events: vec![Event::Alert(Box::new(heartbeat.alert(news, seen_at, now)))],
        plugin: (*host()).clone(),
    };
    shared.journal.appended(Record { received_at: now, entry }).await.map(drop).map_err(|error| error.to_string())
}
