//! The copy of hot state in Redis. It is heat behind heat: what it says counts only while its header fits, and nobody ever waits for it longer
//! than one time-out, after which it is left alone until it answers again.

mod chain;
mod codec;
mod connect;
mod flusher;
mod item;
mod link;
mod names;
mod queue;
mod reader;
mod script;

pub(crate) use chain::Lineage;
pub(crate) use reader::Behind;
