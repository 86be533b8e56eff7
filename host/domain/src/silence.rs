//! Silences and maintenance windows: what pages nobody for a time, whose wish that is, and why.
//!
//! Both are one thing. A maintenance window stands in a configuration document and may come again; a silence is made while people work. An
//! alert that a silence matches is suppressed until the silence ends; what still fires then pages as if it had just begun.

use crate::id::TeamId;
use crate::matcher::{Matcher, MatcherError, Matchers, Subject};
use crate::recurrence::Recurrence;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use thiserror::Error;

/// Longest silence that is given once, and longest occurrence of one that comes again, in milliseconds: 366 days.
pub const LONGEST_MS: i64 = 366 * 86_400_000;
/// Longest purpose, and longest name of an owner, in bytes.
pub const WORDS_LIMIT_BYTES: usize = 2048;
/// How long a silence is shown after its end, in milliseconds: five days, as Alertmanager keeps them.
pub const KEPT_MS: i64 = 5 * 86_400_000;
/// Occurrences that are reckoned ahead.
const AHEAD_LIMIT: usize = 512;
const AHEAD_MS: i64 = 400 * 86_400_000;
/// Silences that follow each other without a gap are taken as one, so many at most; then the alert is looked at again.
const CHAIN_LIMIT: usize = 16;

/// When it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// From the first instant to the first after.
    Once { from: Millis, until: Millis },
    /// So many seconds from each occurrence on.
    Again { recurrence: Recurrence, seconds: u32 },
}

/// A stretch of time in which a silence holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
}

impl Stretch {
    fn covers(self, at: Millis) -> bool {
        self.from <= at && at < self.until
    }
}

/// Where a silence stands at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It holds later.
    Pending,
    /// It holds now.
    Active,
    /// It holds no more.
    Expired,
}

impl Phase {
    /// Alertmanager's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

/// A silence or a maintenance window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Unique; of a document, `maintenance/` and its id.
    pub id: String,
    /// Whose alerts; `None`: all teams'.
    pub team: Option<TeamId>,
    pub matchers: Vec<Matcher>,
    pub when: When,
    /// Who wants it.
    pub owner: String,
    /// What for.
    pub purpose: String,
    pub updated_at: Millis,
    /// Somebody ended it early.
    pub ended_at: Option<Millis>,
}

/// What is wrong with a silence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SilenceError {
    #[error("matchers: {0}")]
    Matchers(#[from] MatcherError),
    #[error("purpose: say in a few words what it is for; whoever is woken less wants to know")]
    NoPurpose,
    #[error("owner: say whose it is")]
    NoOwner,
    #[error("purpose and owner have at most {WORDS_LIMIT_BYTES} bytes")]
    TooLong,
    #[error("ends: it has to end after it starts, and to last 366 days at most")]
    Times,
    #[error("ends: it would be over already")]
    Over,
    #[error("rrule: {0}")]
    Recurrence(String),
}

impl Silence {
    /// Whether it may be made.
    pub fn check(&self) -> Result<(), SilenceError> {
        Matchers::compile(&self.matchers)?;
        if self.purpose.trim().is_empty() {
            return Err(SilenceError::NoPurpose);
        }
        if self.owner.trim().is_empty() {
            return Err(SilenceError::NoOwner);
        }
        if self.purpose.len() > WORDS_LIMIT_BYTES || self.owner.len() > WORDS_LIMIT_BYTES {
            return Err(SilenceError::TooLong);
        }
        match &self.when {
            When::Once { from, until } if until <= from || until.since(*from) > LONGEST_MS => Err(SilenceError::Times),
            When::Again { seconds, .. } if *seconds == 0 || i64::from(*seconds) * 1000 > LONGEST_MS => Err(SilenceError::Times),
            When::Again { recurrence, .. } => recurrence.check().map_err(SilenceError::Recurrence),
            When::Once { .. } => Ok(()),
        }
    }

    /// When it holds within `[from, until)`, by start; the stretches are not cut. At most 512.
    pub fn stretches(&self, from: Millis, until: Millis) -> Vec<Stretch> {
        let all = match &self.when {
            When::Once { from, until } => vec![Stretch { from: *from, until: *until }],
            When::Again { recurrence, seconds } => {
                let earliest = from.plus_millis(-i64::from(*seconds) * 1000);
                let starts = recurrence.occurrences(earliest, until, AHEAD_LIMIT);
                starts.into_iter().map(|from| Stretch { from, until: from.plus_seconds(*seconds) }).collect()
            }
        };
        let end = self.ended_at.unwrap_or(Millis(i64::MAX));
        let cut = all.into_iter().map(|stretch| Stretch { until: stretch.until.min(end), ..stretch });
        cut.filter(|stretch| stretch.from < stretch.until && stretch.from < until && stretch.until > from).collect()
    }

