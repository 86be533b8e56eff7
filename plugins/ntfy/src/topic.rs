//! Where a contact's topic lives: its address is a topic's URL, or a topic's name on the server of the settings.

/// A topic and its server.
#[derive(Debug, PartialEq, Eq)]
pub struct Topic {
    /// The address to publish to.
    pub server: String,
    /// The topic's name. May be a placeholder for a secret, since a topic's name is as good as a password.
    pub name: String,
}

impl Topic {
    /// The topic of this contact address. The error says what is wrong with it.
    pub fn of(address: &str, default_server: &str) -> Result<Self, String> {
        let (server, name) = if address.starts_with("https://") || address.starts_with("http://") {
            let (server, name) = address.trim_end_matches('/').rsplit_once('/').unwrap_or((address, ""));
            if !server.contains("://") || server.ends_with('/') {
                return Err("the contact's address names a server but no topic: `https://server/topic`".into());
            }
            (server, name)
        } else {
            (default_server.trim_end_matches('/'), address)
        };
        if is_topic(name) || is_placeholder(name) {
            Ok(Self { server: format!("{server}/"), name: name.to_owned() })
        } else {
            Err("the topic must have 1 to 64 letters, digits, `-` or `_`".into())
        }
    }
}

/// What ntfy takes as a topic.
fn is_topic(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// `{{secret:name}}`, filled in by the egress.
fn is_placeholder(name: &str) -> bool {
    let inner = name.strip_prefix("{{secret:").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Option<(String, String)> {
        Topic::of(address, "https://push.example/").ok().map(|topic| (topic.server, topic.name))
    }

    #[test]
    fn a_url_or_a_name() {
        assert_eq!(of("https://ntfy.example/anna-x7"), Some(("https://ntfy.example/".into(), "anna-x7".into())));
        assert_eq!(of("http://127.0.0.1:8081/sub/anna/"), Some(("http://127.0.0.1:8081/sub/".into(), "anna".into())));
        assert_eq!(of("anna_x7"), Some(("https://push.example/".into(), "anna_x7".into())));
    }

    #[test]
    fn a_secret_topic_stays_a_placeholder() {
        assert_eq!(of("{{secret:anna-topic}}").map(|t| t.1).as_deref(), Some("{{secret:anna-topic}}"));
        assert_eq!(of("https://ntfy.example/{{secret:anna}}").map(|t| t.1).as_deref(), Some("{{secret:anna}}"));
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        for bad in ["", "https://ntfy.example", "https://ntfy.example/", "a b", "https://ntfy.example/a?b", "{{secret:}}", "x\"y"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
