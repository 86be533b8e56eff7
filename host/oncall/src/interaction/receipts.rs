//! News about messages that were sent: arrived, or not after all; then the next contact is tried.

use crate::delivery::{Recorded, arrived_after_all, failed_after_all, heard};
use domain::interaction::Receipt;
use domain::page::{Outbox, OutboxState};
use domain::time::Millis;
use ports::{Snapshot, StoreError, Tx};

/// Most receipts of one request; the rest is left out.
const RECEIPTS_LIMIT: usize = 256;

/// Takes them in, each once; those about messages that another plugin sent are nobody's. Gives the messages with what followed.
pub fn receive(
    tx: &mut dyn Tx,
    receipts: &[Receipt],
    plugin: &str,
    snapshot: &Snapshot,
    now: Millis,
) -> Result<Vec<(Outbox, Recorded)>, StoreError> {
    let mut taken = Vec::new();
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
        heard(tx, row.id)?;
        let recorded = if receipt.delivered {
            arrived_after_all(tx, &row, &snapshot.installation, now)?
        } else {
            let why = receipt.reason.as_deref().unwrap_or("the provider says that it did not arrive");
            failed_after_all(tx, row.clone(), why, &snapshot.installation, now)?
        };
        taken.push((row, recorded));
    }
    Ok(taken)
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
