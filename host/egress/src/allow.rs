//! The operator's list: may this plugin send to this host and port, and to which addresses of it?

use crate::address::{Class, classify};
use crate::resolve::Resolve;
use crate::settings::Allow;
use ports::EgressError;
use std::net::IpAddr;

/// More addresses of one name are an attack or a mistake.
const ADDRESSES_LIMIT: usize = 64;

/// Does a pattern (`name`, address, or `*.suffix`) mean this host? Both in lower case.
pub(crate) fn matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.trim_start_matches('[').trim_end_matches(']');
    match pattern.strip_prefix("*.") {
        Some(suffix) => {
            let front = host.len().checked_sub(suffix.len() + 1);
            front.is_some_and(|at| at > 0 && host.as_bytes()[at] == b'.' && host[at + 1..].eq_ignore_ascii_case(suffix))
        }
        None => match (pattern.parse::<IpAddr>(), host.parse::<IpAddr>()) {
            (Ok(pattern), Ok(host)) => pattern == host,
            _ => pattern.trim_end_matches('.').eq_ignore_ascii_case(host),
        },
    }
}

/// The entries that let `plugin` reach `host` at `port`.
pub(crate) fn entries<'a>(list: &'a [Allow], plugin: &str, host: &str, port: u16, shown: &str) -> Result<Vec<&'a Allow>, EgressError> {
    let named: Vec<&Allow> = list.iter().filter(|entry| matches(&entry.host, host)).collect();
    let open: Vec<&Allow> = named.iter().copied().filter(|entry| entry.ports.contains(&port)).collect();
    // The host's own messages are the last resort: a list that is made for plugins must not stop them.
    let mine = |entry: &&Allow| plugin.is_empty() || entry.plugins.is_empty() || entry.plugins.iter().any(|name| name == plugin);
    let fitting: Vec<&Allow> = open.iter().copied().filter(mine).collect();
    let refused = |fix: String| Err(EgressError::Refused(format!("sending to {shown}:{port} is not allowed: {fix} in reveille.toml")));
    match (named.is_empty(), open.is_empty(), fitting.is_empty()) {
        (true, ..) => refused(format!("add [[egress.allow]] with host = \"{shown}\" and ports = [{port}]")),
        (_, true, _) => refused(format!("add {port} to `ports` of [[egress.allow]] for this host")),
        (.., true) => refused(format!("add \"{plugin}\" to `plugins` of [[egress.allow]] for this host")),
        _ => Ok(fitting),
    }
}

/// How far the operator's word goes for a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trust {
    /// Private addresses are meant.
    pub private: bool,
}

/// Resolves a host and judges **every** address; gives them all, or refuses all.
pub(crate) async fn checked(resolver: &dyn Resolve, host: &str, shown: &str, trust: Trust) -> Result<Vec<IpAddr>, EgressError> {
    let literal = host.parse::<IpAddr>().ok();
    let addresses = match literal {
        Some(address) => vec![address],
        None => {
            resolver.resolve(host.to_owned()).await.map_err(|error| EgressError::Unreachable(format!("cannot resolve {shown}: {error}")))?
        }
    };
    if addresses.is_empty() {
        return Err(EgressError::Unreachable(format!("cannot resolve {shown}: it has no address")));
    }
    if addresses.len() > ADDRESSES_LIMIT {
        return Err(EgressError::Refused(format!("{shown} has more than {ADDRESSES_LIMIT} addresses")));
    }
    for address in &addresses {
        let fix = match classify(*address) {
            Class::Public => continue,
            Class::Private(_) if trust.private => continue,
            Class::Metadata if trust.private && literal.is_some() => continue,
            Class::Private(what) => format!("is {what}: set `private = true` on its [[egress.allow]] in reveille.toml if that is meant"),
            Class::Metadata => "hands out a machine's credentials, and is allowed only by its own address with `private = true`".to_owned(),
            Class::Never(what) => format!("is {what} and can never be sent to"),
        };
        return Err(EgressError::Refused(format!("sending to {shown} is not allowed: its address {address} {fix}")));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_means_names_below_and_nothing_else() {
        for (pattern, host, expected) in [
            ("ntfy.example.org", "ntfy.example.org", true),
            ("NTFY.example.org", "ntfy.example.org", true),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "a.b.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "evilexample.org", false),
            ("*.example.org", ".example.org", false),
            ("example.org", "a.example.org", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("[::1]", "::1", true),
            ("0:0:0:0:0:0:0:1", "::1", true),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn a_refusal_names_the_line_that_would_allow_it() {
        let list = [Allow { host: "a.org".into(), ports: vec![443], private: false, plugins: vec!["ntfy".into()] }];
        let told = |plugin, host, port| match entries(&list, plugin, host, port, host) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told("ntfy", "a.org", 443), "");
        assert_eq!(told("", "a.org", 443), "", "the host itself");
        assert!(told("ntfy", "b.org", 443).contains("add [[egress.allow]] with host = \"b.org\" and ports = [443]"));
        assert!(told("ntfy", "a.org", 80).contains("add 80 to `ports`"));
        assert!(told("mail", "a.org", 443).contains("add \"mail\" to `plugins`"));
    }
}
