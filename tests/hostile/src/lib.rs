//! Plugins that mean harm. Each [`Case`] is a component with what has to come of it; [`House`] runs it in the real sandbox beside a
//! plugin that behaves, and says what it saw: the class of the outcome, the time, the memory, and whether the neighbour is still right.
//!
//! Adding one: a line in the family that it belongs to. A guest is a core module with the `filter` world's exports, of which a case
//! replaces the parts that it is about ([`Guest`]).
#![allow(clippy::disallowed_methods, reason = "deadlines are kept in the machine's time")]

mod case;
mod damage;
mod floods;
mod guest;
mod house;
mod hunger;
mod loops;
mod memory;
mod neighbour;
mod results;
mod smith;
mod state;
mod surface;
mod traps;

pub use case::{Case, Expect, Outcome};
pub use guest::Guest;
pub use house::{House, Seen};
pub use memory::{peak_kib, reset_peak, resident_kib};
pub use neighbour::{Beside, beside};

/// Every hand-written case.
pub fn written() -> Vec<Case> {
    [loops::cases(), traps::cases(), hunger::cases(), results::cases(), floods::cases(), state::cases(), surface::cases(), damage::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Generated cases: `modules` core modules behind the filter world's surface and `components` as they come, from `first` on. A seed gives
/// the same bytes everywhere.
pub fn generated(first: u64, modules: u64, components: u64) -> Vec<Case> {
    smith::cases(first, modules, components)
}
