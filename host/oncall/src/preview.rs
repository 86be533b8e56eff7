//! What a silence would have muted: asked of the decisions of the last days, before it is made.

use domain::alert::Status;
use domain::decision::{Outcome, Verdict};
use domain::id::{DecisionId, IncidentId, TeamId};
use domain::matcher::{Matcher, MatcherError, Matchers, Subject};
use domain::silence::{Silence, Stretch};
use domain::time::Millis;
use ports::store::DecisionFilter;
use ports::{Store, StoreError, View};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most days that are looked back.
pub const DAYS_LIMIT: u32 = 90;
/// Most decisions that are looked at.
pub const DECISIONS_LIMIT: u64 = 200_000;
/// Decisions read in one view, so that no reader is held up for long.
const PAGE: u32 = 500;
/// Incidents whose pages are counted.
const INCIDENTS_LIMIT: usize = 5000;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    pub matchers: Vec<Matcher>,
    /// Whose alerts; `None`: of all that are seen.
    pub team: Option<TeamId>,
    /// Only what came within its times; `None`: at any time.
    pub times: Option<Silence>,
    pub days: u32,
}

/// What would have been muted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Muted {
    /// Reports that would have been suppressed.
    pub reports: u64,
    /// Entities that they were about.
    pub entities: u64,
    /// Reports by service; of no service under the empty name.
    pub services: BTreeMap<String, u64>,
    /// Incidents that would not have been opened.
    pub incidents: Vec<IncidentId>,
    /// Messages that were sent about those.
    pub pages: u64,
    /// Decisions that were looked at.
    pub looked_at: u64,
    /// There were more decisions than are looked at.
    pub cut_short: bool,
}

/// Asks the decisions, newest first. `sees`: only of these teams.
pub async fn ask(store: &Arc<dyn Store>, question: &Question, sees: Option<Vec<TeamId>>, now: Millis) -> Result<Muted, Failure> {
    let since = now.plus_millis(-i64::from(question.days.clamp(1, DAYS_LIMIT)) * 86_400_000);
    let stretches = question.times.as_ref().map(|silence| silence.stretches(since, now));
    let mut count = Count {
        matchers: Matchers::compile(&question.matchers)?,
        team: question.team.clone(),
        sees,
        since,
        stretches,
        muted: Muted::default(),
        entities: BTreeSet::new(),
    };
    let mut before = None;
    loop {
        let (counted, next) = store.view(move |view| page(view, count, before)).await?;
        count = counted;
        if next.is_none() || count.muted.looked_at >= DECISIONS_LIMIT {
            count.muted.cut_short = next.is_some();
            break;
        }
        before = next;
    }
    let mut muted = count.muted;
    muted.entities = count.entities.len() as u64;
    let ids: Vec<IncidentId> = muted.incidents.iter().copied().take(INCIDENTS_LIMIT).collect();
    muted.pages = store
        .view(move |view| {
            let mut pages = 0;
            for id in ids {
                pages += view.outbox_of(id)?.len() as u64;
            }
            Ok(pages)
        })
        .await?;
    Ok(muted)
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("matchers: {0}")]
    Matchers(#[from] MatcherError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Count {
    matchers: Matchers,
    team: Option<TeamId>,
    sees: Option<Vec<TeamId>>,
    since: Millis,
    stretches: Option<Vec<Stretch>>,
    muted: Muted,
    entities: BTreeSet<(TeamId, String)>,
}

/// Counts one page; where the next begins, if there is one that is young enough.
fn page(view: &dyn View, mut count: Count, before: Option<DecisionId>) -> Result<(Count, Option<DecisionId>), StoreError> {
    let rows = view.decisions(&DecisionFilter { incident: None, before, limit: PAGE })?;
    let next = rows.last().filter(|row| rows.len() >= PAGE as usize && row.at >= count.since).map(|row| row.decision.id);
    for row in rows.iter().filter(|row| row.at >= count.since) {
        count.muted.looked_at += 1;
        let decision = &row.decision;
        let pages = decision.verdict == Verdict::Keep && decision.alert.status == Status::Firing && row.outcome != Outcome::Parked;
        let theirs = count.team.as_ref().is_none_or(|team| *team == decision.team)
            && count.sees.as_ref().is_none_or(|teams| teams.contains(&decision.team));
        let timely = count.stretches.as_ref().is_none_or(|all| all.iter().any(|s| s.from <= row.at && row.at < s.until));
        let integration = decision.integration.as_ref().map(domain::id::IntegrationId::as_str);
        let subject = Subject { alert: &decision.alert, team: decision.team.as_str(), integration };
        if !(pages && theirs && timely && count.matchers.hold(&subject)) {
            continue;
        }
        count.muted.reports += 1;
        count.entities.insert((decision.team.clone(), decision.alert.entity.clone()));
        *count.muted.services.entry(decision.alert.service.clone().unwrap_or_default()).or_default() += 1;
        if row.outcome == Outcome::Opened {
            count.muted.incidents.extend(row.incident);
        }
    }
    Ok((count, next))
}
