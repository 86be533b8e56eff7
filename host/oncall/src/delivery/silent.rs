//! Providers that say nothing: where a channel reports what arrived, a page without such a report counts as failed once its time is over.

use super::record::{Recorded, failed_after_all};
use domain::alert::Status;
use domain::id::OutboxId;
use domain::installation::Installation;
use domain::page::{Outbox, OutboxState, Purpose};
use domain::time::Millis;
use ports::object::{self, Kind, Object};
use ports::{StoreError, Tx};
use serde::{Deserialize, Serialize};

/// Messages looked at in one transaction.
pub const BATCH: u32 = 128;

/// A report that is expected.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Awaited {
    outbox: OutboxId,
    within_seconds: u32,
    due_at: Millis,
}

impl Object for Awaited {
    const KIND: Kind = Kind::Receipt;

    fn id(&self) -> String {
        id_of(self.outbox)
    }

    fn due_at(&self) -> Option<Millis> {
        Some(self.due_at)
    }
}

fn id_of(outbox: OutboxId) -> String {
    format!("{:020}", outbox.0)
}

/// From now on a report about a page that a provider took is expected, if the channel says within how many seconds; in the transaction that
/// records the taking.
pub fn expect(tx: &mut dyn Tx, row: &Outbox, within: Option<u32>, now: Millis) -> Result<(), StoreError> {
    let Some(within_seconds) = within.filter(|_| matches!(row.purpose, Purpose::Escalation(_))) else { return Ok(()) };
    object::put(tx, &Awaited { outbox: row.id, within_seconds, due_at: now.plus_seconds(within_seconds) })
}

/// A report came, whatever it says.
pub fn heard(tx: &mut dyn Tx, outbox: OutboxId) -> Result<(), StoreError> {
    object::delete::<Awaited>(tx, &id_of(outbox)).map(drop)
}

/// Takes pages whose report is overdue as failed; gives them with what followed.
pub fn overdue(tx: &mut dyn Tx, installation: &Installation, now: Millis) -> Result<Vec<(Outbox, Recorded)>, StoreError> {
    let mut list = Vec::new();
    for awaited in object::due::<Awaited>(tx.as_view(), now, BATCH)? {
        heard(tx, awaited.outbox)?;
        let Some(row) = tx.outbox(awaited.outbox)?.filter(|row| row.state == OutboxState::Accepted) else { continue };
        let incident = row.incident.map(|id| tx.incident(id)).transpose()?.flatten();
        // Somebody answered: whether this page arrived does not matter any more.
        if incident.is_none_or(|incident| incident.status != Status::Firing) {
            continue;
        }
        let why = format!("no report within {} s that it arrived", awaited.within_seconds);
        let recorded = failed_after_all(tx, row.clone(), &why, installation, now)?;
        list.push((row, recorded));
    }
    Ok(list)
}
