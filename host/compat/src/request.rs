//! Makes an [`Inbound`] of a request, without its key and its credentials.

use axum::http::header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::inbound::{Inbound, Method};
use domain::time::Millis;
use percent_encoding::percent_decode_str;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// What stands in an address in place of the key.
const MASK: &str = "***";

/// Numbers requests: one random part per process, then in order, so that they sort well and never meet those of another run.
pub struct Numbers {
    run: u64,
    next: AtomicU64,
}

/// A random name for one request.
pub fn ticket() -> String {
    format!("{:016x}", std::hash::RandomState::new().build_hasher().finish())
}

impl Default for Numbers {
    fn default() -> Self {
        Self { run: std::hash::RandomState::new().build_hasher().finish(), next: AtomicU64::new(0) }
    }
}

impl Numbers {
    fn draw(&self) -> String {
        format!("{:016x}-{:x}", self.run, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// A key, and the address without it.
#[derive(Debug, PartialEq, Eq)]
pub struct Addressed {
    pub key: String,
    /// The path with the key masked, as sent otherwise.
    pub masked: String,
    /// Decoded segments after the key.
    pub rest: Vec<String>,
}

/// Takes the key out of a path: it is the segment after `prefix`.
pub fn key_in_path(path: &str, prefix: &str) -> Option<Addressed> {
    let after = path.strip_prefix(prefix)?;
    let (key, rest) = after.split_once('/').unwrap_or((after, ""));
    let slash = if after.len() > key.len() { "/" } else { "" };
    Some(Addressed {
        key: decoded(key),
        masked: format!("{prefix}{MASK}{slash}{rest}"),
        rest: rest.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect(),
    })
}

/// Takes the key out of the `Authorization` header: a bearer token, or the password of basic credentials.
pub fn key_in_header(parts: &Parts, prefix: &str) -> Option<Addressed> {
    let given = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = given.split_once(' ')?;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        credentials.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let plain = String::from_utf8(BASE64_STANDARD.decode(credentials.trim()).ok()?).ok()?;
        plain.split_once(':')?.1.to_owned()
    } else {
        return None;
    };
    let path = parts.uri.path();
    let rest = path.strip_prefix(prefix)?.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect();
    Some(Addressed { key, masked: path.to_owned(), rest })
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// The request as a normalizer gets it, without its body. `wanted`: the headers that the plugin declares.
pub fn inbound(parts: &Parts, addressed: &Addressed, method: Method, wanted: &[String], numbers: &Numbers, now: Millis) -> Inbound {
    let header = |name: &str| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let host = header(HOST.as_str()).or_else(|| parts.uri.authority().map(ToString::to_string)).unwrap_or_default();
    let scheme = if header("x-forwarded-proto").as_deref() == Some("https") { "https" } else { "http" };
    let query = parts.uri.query().unwrap_or_default();
    let mark = if query.is_empty() { "" } else { "?" };
    let secret = |name: &str| [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].iter().any(|secret| secret.as_str() == name);
    let headers = wanted.iter().filter(|name| !secret(name)).filter_map(|name| Some((name.clone(), header(name)?))).collect();
    Inbound {
        id: numbers.draw(),
        received_at: now,
        method,
        url: format!("{scheme}://{host}{}{mark}{query}", addressed.masked),
        path: addressed.rest.clone(),
        query: form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
        headers,
        body: Vec::new(),
    }
}

/// The method in our words, if it is one that is taken.
pub fn method(method: &axum::http::Method) -> Option<Method> {
    [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete]
        .into_iter()
        .find(|known| known.as_str() == method.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_taken_out_and_the_rest_is_decoded() {
        let addressed = key_in_path("/in/s3cret/a%2Fb/c", "/in/").unwrap();
        assert_eq!(addressed.key, "s3cret");
        assert_eq!(addressed.masked, "/in/***/a%2Fb/c");
        assert_eq!(addressed.rest, ["a/b", "c"]);
        assert_eq!(key_in_path("/in/s3cret", "/in/").unwrap().masked, "/in/***");
    }

    #[test]
    fn numbers_are_unique() {
        let (one, other) = (Numbers::default(), Numbers::default());
        assert_ne!(one.draw(), one.draw());
        assert_ne!(one.draw(), other.draw());
    }
}
