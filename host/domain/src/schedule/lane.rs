//! A layer on the time line: when it is on, whose turn it is, and when either may change.

use crate::id::UserId;
use crate::schedule::layer::{Layer, Turns};
use crate::schedule::wall::Wall;
use crate::time::Millis;
use jiff::civil::Date;
use jiff::{Span, ToSpan as _};

/// The end of time.
pub(super) const NEVER: Millis = Millis(i64::MAX);

/// A layer with its zone found.
pub(super) struct Lane<'a> {
    layer: &'a Layer,
    wall: Wall,
    from: Millis,
    until: Millis,
}

impl<'a> Lane<'a> {
    pub(super) fn of(layer: &'a Layer) -> Self {
        let wall = Wall::of(&layer.time_zone);
        let from = layer.from.and_then(|from| wall.instant(from)).unwrap_or(Millis(i64::MIN));
        let until = layer.until.and_then(|until| wall.instant(until)).unwrap_or(NEVER);
        Self { layer, wall, from, until }
    }

    /// Whose turn it is at `at`, and the turn's number, if the layer is on.
    pub(super) fn holder(&self, at: Millis) -> Option<(&'a UserId, i64)> {
        let count = i64::try_from(self.layer.members.len()).ok().filter(|count| *count > 0)?;
        if !self.is_on(at) {
            return None;
        }
        let turn = self.turn_at(at);
        let place = turn.saturating_add(i64::from(self.layer.offset)).rem_euclid(count);
        let member = self.layer.members.get(usize::try_from(place).ok()?)?;
        Some((member, turn))
    }

    fn is_on(&self, at: Millis) -> bool {
        let layer = self.layer;
        let in_window = || {
            layer.windows.is_empty()
                || layer.windows.iter().any(|window| window.around(at, &self.wall).iter().any(|(from, until)| *from <= at && at < *until))
        };
        self.from <= at && (at < self.until || self.until == NEVER) && !self.is_day_off(at) && in_window()
    }

    /// A day is from its midnight to the next, each being the first instant that the clock shows it.
    fn is_day_off(&self, at: Millis) -> bool {
        self.days_off_after(at, -2).take(4).any(|(from, until)| from <= at && at < until)
    }

    /// The days off from so many days after `at` on.
    fn days_off_after(&self, at: Millis, days: i64) -> impl Iterator<Item = (Millis, Millis)> {
        let known = !self.layer.days_off.is_empty();
        let first = known.then(|| self.wall.shows(at).date().checked_add(days.days()).unwrap_or(Date::MIN));
        let range = first.map(|first| self.layer.days_off.range(first..));
        let both = |date: &Date| Some((self.wall.midnight(*date)?, self.wall.midnight(date.tomorrow().ok()?)?));
        range.into_iter().flatten().filter_map(move |(date, _)| both(date))
    }

    /// The first instant after `at` at which it may be on or off, or be somebody else's turn; [`NEVER`]: none.
    pub(super) fn next_change(&self, at: Millis) -> Millis {
        if self.layer.members.is_empty() || at >= self.until {
            return NEVER;
        }
        if at < self.from {
            return self.from;
        }
        let windows = self.layer.windows.iter().flat_map(|window| window.around(at, &self.wall));
        let days = self.days_off_after(at, -2).take(6);
        let edges = windows.chain(days).flat_map(|(from, until)| [from, until]);
        edges.chain([self.until, self.next_turn(at)]).filter(|edge| *edge > at).min().unwrap_or(NEVER)
    }

    /// The number of the turn that holds at `at`; the first member's first one is 0, earlier ones are negative.
    fn turn_at(&self, at: Millis) -> i64 {
        match &self.layer.turns {
            Turns::Every(turn) => {
                let local = self.wall.shows(at).date();
                let days = local.since(self.layer.starts.date()).map_or(0, |span| i64::from(span.get_days()));
                // The day alone may be one turn off either way: by the time of day, and by zones that once left out a day.
                let guess = days.div_euclid(turn.days());
                (guess - 2..=guess + 2).rev().find(|turn| self.begin(*turn) <= at).unwrap_or(guess - 2)
            }
            Turns::At(rule) => {
                let mut begun = rule.begun(self.wall.shows(at));
                while begun > 0 && self.begin(begun as i64 - 1) > at {
                    begun -= 1;
                }
                begun as i64 - 1
            }
        }
    }

    /// When the turn after the one at `at` begins: turns that a zone swallowed whole are passed over.
    fn next_turn(&self, at: Millis) -> Millis {
        let turn = self.turn_at(at);
        (turn + 1..=turn + 3).map(|next| self.begin(next)).find(|begin| *begin > at).unwrap_or(NEVER)
    }

    /// When a turn begins. Beyond the calendar's ends, and the rule's: the ends of time.
    pub(super) fn begin(&self, turn: i64) -> Millis {
        let beyond = if turn < 0 { Millis(i64::MIN) } else { NEVER };
        let starts = self.layer.starts;
        let local = match &self.layer.turns {
            Turns::Every(length) => turn
                .checked_mul(length.days())
                .and_then(|days| Span::new().try_days(days).ok())
                .and_then(|span| starts.date().checked_add(span).ok())
                .map(|date| date.to_datetime(starts.time())),
            Turns::At(rule) => usize::try_from(turn).ok().and_then(|turn| rule.times().get(turn).copied()),
        };
        local.and_then(|local| self.wall.instant(local)).unwrap_or(beyond)
    }
}
