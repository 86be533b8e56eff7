//! People, time and effects after an incident exists: reconcilers over the store.
//!
//! Each loop is woken by a signal, by its period and by the next due time, and decides from stored rows only: router asks who has to know,
//! escalation pages step by step until somebody answers, delivery makes sure that a page arrives, automation asks what should be done,
//! actions does it, timers wakes what was to rest for a while, handoff tells whose shift begins, contacts tries how people are reached, and
//! news tells those who were told what became of it. A restart is no special case of theirs. What people answer from outside comes in through
//! [`Interactions`].

mod actions;
pub mod approval;
pub mod auditor;
mod automation;
pub mod browsers;
mod bundle;
mod channels;
pub mod contacts;
mod delivery;
mod escalation;
mod handoff;
pub mod held;
mod house;
mod instances;
mod interaction;
pub mod links;
mod message;
mod news;
mod oncall;
mod paging;
pub mod preview;
mod reconciler;
pub mod roster;
mod router;
pub mod silences;
mod timers;
pub mod told;
mod wanted;

pub use interaction::{Heard, Interactions};
pub use links::{Link, LinkError, LinkSigner};
pub use oncall::{OnCall, Parts};
pub use router::{Chosen, exists, routes_of};