    /// Where it stands.
    pub fn phase(&self, now: Millis) -> Phase {
        match self.present(now) {
            Some(stretch) if stretch.covers(now) => Phase::Active,
            Some(_) => Phase::Pending,
            None => Phase::Expired,
        }
    }

    /// The stretch that holds now, or else the next one; `None`: it is over.
    pub fn present(&self, now: Millis) -> Option<Stretch> {
        self.stretches(now, now.plus_millis(AHEAD_MS)).into_iter().next()
    }

    /// When it was over for good, as far as that is known.
    pub fn over_at(&self) -> Option<Millis> {
        match &self.when {
            When::Once { until, .. } => Some(self.ended_at.map_or(*until, |ended| ended.min(*until))),
            When::Again { .. } => self.ended_at,
        }
    }

    /// Whether somebody who may do things for these teams, or for all (`None`), may make or end it.
    pub fn is_of(&self, teams: Option<&[TeamId]>) -> bool {
        match (teams, &self.team) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(teams), Some(team)) => teams.contains(team),
        }
    }

    /// Its matchers in one line.
    pub fn words(&self) -> String {
        let mut words = String::new();
        for matcher in &self.matchers {
            let _ = write!(words, "{}{matcher}", if words.is_empty() { "" } else { ", " });
        }
        words
    }
}

/// What keeps an alert quiet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The first instant at which it does no more.
    pub until: Millis,
    /// For the timeline.
    pub reason: String,
    /// The silences that match now.
    pub silences: Vec<String>,
}

#[derive(Debug)]
struct Ready {
    silence: Silence,
    matchers: Matchers,
    stretches: Vec<Stretch>,
}

/// All silences, ready to be asked at every alert: nothing is parsed or read then.
#[derive(Debug, Default)]
pub struct Silences {
    ready: Vec<Ready>,
    source: Vec<Silence>,
    /// What it was made at: beyond a while it has to be made anew, so that what comes again is reckoned ahead.
    made_at: Millis,
}

/// How long what was reckoned ahead may be used, in milliseconds.
const GOOD_FOR_MS: i64 = 86_400_000;

impl Silences {
    /// Makes them ready. One that cannot be used is left out: that errs towards paging.
    pub fn of(source: Vec<Silence>, now: Millis) -> Self {
        let ready = source.iter().filter_map(|silence| {
            let stretches = silence.stretches(now.plus_millis(-GOOD_FOR_MS), now.plus_millis(AHEAD_MS));
            let matchers = Matchers::compile(&silence.matchers).ok().filter(|_| !stretches.is_empty())?;
            Some(Ready { silence: silence.clone(), matchers, stretches })
        });
        Self { ready: ready.collect(), source, made_at: now }
    }

    /// Whether these are still right for `source` at `now`.
    pub fn are_of(&self, source: &[Silence], now: Millis) -> bool {
        self.source == source && now.since(self.made_at) < GOOD_FOR_MS / 2 && now >= self.made_at
    }

    /// All of them, also those that do not hold now.
    pub fn list(&self) -> &[Silence] {
        &self.source
    }

    /// What keeps the alert quiet at `at`. Those that take over from each other without a gap count as one.
    pub fn hold(&self, subject: &Subject<'_>, at: Millis) -> Option<Hold> {
        if self.ready.is_empty() {
            return None;
        }
        let mut until = at;
        let mut first: Option<&Silence> = None;
        let mut silences = Vec::new();
        for link in 0..CHAIN_LIMIT {
            let mut end = until;
            for (stretch, ready) in self.covering(subject, until) {
                if link == 0 {
                    silences.push(ready.silence.id.clone());
                }
                if stretch.until > end {
                    end = stretch.until;
                    if link == 0 {
                        first = Some(&ready.silence);
                    }
                }
            }
            if end == until {
                break;
            }
            until = end;
        }
        let first = first?;
        let reason = format!("silence {} of {}: {}", first.id, first.owner, first.purpose);
        Some(Hold { until, reason: crate::alert::cut(&reason, 512), silences })
    }

