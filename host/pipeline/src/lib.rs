//! The alert path: from a posted body to a committed decision.
//!
//! A body is normalized and journaled at the [`Engine`]'s front door; the feeder hands durable records to partition threads, which run the
//! literal stage list of [`stages`]; the one committer writes what `domain::transition` makes of the decisions.

mod admission;
mod answer;
mod backlog;
mod batch;
mod broken;
mod committer;
mod dead_letter;
mod drain;
mod engine;
mod expiry;
mod fair;
mod feeder;
mod gather;
mod heartbeats;
mod normalizers;
mod obeying;
mod order;
mod partition;
mod queues;
pub mod quiet;
mod rate;
mod rows;
mod settings;
mod shared;
pub mod snapshot;
mod stages;
mod storm;
mod timers;
pub mod trial;
mod waiters;
mod worker;

pub use admission::Admission;
pub use answer::{Answer, Backlog, CommandError, CommandOutcome, ReplayError};
pub use engine::{Engine, EngineHandle, EngineParts, StartError};
pub use partition::{PARTITIONS, partition_of};
pub use queues::QueueDepth;
pub use settings::EngineSettings;
