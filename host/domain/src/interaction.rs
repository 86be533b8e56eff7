//! What somebody outside said in answer to a message: buttons, replies, digits.

use crate::command::Priority;
use crate::contact::Contact;
use crate::escalation::Target;

/// Most commands of one request.
pub const COMMANDS_LIMIT: usize = 16;

/// What an interact plugin read in a request. Nothing of both: a handshake, which only wants an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interaction {
    /// At most [`COMMANDS_LIMIT`], done in order.
    pub commands: Vec<Said>,
    pub receipts: Vec<Receipt>,
}

/// One thing that somebody outside wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub about: About,
    /// The person as known outside; `None`: the integration itself.
    pub actor: Option<Contact>,
    pub wish: Wish,
}

/// Which incident is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// By its id, as plugins see it.
    Incident(String),
    /// The open one that this entity of the integration's team belongs to.
    Entity(String),
    /// The one that the actor was last told about.
    Latest,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    Acknowledge,
    Unacknowledge,
    Resolve,
    Snooze {
        seconds: u32,
    },
    Reroute(Vec<Target>),
    AddResponder(Target),
    AddNote(String),
    SetPriority(Priority),
    /// The token of a choice that a page offered; it says what, and for which incident.
    Choose(String),
}

/// News about a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The provider's reference, or the id of the page.
    pub page: String,
    pub delivered: bool,
    pub reason: Option<String>,
}

/// What came of a wish, in words for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    Done(String),
    Refused(String),
    /// No user has this contact.
    UnknownActor,
}
