//! An alert to read. Each accessor asks the ceiling first: see [`crate::reads`].

use std::borrow::Cow;
use std::rc::Rc;

use crate::field::{AlertField, Record};
use crate::reads::{AlertReads, Ceiling, Names, Reads, alert_bit as bit};
use crate::types::{Label, Link, Severity, Status};
use crate::wire::types as wire;

/// Which of the two alert ceilings applies: the alert of a call, or the alerts of an incident.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    Call,
    Incident,
}

impl Place {
    fn of(self, reads: &Reads) -> &AlertReads {
        match self {
            Self::Call => &reads.alert,
            Self::Incident => &reads.incident_alerts,
        }
    }

    fn name(self, field: &str) -> String {
        match self {
            Self::Call => field.into(),
            Self::Incident => format!("incident.alerts.{field}"),
        }
    }
}

/// Something that a tool reported about one entity.
///
/// Only the fields that `plugin.toml` declares under `reads` come across. Reading another one gives nothing *and* makes the whole call
/// an error that names the line of the manifest. In tests, alerts are made by [`Report`](crate::Report); they have no ceiling until a
/// [`mock::Instance`](crate::mock::Instance) takes them.
#[derive(Debug, Clone)]
pub struct Alert {
    wire: wire::Alert,
    ceiling: Option<Rc<Ceiling>>,
    place: Place,
}

/// One accessor per optional field.
macro_rules! accessors {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $bit:ident, $read:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Option<$type> {
            self.check(bit::$bit, stringify!($name));
            #[allow(clippy::redundant_closure_call, reason = "one shape for text and time")]
            ($read)(&self.wire.$name)
        }
    )*};
}

impl Alert {
    pub(crate) fn new(wire: wire::Alert, ceiling: Option<Rc<Ceiling>>) -> Self {
        Self { wire, ceiling, place: Place::Call }
    }

    pub(crate) fn of_incident(wire: wire::Alert, ceiling: Option<Rc<Ceiling>>) -> Self {
        Self { wire, ceiling, place: Place::Incident }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn into_wire(self) -> wire::Alert {
        self.wire
    }

    #[inline]
    fn check(&self, bit: u32, name: &str) {
        if let Some(ceiling) = &self.ceiling
            && self.place.of(&ceiling.reads).bits & bit == 0
        {
            ceiling.refuse(&self.place.name(name), |declared| self.place.of(declared).bits & bit != 0);
        }
    }

    #[inline]
    fn check_name(&self, list: &str, name: &str, names: fn(&AlertReads) -> &Names) {
        if let Some(ceiling) = &self.ceiling
            && !names(self.place.of(&ceiling.reads)).has(name)
        {
            ceiling.refuse(&self.place.name(&format!("{list}.{name}")), |declared| names(self.place.of(declared)).has(name));
        }
    }

    #[inline]
    fn check_list(&self, list: &str, names: fn(&AlertReads) -> &Names) {
        if let Some(ceiling) = &self.ceiling
            && names(self.place.of(&ceiling.reads)) == &Names::None
        {
            let name = self.place.name(&format!("{list}.*"));
            ceiling.refuse(&name, |declared| names(self.place.of(declared)) != &Names::None);
        }
    }

    /// Where it stands. Always there.
    pub fn status(&self) -> Status {
        self.wire.status
    }

    /// How bad it is. Always there.
    pub fn severity(&self) -> Severity {
        self.wire.severity
    }

    accessors! {
        /// What is broken: reports with the same entity are about the same thing.
        entity: &str = ENTITY, Option::as_deref;
        /// One line.
        summary: &str = SUMMARY, Option::as_deref;
        /// Plain text or Markdown.
        details: &str = DETAILS, Option::as_deref;
        /// The tool that reported it, such as `prometheus`.
        source: &str = SOURCE, Option::as_deref;
        /// The service of the catalog that is affected.
        service: &str = SERVICE, Option::as_deref;
        /// The address on the envelope, compared without case.
        routing_key: &str = ROUTING_KEY, Option::as_deref;
        /// The sender's own grouping.
        group: &str = GROUP, Option::as_deref;
        /// When the trouble began at the sender, in milliseconds since 1970.
        started_at: i64 = STARTED_AT, |time: &Option<i64>| *time;
        /// When the host took it in, in milliseconds since 1970: the time to reckon with.
        received_at: i64 = RECEIVED_AT, |time: &Option<i64>| *time;
        /// When to take it as resolved unless it was reported again, in milliseconds since 1970.
        expires_at: i64 = EXPIRES_AT, |time: &Option<i64>| *time;
    }

    /// The label of this name.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.check_name("labels", name, |reads| &reads.labels);
        find(&self.wire.labels, name)
    }

    /// The declared labels, sorted by name.
    pub fn labels(&self) -> &[Label] {
        self.check_list("labels", |reads| &reads.labels);
        &self.wire.labels
    }

    /// The annotation of this name.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.check_name("annotations", name, |reads| &reads.annotations);
        find(&self.wire.annotations, name)
    }

    /// The declared annotations, sorted by name.
    pub fn annotations(&self) -> &[Label] {
        self.check_list("annotations", |reads| &reads.annotations);
        &self.wire.annotations
    }

    /// Links for people.
    pub fn links(&self) -> &[Link] {
        self.check(bit::LINKS, "links");
        &self.wire.links
    }
}

/// The value of a named item. Lists are sorted by name, but most are so short that walking them is the faster way.
pub(crate) fn find<'a>(list: &'a [Label], name: &str) -> Option<&'a str> {
    list.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

impl Record for Alert {
    type Field = AlertField;

    fn get(&self, field: &AlertField) -> Option<Cow<'_, str>> {
        let text = match field {
            AlertField::Entity => self.entity(),
            AlertField::Status => Some(self.status().as_str()),
            AlertField::Severity => Some(self.severity().as_str()),
            AlertField::Summary => self.summary(),
            AlertField::Details => self.details(),
            AlertField::Source => self.source(),
            AlertField::Service => self.service(),
            AlertField::RoutingKey => self.routing_key(),
            AlertField::Group => self.group(),
            AlertField::StartedAt => return self.started_at().map(|time| time.to_string().into()),
            AlertField::ReceivedAt => return self.received_at().map(|time| time.to_string().into()),
            AlertField::ExpiresAt => return self.expires_at().map(|time| time.to_string().into()),
            AlertField::Label(name) => self.label(name),
            AlertField::Annotation(name) => self.annotation(name),
        };
        text.map(Cow::Borrowed)
    }
}
