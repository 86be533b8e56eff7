//! What came in at a front door, to be normalized or understood.

use std::rc::Rc;

use serde::de::DeserializeOwned;

use crate::alert::find;
use crate::outcome::Refusal;
use crate::reads::Ceiling;
use crate::types::{Label, Method};
use crate::wire::types as wire;

/// What came in with a valid integration key.
#[derive(Debug, Clone)]
pub struct Inbound {
    id: String,
    received_at: i64,
    message: Message,
}

/// The ways in.
#[derive(Debug, Clone)]
pub enum Message {
    /// A request to an HTTP front door.
    Http(Http),
    /// A mail to the integration's address.
    Mail(Mail),
}

impl Inbound {
    pub(crate) fn new(wire: wire::Inbound, ceiling: &Rc<Ceiling>) -> Self {
        let ceiling = Rc::clone(ceiling);
        let message = match wire.message {
            wire::InboundMessage::Http(wire) => Message::Http(Http { wire, ceiling }),
            wire::InboundMessage::Mail(wire) => Message::Mail(Mail { wire, ceiling }),
        };
        Self { id: wire.id, received_at: wire.received_at, message }
    }

    /// Unique: serves as an entity where the sender gave none.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// In milliseconds since 1970: the time to reckon with.
    pub fn received_at(&self) -> i64 {
        self.received_at
    }

    /// What came, by either way.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The HTTP request, or the refusal of a plugin that only takes those.
    pub fn http(&self) -> Result<&Http, Refusal> {
        match &self.message {
            Message::Http(http) => Ok(http),
            Message::Mail(_) => Err(Refusal::because("this integration takes HTTP, not mail")),
        }
    }
}

/// A request. Credentials, cookies and the integration's key are taken out.
#[derive(Debug, Clone)]
pub struct Http {
    wire: wire::InboundHttp,
    ceiling: Rc<Ceiling>,
}

impl Http {
    /// The method.
    pub fn method(&self) -> Method {
        self.wire.method
    }

    /// The exact address that the sender used; the integration's key is masked.
    pub fn url(&self) -> &str {
        &self.wire.url
    }

    /// Decoded segments after the integration's key.
    pub fn path(&self) -> &[String] {
        &self.wire.path
    }

    /// Decoded, in the order sent, repeated names kept.
    pub fn query(&self) -> &[Label] {
        &self.wire.query
    }

    /// The first query value of this name.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        find(&self.wire.query, name)
    }

    /// A header, by its name in any case. It must stand under `headers` in `plugin.toml`; asking for another one is an error of the call.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.ceiling.check_header(name);
        find_ignoring_case(&self.wire.headers, name)
    }

    /// At most 5 MiB.
    pub fn body(&self) -> &[u8] {
        &self.wire.body
    }

    /// The body as JSON, whatever the content type says. The refusal names line, column and field.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let mut json = serde_json::Deserializer::from_slice(&self.wire.body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let cause = error.into_inner();
            let kind = if cause.is_data() { "unexpected JSON" } else { "malformed JSON" };
            Refusal::because(match path.as_str() {
                "." => format!("{kind}: {cause}"),
                path => format!("{kind} in `{path}`: {cause}"),
            })
        })?;
        json.end().map_err(|error| Refusal::because(format!("malformed JSON: {error}")))?;
        Ok(value)
    }
}

/// A mail.
#[derive(Debug, Clone)]
pub struct Mail {
    wire: wire::InboundMail,
    ceiling: Rc<Ceiling>,
}

impl Mail {
    /// Who sent it.
    pub fn sender(&self) -> &str {
        &self.wire.sender
    }

    /// The integration's address.
    pub fn recipient(&self) -> &str {
        &self.wire.recipient
    }

    /// The subject line.
    pub fn subject(&self) -> &str {
        &self.wire.subject
    }

    /// The plain part, or the HTML part as text.
    pub fn text(&self) -> &str {
        &self.wire.text
    }

    /// A header, as [`Http::header`].
    pub fn header(&self, name: &str) -> Option<&str> {
        self.ceiling.check_header(name);
        find_ignoring_case(&self.wire.headers, name)
    }
}

fn find_ignoring_case<'a>(list: &'a [Label], name: &str) -> Option<&'a str> {
    list.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
