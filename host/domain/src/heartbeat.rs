//! Heartbeats: signs of life that have to come every so often. One that stays away is an alert of its team; the next one ends it.
//!
//! Only time in which the host could take signs of life in counts: after an outage of ours every sender has as long again as it had left.

use crate::alert::{Alert, Severity, Status};
use crate::expiry::Availability;
use crate::id::{IntegrationId, PolicyId, TeamId};
use crate::matcher::{Matcher, Matchers, Subject};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// Most heartbeats of one installation.
pub const HEARTBEATS_LIMIT: usize = 1000;
/// Signs of life closer together than this are taken as one, in milliseconds.
pub const APART_MS: i64 = 1000;
/// What its sender is called in alerts: `heartbeat/NAME`. No integration can be called so.
const SENDER: &str = "heartbeat/";

/// A sign of life that is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    pub id: String,
    pub team: TeamId,
    pub every_seconds: u32,
    /// How much later than expected it may come.
    pub grace_seconds: u32,
    /// Of the alert when it stays away.
    pub severity: Severity,
    /// Who is paged then; `None`: the team's default policy.
    pub policy: Option<PolicyId>,
    /// Alerts of the team that are signs of life, such as Alertmanager's Watchdog; they open nothing. Empty: none.
    pub alerts: Vec<Matcher>,
}

/// What is known of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// [`Heartbeat::id`].
    pub id: String,
    pub team: TeamId,
    /// When it came last; at first, when it was configured.
    pub seen_at: Millis,
    /// It stays away since it was found missing then.
    pub missed_at: Option<Millis>,
    /// When the host looks at it again.
    pub due_at: Option<Millis>,
}

/// What has to be told of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Missed,
    Back,
}

impl Heartbeat {
    /// Expected from `now` on.
    pub fn expected(&self, now: Millis) -> Beat {
        let due_at = Some(now.plus_seconds(self.every_seconds).plus_seconds(self.grace_seconds));
        Beat { id: self.id.clone(), team: self.team.clone(), seen_at: now, missed_at: None, due_at }
    }

    /// When it counts as missing.
    pub fn missing_at(&self, seen_at: Millis, availability: &Availability) -> Millis {
        availability.clone().graced(self.grace_seconds).due(seen_at, seen_at.plus_seconds(self.every_seconds))
    }

    /// Looks at it: changes what is known, and says what has to be told.
    pub fn look(&self, beat: &mut Beat, now: Millis, availability: &Availability) -> Option<News> {
        let missing_at = self.missing_at(beat.seen_at, availability);
        match beat.missed_at {
            Some(missed_at) if beat.seen_at >= missed_at && missing_at > now => {
                beat.missed_at = None;
                beat.due_at = Some(missing_at);
                Some(News::Back)
            }
            Some(_) => {
                beat.due_at = None;
                None
            }
            None if missing_at <= now => {
                beat.missed_at = Some(now);
                beat.due_at = None;
                Some(News::Missed)
            }
            None => {
                beat.due_at = Some(missing_at);
                None
            }
        }
    }

    /// The sender of its alerts.
    pub fn sender(&self) -> IntegrationId {
        sender(&self.id)
    }

    /// The alert that tells it.
    pub fn alert(&self, news: News, seen_at: Millis, now: Millis) -> Alert {
        let mut alert = Alert::firing(format!("{SENDER}{}", self.id), self.severity, now);
        alert.summary = Some(match news {
            News::Missed => format!("Heartbeat {} stays away: nothing since {}", self.id, seen_at.rfc3339()),
            News::Back => format!("Heartbeat {} is back", self.id),
        });
        alert.details = Some(format!("It is expected every {} s, and {} s later at most.", self.every_seconds, self.grace_seconds));
        alert.labels = vec![("heartbeat".to_owned(), self.id.clone())];
        alert.started_at = Some(seen_at);
        if news == News::Back {
            alert.status = Status::Resolved;
        }
        alert
    }
}

/// The sender of a heartbeat's alerts.
pub fn sender(heartbeat: &str) -> IntegrationId {
    IntegrationId(format!("{SENDER}{heartbeat}"))
}

/// The heartbeat whose alerts this sender's are.
pub fn of_sender(integration: &IntegrationId) -> Option<&str> {
    integration.as_str().strip_prefix(SENDER)
}

impl Beat {
    /// It came at `at`; `false`: so soon after the last that there is nothing to note.
    pub fn came(&mut self, at: Millis, heartbeat: &Heartbeat) -> bool {
        if at.since(self.seen_at) < APART_MS && self.missed_at.is_none() {
            return false;
        }
        self.seen_at = self.seen_at.max(at);
        let missed = self.missed_at.is_some();
        // One that was missing is looked at at once.
        self.due_at = Some(if missed { at } else { at.plus_seconds(heartbeat.every_seconds).plus_seconds(heartbeat.grace_seconds) });
        true
    }
}

/// The heartbeats that alerts are signs of life of, ready to be asked.
#[derive(Debug, Default)]
pub struct Watchdogs(Vec<(Heartbeat, Matchers)>);

impl Watchdogs {
    /// Makes them ready.
    pub fn of<'a>(heartbeats: impl IntoIterator<Item = &'a Heartbeat>) -> Self {
        let ready = |heartbeat: &Heartbeat| Some((heartbeat.clone(), Matchers::compile(&heartbeat.alerts).ok()?));
        Self(heartbeats.into_iter().filter_map(ready).collect())
    }

    /// Whether no alert is one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The heartbeat that the alert is a sign of life of.
    pub fn fed_by(&self, subject: &Subject<'_>) -> Option<&Heartbeat> {
        let (heartbeat, _) =
            self.0.iter().find(|(heartbeat, matchers)| heartbeat.team.as_str() == subject.team && matchers.hold(subject))?;
        Some(heartbeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(minutes: i64) -> Millis {
        Millis(minutes * MINUTE)
    }

    fn backup() -> Heartbeat {
        Heartbeat {
            id: "backup".into(),
            team: "shop".into(),
            every_seconds: 600,
            grace_seconds: 60,
            severity: Severity::Error,
            policy: None,
            alerts: Vec::new(),
        }
    }

    fn up() -> Availability {
        let mut up = Availability::default();
        up.start(at(0));
        up
    }

    #[test]
    fn it_is_missed_once_and_is_back_once() {
        let (backup, up) = (backup(), up());
        let mut beat = backup.expected(at(0));
        let looks: Vec<_> = [10, 11, 12].into_iter().map(|m| backup.look(&mut beat, at(m), &up)).collect();
        assert_eq!(looks, [None, Some(News::Missed), None]);
        assert!(beat.came(at(15), &backup));
        assert_eq!(beat.due_at, Some(at(15)), "it is looked at at once");
        assert_eq!(backup.look(&mut beat, at(15), &up), Some(News::Back));
        assert_eq!((backup.look(&mut beat, at(16), &up), beat.due_at), (None, Some(at(26))));
    }

    #[test]
    fn an_outage_of_ours_gives_as_long_again_as_was_left() {
        let backup = backup();
        let mut up = up();
        up.beat(at(4), false);
        up.start(at(64));
        let mut beat = backup.expected(at(0));
        assert_eq!(backup.look(&mut beat, at(64), &up), None);
        assert_eq!(beat.due_at, Some(at(71)));
        assert_eq!(backup.look(&mut beat, at(71), &up), Some(News::Missed));
    }

    #[test]
    fn two_in_a_second_are_one() {
        let backup = backup();
        let mut beat = backup.expected(at(0));
        assert!(!beat.came(Millis(999), &backup));
        assert!(beat.came(Millis(1000), &backup));
    }
}
