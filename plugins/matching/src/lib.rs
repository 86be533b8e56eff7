//! Conditions and templates over the fields of alerts and incidents, as settings spell them.
//!
//! A [`Condition`] says whether a record matches, a [`Template`] makes text of it. Both are compiled once, when settings are read, and
//! both name the fields that they read, so that a plugin can narrow what crosses the boundary.
//!
//! ```
//! use matching::{Condition, Template};
//! use reveille_sdk::prelude::*;
//!
//! let condition: Condition<AlertField> =
//!     serde_json::from_str(r#"{ "field": "labels.host", "regex": "^db(?P<number>\\d+)" }"#).unwrap();
//! let template = Template::<AlertField>::parse("database ${{number}} of ${{service}}").unwrap();
//!
//! let alert = Alert::from(Report::firing(Severity::Error).service("orders").label("host", "db7"));
//! let captures = condition.find(&alert).unwrap();
//! assert_eq!(template.render(&alert, &captures), "database 7 of orders");
//! assert_eq!(condition.reads(), ["labels.host"]);
//! ```
#![deny(missing_docs)]

mod condition;
mod pattern;
mod template;
mod wildcard;

pub use condition::{Captures, Condition};
pub use pattern::{Pattern, PatternError};
pub use template::{Template, TemplateError};
pub use wildcard::Wildcard;
