//! Notices a storm: one incident per integration that brings far more than its team is used to, and its end.
//!
//! It refuses and silences nothing: alerts go on being decided, grouped and paged. People hear what the flood of pages is about.

use domain::alert::Severity;
use domain::command::Notice;
use domain::id::{IntegrationId, TeamId};
use domain::installation::{Rate, StormBounds};
use domain::time::Millis;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};

/// The window over which things are counted, in slots: a minute.
const SLOTS: usize = 6;
const SLOT_MS: i64 = 10_000;
/// A storm is over once nothing was over its bound for so long, in seconds.
pub const CALM_SECONDS: u32 = 60;

/// What an integration brought.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    alerts: u64,
    incidents: u64,
}

/// The last minute of a team.
#[derive(Default)]
struct Window {
    /// The newest slot's number since 1970.
    newest: i64,
    slots: [HashMap<IntegrationId, Count>; SLOTS],
}

impl Window {
    fn at(&mut self, now: Millis) -> &mut HashMap<IntegrationId, Count> {
        let slot = now.0.div_euclid(SLOT_MS);
        let passed = slot.saturating_sub(self.newest).clamp(0, SLOTS as i64);
        for step in 0..passed {
            self.slots[(slot - step).rem_euclid(SLOTS as i64) as usize].clear();
        }
        self.newest = self.newest.max(slot);
        &mut self.slots[self.newest.rem_euclid(SLOTS as i64) as usize]
    }

    /// How many of something in the last minute.
    fn sum(&self, what: impl Fn(&Count) -> u64) -> u64 {
        self.slots.iter().flat_map(HashMap::values).map(what).sum()
    }

    /// Who brought most of it.
    fn most(&self, what: impl Fn(&Count) -> u64) -> Option<IntegrationId> {
        let mut by: BTreeMap<&IntegrationId, u64> = BTreeMap::new();
        for (integration, count) in self.slots.iter().flatten() {
            *by.entry(integration).or_default() += what(count);
        }
        by.into_iter().max_by_key(|(_, count)| *count).map(|(id, _)| id.clone())
    }
}

/// The watch over storms.
#[derive(Default)]
pub struct Storms(Mutex<Watch>);

#[derive(Default)]
struct Watch {
    teams: HashMap<TeamId, Window>,
    /// When each integration that storms was last over a bound.
    raging: BTreeMap<IntegrationId, Millis>,
}

impl Storms {
    /// Storms whose incident was open when the host stopped: they end like others.
    pub fn resume(&self, integrations: impl IntoIterator<Item = IntegrationId>, now: Millis) {
        self.0.lock().raging.extend(integrations.into_iter().map(|integration| (integration, now)));
    }

    /// An integration brought so many events.
    pub fn brought(&self, team: &TeamId, integration: &IntegrationId, events: usize, bounds: StormBounds, now: Millis) -> Option<Notice> {
        let mut watch = self.0.lock();
        let window = watch.teams.entry(team.clone()).or_default();
        window.at(now).entry(integration.clone()).or_default().alerts += events as u64;
        let count = window.sum(|count| count.alerts);
        let bound = u64::from(bounds.alerts_per_minute);
        if count < bound {
            return None;
        }
        let most = window.most(|count| count.alerts)?;
        let words = || format!("{count} alerts came for team {team} within a minute; from {bound} on that is a storm");
        watch.rages(most, now, words)
    }

    /// An integration's alert opened an incident.
    pub fn opened(&self, team: &TeamId, integration: &IntegrationId, bounds: StormBounds, now: Millis) -> Option<Notice> {
        let mut watch = self.0.lock();
        let window = watch.teams.entry(team.clone()).or_default();
        window.at(now).entry(integration.clone()).or_default().incidents += 1;
        let count = window.sum(|count| count.incidents);
        let bound = u64::from(bounds.incidents_per_minute);
        if count < bound {
            return None;
        }
        let most = window.most(|count| count.incidents)?;
        let words = || format!("{count} incidents were opened for team {team} within a minute; from {bound} on that is a storm");
        watch.rages(most, now, words)
    }

