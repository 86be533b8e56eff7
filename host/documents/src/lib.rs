//! Configuration as YAML documents and the server's TOML file, to and from domain types.
//!
//! A document is read three times over: as a tree of values with their places ([`node`]), against the JSON Schema of its kind, which is
//! the one that editors get ([`shape`]), and as a typed value whose references are looked up ([`check`]). Each reading reports every
//! problem that it finds, with file, line and the nearest valid name.

pub mod automate;
pub mod bounds;
pub mod bundle;
pub mod calendar;
pub mod care;
pub mod change;
mod check;
pub mod hours;
pub mod kinds;
pub mod limits;
mod node;
pub mod paging;
pub mod plugin_use;
pub mod problem;
mod quiet;
mod reach;
pub mod rotation;
pub mod scenario;
pub mod schema;
pub mod secret;
pub mod server;
mod shape;
pub mod text;
pub mod when;

pub use bundle::Bundle;
pub use change::{Change, diff};
pub use kinds::{Document, Kind};
pub use problem::Problem;
pub use secret::{Secret, SecretError, Source};
pub use server::ServerFile;
