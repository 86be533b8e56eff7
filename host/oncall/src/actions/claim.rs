//! Claims on actions. What nobody approved in time lapses here.

use super::{LEASE_MS, lapse};
use domain::automation::{ActionState, StoredAction};
use domain::id::{ActionId, IncidentId};
use domain::time::Millis;
use ports::{StoreError, Tx};

/// Rows read at once to find claims of a former process.
const RELEASE_LIMIT: u32 = 10_000;

/// What was claimed.
#[derive(Default)]
pub struct Claimed {
    /// In state `Doing`, this try counted.
    pub rows: Vec<StoredAction>,
    /// Incidents with an action that lapsed.
    pub lapsed: Vec<IncidentId>,
}

/// Claims those of the actions that are still due.
pub fn claim(tx: &mut dyn Tx, ids: &[ActionId], now: Millis) -> Result<Claimed, StoreError> {
    let mut claimed = Claimed::default();
    for id in ids {
        let due = |action: &StoredAction| !action.state.is_over() && action.next_at.is_none_or(|at| at <= now);
        let Some(action) = tx.action(*id)?.filter(due) else { continue };
        if action.state == ActionState::Waiting {
            claimed.lapsed.push(action.incident);
            lapse(tx, action, "its time is over", now)?;
            continue;
        }
        let tries = action.tries.saturating_add(1);
        let action = StoredAction { state: ActionState::Doing, tries, next_at: Some(now.plus_millis(LEASE_MS)), ..action };
        tx.put_action(&action)?;
        claimed.rows.push(action);
    }
    Ok(claimed)
}

/// Makes claims that lapse before `until` due at `now`, without counting their try; gives how many.
pub fn release(tx: &mut dyn Tx, now: Millis, until: Millis) -> Result<u32, StoreError> {
    let mut count = 0;
    for action in tx.actions_due(until, RELEASE_LIMIT)? {
        if action.state == ActionState::Doing {
            let tries = action.tries.saturating_sub(1);
            tx.put_action(&StoredAction { state: ActionState::Queued, next_at: Some(now), tries, ..action })?;
            count += 1;
        }
    }
    Ok(count)
}
