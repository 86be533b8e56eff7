//! Where the database is and how it is reached.

use crate::error::OpenError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A database server, a database on it and a schema in that.
#[derive(Clone)]
pub struct PostgresServer {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    /// The schema that holds the tables.
    pub(super) schema: String,
    /// Longest wait for one answer: then the connection counts as lost.
    pub(super) answer_within: Duration,
}

impl std::fmt::Debug for PostgresServer {
    /// Without user and password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place())
    }
}

/// Longest name that PostgreSQL keeps whole.
const NAME_LIMIT_BYTES: usize = 63;

impl PostgresServer {
    /// Reads `url`, such as `postgres://reveille@db.example.org/reveille?sslmode=require`; the password comes from elsewhere.
    ///
    /// Unless the URL says otherwise, the connection is encrypted and the server's certificate checked, but on sockets and loopback
    /// addresses. `roots_pem`: certificates to trust beside the public ones; may be empty.
    ///
    /// # Errors
    /// If the URL cannot be read or names no host, the schema is no plain name, or a certificate cannot be read.
    pub fn new(url: &str, password: Option<&str>, schema: &str, roots_pem: &[u8]) -> Result<Self, OpenError> {
        let wrong = |why: String| OpenError::Address { why };
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| wrong(words(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host".into()));
        }
        if let Some(password) = password {
            config.password(password);
        }
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        let begins = schema.bytes().next().is_some_and(|c| c.is_ascii_lowercase());
        if !begins || !schema.bytes().all(plain) || schema.len() > NAME_LIMIT_BYTES || schema.starts_with("pg_") {
            return Err(wrong(format!("`{schema}` is no schema's name: small letters, digits and _, a letter first")));
        }
        if !url.contains("sslmode") {
            config.ssl_mode(if config.get_hosts().iter().all(is_here) { SslMode::Disable } else { SslMode::Require });
        }
        config.application_name("reveille");
        let mut server = Self { config, tls: tls(roots_pem)?, schema: schema.to_owned(), answer_within: Duration::from_secs(10) };
        server.set_time_outs(Duration::from_secs(5), Duration::from_secs(10));
        Ok(server)
    }

    /// How long making a connection, and waiting for one answer, may take.
    pub fn set_time_outs(&mut self, connect: Duration, answer: Duration) {
        self.answer_within = answer;
        self.config.connect_timeout(connect).tcp_user_timeout(answer).keepalives_idle(Duration::from_secs(30));
    }

    /// In words: host and database, no user and no password.
    pub fn place(&self) -> String {
        let host = |host: &Host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        let hosts: Vec<String> = self.config.get_hosts().iter().map(host).collect();
        format!("database {} at {} (schema {})", self.config.get_dbname().unwrap_or("of the user"), hosts.join(","), self.schema)
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

fn tls(roots_pem: &[u8]) -> Result<MakeRustlsConnect, OpenError> {
    let wrong = |why: String| OpenError::Address { why };
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in CertificateDer::pem_slice_iter(roots_pem) {
        let added = certificate.map_err(|error| error.to_string()).and_then(|root| roots.add(root).map_err(|error| error.to_string()));
        added.map_err(|why| wrong(format!("a certificate to trust cannot be read: {why}")))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// An error with its causes: the client's own text leaves out what the server said.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str, schema: &str) -> String {
        PostgresServer::new(url, None, schema, b"").expect_err("it is refused").to_string()
    }

    #[test]
    fn an_address_is_read_and_never_shown_with_its_password() {
        let server = PostgresServer::new("postgres://u:hunter2@db.example.org/pages", Some("hunter3"), "reveille", b"").unwrap();
        assert_eq!(format!("{server:?}"), "database pages at db.example.org (schema reveille)");
        assert!(refused("postgres:///x", "reveille").contains("names no host"));
        assert!(refused("postgres://h/x", "Bad; DROP").contains("no schema's name"));
        assert!(refused("http://h/x", "reveille").contains("cannot use the address"));
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_the_address_says_otherwise() {
        let mode = |url: &str| PostgresServer::new(url, None, "reveille", b"").unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://u@db.example.org/x"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example.org/x?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://u@127.0.0.1/x"), SslMode::Disable);
        assert_eq!(mode("host=/run/postgresql user=u dbname=x"), SslMode::Disable);
    }
}
