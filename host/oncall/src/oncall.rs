//! The reconcilers as one thing to start, to ask and to stop.

use crate::actions::Actions;
use crate::automation::Automation;
use crate::channels::Channels;
use crate::contacts::Contacts;
use crate::delivery::Delivery;
use crate::escalation::Escalation;
use crate::handoff::Handoffs;
use crate::house::{Activity, House};
use crate::interaction::Interactions;
use crate::links::LinkSigner;
use crate::news::NewsDesk;
use crate::reconciler::{Work, keep};
use crate::router::Router;
use crate::timers::Timers;
use domain::time::Millis;
use ports::object::Kind;
use ports::{Alarm, Clock, Commands, Egress, HotState, Live, Store, Wakes};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long [`OnCall::stop`] waits for deliveries on their way, in real time. What it leaves is sent again after the start.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// What the reconcilers are made of.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub egress: Arc<dyn Egress>,
    pub alarm: Arc<dyn Alarm>,
    /// Where actions and people outside bring their commands.
    pub commands: Arc<dyn Commands>,
    /// What automation plugins remember; `None`: nothing.
    pub hot: Option<Arc<dyn HotState>>,
    pub live: Arc<Live>,
    pub wakes: Arc<Wakes>,
    pub links: Arc<LinkSigner>,
    /// Without a slash at its end, such as `https://reveille.shop.example`.
    pub public_url: String,
}

/// All loops at work.
pub struct OnCall {
    house: Arc<House>,
    interactions: Arc<Interactions>,
    stop: watch::Sender<bool>,
    loops: Mutex<Vec<JoinHandle<()>>>,
}

impl OnCall {
    /// Starts the loops on the current tokio runtime. What became due while nothing ran is done at once.
    pub fn start(mut parts: Parts) -> Arc<Self> {
        parts.public_url.truncate(parts.public_url.trim_end_matches('/').len());
        let house = Arc::new(House { parts, activity: Activity::default(), channels: Channels::default() });
        let (stop, stopped) = watch::channel(false);
        // All loops, at one glance.
        let works: [Arc<dyn Work>; 9] = [
            Arc::new(Router::new(Arc::clone(&house))),
            Arc::new(Escalation::new(Arc::clone(&house))),
            Arc::new(Delivery::new(Arc::clone(&house))),
            Arc::new(Automation::new(Arc::clone(&house))),
            Arc::new(Actions::new(Arc::clone(&house))),
            Arc::new(Timers::new(Arc::clone(&house))),
            Arc::new(Handoffs::new(Arc::clone(&house))),
            Arc::new(Contacts::new(Arc::clone(&house))),
            Arc::new(NewsDesk::new(Arc::clone(&house))),
        ];
        let loops = works.into_iter().map(|work| tokio::spawn(keep(work, Arc::clone(&house), stopped.clone()))).collect();
        let interactions = Arc::new(Interactions::new(Arc::clone(&house)));
        Arc::new(Self { house, interactions, stop, loops: Mutex::new(loops) })
    }

    /// What hears people outside.
    pub fn interactions(&self) -> Arc<Interactions> {
        Arc::clone(&self.interactions)
    }

    /// Whether nothing is due at `now` and nothing is being done; a store that does not answer is not settled.
    pub async fn settled(&self, now: Millis) -> bool {
        let Some(before) = self.house.activity.rest() else { return false };
        let due = self
            .house
            .parts
            .store
            .view(move |view| {
                let paging =
                    !view.incidents_to_route(1)?.is_empty() || !view.runs_due(now, 1)?.is_empty() || !view.outbox_due(now, 1)?.is_empty();
                let kept = Kind::ALL
                    .into_iter()
                    .filter(|kind| kind.is_timed())
                    .map(|kind| view.next_object_due(kind))
                    .collect::<Result<Vec<_>, _>>()?;
                let paging = paging || kept.into_iter().flatten().any(|due| due <= now);
                Ok(paging || !view.events_due(now, 1)?.is_empty() || !view.actions_due(now, 1)?.is_empty())
            })
            .await;
        matches!(due, Ok(false)) && self.house.activity.rest() == Some(before)
    }

    /// Begins nothing new, and waits (bounded) for what is on its way.
    pub async fn stop(&self) {
        // Without receivers all loops have ended already.
        let _ = self.stop.send(true);
        let loops: Vec<JoinHandle<()>> = self.loops.lock().unwrap_or_else(std::sync::PoisonError::into_inner).drain(..).collect();
        let ended = async {
            for each in loops {
                if let Err(error) = each.await {
                    tracing::error!(%error, "a reconciler ended badly");
                }
            }
            while self.house.activity.rest().is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(STOP_LIMIT, ended).await.is_err() {
            tracing::warn!("stopping while pages are on their way: they are sent again after the start");
        }
    }
}
