//! Write Reveille plugins in Rust.
//!
//! A plugin is a pure function: one value in, one value out, no clock, no network, no file. It implements the trait of its hook, says in
//! `plugin.toml` what it reads, and is built with `cargo build --release --target wasm32-wasip2`.
//!
//! ```
//! use reveille_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Settings { fallback_team: String }
//!
//! struct Team(Settings);
//!
//! #[plugin(manifest = "examples/team.toml")]
//! impl Enrich for Team {
//!     type Settings = Settings;
//!     fn new(settings: Settings) -> Result<Self> { Ok(Self(settings)) }
//!     fn enrich(&self, alert: &Alert) -> Result<Patch> {
//!         let row = lookup::find("catalog", alert.service())?;
//!         let team = row.as_ref().and_then(|row| row.get("team")).unwrap_or(&self.0.fallback_team);
//!         Ok(Patch::because("service catalog").label("team", team))
//!     }
//! }
//!
//! // On native targets the imports are mocks, so that `cargo test` needs no wasm.
//! mock::lookup("catalog", "checkout", &[("team", "payments")]);
//! let plugin = mock::Instance::<Team>::configure(&serde_json::json!({ "fallback_team": "ops" })).unwrap();
//! let patch = plugin.enrich(Report::firing(Severity::Error).service("checkout")).unwrap();
//! assert_eq!(patch, Patch::because("service catalog").label("team", "payments"));
//! ```
//!
//! (`manifest = …` is only for a manifest that is not `plugin.toml` beside `Cargo.toml`.)
//!
//! What the manifest does not declare under `reads` is absent, and reading it is an error that names the line:
//!
//! ```
//! use reveille_sdk::prelude::*;
//!
//! struct Curious;
//!
//! #[plugin(manifest = "examples/team.toml")]
//! impl Enrich for Curious {
//!     type Settings = serde_json::Value;
//!     fn new(_: Self::Settings) -> Result<Self> { Ok(Self) }
//!     fn enrich(&self, alert: &Alert) -> Result<Patch> {
//!         Ok(Patch::because(alert.details().unwrap_or("nothing to see")))
//!     }
//! }
//!
//! let plugin = mock::Instance::<Curious>::configure(&serde_json::json!({})).unwrap();
//! let error = plugin.enrich(Report::firing(Severity::Error).details("why")).unwrap_err();
//! assert_eq!(error.to_string(), "`details` is used but not declared: add \"details\" to `reads` (examples/team.toml, line 5)");
//! ```
#![deny(missing_docs)]

extern crate self as reveille_sdk;

mod alert;
#[cfg(any(target_arch = "wasm32", test))]
mod arena;
pub mod assets;
mod error;
mod field;
mod hooks;
pub mod inbound;
mod incident;
pub mod json;
pub mod keys;
pub mod log;
pub mod lookup;
mod manifest;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
mod outcome;
mod page;
pub mod prelude;
mod reads;
pub mod report;
pub mod state;
pub mod types;

pub use alert::Alert;
pub use error::{Error, Result};
pub use field::{AlertField, Field, IncidentField, Record, UnknownField};
pub use hooks::{Automate, Dedupe, Enrich, Filter, Interact, Normalize, Notify, Plugin, Route};
pub use inbound::Inbound;
pub use incident::{Incident, IncidentEvent};
pub use manifest::Manifest;
pub use page::Page;
pub use report::Report;
pub use reveille_sdk_macros::plugin;

#[doc(hidden)]
pub mod guest;
#[doc(hidden)]
pub mod wire;
#[doc(hidden)]
pub use wit_bindgen::rt as __wit_bindgen_rt;
