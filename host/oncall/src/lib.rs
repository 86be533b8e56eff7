//! People, time and effects after an incident exists: reconcilers over the store.
//!
//! Three loops, each woken by a signal, by its period and by the next due time, decide from stored rows only: router asks who
//! has to know, escalation pages step by step until somebody answers, delivery makes sure that a page arrives. A restart is no special
//! case of theirs.

mod delivery;
mod escalation;
mod house;
mod instances;
pub mod links;
mod message;
mod oncall;
mod reconciler;
pub mod roster;
mod router;

pub use links::{Link, LinkError, LinkSigner};
pub use oncall::{OnCall, Parts};
