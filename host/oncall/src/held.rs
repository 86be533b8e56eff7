//! How many alerts each silence holds back at the moment.

use domain::alert::Status;
use domain::id::{AlertId, IntegrationId, TeamId};
use domain::matcher::{Matchers, Subject};
use domain::silence::{Phase, Silence};
use domain::time::Millis;
use ports::{StoreError, View};
use std::collections::BTreeMap;

/// Alerts that are looked at.
const LOOKED_AT: usize = 20_000;
const PAGE: u32 = 1000;

/// What silences hold back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Alerts that fire and are suppressed, by the id of a silence that holds now; what two of them match is counted with both.
    pub counts: BTreeMap<String, u32>,
    /// More alerts fire than are looked at: the numbers are of the oldest.
    pub cut_short: bool,
}

/// Counts alerts of these teams, or of all (`None`).
pub fn held(view: &dyn View, silences: &[Silence], sees: Option<&[TeamId]>, now: Millis) -> Result<Held, StoreError> {
    let active = silences.iter().filter(|silence| silence.phase(now) == Phase::Active);
    let active: Vec<_> = active.filter_map(|silence| Some((silence, Matchers::compile(&silence.matchers).ok()?))).collect();
    let mut held = Held { counts: active.iter().map(|(silence, _)| (silence.id.clone(), 0)).collect(), cut_short: false };
    let (mut after, mut seen) = (AlertId(0), 0);
    while !active.is_empty() {
        let page = view.alerts_firing(after, PAGE)?;
        let Some(last) = page.last() else { break };
        if seen >= LOOKED_AT {
            held.cut_short = true;
            break;
        }
        (after, seen) = (last.id, seen + page.len());
        for state in &page {
            let suppressed = state.status == Status::Firing && state.suppressed_until.is_some_and(|until| until > now);
            if !suppressed || sees.is_some_and(|teams| !teams.contains(&state.team)) {
                continue;
            }
            let integration = state.integration.as_ref().map(IntegrationId::as_str);
            let subject = Subject { alert: &state.alert, team: state.team.as_str(), integration };
            for (silence, matchers) in &active {
                let theirs = silence.team.as_ref().is_none_or(|team| *team == state.team);
                if theirs && matchers.hold(&subject) {
                    *held.counts.entry(silence.id.clone()).or_default() += 1;
                }
            }
        }
    }
    Ok(held)
}
