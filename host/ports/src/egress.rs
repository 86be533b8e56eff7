//! The only way out.

use crate::BoxFuture;
use domain::page::{HttpRequest, HttpResponse, Mail};
use thiserror::Error;

/// Why nothing came back.
#[derive(Debug, Error)]
pub enum EgressError {
    /// The operator's allow-list, a bound or a secret's rule forbids it: a retry cannot help.
    #[error("{0}")]
    Refused(String),
    /// The network or the peer failed: a retry may help.
    #[error("{0}")]
    Unreachable(String),
}

/// On whose behalf a request goes out: decides which secrets may be filled in.
#[derive(Debug, Clone, Default)]
pub struct OnBehalf {
    /// The plugin's name; empty for the host itself.
    pub plugin: String,
    /// Names of the secrets that the operator granted it.
    pub secrets: Vec<String>,
}

/// Sends what plugins ask for, under the operator's allow-list.
pub trait Egress: Send + Sync {
    /// One HTTP exchange: dials only addresses that were checked, follows no redirect; bounded in size and time (10 s).
    fn http(&self, request: HttpRequest, on_behalf: OnBehalf) -> BoxFuture<'static, Result<HttpResponse, EgressError>>;

    /// One mail over the configured relay: its reply code and text, also when the relay refuses. `id` makes the Message-ID.
    fn mail(&self, mail: Mail, id: String, on_behalf: OnBehalf) -> BoxFuture<'static, Result<(u16, String), EgressError>>;
}
