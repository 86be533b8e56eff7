//! An incident that was answered or fires again, until the messages about it were told so.

use crate::object::{Kind, Object};
use domain::id::IncidentId;
use domain::time::Millis;
use serde::{Deserialize, Serialize};

/// Written in the transaction of the change, deleted in the one that queues what is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    pub incident: IncidentId,
    /// When it happened.
    pub at: Millis,
    /// When to tell it.
    pub next_at: Millis,
}

impl Object for News {
    const KIND: Kind = Kind::News;

    fn id(&self) -> String {
        self.incident.to_string()
    }

    fn due_at(&self) -> Option<Millis> {
        Some(self.next_at)
    }
}
