//! The plain values of the contract, as `wit/` defines them, with constructors and names.

pub use crate::wire::automate::{Action, ActionResult, IncidentChange, Risk, RunbookRun, Step, Thread};
pub use crate::wire::dedupe::{Grouping, Threshold};
pub use crate::wire::enrich::Patch;
pub use crate::wire::filter::{Suppression, Verdict};
pub use crate::wire::interact::{CommandResult, Interaction, Receipt};
pub use crate::wire::lifecycle::Problem;
pub use crate::wire::normalize::{Change, Event, Heartbeat, Normalized, Refusal};
pub use crate::wire::notify::{Choice, Draft, Outcome, Purpose, Request, Response};
pub use crate::wire::types::{
    Authorization, Command, Contact, Destination, Edit, HttpRequest, HttpResponse, Link, Mail, Method, Operation, Priority, Reply,
    Severity, Status, Subject, Target, Urgency, User,
};

/// A name and a value.
pub type Label = (String, String);

use serde::{Deserialize, Deserializer, de};

/// The names of an enum, both ways, and `Deserialize` by them.
macro_rules! names {
    ($($type:ident: $what:literal { $($case:ident = $name:literal),* $(,)? })*) => {$(
        impl $type {
            /// The name, as rules and settings spell it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $name,)*
                }
            }

            /// The case with this name, in any letter case.
            pub fn from_name(name: &str) -> Option<Self> {
                $(if name.eq_ignore_ascii_case($name) {
                    return Some(Self::$case);
                })*
                None
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::from_name(&name)
                    .ok_or_else(|| de::Error::custom(format!("`{name}` is no {}: known are {}", $what, [$($name),*].join(", "))))
            }
        }
    )*};
}

names! {
    Severity: "severity" { Info = "info", Warning = "warning", Error = "error", Critical = "critical" }
    Status: "status" { Firing = "firing", Acknowledged = "acknowledged", Resolved = "resolved" }
    Priority: "priority" { P1 = "p1", P2 = "p2", P3 = "p3", P4 = "p4", P5 = "p5" }
    Urgency: "urgency" { Page = "page", Ticket = "ticket", Quiet = "quiet" }
    Risk: "risk" { Safe = "safe", Reversible = "reversible", Dangerous = "dangerous" }
    Method: "method" { Get = "GET", Head = "HEAD", Post = "POST", Put = "PUT", Patch = "PATCH", Delete = "DELETE" }
}

/// In settings: a table with one key, such as `{ team = "payments" }` or `{ escalation_policy = "default" }`.
impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Named {
            EscalationPolicy(String),
            Rotation(String),
            Team(String),
            User(String),
        }
        Ok(match Named::deserialize(deserializer)? {
            Named::EscalationPolicy(id) => Self::EscalationPolicy(id),
            Named::Rotation(id) => Self::Rotation(id),
            Named::Team(id) => Self::Team(id),
            Named::User(id) => Self::User(id),
        })
    }
}

impl Destination {
    /// Interrupt people now and escalate.
    pub fn page(target: Target, reason: impl Into<String>) -> Self {
        Self { target, urgency: Urgency::Page, reason: reason.into() }
    }

    /// Put it on the work list and wake nobody.
    pub fn ticket(target: Target, reason: impl Into<String>) -> Self {
        Self { target, urgency: Urgency::Ticket, reason: reason.into() }
    }

    /// Only keep it for the record.
    pub fn quiet(target: Target, reason: impl Into<String>) -> Self {
        Self { target, urgency: Urgency::Quiet, reason: reason.into() }
    }
}

impl IncidentChange {
    /// The name of its case, as the contract spells it, such as `severity-changed`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::AlertJoined => "alert-joined",
            Self::SeverityChanged(_) => "severity-changed",
            Self::Acknowledged(_) => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Reopened => "reopened",
            Self::Resolved => "resolved",
            Self::Escalated(_) => "escalated",
            Self::ActionFinished(_) => "action-finished",
        }
    }
}

