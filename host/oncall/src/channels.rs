//! What is known of the channels by what became of their messages: a channel that fails, or says nothing, is told once, as one incident, which is
//! over when its messages arrive again.
//!
//! Results come from the delivery and, later, from the providers themselves. After a restart the open incident says that there was trouble.

use crate::contacts::is_trial;
use crate::delivery::Recorded;
use domain::alert::Severity;
use domain::command::Notice;
use domain::id::TeamId;
use domain::incident::Incident;
use domain::installation::Installation;
use domain::page::Outbox;
use domain::time::Millis;
use domain::transition::notice_key;
use ports::{Alarm, Store, StoreError, View};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// How long a channel must have worked again before its trouble counts as over, in seconds.
const CALM_SECONDS: u32 = 900;
/// A channel that goes on failing is reported again after so many seconds.
const TELL_SECONDS: u32 = 60;
/// How causes of notices about delivery begin.
pub const DELIVERY_CAUSE: &str = "delivery/";

/// When a channel last failed for good, and when that was last reported.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    failed_at: Millis,
    /// `None`: not by this process.
    told_at: Option<Millis>,
}

/// The channels' troubles, by contact kind; `None`: the channel works.
#[derive(Default)]
pub struct Channels {
    troubles: Mutex<BTreeMap<String, Option<Trouble>>>,
}

impl Channels {
    /// Takes in what came of a message, and tells of its channel what is new.
    pub async fn note(
        &self,
        row: &Outbox,
        recorded: &Recorded,
        installation: &Installation,
        store: &Arc<dyn Store>,
        alarm: &dyn Alarm,
        now: Millis,
    ) {
        // What is wrong with one contact that was tried is no news about its channel.
        if is_trial(row) {
            return;
        }
        let kind = row.contact.kind.as_str();
        match &recorded.failed {
            None if recorded.arrived => {
                self.recall(kind, store).await;
                if self.arrived(kind, now) {
                    alarm.raise(notice(kind, "Messages arrive again".to_owned(), true));
                }
            }
            Some(why) if !recorded.about_delivery && self.failed(kind, now) => {
                let person = crate::message::recipient(row, installation);
                alarm.raise(notice(kind, format!("The latest, to {person}: {why}"), false));
            }
            _ => {}
        }
    }

    /// Learns from the stored incident, once, whether there was trouble before this process began.
    async fn recall(&self, kind: &str, store: &Arc<dyn Store>) {
        if lock(&self.troubles).contains_key(kind) {
            return;
        }
        let key = notice_key(&cause(kind));
        match store.view(move |view| open_about(view, &key)).await {
            Ok(open) => {
                let before = open.map(|incident| Trouble { failed_at: incident.last_alert_at, told_at: None });
                lock(&self.troubles).entry(kind.to_owned()).or_insert(before);
            }
            // The next arrival asks again.
            Err(error) => tracing::warn!(kind, %error, "cannot look for the incident about a channel"),
        }
    }

    /// Whether that ends its trouble.
    fn arrived(&self, kind: &str, now: Millis) -> bool {
        let mut troubles = lock(&self.troubles);
        let Some(known) = troubles.get_mut(kind) else { return false };
        let is_over = known.is_some_and(|trouble| now >= trouble.failed_at.plus_seconds(CALM_SECONDS));
        if is_over {
            *known = None;
        }
        is_over
    }

    /// Whether that is worth telling.
    fn failed(&self, kind: &str, now: Millis) -> bool {
        let mut troubles = lock(&self.troubles);
        let told = troubles.get(kind).copied().flatten().and_then(|trouble| trouble.told_at);
        let is_news = told.is_none_or(|told| now >= told.plus_seconds(TELL_SECONDS));
        troubles.insert(kind.to_owned(), Some(Trouble { failed_at: now, told_at: if is_news { Some(now) } else { told } }));
        is_news
    }
}

/// The open incident with that key of the host's own.
fn open_about(view: &dyn View, key: &str) -> Result<Option<Incident>, StoreError> {
    view.open_incident(&TeamId::default(), key)?.map_or(Ok(None), |id| view.incident(id))
}

fn cause(kind: &str) -> String {
    format!("{DELIVERY_CAUSE}{kind}")
}

fn notice(kind: &str, details: String, over: bool) -> Notice {
    Notice {
        cause: cause(kind),
        summary: format!("Pages by {kind} cannot be delivered"),
        details,
        severity: Severity::Error,
        integration: None,
        over,
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
