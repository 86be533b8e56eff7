//! One message about several incidents: a person who is paged for three of them within a minute gets one message a minute about all, by
//! each contact, until all are answered.
//!
//! Decided as messages are claimed, so that nothing is kept back that could have gone out alone, and every message keeps its row, its key
//! and its own fate: what comes of the one that is sent is recorded for each that it stands for.

use domain::alert::Status;
use domain::id::{IncidentId, OutboxId, UserId};
use domain::incident::Incident;
use domain::installation::Installation;
use domain::page::{Outbox, Purpose};
use domain::time::Millis;
use ports::object::{self, Kind, Object};
use ports::{StoreError, Tx};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many incidents within the window become one message.
const INCIDENTS: usize = 3;
/// The window, and the least time between two messages by one contact, in seconds.
pub const WINDOW_SECONDS: u32 = 60;
/// Most incidents that one message stands for.
pub const INCIDENTS_LIMIT: usize = 500;

/// What one person is paged for at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Bundle {
    user: UserId,
    /// Incidents that they were paged for within the window, with the time of the first page, oldest first.
    recent: Vec<(IncidentId, Millis)>,
    /// Those that become one message; empty: each pages for itself.
    incidents: Vec<IncidentId>,
    /// When each contact was last used for all of them.
    told: BTreeMap<String, Millis>,
}

impl Object for Bundle {
    const KIND: Kind = Kind::Bundle;

    fn id(&self) -> String {
        self.user.0.clone()
    }

    fn due_at(&self) -> Option<Millis> {
        None
    }
}

/// How a message that is due goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    Alone,
    /// For all of these incidents.
    ForAll(Vec<IncidentId>),
    /// As part of the message with this id, which goes out now.
    Within(OutboxId),
    /// With the next message, which goes out then.
    Later(Millis),
}

/// Decides the ways of the messages of one transaction.
#[derive(Default)]
pub struct Bundles {
    leaders: BTreeMap<(UserId, String), OutboxId>,
}

impl Bundles {
    /// How a message that is needed and due goes out; notes it.
    pub fn way(
        &mut self,
        tx: &mut dyn Tx,
        row: &Outbox,
        incident: Option<&Incident>,
        installation: &Installation,
        now: Millis,
    ) -> Result<Way, StoreError> {
        let (Some(user), Some(incident), Purpose::Escalation(_)) = (&row.user, incident, &row.purpose) else { return Ok(Way::Alone) };
        if incident.own || !installation.teams.get(&incident.team).is_some_and(|team| team.aggregate) {
            return Ok(Way::Alone);
        }
        let known = object::find::<Bundle>(tx.as_view(), user.as_str())?;
        let mut bundle =
            known.unwrap_or_else(|| Bundle { user: user.clone(), recent: Vec::new(), incidents: Vec::new(), told: BTreeMap::new() });
        tidy(tx, &mut bundle, now)?;
        let way = decide(&mut bundle, row, incident.id, now, &mut self.leaders);
        object::put(tx, &bundle)?;
        Ok(way)
    }
}

/// Leaves out what was answered or is too long ago.
fn tidy(tx: &dyn Tx, bundle: &mut Bundle, now: Millis) -> Result<(), StoreError> {
    let mut firing = Vec::new();
    for id in &bundle.incidents {
        if tx.incident(*id)?.is_some_and(|incident| incident.status == Status::Firing) {
            firing.push(*id);
        }
    }
    if firing.is_empty() && !bundle.incidents.is_empty() {
        bundle.recent.clear();
        bundle.told.clear();
    }
    bundle.incidents = firing;
    bundle.recent.retain(|(_, at)| now < at.plus_seconds(WINDOW_SECONDS));
    Ok(())
}