    /// An integration was refused for its rate.
    pub fn refused(&self, integration: &IntegrationId, rate: Rate, now: Millis) -> Option<Notice> {
        let words = || {
            let Rate { per_second, burst } = rate;
            format!("It sends more than its rate of {per_second} a second (at most {burst} at once); what is beyond is answered 503")
        };
        self.0.lock().rages(integration.clone(), now, words)
    }

    /// Storms that are over by now.
    pub fn calmed(&self, now: Millis) -> Vec<Notice> {
        let mut watch = self.0.lock();
        let over = |last: &Millis| now >= last.plus_seconds(CALM_SECONDS);
        let calm: Vec<IntegrationId> = watch.raging.iter().filter(|(_, last)| over(last)).map(|(id, _)| id.clone()).collect();
        watch.raging.retain(|_, last| !over(last));
        // A team that was quiet for a whole window needs none.
        let slot = now.0.div_euclid(SLOT_MS);
        watch.teams.retain(|_, window| slot - window.newest < SLOTS as i64);
        calm.iter().map(|integration| notice(integration, format!("Nothing was over its bound for {CALM_SECONDS} seconds"), true)).collect()
    }

    /// How many integrations storm now.
    pub fn raging(&self) -> usize {
        self.0.lock().raging.len()
    }
}

impl Watch {
    /// Says so once per storm.
    fn rages(&mut self, integration: IntegrationId, now: Millis, words: impl FnOnce() -> String) -> Option<Notice> {
        let begins = self.raging.insert(integration.clone(), now).is_none();
        begins.then(|| notice(&integration, words(), false))
    }
}

/// The cause of the one incident about an integration's storm.
pub fn cause(integration: &IntegrationId) -> String {
    format!("storm/{integration}")
}

fn notice(integration: &IntegrationId, details: String, over: bool) -> Notice {
    Notice {
        cause: cause(integration),
        summary: if over { format!("The storm from {integration} is over") } else { format!("A storm of alerts from {integration}") },
        details,
        severity: Severity::Error,
        integration: Some(integration.clone()),
        over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: StormBounds = StormBounds { alerts_per_minute: 100, incidents_per_minute: 3 };

    fn shop() -> TeamId {
        "shop".into()
    }

    #[test]
    fn it_is_told_once_for_who_brings_most_and_ends_after_a_calm_minute() {
        let storms = Storms::default();
        assert!(storms.brought(&shop(), &"quiet".into(), 20, BOUNDS, Millis(0)).is_none());
        let told = storms.brought(&shop(), &"noisy".into(), 80, BOUNDS, Millis(30_000)).unwrap();
        assert_eq!((told.cause.as_str(), told.over, told.severity), ("storm/noisy", false, Severity::Error));
        assert!(storms.brought(&shop(), &"noisy".into(), 80, BOUNDS, Millis(40_000)).is_none(), "it is known");
        assert!(storms.calmed(Millis(99_999)).is_empty());
        let over = storms.calmed(Millis(100_000));
        assert_eq!((over.len(), over[0].over, storms.raging()), (1, true, 0));
    }

    #[test]
    fn what_is_older_than_a_minute_does_not_count() {
        let storms = Storms::default();
        for minute in 0..5 {
            assert!(storms.brought(&shop(), &"a".into(), 99, BOUNDS, Millis(minute * 60_000)).is_none());
        }
    }

    #[test]
    fn new_incidents_and_refusals_make_one_too() {
        let storms = Storms::default();
        let opened = |at| storms.opened(&shop(), &"a".into(), BOUNDS, Millis(at));
        assert!(opened(0).is_none() && opened(1).is_none());
        assert_eq!(opened(2).unwrap().cause, "storm/a");
        assert!(storms.refused(&"a".into(), Rate { per_second: 1, burst: 1 }, Millis(3)).is_none(), "one per integration");
        assert!(storms.refused(&"b".into(), Rate { per_second: 1, burst: 1 }, Millis(3)).is_some());
    }

    #[test]
    fn one_that_was_open_before_a_restart_ends_too() {
        let storms = Storms::default();
        storms.resume(["a".into()], Millis(0));
        assert_eq!(storms.calmed(Millis(60_000)).len(), 1);
    }
}
