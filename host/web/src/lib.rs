//! People's side: sessions, tokens, pages and the REST API.
//!
//! Everything here is thin: it reads rows, shows them, and hands commands to the pipeline. It decides nothing. Every route is registered
//! through [`guard::Routes`], which takes no route without a permission, so that access is decided at one place.

pub mod api;
mod app;
mod calendar_feed;
mod cookie;
mod csrf;
mod extract;
pub mod guard;
mod headers;
mod health;
mod live;
mod pages;
mod parts;
mod password;
mod principal;
mod problem;
mod secret;
mod sign_in;
mod statics;
mod swap;
mod throttle;

pub use app::{openapi, router};
pub use parts::{
    Applied, Backlog, BundleFile, Change, ChangeKind, CommandFailure, CommandOutcome, Commands, ConfigProblem, Configure, ConfigureError,
    LinkFailure, PageLink, PageLinks, Plan, PluginFile, PluginVersionRow, Trial, VersionChange, VersionWanted, Versions, WebParts,
};
pub use password::hash as hash_password;
pub use principal::{Action, Principal, Teams, Way};
pub use problem::Problem;
pub use secret::Secret;
