//! Live streams: a page is told that something changed, in words that it shows and that wait to be followed. Nothing moves by itself.

use crate::app::App;
use crate::extract::{Asked, Caller, TheIncident};
use crate::guard::{Permission, Routes};
use crate::principal::{Action, Principal};
use crate::problem::Problem;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use domain::id::{IncidentId, TeamId};
use domain::time::Millis;
use futures_util::{Stream, stream};
use ports::StoreError;
use ports::store::IncidentFilter;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, broadcast};

/// A stream ends after this long, in seconds, and the browser opens another: so rights are checked again.
const LIFE_SECONDS: u32 = 600;
/// Changes within this time are told together, in milliseconds.
const TOGETHER_MS: i64 = 1_000;

pub fn register(routes: &mut Routes) {
    routes.plain("/live/incidents", Permission::Known, get(incidents));
    routes.plain("/live/incidents/{id}", Permission::Incident(Action::See), get(incident));
}

/// What the page showed last.
#[derive(Debug, Deserialize)]
struct Seen {
    /// For the list: the highest incident's id. For one incident: its version.
    #[serde(default)]
    seen: u64,
}

type Events = Sse<axum::response::sse::KeepAliveStream<std::pin::Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>>>>;

async fn incidents(State(app): State<App>, Caller(caller): Caller, Asked(query): Asked<Seen>) -> Result<Events, Problem> {
    stream_of(app, Watch { caller, one: None, seen: query.seen, changed: 0 })
}

async fn incident(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Asked(query): Asked<Seen>,
) -> Result<Events, Problem> {
    stream_of(app, Watch { caller, one: Some(incident.id), seen: query.seen, changed: 0 })
}

struct Watch {
    caller: Arc<Principal>,
    one: Option<IncidentId>,
    seen: u64,
    changed: u64,
}

struct Streaming {
    app: App,
    watch: Watch,
    changes: broadcast::Receiver<IncidentId>,
    ends: Millis,
    /// The first look covers what changed between the page and the stream.
    first: bool,
    _permit: OwnedSemaphorePermit,
}

fn stream_of(app: App, watch: Watch) -> Result<Events, Problem> {
    let permit = app.streams.clone().try_acquire_owned().map_err(|_| Problem::unavailable("Too many pages listen for changes."))?;
    let changes = app.parts.wakes.changes();
    let ends = app.now().plus_seconds(LIFE_SECONDS);
    let start = Streaming { app, watch, changes, ends, first: true, _permit: permit };
    let events = stream::unfold(start, |mut streaming| async move {
        let words = streaming.next().await?;
        // One line: the text holds nothing but figures and fixed words.
        Some((Ok(Event::default().event("news").data(words)), streaming))
    });
    let events: std::pin::Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>> = Box::pin(events);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

impl Streaming {
    /// The next thing to say; `None` ends the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            let mut touched = Vec::new();
            if !std::mem::take(&mut self.first) && !self.wait(&mut touched).await {
                return None;
            }
            match self.words(touched).await {
                Ok(Some(words)) => return Some(words),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "a live stream ends");
                    return None;
                }
            }
        }
    }

    /// Waits for changes that may concern the page; `false`: it is time to end.
    async fn wait(&mut self, touched: &mut Vec<IncidentId>) -> bool {
        let mut stopping = self.app.parts.stopping.clone();
        tokio::select! {
            change = self.changes.recv() => match change {
                Ok(id) => touched.push(id),
                // It fell behind: whatever it is, look at the store.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return false,
            },
            () = self.app.parts.clock.wait_until(self.ends) => return false,
            _ = stopping.wait_for(|stop| *stop) => return false,
        }
        self.app.parts.clock.wait_until(self.app.now().plus_millis(TOGETHER_MS)).await;
        while let Ok(id) = self.changes.try_recv() {
            touched.push(id);
        }
        true
    }

    async fn words(&mut self, touched: Vec<IncidentId>) -> Result<Option<String>, StoreError> {
        match self.watch.one {
            Some(id) => {
                let seen = self.watch.seen;
                let version = self.app.parts.store.view(move |view| Ok(view.incident(id)?.map(|incident| incident.version))).await?;
                let touched = touched.contains(&id);
                Ok((touched || version.is_some_and(|version| version > seen))
                    .then(|| link(&format!("/incidents/{id}"), "This incident changed")))
            }
            None => self.list_words(touched).await,
        }
    }

    async fn list_words(&mut self, touched: Vec<IncidentId>) -> Result<Option<String>, StoreError> {
        let teams = self.watch.caller.sees.filter();
        if teams.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let (seen, sees) = (self.watch.seen, self.watch.caller.sees.clone());
        let filter = IncidentFilter { open: Some(true), teams, before: None, limit: 100 };
        let (fresh, changed) = self
            .app
            .parts
            .store
            .view(move |view| {
                let fresh = view.incidents(&filter)?.iter().filter(|incident| incident.id.0 > seen).count();
                let mut changed = 0_u64;
                for id in touched.into_iter().filter(|id| id.0 <= seen).take(100) {
                    changed += u64::from(view.incident(id)?.is_some_and(|incident| sees.holds(&TeamId(incident.team.0))));
                }
                Ok((fresh, changed))
            })
            .await?;
        self.watch.changed += changed;
        let words = match (fresh, self.watch.changed) {
            (0, 0) => return Ok(None),
            (0, _) => "Some have changed".to_owned(),
            (100, _) => "100 or more new".to_owned(),
            (fresh, _) => format!("{fresh} new"),
        };
        Ok(Some(link("", &words)))
    }
}

/// An empty address is the page itself, with its filters.
fn link(address: &str, words: &str) -> String {
    format!("<a class=\"news\" href=\"{address}\">{words} <span>Show</span></a>")
}
