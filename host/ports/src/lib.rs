//! The traits that the middle of the house needs of the outside, and their plain types. No implementations.

pub mod alarm;
pub mod clock;
pub mod commands;
pub mod egress;
pub mod hot;
pub mod journal;
pub mod news;
pub mod object;
pub mod plugin;
pub mod quiet;
pub mod snapshot;
pub mod store;
pub mod timer;
pub mod wake;

pub use alarm::Alarm;
pub use clock::Clock;
pub use commands::{CommandFailure, Commands};
pub use egress::{Egress, EgressError};
pub use hot::{HotState, StateFault, StateSlot};
pub use journal::{Journal, JournalError};
pub use news::News;
pub use plugin::{CallFailure, Instance, LoadError, Plugin, PluginHost};
pub use quiet::Standing;
pub use snapshot::{Automated, Live, Placed, Snapshot, Stages};
pub use store::{Store, StoreError, Tx, View};
pub use wake::Wakes;

/// A boxed future, so that ports stay trait objects.
pub use futures_util::future::BoxFuture;
