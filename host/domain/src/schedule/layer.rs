//! Rotations as they are configured.

use crate::id::{RotationId, TeamId, UserId};
use crate::schedule::recurrence::Recurrence;
use crate::schedule::window::Window;
use jiff::civil::{Date, DateTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// People who take turns. At each instant the last layer that is on says who is on call; with no layer on, nobody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    pub id: RotationId,
    pub team: TeamId,
    /// Later ones win over earlier ones.
    pub layers: Vec<Layer>,
    /// What it takes to swap a shift.
    pub swaps: Swaps,
}

/// What it takes until somebody else has a shift that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Swaps {
    /// Whoever accepts has it at once.
    #[default]
    Free,
    /// An administrator has to approve what was accepted.
    Approved,
}

/// Some people who take turns, all the time or in certain hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Unique in the rotation.
    pub name: String,
    /// In the order of their turns; may be empty, then the layer is never on.
    pub members: Vec<UserId>,
    /// IANA name, such as `Europe/Rome`; checked when the configuration was applied.
    pub time_zone: String,
    /// When it is handed over.
    pub turns: Turns,
    /// Wall-clock date and time at which the first member's first turn begins; handoffs are at this time of day.
    pub starts: DateTime,
    /// By how many places everybody's turns are moved: with 1 the second member has the first turn.
    pub offset: u32,
    /// It is on in these only; empty: all the time.
    pub windows: Vec<Window>,
    /// It is off on these days, from midnight to midnight in its zone; with what they are called.
    pub days_off: Arc<BTreeMap<Date, String>>,
    /// First wall-clock time at which it may be on; `None`: always, also before its first turn.
    pub from: Option<DateTime>,
    /// First wall-clock time after; `None`: for ever.
    pub until: Option<DateTime>,
}

/// When a layer is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turns {
    /// After so many days or weeks; before the first turn it is carried on backwards.
    Every(Turn),
    /// Whenever the rule says so. Before its first time the last member has it, after its last time it stays with who has it.
    At(Recurrence),
}

/// How long a turn lasts, in wall-clock terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// So many days.
    Days(u32),
    /// So many weeks.
    Weeks(u32),
}

impl Turn {
    /// Its length in days, at least one.
    pub fn days(self) -> i64 {
        match self {
            Self::Days(days) => i64::from(days).max(1),
            Self::Weeks(weeks) => i64::from(weeks).max(1) * 7,
        }
    }
}

impl Rotation {
    /// A rotation of one layer that is always on: with members, there is nobody on call at no instant.
    pub fn simple(id: RotationId, team: TeamId, members: Vec<UserId>, time_zone: String, turn: Turn, starts: DateTime) -> Self {
        Self { id, team, layers: vec![Layer::always(members, time_zone, Turns::Every(turn), starts)], swaps: Swaps::Free }
    }

    /// Everybody who has turns in it, once each, in the order of the layers.
    pub fn members(&self) -> Vec<&UserId> {
        let mut found: Vec<&UserId> = Vec::new();
        for member in self.layers.iter().flat_map(|layer| &layer.members) {
            if !found.contains(&member) {
                found.push(member);
            }
        }
        found
    }

    /// The zone in which it is shown: its first layer's.
    pub fn time_zone(&self) -> &str {
        self.layers.first().map_or("UTC", |layer| &layer.time_zone)
    }
}

impl Layer {
    /// One that is always on.
    pub fn always(members: Vec<UserId>, time_zone: String, turns: Turns, starts: DateTime) -> Self {
        let (windows, days_off) = (Vec::new(), Arc::default());
        Self { name: "everybody".to_owned(), members, time_zone, turns, starts, offset: 0, windows, days_off, from: None, until: None }
    }
}
