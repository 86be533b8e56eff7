//! The sandbox: finds, verifies, compiles, configures and calls plugins through wasmtime. It knows the contract and nothing of incidents.
//!
//! A plugin lies in `<plugins_dir>/<name>/` as `plugin.wasm` and `plugin.toml`. [`Sandbox`] prepares it for one place ([`ports::Plugin`]);
//! each thread asks it through a warm instance of its own ([`ports::Instance`]). Every call has a deadline, every instance a ceiling of
//! memory, every result a size; whatever traps is thrown away, and a plugin that fails again and again is left alone for a while.

mod actions;
mod assets;
mod bindings;
mod breaker;
mod cache;
mod cell;
mod compiler;
mod contract;
mod engine;
mod error;
mod grants;
mod hook;
mod interactions;
mod keyring;
mod lift;
mod limits;
mod lower;
mod manifest;
mod meter;
mod normalized;
mod package;
mod prepared;
mod reads;
mod sandbox;
mod schema;
mod settings;
mod shape;
mod state;
mod versions;
mod warm;
mod world;

pub use error::RuntimeError;
pub use keyring::{Algorithm, Key, KeyRing};
pub use package::Package;
pub use sandbox::Sandbox;
pub use settings::{BreakerSettings, RuntimeSettings, SandboxLimits};
pub use versions::KeptVersion;

use ports::Alarm;
use std::sync::{Arc, OnceLock};

/// Where trouble is reported; set once the one who listens exists. Until then it is only logged.
pub type LateAlarm = Arc<OnceLock<Arc<dyn Alarm>>>;
