//! Shifts and gaps: what the layers of a rotation and its overrides make of a stretch of time.

use crate::id::{OverrideId, UserId};
use crate::schedule::lane::{Lane, NEVER};
use crate::schedule::layer::Rotation;
use crate::schedule::overrides::Override;
use crate::time::Millis;

/// Most shifts that [`shifts`] gives, and most gaps of [`gaps`].
pub const SHIFTS_LIMIT: usize = 1000;

/// Most changes of a rotation that are looked at for one answer.
const CHANGES_LIMIT: usize = 20_000;

/// One person's time on call, without a break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    pub user: UserId,
    /// First instant.
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
    /// The override that gives it to this person; `None`: it is their turn.
    pub entry: Option<OverrideId>,
    /// The place of the layer whose turn it is, among the rotation's; `None`: an override.
    pub layer: Option<usize>,
}

/// A time in which nobody is on call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// First instant.
    pub from: Millis,
    /// First instant after.
    pub until: Millis,
}

/// Who is on call at `now`: the newest override that covers it, or else the member whose turn it is in the last layer that is on.
pub fn on_call_at(rotation: &Rotation, overrides: &[Override], now: Millis) -> Option<UserId> {
    Course::of(rotation, overrides).holder(now).map(|holder| holder.user.clone())
}

/// Whose turn it is in each layer at `now`, in their order; `None`: the layer is off. Overrides do not count.
pub fn layer_holders(rotation: &Rotation, now: Millis) -> Vec<Option<UserId>> {
    rotation.layers.iter().map(|layer| Lane::of(layer).holder(now).map(|(user, _)| user.clone())).collect()
}

/// The shifts from `from` to `until`, cut at both ends, in order and without overlaps. At most [`SHIFTS_LIMIT`]; what comes later is
/// left out.
pub fn shifts(rotation: &Rotation, overrides: &[Override], from: Millis, until: Millis) -> Vec<Shift> {
    shifts_up_to(SHIFTS_LIMIT, rotation, overrides, from, until)
}

/// [`shifts`], at most `limit`.
pub fn shifts_up_to(limit: usize, rotation: &Rotation, overrides: &[Override], from: Millis, until: Millis) -> Vec<Shift> {
    let mut list: Vec<Shift> = Vec::new();
    let mut last = None;
    for (holder, from, until) in Course::of(rotation, overrides).pieces(from, until) {
        let Some(holder) = holder else {
            last = None;
            continue;
        };
        // An override runs on over a handoff, a turn over the edge of somebody's override that changes nothing.
        if let Some(shift) = list.last_mut().filter(|_| last == Some(holder)) {
            shift.until = until;
            continue;
        }
        if list.len() >= limit {
            break;
        }
        last = Some(holder);
        list.push(Shift { user: holder.user.clone(), from, until, entry: holder.entry, layer: holder.turn.map(|(layer, _)| layer) });
    }
    list
}

/// The times from `from` to `until` in which nobody is on call, in order. At most [`SHIFTS_LIMIT`]; what comes later is left out.
pub fn gaps(rotation: &Rotation, overrides: &[Override], from: Millis, until: Millis) -> Vec<Gap> {
    let mut list: Vec<Gap> = Vec::new();
    for (_, from, until) in Course::of(rotation, overrides).pieces(from, until).filter(|(holder, ..)| holder.is_none()) {
        if let Some(last) = list.last_mut().filter(|last| last.until == from) {
            last.until = until;
            continue;
        }
        if list.len() == SHIFTS_LIMIT {
            break;
        }
        list.push(Gap { from, until });
    }
    list
}

/// Who has a rotation, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder<'a> {
    pub(super) user: &'a UserId,
    pub(super) entry: Option<OverrideId>,
    /// Place of the layer, number of its turn.
    pub(super) turn: Option<(usize, i64)>,
}

/// A rotation and its overrides on the time line.
pub(super) struct Course<'a> {
    lanes: Vec<Lane<'a>>,
    /// Newest first.
    overrides: Vec<&'a Override>,
}

impl<'a> Course<'a> {
    pub(super) fn of(rotation: &'a Rotation, overrides: &'a [Override]) -> Self {
        let mut own: Vec<&Override> = overrides.iter().filter(|entry| entry.rotation == rotation.id && !entry.is_open()).collect();
        own.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.id));
        Self { lanes: rotation.layers.iter().map(Lane::of).collect(), overrides: own }
    }

    pub(super) fn holder(&self, at: Millis) -> Option<Holder<'a>> {
        if let Some(entry) = self.overrides.iter().find(|entry| entry.from <= at && at < entry.until) {
            return Some(Holder { user: &entry.user, entry: Some(entry.id), turn: None });
        }
        let on =
            |(place, lane): (usize, &Lane<'a>)| lane.holder(at).map(|(user, turn)| Holder { user, entry: None, turn: Some((place, turn)) });
        self.lanes.iter().enumerate().rev().find_map(on)
    }

    /// The first instant after `at` at which anything may change.
    fn next_change(&self, at: Millis) -> Millis {
        let entries = self.overrides.iter().flat_map(|entry| [entry.from, entry.until]).filter(|edge| *edge > at);
        let lanes = self.lanes.iter().map(|lane| lane.next_change(at));
        entries.chain(lanes).min().unwrap_or(NEVER)
    }

    /// The time from `from` to `until` in pieces in each of which nothing changes, without holes; at most [`CHANGES_LIMIT`].
    pub(super) fn pieces(self, from: Millis, until: Millis) -> impl Iterator<Item = (Option<Holder<'a>>, Millis, Millis)> {
        let mut at = from;
        let next = move || {
            (at < until).then(|| {
                let (begin, end) = (at, self.next_change(at).min(until));
                at = end;
                (self.holder(begin), begin, end)
            })
        };
        std::iter::from_fn(next).take(CHANGES_LIMIT)
    }
}
