//! Who is on call: weekly rotations handed over at a wall-clock time in a zone, and overrides.

use crate::id::{OverrideId, RotationId, TeamId, UserId};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// People who take turns, a week (or a day) each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    pub id: RotationId,
    pub team: TeamId,
    /// In the order of their turns; may be empty, then nobody is on call.
    pub members: Vec<UserId>,
    /// IANA name, such as `Europe/Rome`; checked when the configuration was applied.
    pub time_zone: String,
    /// How long a turn is.
    pub turn: Turn,
    /// Wall-clock date and time in `time_zone` at which the first member's first turn begins; handoffs are at this time of day.
    pub starts: jiff::civil::DateTime,
}

/// How long a turn lasts, in wall-clock terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// So many days.
    Days(u32),
    /// So many weeks.
    Weeks(u32),
}

/// Somebody takes a rotation's place for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub id: OverrideId,
    pub rotation: RotationId,
    pub user: UserId,
    /// First instant.
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
    /// Who entered it.
    pub by: UserId,
}
