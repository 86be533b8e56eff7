//! A message to a person: what a notify plugin renders, and the outbox row that makes sure it arrives.

use crate::alert::Label;
use crate::contact::Contact;
use crate::id::{IncidentId, OutboxId, RunId, UserId};
use crate::inbound::Method;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// Why a message is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Somebody is needed; the step of the escalation policy, from 1.
    Escalation(u32),
    /// Something changed; the text says what.
    Update(String),
    /// About the schedule, or a contact; the text says what.
    Reminder(String),
    /// Proves that the contact works; the text is the code.
    Test(String),
}

/// What the recipient can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub text: String,
    /// At most 40 bytes of `A-Z a-z 0-9 - _`.
    pub token: String,
    /// A page for it: GET shows, POST acts.
    pub url: String,
}

/// A request for the egress. `{{secret:name}}` is filled in there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    pub method: Method,
    pub url: String,
    pub headers: Vec<Label>,
    /// At most 128 KiB.
    #[serde(with = "body")]
    pub body: Vec<u8>,
    pub authorization: Option<Authorization>,
}

/// A body is nearly always text: stored as such it takes a quarter of a list of numbers.
mod body {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub fn serialize<S: Serializer>(body: &[u8], to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(body) {
            Ok(text) => Stored::Text(text.to_owned()).serialize(to),
            Err(_) => Stored::Bytes(body.to_vec()).serialize(to),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        Ok(match Stored::deserialize(from)? {
            Stored::Text(text) => text.into_bytes(),
            Stored::Bytes(bytes) => bytes,
        })
    }
}

/// Secrets by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authorization {
    Bearer(String),
    /// A user name, and a secret's name.
    Basic(String, String),
    /// The body is sealed for this browser and signed for its push service. Only the host says so.
    WebPush(PushReceiver),
}

/// A browser that asked to be woken, as the Push API describes it: where, and by which keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushReceiver {
    /// An https address at the browser's push service.
    pub endpoint: String,
    /// Its public key: an uncompressed point of P-256 in base64url.
    pub p256dh: String,
    /// What it shares with whoever may wake it: 16 bytes in base64url.
    pub auth: String,
}

/// What came back. Header names are lower case; body at most 64 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<Label>,
    pub body: Vec<u8>,
}

/// A mail to send; the sender's address is the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    /// The message id that this answers.
    pub in_reply_to: Option<String>,
}

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Http(HttpRequest),
    Mail(Mail),
}

/// What came back. Network errors never come here: the host retries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    Http(HttpResponse),
    /// The SMTP reply code and text.
    Mail(u16, String),
}

/// How a delivery went, as its notify plugin reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The provider took it. The reference is for edits and receipts.
    Accepted(Option<String>),
    /// It is known to have arrived.
    Delivered(Option<String>),
    /// Send this too and ask again with the next step. At most 3.
    Proceed(Box<Request>),
    /// Try again, not before so many seconds.
    Retry(u32, String),
    /// Will never work so: take the next contact.
    Failed(String),
}

/// How an outbox row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutboxState {
    /// To be sent at [`Outbox::next_at`].
    Queued,
    /// Somebody sends it now; if that somebody dies, it is queued again once [`Outbox::next_at`] has passed.
    Sending,
    Accepted,
    Failed,
    /// The incident was answered before it went out.
    Cancelled,
}

/// One message to one contact of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    pub id: OutboxId,
    /// Unique: incident, run, step, repeat, person, personal attempt and contact method; the provider gets it as idempotency key.
    pub key: String,
    pub incident: Option<IncidentId>,
    pub run: Option<RunId>,
    pub user: Option<UserId>,
    pub contact: Contact,
    /// Its place among the messages of one page to this person, from 0, in the order of their times.
    pub contact_index: u32,
    pub purpose: Purpose,
    pub state: OutboxState,
    /// How often it was tried.
    pub tries: u32,
    pub queued_at: Millis,
    /// When it is due, or when a claim on it lapses.
    pub next_at: Option<Millis>,
    /// What the provider calls it.
    pub reference: Option<String>,
    pub last_error: Option<String>,
    /// It is sent again and again until the incident is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// How a message is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// So many seconds after this one; 0: not any more.
    pub every_seconds: u32,
    /// Which time this is; 0: the first.
    pub round: u32,
    /// When the page was queued that this goes back to.
    pub paged_at: Millis,
}

impl Outbox {
    /// A message to a person that is about no incident, due now.
    pub fn to_person(id: OutboxId, key: String, user: UserId, contact: Contact, purpose: Purpose, now: Millis) -> Self {
        Self {
            id,
            key,
            incident: None,
            run: None,
            user: Some(user),
            contact,
            contact_index: 0,
            purpose,
            state: OutboxState::Queued,
            tries: 0,
            queued_at: now,
            next_at: Some(now),
            reference: None,
            last_error: None,
            again: None,
        }
    }

    /// The idempotency key, the same for every retry of one message. At most 64 bytes: parts that are too long are the caller's to digest.
    pub fn idempotency_key(
        incident: IncidentId,
        run: RunId,
        step: u32,
        repeat: u32,
        user: &UserId,
        attempt: u32,
        contact_index: u32,
    ) -> String {
        format!("{incident}-{run}-{step}-{repeat}-{user}-{attempt}-{contact_index}")
    }
}
