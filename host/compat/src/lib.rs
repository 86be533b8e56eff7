//! Machines' side: the front doors and the dialects in which senders expect their answers.
//!
//! The one room that may name vendors. It decides nothing: it knows keys, bounds and the forms of answers; what a body means is the
//! integration's normalizer's to say, and what becomes of it the engine's.

mod alertmanager;
mod body;
mod depth;
mod dialect;
mod door;
mod heartbeat;
mod keys;
mod request;
mod snippet;

pub use alertmanager::{Rights, RightsOf};
pub use door::{CompatParts, router};
pub use snippet::snippets;
