//! What comes in at a front door, and what a normalizer makes of it.

use crate::alert::{Alert, Label, Link};
use crate::command::Command;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// Most events of one body.
pub const EVENTS_LIMIT: usize = 1000;
/// Longest body that any front door takes, in bytes.
pub const BODY_LIMIT_BYTES: usize = 5 * 1024 * 1024;

/// The methods that the front door takes and the egress sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As HTTP spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request that came with a valid integration key; the key and credentials are taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// Unique: serves as an entity where the sender gave none.
    pub id: String,
    pub received_at: Millis,
    pub method: Method,
    /// The address that the sender used, with the integration's key masked.
    pub url: String,
    /// Decoded segments after the integration's key.
    pub path: Vec<String>,
    /// Decoded, in the order sent.
    pub query: Vec<Label>,
    /// Those that the manifest declares; names in lower case.
    pub headers: Vec<Label>,
    pub body: Vec<u8>,
}

/// The answer to an HTTP sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 200 to 499.
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub name: String,
    pub interval_seconds: Option<u32>,
}

/// A deployment or another change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub service: Option<String>,
    pub summary: String,
    pub at: Option<Millis>,
    pub labels: Vec<Label>,
    pub links: Vec<Link>,
}

/// One thing that happened, in our words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    Alert(Box<Alert>),
    Heartbeat(Heartbeat),
    Change(Change),
    Command(Command),
}

/// What a normalizer made of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalized {
    /// At most [`EVENTS_LIMIT`]. Every alert has an entity: the host filled in what the sender left out.
    pub events: Vec<Event>,
    /// The answer once all is on disk; `None`: an empty 202.
    pub reply: Option<Reply>,
    /// An address to fetch once with GET, where a sender wants its subscription confirmed.
    pub confirm_url: Option<String>,
}

/// Why a normalizer does not take a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    /// `None`: 400 with the reason.
    pub reply: Option<Reply>,
}
