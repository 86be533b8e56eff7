//! Exceptions that people enter: somebody takes a rotation's place for a time.

use crate::id::{OverrideId, RotationId, UserId};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// Somebody takes a rotation's place for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub id: OverrideId,
    pub rotation: RotationId,
    /// Empty: nobody has taken it yet. Then the one whose turn it is goes on being paged.
    pub user: UserId,
    /// First instant.
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
    /// Who entered it.
    pub by: UserId,
}

impl Override {
    /// Whether somebody still has to be found for it.
    pub fn is_open(&self) -> bool {
        self.user.0.is_empty()
    }

    /// Whether it says who is on call of the rotation at `at`.
    pub fn covers(&self, rotation: &RotationId, at: Millis) -> bool {
        !self.is_open() && self.rotation == *rotation && self.from <= at && at < self.until
    }
}
