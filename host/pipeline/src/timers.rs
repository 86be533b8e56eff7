//! Keeps the timers of an incident in step with it, in the transaction that changes it: none without its cause, and no cause without its timer.

use domain::care::{CareRules, Purpose};
use domain::incident::Incident;
use domain::installation::Installation;
use ports::object;
use ports::timer::Timer;
use ports::{StoreError, Tx};

/// What the incident's team wants of the host.
pub fn rules(incident: &Incident, installation: &Installation) -> CareRules {
    installation.teams.get(&incident.team).map(|team| team.care).unwrap_or_default()
}

/// Writes and deletes timers as the incident now needs them; whether any was written.
pub fn keep(tx: &mut dyn Tx, incident: &mut Incident, rules: &CareRules) -> Result<bool, StoreError> {
    let mut any = false;
    for purpose in Purpose::ALL {
        let wanted = incident.due(purpose, rules);
        let stored = incident.care.timers.get(&purpose).copied();
        let fits = match (wanted, stored) {
            // Every alert moves the end of its silence: whoever looks at that timer when it is due moves it.
            (Some(wanted), Some(stored)) => wanted == stored || (purpose == Purpose::Resolve && wanted > stored),
            (wanted, stored) => wanted == stored,
        };
        match wanted {
            _ if fits => {}
            Some(due_at) => {
                object::put(tx, &Timer { incident: incident.id, purpose, due_at })?;
                incident.care.timers.insert(purpose, due_at);
                any = true;
            }
            None => {
                object::delete::<Timer>(tx, &Timer::id_of(incident.id, purpose))?;
                incident.care.timers.remove(&purpose);
            }
        }
    }
    Ok(any)
}