impl Action {
    /// Something to do. Within an incident an action with the same key (at most 128 bytes) is done once.
    ///
    /// ```
    /// use reveille_sdk::prelude::*;
    ///
    /// let call = HttpRequest::new(Method::Post, "https://hooks.example/restart");
    /// let action = Action::new("restart", Step::Call(call), Risk::Reversible, "the pool is exhausted");
    /// assert_eq!(action.risk.as_str(), "reversible");
    /// ```
    pub fn new(key: impl Into<String>, step: Step, risk: Risk, reason: impl Into<String>) -> Self {
        Self { key: key.into(), step, risk, reason: reason.into() }
    }
}

impl Command {
    /// Something that the integration itself wants done.
    pub fn new(subject: Subject, operation: Operation) -> Self {
        Self { subject, actor: None, operation }
    }

    /// Says who wants it, as known outside: the host finds the user by a verified contact.
    pub fn by(mut self, kind: impl Into<String>, address: impl Into<String>) -> Self {
        self.actor = Some(Contact { kind: kind.into(), address: address.into() });
        self
    }
}

impl Interaction {
    /// Nothing is asked for: a handshake, which only wants an answer.
    pub fn nothing() -> Self {
        Self { commands: Vec::new(), receipts: Vec::new() }
    }

    /// Commands, at most 16, done in order.
    ///
    /// ```
    /// use reveille_sdk::prelude::*;
    ///
    /// let press = Command::new(Subject::Latest, Operation::Choose("t1".into())).by("chat", "U123");
    /// assert_eq!(Interaction::commands([press]).commands.len(), 1);
    /// ```
    pub fn commands(commands: impl IntoIterator<Item = Command>) -> Self {
        Self { commands: commands.into_iter().collect(), receipts: Vec::new() }
    }

    /// News about pages that were sent.
    pub fn receipts(receipts: impl IntoIterator<Item = Receipt>) -> Self {
        Self { commands: Vec::new(), receipts: receipts.into_iter().collect() }
    }
}

impl Link {
    /// A link with its text.
    pub fn new(url: impl Into<String>, text: impl Into<String>) -> Self {
        Self { url: url.into(), text: text.into(), image: false }
    }

    /// A picture that may be shown in place.
    pub fn image(url: impl Into<String>, text: impl Into<String>) -> Self {
        Self { image: true, ..Self::new(url, text) }
    }
}

impl HttpRequest {
    /// A request without body.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: Vec::new(), authorization: None }
    }

    /// Sets a header; the list stays sorted, and a name stands in it once.
    ///
    /// ```
    /// use reveille_sdk::prelude::*;
    ///
    /// let request = HttpRequest::new(Method::Post, "https://example.com/").header("title", "a").header("priority", "5");
    /// let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    /// assert_eq!(names, ["priority", "title"]);
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        put(&mut self.headers, name.into(), value.into());
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to JSON, and the content type.
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Has the egress add `Authorization: Bearer` with this secret, given by its name.
    pub fn bearer(mut self, secret: impl Into<String>) -> Self {
        self.authorization = Some(Authorization { scheme: "bearer".into(), user: None, secret: secret.into() });
        self
    }

    /// Has the egress add `Authorization: Basic` with a user name and a secret, given by its name.
    pub fn basic(mut self, user: impl Into<String>, secret: impl Into<String>) -> Self {
        self.authorization = Some(Authorization { scheme: "basic".into(), user: Some(user.into()), secret: secret.into() });
        self
    }
}

impl Reply {
    /// A reply with a JSON body; `status` is 200 to 499.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, content_type: "application/json".into(), body: body.to_string().into_bytes() }
    }

    /// A reply with a plain text; `status` is 200 to 499.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8".into(), body: body.into().into_bytes() }
    }

    /// A reply without body; `status` is 200 to 499.
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8".into(), body: Vec::new() }
    }
}

/// Puts a value into a list sorted by name, over an older one of the same name. Says whether the name is new.
pub(crate) fn put(list: &mut Vec<Label>, name: String, value: String) -> bool {
    match list.binary_search_by(|(known, _)| known.as_str().cmp(&name)) {
        Ok(at) => {
            list[at].1 = value;
            false
        }
        Err(at) => {
            list.insert(at, (name, value));
            true
        }
    }
}
