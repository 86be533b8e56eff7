//! `reveille.toml`: what the server must know before it can read anything else. Every problem is told with its line.

mod redis;
pub mod written;

pub use self::redis::RedisSection;
pub use self::written::{Algorithm, LogFormat, RedisKind, SmtpTls};

use self::written::{AllowText, EgressText, KeyText, SecretText, ServerText, SmtpText, StoreKind, StoreText, name_problem};
use crate::node::{Lines, Node, Place, Segment};
use crate::problem::{Problem, hint, in_order};
use crate::schema;
use crate::secret::Source;
use crate::shape::{self, Report};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use toml::de::DeTable;

/// Settings of the server, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFile {
    pub listen: SocketAddr,
    /// Relative ones are relative to where the server was started.
    pub data_dir: PathBuf,
    pub plugins_dir: PathBuf,
    /// Where compiled plugins are kept; `None`: in `data_dir`. Relative as `data_dir` is.
    pub native_cache_dir: Option<PathBuf>,
    /// Scheme and host, perhaps a path; no slash at its end.
    pub public_url: String,
    /// `None`: two files in `data_dir`.
    pub postgres: Option<PostgresSection>,
    pub log_format: LogFormat,
    pub egress: EgressSection,
    /// `None`: mail cannot be sent.
    pub smtp: Option<SmtpSection>,
    /// `None`: hot state is in memory alone.
    pub redis: Option<RedisSection>,
    pub secrets: BTreeMap<String, SecretSection>,
    pub keys: BTreeMap<String, KeySection>,
    /// Most bodies that wait for the journal.
    pub journal_queue: usize,
    /// Most journaled records that wait for a decision.
    pub backlog: usize,
    /// Most connections at once.
    pub connections: u32,
}

/// The database server that holds store and journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSection {
    /// Without the password.
    pub url: String,
    /// The name of the secret that is the password.
    pub password_secret: Option<String>,
    pub schema: String,
    /// PEM file of further certificates to trust.
    pub ca_file: Option<PathBuf>,
    pub readers: usize,
    pub connect_timeout_seconds: u32,
    pub answer_timeout_seconds: u32,
}

/// What may be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EgressSection {
    pub allow: Vec<AllowSection>,
    /// PEM file of further certificates to trust.
    pub ca_file: Option<PathBuf>,
}

/// A host that plugins may send to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowSection {
    /// Lower case; `*.` in front: every name below.
    pub host: String,
    pub ports: Vec<u16>,
    pub private: bool,
    /// Empty: every plugin.
    pub plugins: Vec<String>,
}

/// The mail relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpSection {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// User, and the name of the secret that is the password.
    pub login: Option<(String, String)>,
    pub from: String,
}

/// A secret: where it is, and where it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSection {
    pub source: Source,
    pub hosts: Vec<String>,
}

/// A key: where it is, and what plugins may do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySection {
    pub source: Source,
    pub algorithms: Vec<Algorithm>,
}

/// Most bytes of the file.
const FILE_LIMIT_BYTES: usize = 1024 * 1024;

impl ServerFile {
    /// Reads the file's text; `name` is for messages. An empty text gives the defaults.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let lines = Lines(text);
        let wrong = |place, message: String| vec![Problem::new(name, place, "", message)];
        if text.len() > FILE_LIMIT_BYTES {
            return Err(wrong(Place::default(), format!("the file is too large: at most {FILE_LIMIT_BYTES} bytes")));
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let problem = |error: toml::de::Error| {
                let place = error.span().map_or_else(Place::default, |span| lines.place(span.start));
                Problem::new(name, place, "", format!("this is not TOML: {}", error.message()))
            };
            return Err(in_order(errors.into_iter().map(problem).collect()));
        }
        let root = Node::from_toml_table(table.get_ref(), Place { line: 1, column: 1 }, &lines).map_err(|(place, m)| wrong(place, m))?;
        let mut problems = Vec::new();
        let mut report = Report { file: name, subject: "", problems: &mut problems };
        shape::check(schema::server_fields(), &root, &mut Vec::new(), &mut report);
        if !problems.is_empty() {
            return Err(in_order(problems));
        }
        let written: ServerText = serde_json::from_value(root.to_json()).map_err(|e| wrong(root.place, e.to_string()))?;
        let settled = Judge { root: &root, report: Report { file: name, subject: "", problems: &mut problems } }.settle(written);
        if problems.is_empty() { Ok(settled) } else { Err(in_order(problems)) }
    }
}

/// Judges what the schema cannot.
struct Judge<'a> {
    root: &'a Node,
    report: Report<'a>,
}

/// Where egress would go by itself.
const DEFAULT_PORT: u16 = 443;