    fn covering<'a>(&'a self, subject: &'a Subject<'a>, at: Millis) -> impl Iterator<Item = (Stretch, &'a Ready)> {
        self.ready.iter().filter_map(move |ready| {
            let after = ready.stretches.partition_point(|stretch| stretch.from <= at);
            // Occurrences may overlap: any of those that began before may still hold.
            let stretch = ready.stretches[..after].iter().filter(|stretch| stretch.covers(at)).max_by_key(|stretch| stretch.until)?;
            let theirs = ready.silence.team.as_ref().is_none_or(|team| team.as_str() == subject.team);
            (theirs && ready.matchers.hold(subject)).then_some((*stretch, ready))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Alert, Severity};
    use crate::matcher::parse;

    const HOUR: i64 = 3_600_000;

    fn silence(id: &str, matchers: &str, from: i64, until: i64) -> Silence {
        Silence {
            id: id.into(),
            team: None,
            matchers: parse(matchers).unwrap(),
            when: When::Once { from: Millis(from * HOUR), until: Millis(until * HOUR) },
            owner: "alice".into(),
            purpose: "move the database".into(),
            updated_at: Millis(0),
            ended_at: None,
        }
    }

    fn held(list: Vec<Silence>, team: &str, at: i64) -> Option<i64> {
        let alert = Alert::firing("db", Severity::Critical, Millis(0));
        let subject = Subject { alert: &alert, team, integration: None };
        Silences::of(list, Millis(at * HOUR)).hold(&subject, Millis(at * HOUR)).map(|hold| hold.until.0 / HOUR)
    }

    #[test]
    fn it_holds_from_its_start_until_its_end() {
        let list = || vec![silence("a", "entity=db", 2, 4)];
        let found: Vec<Option<i64>> = (1..=4).map(|at| held(list(), "shop", at)).collect();
        assert_eq!(found, [None, Some(4), Some(4), None]);
    }

    #[test]
    fn it_is_of_its_team_alone() {
        let mut theirs = silence("a", "entity=db", 2, 4);
        theirs.team = Some("ops".into());
        assert_eq!(held(vec![theirs.clone()], "shop", 3), None);
        assert_eq!(held(vec![theirs], "ops", 3), Some(4));
    }

    #[test]
    fn silences_that_follow_each_other_without_a_gap_are_one() {
        let list = vec![silence("a", "entity=db", 2, 4), silence("b", "entity=db", 4, 6), silence("c", "entity=db", 7, 9)];
        assert_eq!(held(list, "shop", 3), Some(6));
    }

    #[test]
    fn one_that_was_ended_early_holds_no_more() {
        let mut ended = silence("a", "entity=db", 2, 8);
        ended.ended_at = Some(Millis(4 * HOUR));
        assert_eq!((held(vec![ended.clone()], "shop", 3), held(vec![ended.clone()], "shop", 4)), (Some(4), None));
        assert_eq!(ended.phase(Millis(4 * HOUR)), Phase::Expired);
    }

    #[test]
    fn one_that_comes_again_holds_at_each() {
        let recurrence = Recurrence { rule: "FREQ=DAILY".into(), starts: "1970-01-01T02:00:00".parse().unwrap(), time_zone: "UTC".into() };
        let mut daily = silence("a", "entity=db", 0, 1);
        daily.when = When::Again { recurrence, seconds: 7200 };
        let found: Vec<Option<i64>> = [1, 2, 3, 4, 25, 26, 27].into_iter().map(|at| held(vec![daily.clone()], "shop", at)).collect();
        assert_eq!(found, [None, Some(4), Some(4), None, None, Some(28), Some(28)]);
        assert_eq!(daily.phase(Millis(5 * HOUR)), Phase::Pending);
    }

    #[test]
    fn what_has_no_purpose_owner_or_sense_is_refused() {
        let good = silence("a", "entity=db", 2, 4);
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Silence { purpose: " ".into(), ..good.clone() }.check(), Err(SilenceError::NoPurpose));
        assert_eq!(Silence { owner: String::new(), ..good.clone() }.check(), Err(SilenceError::NoOwner));
        assert_eq!(silence("a", "entity=db", 4, 4).check(), Err(SilenceError::Times));
        assert_eq!(silence("a", "entity=db", 0, 24 * 367).check(), Err(SilenceError::Times));
        assert!(matches!(Silence { matchers: Vec::new(), ..good }.check(), Err(SilenceError::Matchers(_))));
    }
}
