//! `[redis]`, checked.

use super::Judge;
use super::written::{RedisKind, RedisText};
use crate::problem::hint;
use std::path::PathBuf;

/// Where hot state is kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSection {
    pub addresses: Vec<(String, u16)>,
    pub mode: RedisKind,
    /// Of the master; with sentinels only.
    pub master: Option<String>,
    pub tls: bool,
    /// User, and the name of the secret that is the password.
    pub login: Option<(String, String)>,
    pub ca_file: Option<PathBuf>,
    pub prefix: String,
    pub timeout_ms: u32,
}

/// Where servers and sentinels listen unless an address says otherwise.
const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;
const PREFIX_LIMIT_BYTES: usize = 64;

impl Judge<'_> {
    pub(super) fn redis(&mut self, redis: RedisText, secrets: &[String]) -> RedisSection {
        let port = if redis.mode == RedisKind::Sentinel { SENTINEL_PORT } else { SERVER_PORT };
        let read: Vec<(bool, (String, u16))> =
            redis.addresses.iter().enumerate().filter_map(|(index, text)| self.redis_address(index, text, port)).collect();
        let tls = read.first().is_some_and(|(tls, _)| *tls);
        if read.iter().any(|(other, _)| *other != tls) {
            self.tell(&["redis", "addresses"], "must all begin with redis://, or all with rediss://");
        }
        match (redis.mode, redis.addresses.len()) {
            (_, 0) => self.tell(&["redis", "addresses"], "must name at least one"),
            (RedisKind::Single, 2..) => self.tell(&["redis", "addresses"], "must be one: several are for `mode` sentinel or cluster"),
            _ => {}
        }
        if redis.ca_file.is_some() && !tls {
            self.tell(&["redis", "ca_file"], "needs addresses that begin with rediss://");
        }
        if (redis.mode == RedisKind::Sentinel) != redis.master.is_some() {
            self.tell(&["redis", "master"], "is for `mode = \"sentinel\"`, and mandatory there");
        }
        if let Some(name) = redis.password_secret.as_ref().filter(|name| !secrets.contains(name)) {
            let hint = hint(name, secrets.iter().map(String::as_str));
            self.tell(&["redis", "password_secret"], format!("there is no [secrets.{name}]{hint}"));
        }
        if redis.user.is_some() && redis.password_secret.is_none() {
            self.tell(&["redis", "user"], "needs `password_secret`, the name of a secret");
        }
        let prefix = redis.prefix.unwrap_or_else(|| "rv".into());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if prefix.is_empty() || prefix.len() > PREFIX_LIMIT_BYTES || !prefix.bytes().all(plain) {
            self.tell(&["redis", "prefix"], format!("must be 1 to {PREFIX_LIMIT_BYTES} letters, digits, `-`, `_` or `.`"));
        }
        RedisSection {
            addresses: read.into_iter().map(|(_, address)| address).collect(),
            mode: redis.mode,
            master: redis.master,
            tls,
            login: redis.password_secret.map(|secret| (redis.user.unwrap_or_else(|| "default".into()), secret)),
            ca_file: redis.ca_file.map(PathBuf::from),
            prefix,
            timeout_ms: redis.timeout_ms.unwrap_or(50),
        }
    }

    fn redis_address(&mut self, index: usize, text: &str, port: u16) -> Option<(bool, (String, u16))> {
        let wrong = "write it as `redis://redis.example.org:6379`, or with rediss:// for TLS; user and password stand apart";
        let url = url::Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "redis" | "rediss")
                && url.username().is_empty()
                && url.password().is_none()
                && matches!(url.path(), "" | "/")
                && url.query().is_none()
        });
        let host = url.as_ref().and_then(url::Url::host_str).filter(|host| !host.is_empty());
        let (Some(url), Some(host)) = (&url, host) else {
            self.tell(&["redis", "addresses", &index.to_string()], wrong);
            return None;
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some((url.scheme() == "rediss", (host, url.port().unwrap_or(port))))
    }
}