fn decide(bundle: &mut Bundle, row: &Outbox, incident: IncidentId, now: Millis, leaders: &mut BTreeMap<(UserId, String), OutboxId>) -> Way {
    if bundle.recent.len() < INCIDENTS_LIMIT && bundle.recent.iter().all(|(id, _)| *id != incident) {
        bundle.recent.push((incident, now));
    }
    if bundle.incidents.is_empty() {
        if bundle.recent.len() < INCIDENTS {
            return Way::Alone;
        }
        bundle.incidents = bundle.recent.iter().map(|(id, _)| *id).collect();
    }
    if bundle.incidents.len() < INCIDENTS_LIMIT && !bundle.incidents.contains(&incident) {
        bundle.incidents.push(incident);
    }
    let contact = format!("{}/{}", row.contact.kind, row.contact.address);
    let whose = (bundle.user.clone(), contact.clone());
    if let Some(leader) = leaders.get(&whose) {
        return Way::Within(*leader);
    }
    match bundle.told.get(&contact).map(|told| told.plus_seconds(WINDOW_SECONDS)) {
        // A message that is tried again has waited already.
        Some(next) if now < next && row.tries == 0 => Way::Later(next),
        _ => {
            bundle.told.insert(contact, now);
            leaders.insert(whose, row.id);
            Way::ForAll(bundle.incidents.clone())
        }
    }
}

/// Lets everybody be told at once again: what was on its way when the last process ended may not have arrived.
pub fn forget_told(tx: &mut dyn Tx) -> Result<(), StoreError> {
    for bundle in object::all::<Bundle>(tx.as_view())? {
        if !bundle.told.is_empty() {
            object::put(tx, &Bundle { told: BTreeMap::new(), ..bundle })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::contact::Contact;
    use domain::page::OutboxState;

    fn row(id: u64, address: &str) -> Outbox {
        Outbox {
            id: OutboxId(id),
            key: id.to_string(),
            incident: Some(IncidentId(id)),
            run: None,
            user: Some("alice".into()),
            contact: Contact { kind: "ntfy".into(), address: address.into() },
            contact_index: 0,
            purpose: Purpose::Escalation(1),
            state: OutboxState::Queued,
            tries: 0,
            queued_at: Millis(0),
            next_at: Some(Millis(0)),
            reference: None,
            last_error: None,
            again: None,
        }
    }

    /// Seen red with: the minute counted for the person and not for the contact, so that a second phone stayed dark.
    #[test]
    fn the_third_within_a_minute_stands_for_all() {
        let mut bundle = Bundle { user: "alice".into(), recent: vec![], incidents: vec![], told: BTreeMap::new() };
        let mut claim = |id: u64, address: &str, at_s: i64| {
            let now = Millis(at_s * 1000);
            bundle.recent.retain(|(_, at)| now < at.plus_seconds(WINDOW_SECONDS));
            decide(&mut bundle, &row(id, address), IncidentId(id), now, &mut BTreeMap::new())
        };
        let all = |ids: &[u64]| Way::ForAll(ids.iter().copied().map(IncidentId).collect());
        assert_eq!(claim(1, "phone", 0), Way::Alone);
        assert_eq!(claim(2, "phone", 10), Way::Alone);
        assert_eq!(claim(2, "phone", 11), Way::Alone, "the same incident again is no other");
        assert_eq!(claim(3, "phone", 20), all(&[1, 2, 3]));
        assert_eq!(claim(4, "phone", 30), Way::Later(Millis(80_000)));
        assert_eq!(claim(4, "mail", 31), all(&[1, 2, 3, 4]), "each contact has its own minute");
        assert_eq!(claim(5, "phone", 80), all(&[1, 2, 3, 4, 5]));
    }

    #[test]
    fn slow_incidents_page_alone() {
        let mut bundle = Bundle { user: "alice".into(), recent: vec![], incidents: vec![], told: BTreeMap::new() };
        for id in 1..20_u64 {
            let now = Millis(id.cast_signed() * 30_000);
            bundle.recent.retain(|(_, at)| now < at.plus_seconds(WINDOW_SECONDS));
            assert_eq!(decide(&mut bundle, &row(id, "phone"), IncidentId(id), now, &mut BTreeMap::new()), Way::Alone);
        }
    }
}
