//! Objects that people keep and the host looks after: few, small, read by kind. What is in one is its room's business.

use crate::store::{StoreError, Tx, View};
use domain::time::Millis;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most objects of one kind that [`all`] reads.
pub const OBJECTS_LIMIT: u32 = 10_000;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A silence: alerts that match page nobody until it ends.
    Silence,
    /// A heartbeat that is expected.
    Heartbeat,
    /// A contact that was proved to work, or is being proved.
    Contact,
    /// A shift that somebody asks others to take.
    Swap,
    /// A person's page that stands for several incidents.
    Bundle,
    /// What the host has to do at a time for an incident, such as the end of a snooze.
    Timer,
    /// Who was told last that their shift begins or ends.
    Handoff,
    /// Whose turn it is in a step of a policy.
    Turn,
    /// A message whose provider has to report that it arrived.
    Receipt,
    /// When the auditor looks again.
    Audit,
    /// An incident that was answered or fires again, whose messages are to say so.
    News,
    /// What a message about several incidents stood for; its time is when it is forgotten.
    Told,
    /// A browser that somebody subscribed.
    Browser,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Silence,
        Self::Heartbeat,
        Self::Contact,
        Self::Swap,
        Self::Bundle,
        Self::Timer,
        Self::Handoff,
        Self::Turn,
        Self::Receipt,
        Self::Audit,
        Self::News,
        Self::Told,
        Self::Browser,
    ];

    /// Whether the host does something at an object's time; that of a silence or of what a message said only tells from when on it is
    /// history.
    pub fn is_timed(self) -> bool {
        !matches!(self, Self::Silence | Self::Told)
    }

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Heartbeat => "heartbeat",
            Self::Contact => "contact",
            Self::Swap => "swap",
            Self::Bundle => "bundle",
            Self::Timer => "timer",
            Self::Handoff => "handoff",
            Self::Turn => "turn",
            Self::Receipt => "receipt",
            Self::Audit => "audit",
            Self::News => "news",
            Self::Told => "told",
            Self::Browser => "browser",
        }
    }
}

/// An object as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub kind: Kind,
    pub id: String,
    /// When the host has to look at it; `None`: never.
    pub due_at: Option<Millis>,
    /// JSON.
    pub body: String,
}

/// A type whose values are objects.
pub trait Object: Serialize + DeserializeOwned {
    /// What it is stored as.
    const KIND: Kind;

    /// Unique among its kind.
    fn id(&self) -> String;

    /// When the host has to look at it; `None`: never.
    fn due_at(&self) -> Option<Millis>;
}

/// The object with this id.
pub fn find<T: Object>(view: &dyn View, id: &str) -> Result<Option<T>, StoreError> {
    view.object(T::KIND, id)?.map(parse).transpose()
}

/// All objects of the type, by id; at most [`OBJECTS_LIMIT`].
pub fn all<T: Object>(view: &dyn View) -> Result<Vec<T>, StoreError> {
    view.objects(T::KIND, "", OBJECTS_LIMIT)?.into_iter().map(parse).collect()
}

/// Those that the host has to look at, at `now` or before, earliest first.
pub fn due<T: Object>(view: &dyn View, now: Millis, limit: u32) -> Result<Vec<T>, StoreError> {
    view.objects_due(T::KIND, now, limit)?.into_iter().map(parse).collect()
}

/// Inserts or replaces.
pub fn put<T: Object>(tx: &mut dyn Tx, object: &T) -> Result<(), StoreError> {
    let body = serde_json::to_string(object).map_err(|error| StoreError::Abandoned(format!("cannot write an object: {error}")))?;
    tx.put_object(&Stored { kind: T::KIND, id: object.id(), due_at: object.due_at(), body })
}

/// Deletes; `false`: it was not there.
pub fn delete<T: Object>(tx: &mut dyn Tx, id: &str) -> Result<bool, StoreError> {
    tx.delete_object(T::KIND, id)
}

fn parse<T: Object>(stored: Stored) -> Result<T, StoreError> {
    serde_json::from_str(&stored.body)
        .map_err(|error| StoreError::Corrupt { doing: "reads an object", why: format!("{} {}: {error}", stored.kind.as_str(), stored.id) })
}
