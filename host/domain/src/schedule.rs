//! Who is on call: rotations of one or several layers, handed over at wall-clock times in zones, and overrides.
//!
//! A handoff is a civil date and time, turned into an instant for each turn anew: so it stays at nine in the morning when the clocks
//! change. Where the clocks jump over a time, it stands for the first instant after the gap; where they show it twice, for the first.
//! That holds for handoffs, for the windows of a layer, and for the midnights of its days off alike.

mod lane;
mod layer;
mod load;
mod neighbour;
mod overrides;
mod recurrence;
mod shift;
mod wall;
mod window;

#[cfg(test)]
mod tests;

pub use layer::{Layer, Rotation, Swaps, Turn, Turns};
pub use load::{Burden, DoubleBooking, Load, Unfair, double_bookings, loads, unfair};
pub use neighbour::{next_on_call, previous_on_call};
pub use overrides::Override;
pub use recurrence::{Recurrence, RecurrenceError, Rule};
pub use shift::{Gap, SHIFTS_LIMIT, Shift, gaps, layer_holders, on_call_at, shifts, shifts_up_to};
pub use wall::Wall;
pub use window::{LONGEST_MINUTES, Window};
