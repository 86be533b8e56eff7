//! Who would be paged when: the rules that page people, run ahead of time on a clock that only jumps from one due time to the next.
//!
//! Nothing here decides whom to page. An incident opens and is answered by [`crate::transition`], an escalation goes on by
//! [`crate::escalation::advance`], a turn is looked up by [`crate::schedule`]: the code that pages. What is supposed: every message
//! arrives, and nobody answers but those whom the scenario names.

mod compare;
mod scenario;
mod stage;

pub use compare::{DIFFERENCES_LIMIT, Difference, Differences, compare, home_zone};
pub use scenario::{Answer, Arrival, Route, Scenario};
pub use stage::{EVENTS_LIMIT, Event, Foreseen, What, opening, simulate};
