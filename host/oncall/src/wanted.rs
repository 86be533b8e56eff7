//! Whether a page is still wanted: by an escalation that goes on, or by a call for help that nobody has answered.

use domain::alert::Status;
use domain::incident::Incident;
use domain::page::Outbox;
use ports::{StoreError, View};

/// Whether the escalation behind this message still looks for somebody; `incident` is the message's.
pub fn is_wanted(view: &dyn View, incident: &Incident, row: &Outbox) -> Result<bool, StoreError> {
    let fires = incident.status == Status::Firing;
    if fires && incident.care.epoch == 0 && incident.care.asked.is_empty() {
        return Ok(true);
    }
    Ok(match row.run.map(|run| view.run(run)).transpose()?.flatten() {
        Some(run) => incident.wants(&run),
        None => fires,
    })
}
