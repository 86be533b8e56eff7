//! `reveille.toml` as it is written: the keys that are allowed, and their schema for editors.

use crate::text::{Name, Text};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The server's own settings. What people configure every day stands in YAML documents instead.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerText {
    /// Address and port to listen on; default: `127.0.0.1:8080`.
    pub listen: Option<String>,
    /// Where the store and the journal are; default: `data`.
    pub data_dir: Option<String>,
    /// Where the plugins are; default: `plugins`.
    pub plugins_dir: Option<String>,
    /// Where compiled plugins are kept, so that a start compiles nothing; default: `native-cache` in `data_dir`. Servers of one user may
    /// share it. Nobody else may read or write it.
    pub native_cache_dir: Option<String>,
    /// The address at which people reach this server, as it stands in messages: `https://reveille.example.org`. Mandatory unless
    /// `listen` is a loopback address.
    pub public_url: Option<String>,
    #[serde(default)]
    pub store: StoreText,
    #[serde(default)]
    pub log: LogText,
    #[serde(default)]
    pub egress: EgressText,
    pub smtp: Option<SmtpText>,
    pub redis: Option<RedisText>,
    /// Secrets by name, for `{{secret:NAME}}` in what plugins send.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretText>,
    /// Keys by name, with which plugins sign and verify without seeing them.
    #[serde(default)]
    pub keys: BTreeMap<String, KeyText>,
    #[serde(default)]
    pub limits: LimitsText,
}

/// Where what is true is kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreText {
    /// Default: `sqlite`.
    #[serde(default)]
    pub kind: StoreKind,
    /// Only for `postgres`, and mandatory there: `postgres://reveille@db.example.org/reveille`, without the password. Encrypted, with the
    /// server's certificate checked, unless it is a loopback address or says `?sslmode=disable`.
    pub url: Option<String>,
    /// The name of the secret that is the password.
    pub password_secret: Option<String>,
    /// The schema that holds the tables; default: `reveille`.
    pub schema: Option<String>,
    /// A PEM file of certificates to trust beside the public ones.
    pub ca_file: Option<String>,
    /// Connections for reads; the store, the journal and its readers have four more. Default: 3.
    #[schemars(range(min = 1, max = 64))]
    pub readers: Option<u32>,
    /// Longest wait for a connection; default: 5.
    #[schemars(range(min = 1, max = 60))]
    pub connect_timeout_seconds: Option<u32>,
    /// Longest wait for one answer: then the connection counts as lost. Default: 10.
    #[schemars(range(min = 1, max = 300))]
    pub answer_timeout_seconds: Option<u32>,
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// Two files in `data_dir`.
    #[default]
    Sqlite,
    /// A database server.
    Postgres,
}

/// How it logs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogText {
    /// Default: `text`.
    #[serde(default)]
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What may be reached from here. Nothing, unless it is listed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EgressText {
    #[serde(default)]
    pub allow: Vec<AllowText>,
    /// A PEM file of certificates to trust beside the public ones.
    pub ca_file: Option<String>,
}

/// A host that plugins may send to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowText {
    /// A name, an address, or `*.example.org` for every name below it.
    pub host: String,
    /// Default: 443.
    pub ports: Option<Vec<u16>>,
    /// It may have an address of a private network or of this machine.
    #[serde(default)]
    pub private: bool,
    /// Only for these plugins; default: for all.
    #[serde(default)]
    pub plugins: Vec<Name>,
}

/// The relay that takes mail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpText {
    pub host: String,
    /// Default: 587 for `starttls`, 465 for `implicit`, 25 for `none`.
    pub port: Option<u16>,
    /// Default: `starttls`.
    #[serde(default)]
    pub tls: SmtpTls,
    pub user: Option<String>,
    /// The name of the secret that is the user's password.
    pub password_secret: Option<String>,
    /// The sender of all mail: `Reveille <reveille@example.org>`.
    pub from: String,
}

/// A Redis that keeps hot state over a restart. It is never the truth: what it loses is read from the store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisText {
    /// `redis://host:port`, or `rediss://host:port` for TLS; all alike. One server, or some sentinels, or some nodes of a cluster.
    pub addresses: Vec<String>,
    /// Default: `single`.
    #[serde(default)]
    pub mode: RedisKind,
    /// The master's name at the sentinels.
    pub master: Option<String>,
    /// Default: `default`, where `password_secret` is given.
    pub user: Option<String>,
    /// The name of the secret that is the user's password.
    pub password_secret: Option<String>,
    /// A PEM file of the authorities to trust in place of the system's.
    pub ca_file: Option<String>,
    /// What all keys begin with; default: `rv`. Installations that share a server need one each.
    pub prefix: Option<String>,
    /// How long an answer may take before the store is asked instead, in milliseconds; default: 50.
    #[schemars(range(min = 1, max = 10_000))]
    pub timeout_ms: Option<u32>,
}

/// What the addresses of `[redis]` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RedisKind {
    /// One server.
    #[default]
    Single,
    /// Sentinels, which know the master.
    Sentinel,
    /// Nodes of a cluster.
    Cluster,
}

/// How the connection to the relay is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// In clear first, then always encrypted before anything is said.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
    /// Never: for a relay on this machine or network.
    None,
}

/// A secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretText {
    /// The environment variable that holds it.
    pub env: Option<String>,
    /// The file that holds it.
    pub file: Option<String>,
    /// The hosts that it may be sent to: a name, or `*.example.org`. None: no plugin can use it.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// A key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyText {
    /// The environment variable that holds it.
    pub env: Option<String>,
    /// The file that holds it.
    pub file: Option<String>,
    /// What plugins may do with it.
    pub algorithms: Vec<Algorithm>,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    HmacSha1,
    HmacSha256,
    HmacSha512,
    Ed25519,
    Es256,
    Rs256,
}

impl Algorithm {
    /// As the file and the plugin contract spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
            Self::Ed25519 => "ed25519",
            Self::Es256 => "es256",
            Self::Rs256 => "rs256",
        }
    }
}

/// When to answer 503 rather than take more.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsText {
    /// Most bodies that wait to be written to disk; default: 4096.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub journal_queue: Option<u32>,
    /// Most records that are on disk and not yet decided; default: 1000000.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub backlog: Option<u32>,
    /// Most connections at once; further ones wait. Default: 1024.
    #[schemars(range(min = 16, max = 100_000))]
    pub connections: Option<u32>,
}

/// Is it a name as documents write names?
pub(super) fn name_problem(name: &str) -> Option<String> {
    Name::parse(name).err()
}
