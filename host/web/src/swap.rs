//! Swaps: somebody asks others to take a shift, somebody accepts, and an override makes it so.

use domain::id::{OverrideId, RotationId, UserId};
use domain::schedule::{Override, Rotation, Swaps, gaps, shifts};
use domain::time::Millis;
use ports::object::{Kind, Object};
use serde::{Deserialize, Serialize};

/// Longest reason, in bytes.
pub const REASON_LIMIT_BYTES: usize = 500;
/// Most swaps of a rotation that are open at once.
pub const OPEN_LIMIT: usize = 100;
/// How long one that is over is kept, in milliseconds.
const KEPT_MS: i64 = 30 * 86_400_000;

/// How far a swap is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Somebody has to accept.
    Asked,
    /// An administrator has to approve.
    Accepted,
    /// The override is there.
    Done { entry: u64 },
    /// Taken back by who asked, or refused by an administrator.
    Withdrawn,
}

/// A shift that somebody asks others to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// From the same numbers as overrides.
    pub id: u64,
    pub rotation: RotationId,
    /// Whose shift it is.
    pub owner: UserId,
    /// First instant.
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
    pub reason: String,
    pub asked_at: Millis,
    pub state: State,
    /// Who takes it.
    pub taker: Option<UserId>,
    /// Who said no.
    pub declined: Vec<UserId>,
}

impl Object for Swap {
    const KIND: Kind = Kind::Swap;

    fn id(&self) -> String {
        Self::key(self.id)
    }

    fn due_at(&self) -> Option<Millis> {
        None
    }
}

/// Why a swap goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the shift is not wholly theirs: somebody else, or nobody, is on call in a part of it")]
    NotTheirs,
    #[error("it has been accepted, taken back, or is over")]
    Over,
    #[error("nobody can take their own shift")]
    Own,
    #[error("nobody has accepted it yet")]
    NotAccepted,
}

impl Swap {
    /// As stored: by number, in order.
    pub fn key(id: u64) -> String {
        format!("{id:020}")
    }

    /// Whether somebody still has to do something about it.
    pub fn is_open(&self, now: Millis) -> bool {
        matches!(self.state, State::Asked | State::Accepted) && now < self.until
    }

    /// Whether it may be forgotten.
    pub fn is_old(&self, now: Millis) -> bool {
        now.since(self.until) > KEPT_MS
    }

    /// Whether the shift is the owner's from its beginning (or now) to its end.
    pub fn is_theirs(&self, rotation: &Rotation, overrides: &[Override], now: Millis) -> bool {
        let from = self.from.max(now);
        gaps(rotation, overrides, from, self.until).is_empty()
            && shifts(rotation, overrides, from, self.until).iter().all(|shift| shift.user == self.owner)
    }

    /// Somebody accepts. `true`: nobody has to approve, and it can be carried out.
    pub fn accept(&mut self, user: UserId, rotation: &Rotation, overrides: &[Override], now: Millis) -> Result<bool, Refusal> {
        if self.state != State::Asked || !self.is_open(now) {
            return Err(Refusal::Over);
        }
        if user == self.owner {
            return Err(Refusal::Own);
        }
        if !self.is_theirs(rotation, overrides, now) {
            return Err(Refusal::NotTheirs);
        }
        self.taker = Some(user);
        self.state = State::Accepted;
        Ok(rotation.swaps == Swaps::Free)
    }

    /// Somebody says no: it stays open for others.
    pub fn decline(&mut self, user: UserId, now: Millis) -> Result<(), Refusal> {
        if !self.is_open(now) {
            return Err(Refusal::Over);
        }
        if user == self.owner {
            return Err(Refusal::Own);
        }
        if self.taker.as_ref() == Some(&user) {
            (self.taker, self.state) = (None, State::Asked);
        }
        if !self.declined.contains(&user) {
            self.declined.push(user);
        }
        Ok(())
    }

