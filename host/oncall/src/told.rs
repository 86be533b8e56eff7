//! What a message about several incidents stood for, so that one answer to it answers all of them, and nothing that joined later.
//!
//! Kept as the message is claimed, before it can be on its way: whoever holds it can always be understood.

use crate::links::LINK_SECONDS;
use domain::alert::Status;
use domain::id::{IncidentId, OutboxId, UserId};
use domain::page::{Outbox, OutboxState};
use domain::time::Millis;
use ports::object::{self, Kind, Object};
use ports::{StoreError, Tx, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Incidents named in the words for a message; the others are counted.
const NAMED: usize = 4;
/// Old ones that are tidied up with each new one.
const TIDY: u32 = 64;

/// A message about several incidents that was sent to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What the tokens in it carry: a digest of whom it is for and of what it says, so that a message that is tried again with more in it
    /// is another one.
    pub message: u64,
    pub user: UserId,
    /// The incident whose page became the message.
    pub own: IncidentId,
    /// The contact kind by which it went.
    pub kind: String,
    /// All that it stands for, oldest first.
    pub incidents: Vec<IncidentId>,
    /// The messages that it took the place of.
    pub rows: Vec<OutboxId>,
    pub at: Millis,
}

impl Object for Told {
    const KIND: Kind = Kind::Told;

    fn id(&self) -> String {
        id_of(self.message)
    }

    fn due_at(&self) -> Option<Millis> {
        // No link or button in it works any longer.
        Some(self.at.plus_seconds(LINK_SECONDS))
    }
}

fn id_of(message: u64) -> String {
    format!("{message:016x}")
}

impl Told {
    /// How a line of the timeline calls the message.
    pub fn words(&self) -> String {
        let named: Vec<String> = self.incidents.iter().take(NAMED).map(|id| format!("#{id}")).collect();
        let more = self.incidents.len() - named.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("the {} message about {}{rest}", self.kind, named.join(", "))
    }

    /// Those that nobody has answered yet.
    pub fn firing(&self, view: &dyn View) -> Result<Vec<IncidentId>, StoreError> {
        let mut firing = Vec::new();
        for id in &self.incidents {
            if view.incident(*id)?.is_some_and(|incident| incident.status == Status::Firing) {
                firing.push(*id);
            }
        }
        Ok(firing)
    }
}

/// Keeps what a message stands for, and gives the number that its tokens carry; `None`: it is about one incident, and like any other.
pub fn keep(
    tx: &mut dyn Tx,
    leader: &Outbox,
    rows: Vec<OutboxId>,
    incidents: &[IncidentId],
    now: Millis,
) -> Result<Option<u64>, StoreError> {
    let (Some(user), Some(own)) = (&leader.user, leader.incident) else { return Ok(None) };
    let mut all = vec![own];
    all.extend(incidents.iter().copied().filter(|id| *id != own));
    all.sort_unstable();
    if all.len() < 2 {
        return Ok(None);
    }
    for old in object::due::<Told>(tx.as_view(), now, TIDY)? {
        object::delete::<Told>(tx, &old.id())?;
    }
    let message = number(user, &leader.key, &all);
    let told = Told { message, user: user.clone(), own, kind: leader.contact.kind.clone(), incidents: all, rows, at: now };
    object::put(tx, &told)?;
    Ok(Some(message))
}

/// What the message with this number stood for; `None`: it is too long ago.
pub fn find(view: &dyn View, message: u64) -> Result<Option<Told>, StoreError> {
    object::find(view, &id_of(message))
}

/// The message about several incidents that somebody was sent last, if they were sent nothing after it.
pub fn latest(view: &dyn View, user: &UserId) -> Result<Option<Told>, StoreError> {
    let Some(incident) = view.last_told(user)? else { return Ok(None) };
    let accepted = |row: &Outbox| row.user.as_ref() == Some(user) && row.state == OutboxState::Accepted;
    let Some(row) = view.outbox_of(incident)?.into_iter().filter(accepted).map(|row| row.id).max() else { return Ok(None) };
    let told = object::all::<Told>(view)?.into_iter().filter(|told| told.user == *user && told.rows.contains(&row));
    Ok(told.max_by_key(|told| told.at))
}

fn number(user: &UserId, key: &str, incidents: &[IncidentId]) -> u64 {
    let mut hash = Sha256::new();
    for part in [user.as_str(), key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    for id in incidents {
        hash.update(id.0.to_be_bytes());
    }
    let (mut first, digest) = ([0; 8], hash.finalize());
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Planted bug that this finds: a number of the person and the message's key alone, so that a first try that did arrive would
    /// acknowledge what only its repetition names.
    #[test]
    fn a_message_with_more_in_it_is_another_message() {
        let of = |ids: &[u64]| number(&"alice".into(), "key", &ids.iter().copied().map(IncidentId).collect::<Vec<_>>());
        assert_eq!(of(&[1, 2, 3]), of(&[1, 2, 3]));
        assert_ne!(of(&[1, 2, 3]), of(&[1, 2, 3, 4]));
        assert_ne!(number(&"alice".into(), "key", &[]), number(&"bob".into(), "key", &[]));
    }

    #[test]
    fn the_words_name_a_few_and_count_the_rest() {
        let incidents = (1..=6).map(IncidentId).collect();
        let told =
            Told { message: 0, user: "alice".into(), own: IncidentId(1), kind: "sms".into(), incidents, rows: vec![], at: Millis(0) };
        assert_eq!(told.words(), "the sms message about #1, #2, #3, #4 and 2 more");
    }
}
