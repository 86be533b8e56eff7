//! What the operator allows, as the server hands it in.

use crate::push::PushKey;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Everything that the way out is told.
#[derive(Debug, Clone)]
pub struct EgressSettings {
    /// Hosts that may be reached. Nothing else can.
    pub allow: Vec<Allow>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// `None`: mail is refused.
    pub smtp: Option<Smtp>,
    /// What messages to browsers are signed with; `None`: they are refused.
    pub push: Option<Arc<PushKey>>,
    /// Certificates to trust beside the public ones, in PEM.
    pub further_roots_pem: Vec<u8>,
    /// For one whole HTTP exchange: waiting for a place, resolving, dialling and reading; also for each step of a mail.
    pub total_time: Duration,
    /// Exchanges with one host at a time; more wait, within `total_time`.
    pub per_host: usize,
    /// Exchanges at a time and waiting, over all hosts; more are turned away at once.
    pub in_flight: usize,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            secrets: BTreeMap::new(),
            smtp: None,
            push: None,
            further_roots_pem: Vec::new(),
            total_time: Duration::from_secs(10),
            per_host: 8,
            in_flight: 256,
        }
    }
}

/// A host that may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// A name, an address, or `*.example.org` for every name below it (not for itself).
    pub host: String,
    pub ports: Vec<u16>,
    /// It may have an address of a private network, of a link, or of this machine.
    pub private: bool,
    /// Only for these plugins; empty: for all. The host itself may always use it.
    pub plugins: Vec<String>,
}

/// A value that plugins name and never see.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    value: String,
    hosts: Vec<String>,
}

impl Secret {
    /// A secret that may be sent to `hosts` (as in [`Allow::host`]); with none, no request can carry it.
    pub fn new(value: impl Into<String>, hosts: Vec<String>) -> Self {
        Self { value: value.into(), hosts }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.value
    }

    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("value", &"[redacted]").field("hosts", &self.hosts).finish()
    }
}

/// The password of the mail relay's user.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps it.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The relay that takes mail. The operator names it, so it may have a private address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// User and password.
    pub login: Option<(String, Password)>,
    /// The sender of all mail, such as `Reveille <reveille@example.org>`.
    pub from: String,
}

/// How the connection to the relay is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// In clear first, then always encrypted before anything is said.
    Starttls,
    /// From the first byte.
    Implicit,
    /// Never.
    None,
}