    /// It is so: the override that says it.
    pub fn carry_out(
        &mut self,
        id: OverrideId,
        by: UserId,
        rotation: &Rotation,
        overrides: &[Override],
        now: Millis,
    ) -> Result<Override, Refusal> {
        let user = match (&self.state, &self.taker) {
            (State::Accepted, Some(user)) if self.is_open(now) => user.clone(),
            (State::Asked, _) => return Err(Refusal::NotAccepted),
            _ => return Err(Refusal::Over),
        };
        if !self.is_theirs(rotation, overrides, now) {
            return Err(Refusal::NotTheirs);
        }
        self.state = State::Done { entry: id.0 };
        Ok(Override { id, rotation: self.rotation.clone(), user, from: self.from.max(now), until: self.until, by })
    }

    /// It is taken back.
    pub fn withdraw(&mut self, now: Millis) -> Result<(), Refusal> {
        if !self.is_open(now) {
            return Err(Refusal::Over);
        }
        self.state = State::Withdrawn;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::schedule::Turn;

    const HOUR_MS: i64 = 3_600_000;

    fn at(text: &str) -> Millis {
        Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn rotation(swaps: Swaps) -> Rotation {
        let members = vec!["alice".into(), "bob".into()];
        let starts = "2026-01-05T09:00".parse().unwrap();
        let mut made = Rotation::simple("primary".into(), "shop".into(), members, "UTC".into(), Turn::Weeks(1), starts);
        made.swaps = swaps;
        made
    }

    fn swap(from: &str, until: &str) -> Swap {
        Swap {
            id: 1,
            rotation: "primary".into(),
            owner: "alice".into(),
            from: at(from),
            until: at(until),
            reason: "dentist".into(),
            asked_at: at("2026-01-01T00:00:00Z"),
            state: State::Asked,
            taker: None,
            declined: vec![],
        }
    }

    #[test]
    fn an_accepted_swap_becomes_an_override() {
        let (rotation, now) = (rotation(Swaps::Free), at("2026-01-04T00:00:00Z"));
        let mut swap = swap("2026-01-06T08:00:00Z", "2026-01-06T12:00:00Z");
        assert_eq!(swap.accept("alice".into(), &rotation, &[], now), Err(Refusal::Own));
        swap.decline("bob".into(), now).unwrap();
        assert_eq!(swap.carry_out(OverrideId(5), "bob".into(), &rotation, &[], now), Err(Refusal::NotAccepted));
        assert_eq!(swap.accept("bob".into(), &rotation, &[], now), Ok(true));
        let entry = swap.carry_out(OverrideId(5), "bob".into(), &rotation, &[], now).unwrap();
        assert_eq!((entry.user, entry.from, entry.until.since(entry.from)), ("bob".into(), swap.from, 4 * HOUR_MS));
        assert_eq!(swap.state, State::Done { entry: 5 });
        assert_eq!(swap.accept("bob".into(), &rotation, &[], now), Err(Refusal::Over));
        assert_eq!(swap.withdraw(now), Err(Refusal::Over));
    }

    #[test]
    fn what_is_not_theirs_cannot_be_given_away() {
        let (rotation, now) = (rotation(Swaps::Approved), at("2026-01-04T00:00:00Z"));
        // Bob's week begins on the 12th at nine.
        let mut late = swap("2026-01-12T08:00:00Z", "2026-01-12T10:00:00Z");
        assert_eq!(late.accept("bob".into(), &rotation, &[], now), Err(Refusal::NotTheirs));
        let mut swap = swap("2026-01-06T08:00:00Z", "2026-01-06T12:00:00Z");
        assert_eq!(swap.accept("bob".into(), &rotation, &[], now), Ok(false), "somebody has to approve");
        // In the meantime it became somebody else's.
        let (from, until) = (swap.from, swap.from.plus_millis(HOUR_MS));
        let entry = Override { id: OverrideId(2), rotation: "primary".into(), user: "carol".into(), from, until, by: "carol".into() };
        assert_eq!(swap.carry_out(OverrideId(5), "root".into(), &rotation, &[entry], now), Err(Refusal::NotTheirs));
        swap.decline("bob".into(), now).unwrap();
        assert_eq!((swap.taker.clone(), swap.state.clone()), (None, State::Asked), "who accepted may think better of it");
        assert_eq!(swap.accept("carol".into(), &rotation, &[], swap.until), Err(Refusal::Over));
    }
}
