//! Hot state behind the [`HotState`](ports::HotState) port: correlation windows in a bounded cache, plugin state in resident name spaces, and
//! where the operator has one, Redis behind both.
//!
//! What must hold: whatever is answered here is what the store has, or what a call that is not committed yet wrote for the calls after it;
//! what is not known is never taken for "nothing". A copy in Redis counts only while its header names this process' epoch and base and the
//! generation that the store counted last. All of it can be lost at any time.

mod budget;
mod call;
mod cell;
mod copy;
mod error;
mod hits;
mod hot;
mod ledger;
mod redis_settings;
mod resident;
mod settings;
mod slot;
mod source;
mod spaces;
mod version;
mod windows;

pub use error::OpenError;
pub use hot::{Hot, HotParts};
pub use redis_settings::{Login, Password, RedisMode, RedisSettings, Tls};
pub use settings::HotSettings;
