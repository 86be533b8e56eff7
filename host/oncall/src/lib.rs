//! People, time and effects after an incident exists: reconcilers over the store.
//!
//! Six loops, each woken by a signal, by its period and by the next due time, decide from stored rows only: router asks who
//! has to know, escalation pages step by step until somebody answers, delivery makes sure that a page arrives, automation asks what
//! should be done, actions does it, and news tells those who were told what became of it. A restart is no special case of theirs. What people answer from outside comes in through
//! [`Interactions`].

mod actions;
pub mod approval;
mod automation;
mod delivery;
mod escalation;
mod house;
mod instances;
mod interaction;
pub mod links;
mod message;
mod news;
mod oncall;
mod reconciler;
pub mod roster;
mod router;

pub use interaction::{Heard, Interactions};
pub use links::{Link, LinkError, LinkSigner};
pub use oncall::{OnCall, Parts};