impl Judge<'_> {
    fn tell(&mut self, path: &[&str], message: impl Into<String>) {
        let path: Vec<Segment> =
            path.iter().map(|part| part.parse().map_or_else(|_| Segment::Key((*part).to_owned()), Segment::Index)).collect();
        self.report.tell(self.root.place_of(&path), &path, message);
    }

    fn settle(&mut self, written: ServerText) -> ServerFile {
        let listen = self.listen(written.listen.as_deref());
        let names: Vec<String> = written.secrets.keys().cloned().collect();
        ServerFile {
            listen,
            data_dir: written.data_dir.unwrap_or_else(|| "data".into()).into(),
            plugins_dir: written.plugins_dir.unwrap_or_else(|| "plugins".into()).into(),
            native_cache_dir: written.native_cache_dir.map(PathBuf::from),
            public_url: self.public_url(written.public_url.as_deref(), listen),
            postgres: self.postgres(written.store, &names),
            log_format: written.log.format,
            egress: self.egress(written.egress),
            smtp: written.smtp.map(|smtp| self.smtp(smtp, &names)),
            redis: written.redis.map(|redis| self.redis(redis, &names)),
            secrets: self.secrets(written.secrets),
            keys: self.keys(written.keys),
            journal_queue: written.limits.journal_queue.map_or(4096, |n| n as usize),
            backlog: written.limits.backlog.map_or(1_000_000, |n| n as usize),
            connections: written.limits.connections.unwrap_or(1024),
        }
    }

    fn listen(&mut self, text: Option<&str>) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8080));
        let Some(text) = text else { return default };
        text.parse().unwrap_or_else(|_| {
            self.tell(&["listen"], format!("`{text}` is no address with a port: write it as `127.0.0.1:8080` or `[::1]:8080`"));
            default
        })
    }

    fn public_url(&mut self, text: Option<&str>, listen: SocketAddr) -> String {
        let Some(text) = text else {
            if !listen.ip().is_loopback() {
                self.tell(
                    &["listen"],
                    format!("{listen} is no loopback address, so `public_url` is mandatory: links in messages must lead here"),
                );
            }
            return format!("http://{listen}");
        };
        let problem = match url::Url::parse(text) {
            Err(error) => Some(format!("`{text}` is no address: {error}")),
            Ok(url) if !matches!(url.scheme(), "http" | "https") => Some("must begin with https:// or http://".into()),
            Ok(url) if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() => {
                Some("must have no user, query or fragment".into())
            }
            Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
                Some("must be https: plain http is for loopback, as a page's link acts without sign-in".into())
            }
            Ok(_) => None,
        };
        if let Some(problem) = problem {
            self.tell(&["public_url"], problem);
        }
        text.trim_end_matches('/').to_owned()
    }

    fn egress(&mut self, written: EgressText) -> EgressSection {
        let allow = written.allow.into_iter().enumerate().map(|(index, entry)| self.allow(index, entry)).collect();
        EgressSection { allow, ca_file: written.ca_file.map(PathBuf::from) }
    }

    fn allow(&mut self, index: usize, entry: AllowText) -> AllowSection {
        let index = index.to_string();
        let host = self.host(&entry.host, &["egress", "allow", &index, "host"]);
        let ports = entry.ports.unwrap_or_else(|| vec![DEFAULT_PORT]);
        if ports.is_empty() || ports.contains(&0) {
            self.tell(&["egress", "allow", &index, "ports"], "must be ports from 1 to 65535, at least one");
        }
        let plugins = entry.plugins.into_iter().map(|name| name.0).collect();
        AllowSection { host, ports, private: entry.private, plugins }
    }

    /// A host, in lower case; told if it is none.
    fn host(&mut self, text: &str, path: &[&str]) -> String {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<std::net::IpAddr>();
        let wild = name.len() != text.len();
        let valid = match address {
            Ok(_) => !wild,
            Err(_) => !name.is_empty() && name.split('.').all(is_host_label),
        };
        if !valid {
            self.tell(path, format!("`{text}` is no host: write `ntfy.example.org`, `*.example.org` or an address, without port or path"));
        }
        address.map_or_else(|_| text.to_lowercase(), |ip| ip.to_string())
    }

    fn postgres(&mut self, store: StoreText, secrets: &[String]) -> Option<PostgresSection> {
        if store.kind == StoreKind::Sqlite {
            let StoreText { url, password_secret, schema, ca_file, .. } = &store;
            let given = [("url", url), ("password_secret", password_secret), ("schema", schema), ("ca_file", ca_file)];
            for (name, _) in given.into_iter().filter(|(_, value)| value.is_some()) {
                self.tell(&["store", name], "is only for `kind = \"postgres\"`");
            }
            return None;
        }
        if let Some(name) = store.password_secret.as_ref().filter(|name| !secrets.contains(name)) {
            let hint = hint(name, secrets.iter().map(String::as_str));
            self.tell(&["store", "password_secret"], format!("there is no [secrets.{name}]{hint}"));
        }
        let Some(url) = store.url else {
            self.tell(&["store"], "needs `url`, such as `postgres://reveille@db.example.org/reveille`");
            return None;
        };
        match url::Url::parse(&url) {
            Ok(read) if !matches!(read.scheme(), "postgres" | "postgresql") => self.tell(&["store", "url"], "must begin with postgres://"),
            Ok(read) if read.password().is_some() => {
                self.tell(&["store", "url"], "must not hold the password: put it into a secret and name that in `password_secret`");
            }
            Ok(_) => {}
            Err(error) => self.tell(&["store", "url"], format!("is no address: {error}")),
        }
        Some(PostgresSection {
            url,
            password_secret: store.password_secret,
            schema: store.schema.unwrap_or_else(|| "reveille".into()),
            ca_file: store.ca_file.map(Into::into),
            readers: store.readers.unwrap_or(3) as usize,
            connect_timeout_seconds: store.connect_timeout_seconds.unwrap_or(5),
            answer_timeout_seconds: store.answer_timeout_seconds.unwrap_or(10),
        })
    }

    fn smtp(&mut self, smtp: SmtpText, secrets: &[String]) -> SmtpSection {
        let host = self.host(&smtp.host, &["smtp", "host"]);
        if host.starts_with('*') {
            self.tell(&["smtp", "host"], "must be one host");
        }
        if smtp.port == Some(0) {
            self.tell(&["smtp", "port"], "must be from 1 to 65535");
        }
        if let Some(name) = smtp.password_secret.as_ref().filter(|name| !secrets.contains(name)) {
            let hint = hint(name, secrets.iter().map(String::as_str));
            self.tell(&["smtp", "password_secret"], format!("there is no [secrets.{name}]{hint}"));
        }
        let login = match (smtp.user, smtp.password_secret) {
            (Some(user), Some(secret)) => Some((user, secret)),
            (None, None) => None,
            (Some(_), None) => {
                self.tell(&["smtp", "user"], "needs `password_secret`, the name of a secret");
                None
            }
            (None, Some(_)) => {
                self.tell(&["smtp", "password_secret"], "needs `user`");
                None
            }
        };
        let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if login.is_some() && smtp.tls == SmtpTls::None && !local {
            self.tell(&["smtp", "tls"], "must be `starttls` or `implicit`: a password would go out in clear");
        }
        if !is_mailbox(&smtp.from) {
            self.tell(&["smtp", "from"], format!("`{}` is no sender: write `Reveille <reveille@example.org>`", smtp.from));
        }
        let port = smtp.port.unwrap_or(match smtp.tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        });
        SmtpSection { host, port, tls: smtp.tls, login, from: smtp.from }
    }

    fn secrets(&mut self, written: BTreeMap<String, SecretText>) -> BTreeMap<String, SecretSection> {
        let mut secrets = BTreeMap::new();
        for (name, secret) in written {
            let path = ["secrets", &name];
            let hosts = secret.hosts.iter().enumerate().map(|(index, host)| {
                let index = index.to_string();
                self.host(host, &["secrets", &name, "hosts", &index])
            });
            let hosts = hosts.collect();
            if let Some(source) = self.source(&path, secret.env, secret.file) {
                secrets.insert(name, SecretSection { source, hosts });
            }
        }
        secrets
    }

    fn keys(&mut self, written: BTreeMap<String, KeyText>) -> BTreeMap<String, KeySection> {
        let mut keys = BTreeMap::new();
        for (name, key) in written {
            let path = ["keys", &name];
            if key.algorithms.is_empty() {
                self.tell(&["keys", &name, "algorithms"], "must name at least one");
            }
            if let Some(source) = self.source(&path, key.env, key.file) {
                keys.insert(name, KeySection { source, algorithms: key.algorithms });
            }
        }
        keys
    }

    fn source(&mut self, path: &[&str; 2], env: Option<String>, file: Option<String>) -> Option<Source> {
        if let Some(problem) = name_problem(path[1]) {
            self.tell(path, problem);
        }
        match (env, file) {
            (Some(name), None) => Some(Source::Env(name)),
            (None, Some(path)) => Some(Source::File(path.into())),
            (Some(_), Some(_)) | (None, None) => {
                self.tell(path, "needs either `env`, the name of an environment variable, or `file`");
                None
            }
        }
    }
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn is_host_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// `name@host` or `Somebody <name@host>`; the mail library reads it exactly when the server starts.
fn is_mailbox(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    let parts = address.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && host.split('.').all(is_host_label)) && !text.contains(char::is_control)
}
