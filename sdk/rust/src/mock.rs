//! The host's side on native targets, so that `cargo test` runs a plugin without wasm.
//!
//! The imports (`lookup`, `assets`, `keys`, `state`, `log`) answer from what the test put here. All of it belongs to the test's own
//! thread. [`Instance`] runs a plugin as the host does: settings as JSON, undeclared fields left out, undeclared reads an error.
//! [`cases`] runs a folder of examples.

mod cases;
pub(crate) mod imports;
mod instance;
mod json;
pub(crate) mod state;

pub use cases::{Case, cases};
pub use imports::{Line, asset, forget, key, log_lines, lookup, lookup_unavailable};
pub use instance::Instance;
pub use state::{at, state_unavailable};
