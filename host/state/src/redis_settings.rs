//! Where Redis is, and how it is asked.

use std::fmt;
use std::time::Duration;

/// Longest life of a key that nobody writes.
const TTL_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// A password, which never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
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

/// As whom to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// `default`, where the server knows only a password.
    pub user: String,
    pub password: Password,
}

/// That connections are encrypted, and who vouches for the servers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// PEM of the authorities to trust; `None`: those of the system.
    pub roots_pem: Option<Vec<u8>>,
}

/// What the addresses are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisMode {
    /// The first is the server.
    Single,
    /// Sentinels, which know where the master of this name is, and how to sign in at them.
    Sentinel { master: String, login: Option<Login> },
    /// Some nodes of a cluster.
    Cluster,
}

/// Where Redis is, and the bounds of using it.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    pub addresses: Vec<(String, u16)>,
    pub mode: RedisMode,
    pub tls: Option<Tls>,
    pub login: Option<Login>,
    /// What all keys begin with; an installation has its own.
    pub prefix: String,
    /// How long connecting may take.
    pub connect_limit: Duration,
    /// How long a read may take; then Redis is left alone until it answers again.
    pub read_limit: Duration,
    /// How long a write in the background may take.
    pub write_limit: Duration,
    /// How long a key lives after its last write; at most 24 h.
    pub ttl: Duration,
    /// Most changes that wait to be written, and their bytes; more are dropped and their partitions begun anew.
    pub queue_items: usize,
    pub queue_bytes: usize,
    /// Least and most time between two tries to connect.
    pub retry: (Duration, Duration),
}

impl RedisSettings {
    /// The defaults, for one server without encryption or sign-in.
    pub fn new(addresses: Vec<(String, u16)>) -> Self {
        Self {
            addresses,
            mode: RedisMode::Single,
            tls: None,
            login: None,
            prefix: "rv".into(),
            connect_limit: Duration::from_secs(1),
            read_limit: Duration::from_millis(50),
            write_limit: Duration::from_secs(1),
            ttl: TTL_LIMIT,
            queue_items: 100_000,
            queue_bytes: 32 << 20,
            retry: (Duration::from_millis(100), Duration::from_secs(10)),
        }
    }

    pub(crate) fn ttl_ms(&self) -> u64 {
        self.ttl.min(TTL_LIMIT).as_millis().max(1) as u64
    }
}
