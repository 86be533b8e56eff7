//! News about messages that were sent: arrived, or not after all; then the next contact is tried.

use crate::delivery::{arrived_after_all, failed_after_all, heard};
use domain::id::IncidentId;
use domain::interaction::Receipt;
use domain::page::{Outbox, OutboxState};
use domain::time::Millis;
use ports::{Snapshot, StoreError, Tx};

/// Most receipts of one request; the rest is left out.
const RECEIPTS_LIMIT: usize = 256;

/// Takes them in, each once; those about messages that another plugin sent are nobody's. Gives the incidents that changed.
pub fn receive(
    tx: &mut dyn Tx,
    receipts: &[Receipt],
    plugin: &str,
    snapshot: &Snapshot,
    now: Millis,
) -> Result<Vec<IncidentId>, StoreError> {
    let mut changed = Vec::new();
    for receipt in receipts.iter().take(RECEIPTS_LIMIT) {
        let Some(row) = find(tx, &receipt.page)? else { continue };
        let ours = snapshot.notify.get(&row.contact.kind).is_some_and(|notifier| notifier.cite().name == plugin);
        // What is being sent now has no result yet that news could change.
        if !ours || row.state != OutboxState::Accepted {
            continue;
        }
        if !tx.add_once(&format!("receipt/{}/{}", row.id, receipt.delivered), now)? {
            continue;
        }
        changed.extend(row.incident);
        heard(tx, row.id)?;
        if receipt.delivered {
            arrived_after_all(tx, &row, &snapshot.installation, now)?;
        } else {
            let why = receipt.reason.as_deref().unwrap_or("the provider says that it did not arrive");
            failed_after_all(tx, row, why, &snapshot.installation, now)?;
        }
    }
    Ok(changed)
}

fn find(tx: &dyn Tx, page: &str) -> Result<Option<Outbox>, StoreError> {
    if page.is_empty() {
        return Ok(None);
    }
    match tx.outbox_by_key(page)? {
        Some(row) => Ok(Some(row)),
        None => tx.outbox_by_reference(page),
    }
}
