//! The only way out: HTTP and SMTP to addresses that were checked first.
//!
//! A request names a host; the operator's list says whether it may be reached. The name is resolved once, **every** address that comes back is judged,
//! and one of those very addresses is dialled, so that no second answer of a name server can lead inside. Redirects are never followed.
//! Secrets are filled in here and nowhere else, only for plugins and hosts that the operator named, and taken out of answers again.

mod address;
mod allow;
mod certificates;
mod gate;
mod http;
mod mail;
mod outside;
mod push;
mod resolve;
mod secret;
mod settings;
mod template;

pub use outside::{BuildError, Outside};
pub use push::{PushKey, PushKeyError};
pub use resolve::{Resolve, SystemResolver};
pub use settings::{Allow, EgressSettings, Password, Secret, Smtp, SmtpTls};
