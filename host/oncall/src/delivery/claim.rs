//! Claims on messages. An answer that was committed before the claim stops the message; one that comes later is too late for it.

use super::LEASE_MS;
use crate::house::line;
use crate::wanted::is_wanted;
use domain::alert::Status;
use domain::id::{IncidentId, OutboxId};
use domain::page::{Outbox, OutboxState, Purpose};
use domain::time::Millis;
use domain::timeline::LineKind;
use ports::{StoreError, Tx, View};

/// Rows read at once to find claims of a former process.
const RELEASE_LIMIT: u32 = 10_000;

/// What was claimed.
#[derive(Default)]
pub struct Claimed {
    /// In state `Sending`, this try counted.
    pub rows: Vec<Outbox>,
    /// Incidents with a message that is not needed any more.
    pub cancelled: Vec<IncidentId>,
}

/// Claims those of the rows that are still due and needed.
pub fn claim(tx: &mut dyn Tx, ids: &[OutboxId], now: Millis) -> Result<Claimed, StoreError> {
    let mut claimed = Claimed::default();
    for id in ids {
        let Some(mut row) = tx.outbox(*id)?.filter(|row| is_due(row, now)) else { continue };
        if let Some((incident, why)) = unwanted(tx.as_view(), &row)? {
            row.state = OutboxState::Cancelled;
            row.next_at = None;
            tx.put_outbox(&row)?;
            let person = row.user.as_ref().map_or(row.contact.address.as_str(), |user| user.as_str());
            let text = format!("Page to {person} by {} left out: {why}", row.contact.kind);
            tx.add_line(incident, &line(now, LineKind::PageCancelled, text, None))?;
            claimed.cancelled.push(incident);
        } else {
            row.state = OutboxState::Sending;
            row.tries = row.tries.saturating_add(1);
            row.next_at = Some(now.plus_millis(LEASE_MS));
            tx.put_outbox(&row)?;
            claimed.rows.push(row);
        }
    }
    Ok(claimed)
}

fn is_due(row: &Outbox, now: Millis) -> bool {
    matches!(row.state, OutboxState::Queued | OutboxState::Sending) && row.next_at.is_some_and(|at| at <= now)
}

/// The incident of an escalation's message, if nobody has to be found by it any more, and why.
fn unwanted(view: &dyn View, row: &Outbox) -> Result<Option<(IncidentId, String)>, StoreError> {
    let (Some(id), Purpose::Escalation(_)) = (row.incident, &row.purpose) else { return Ok(None) };
    let Some(incident) = view.incident(id)? else { return Ok(None) };
    if is_wanted(view, &incident, row)? {
        return Ok(None);
    }
    let why = match incident.status {
        Status::Firing => "its escalation was stopped".to_owned(),
        status => format!("the incident is {}", status.as_str()),
    };
    Ok(Some((id, why)))
}

/// Makes claims that lapse before `until` due at `now`, without counting their try; gives how many.
pub fn release(tx: &mut dyn Tx, now: Millis, until: Millis) -> Result<u32, StoreError> {
    let mut count = 0;
    for row in tx.outbox_due(until, RELEASE_LIMIT)? {
        if row.state == OutboxState::Sending {
            let tries = row.tries.saturating_sub(1);
            tx.put_outbox(&Outbox { state: OutboxState::Queued, next_at: Some(now), tries, ..row })?;
            count += 1;
        }
    }
    Ok(count)
}
