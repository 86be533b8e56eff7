//! What the host has to do at a time for an incident: the end of a snooze, of an acknowledgement that grew old, of a long silence.

use crate::object::{Kind, Object};
use domain::care::Purpose;
use domain::id::IncidentId;
use domain::time::Millis;
use serde::{Deserialize, Serialize};

/// One timer; an incident has at most one of each purpose. It only says when to look: what is done follows from the incident's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    pub incident: IncidentId,
    pub purpose: Purpose,
    pub due_at: Millis,
}

impl Timer {
    /// Its id in the store.
    pub fn id_of(incident: IncidentId, purpose: Purpose) -> String {
        format!("{incident}/{}", purpose.as_str())
    }
}

impl Object for Timer {
    const KIND: Kind = Kind::Timer;

    fn id(&self) -> String {
        Self::id_of(self.incident, self.purpose)
    }

    fn due_at(&self) -> Option<Millis> {
        Some(self.due_at)
    }
}
