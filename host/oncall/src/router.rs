//! Who has to know: asks an incident's route plugins, and begins an escalation for each destination that pages.
//!
//! Whatever fails here ends in the default policy. New destinations add escalations; none is cancelled.

mod begin;
mod decide;

use crate::house::House;
use crate::instances::Threads;
use crate::message::incident_view;
use crate::reconciler::Work;
use begin::{Left, begin};
use decide::{Routed, decide};
use domain::id::IncidentId;
use domain::time::Millis;
use ports::plugin::IncidentView;
use ports::{BoxFuture, Snapshot, StoreError, Wakes};
use std::sync::Arc;
use std::time::Duration;

pub use begin::route_too;
pub use decide::{Chosen, exists, routes_of};

/// Incidents routed in one transaction.
const BATCH: u32 = 128;
/// An incident that changes between question and answer is asked about again so often; then the answer counts all the same, and it is
/// routed once more.
const ROUNDS: u32 = 3;
/// An answer waits at most so long for others to be committed with it.
const HOLD_LIMIT: Duration = Duration::from_millis(200);

/// The reconciler of incidents that have to be routed.
pub struct Router {
    house: Arc<House>,
    /// One thread: an incident's questions are few, and their answers cheap.
    plugins: Threads,
}

impl Router {
    pub fn new(house: Arc<House>) -> Self {
        Self { house, plugins: Threads::start("route", 1) }
    }

    async fn route_due(&self) -> Result<Option<Millis>, StoreError> {
        for round in 0..=ROUNDS {
            let snapshot = self.house.parts.live.load();
            let views = self.waiting(&snapshot).await?;
            if views.is_empty() {
                return Ok(None);
            }
            let full = views.len() >= BATCH as usize;
            let mut left = false;
            let mut routed = Vec::with_capacity(views.len());
            let mut began = self.house.parts.clock.elapsed();
            for view in views {
                routed.push(self.ask(&snapshot, view).await);
                // A plugin that runs into its deadline each time must not hold up those that have their answer.
                if self.house.parts.clock.elapsed().saturating_sub(began) > HOLD_LIMIT {
                    left |= self.commit(std::mem::take(&mut routed), &snapshot, round == ROUNDS).await?;
                    began = self.house.parts.clock.elapsed();
                }
            }
            left |= self.commit(routed, &snapshot, round == ROUNDS).await?;
            if full {
                return Ok(Some(self.house.now()));
            }
            if !left {
                return Ok(None);
            }
        }
        Ok(Some(self.house.now()))
    }

    /// What has to be routed. A row that cannot be read holds up no other.
    async fn waiting(&self, snapshot: &Arc<Snapshot>) -> Result<Vec<IncidentView>, StoreError> {
        let installation = Arc::clone(&snapshot.installation);
        let public_url = self.house.parts.public_url.clone();
        let job = move |view: &dyn ports::View| {
            let mut views = Vec::new();
            for id in view.incidents_to_route(BATCH)? {
                match read(view, id, &installation, &public_url) {
                    Ok(found) => views.extend(found),
                    Err(StoreError::Corrupt { doing, why }) => {
                        tracing::error!(incident = id.0, doing, why, "cannot read an incident to route it");
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(views)
        };
        self.house.parts.store.view(job).await
    }

    async fn ask(&self, snapshot: &Arc<Snapshot>, view: IncidentView) -> Routed {
        let (of_thread, asked) = (Arc::clone(snapshot), view.clone());
        match self.plugins.run(move |instances| decide(instances, &of_thread, asked)).await {
            Some(routed) => routed,
            None => Routed::by_default(view.incident, &snapshot.installation, "the router could not ask its plugins"),
        }
    }

    /// Commits all in one transaction; if that fails, each in its own. Says whether any was left because it changed meanwhile.
    async fn commit(&self, routed: Vec<Routed>, snapshot: &Arc<Snapshot>, last: bool) -> Result<bool, StoreError> {
        if routed.is_empty() {
            return Ok(false);
        }
        let routed = Arc::new(routed);
        match self.commit_some(&routed, 0..routed.len(), snapshot, last).await {
            Ok(left) => Ok(left),
            Err(error) if routed.len() == 1 => Err(error),
            Err(error) => {
                tracing::warn!(%error, "cannot commit a batch of routes; trying each alone");
                let mut any_left = false;
                let mut failure = None;
                for place in 0..routed.len() {
                    match self.commit_some(&routed, place..place + 1, snapshot, last).await {
                        Ok(left) => any_left |= left,
                        Err(error) => failure = Some(error),
                    }
                }
                failure.map_or(Ok(any_left), Err)
            }
        }
    }

    async fn commit_some(
        &self,
        routed: &Arc<Vec<Routed>>,
        places: std::ops::Range<usize>,
        snapshot: &Arc<Snapshot>,
        last: bool,
    ) -> Result<bool, StoreError> {
        let (of_job, installation) = (Arc::clone(routed), Arc::clone(&snapshot.installation));
        let now = self.house.now();
        let some = places.clone();
        let job = move |tx: &mut dyn ports::Tx| {
            let mut left = false;
            for routed in &of_job[some] {
                left |= begin(tx, routed, &installation, now, last)? == Left::Changed;
            }
            fail::fail_point!("router.before.commit", |_| Err(StoreError::Abandoned("fail point".into())));
            Ok(left)
        };
        let left = self.house.parts.store.write(job).await?;
        fail::fail_point!("router.after.commit");
        self.house.parts.wakes.escalation.notify_one();
        metrics::counter!("reveille_oncall_routed_total").increment(places.len() as u64);
        self.house.changed(routed[places].iter().map(|r| r.seen.id).collect());
        Ok(left)
    }
}

fn read(
    view: &dyn ports::View,
    id: IncidentId,
    installation: &domain::installation::Installation,
    public_url: &str,
) -> Result<Option<IncidentView>, StoreError> {
    view.incident(id)?.map(|incident| incident_view(view, incident, installation, public_url)).transpose()
}

impl Work for Router {
    fn name(&self) -> &'static str {
        "router"
    }

    fn signal<'a>(&self, wakes: &'a Wakes) -> &'a tokio::sync::Notify {
        &wakes.router
    }

    fn pass(self: Arc<Self>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        Box::pin(async move { self.route_due().await })
    }
}
