//! An incident to read, with the same ceiling as an alert.

use std::borrow::Cow;
use std::rc::Rc;

use crate::alert::{Alert, find};
use crate::field::{IncidentField, Record};
use crate::reads::{Ceiling, Names, incident_bit as bit};
use crate::types::{Label, Link, Priority, Severity, Status, User};
use crate::wire::types as wire;

/// One or more alerts that people handle together.
///
/// As with [`Alert`], reading a field that the manifest does not declare as `incident.<field>` makes the call an error.
#[derive(Debug, Clone)]
pub struct Incident {
    wire: wire::Incident,
    alerts: Vec<Alert>,
    ceiling: Option<Rc<Ceiling>>,
}

impl Incident {
    pub(crate) fn new(mut wire: wire::Incident, ceiling: Option<Rc<Ceiling>>) -> Self {
        let alerts = std::mem::take(&mut wire.alerts);
        let alerts = alerts.into_iter().map(|alert| Alert::of_incident(alert, ceiling.clone())).collect();
        Self { wire, alerts, ceiling }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn into_wire(self) -> wire::Incident {
        wire::Incident { alerts: self.alerts.into_iter().map(Alert::into_wire).collect(), ..self.wire }
    }

    #[inline]
    fn check(&self, bit: u32, name: &str) {
        if let Some(ceiling) = &self.ceiling
            && ceiling.reads.incident & bit == 0
        {
            ceiling.refuse(&format!("incident.{name}"), |declared| declared.incident & bit != 0);
        }
    }

    /// Opaque, the same everywhere. Always there.
    pub fn id(&self) -> &str {
        &self.wire.id
    }

    /// Where it stands. Always there.
    pub fn status(&self) -> Status {
        self.wire.status
    }

    /// The worst of its firing alerts. Always there.
    pub fn severity(&self) -> Severity {
        self.wire.severity
    }

    /// How many alerts it has, repeats included. Always there.
    pub fn alert_count(&self) -> u32 {
        self.wire.alert_count
    }

    /// The key that `dedupe` gave.
    pub fn key(&self) -> Option<&str> {
        self.check(bit::KEY, "key");
        self.wire.key.as_deref()
    }

    /// One line.
    pub fn title(&self) -> Option<&str> {
        self.check(bit::TITLE, "title");
        self.wire.title.as_deref()
    }

    /// What people decided about importance.
    pub fn priority(&self) -> Option<Priority> {
        self.check(bit::PRIORITY, "priority");
        self.wire.priority
    }

    /// The service of the catalog that is affected.
    pub fn service(&self) -> Option<&str> {
        self.check(bit::SERVICE, "service");
        self.wire.service.as_deref()
    }

    /// The address on the envelope, compared without case.
    pub fn routing_key(&self) -> Option<&str> {
        self.check(bit::ROUTING_KEY, "routing_key");
        self.wire.routing_key.as_deref()
    }

    /// In milliseconds since 1970.
    pub fn opened_at(&self) -> Option<i64> {
        self.check(bit::OPENED_AT, "opened_at");
        self.wire.opened_at
    }

    /// Ids of the teams in charge.
    pub fn teams(&self) -> &[String] {
        self.check(bit::TEAMS, "teams");
        &self.wire.teams
    }

    /// Who acknowledged it.
    pub fn responders(&self) -> &[User] {
        self.check(bit::RESPONDERS, "responders");
        &self.wire.responders
    }

    /// Its page for people.
    pub fn url(&self) -> Option<&str> {
        self.check(bit::URL, "url");
        self.wire.url.as_deref()
    }

    /// A label that all of its alerts have in common.
    pub fn label(&self, name: &str) -> Option<&str> {
        if let Some(ceiling) = &self.ceiling
            && !ceiling.reads.incident_labels.has(name)
        {
            ceiling.refuse(&format!("incident.labels.{name}"), |declared| declared.incident_labels.has(name));
        }
        find(&self.wire.labels, name)
    }

    /// The declared labels that all of its alerts have in common, sorted by name.
    pub fn labels(&self) -> &[Label] {
        if let Some(ceiling) = &self.ceiling
            && ceiling.reads.incident_labels == Names::None
        {
            ceiling.refuse("incident.labels.*", |declared| declared.incident_labels != Names::None);
        }
        &self.wire.labels
    }

    /// The newest first, at most 20; each with the fields declared as `incident.alerts.<field>`.
    pub fn alerts(&self) -> &[Alert] {
        self.check(bit::ALERTS, "alerts.*");
        &self.alerts
    }

    /// Links for people.
    pub fn links(&self) -> &[Link] {
        self.check(bit::LINKS, "links");
        &self.wire.links
    }
}

impl Record for Incident {
    type Field = IncidentField;

    fn get(&self, field: &IncidentField) -> Option<Cow<'_, str>> {
        let text = match field {
            IncidentField::Id => Some(self.id()),
            IncidentField::Key => self.key(),
            IncidentField::Title => self.title(),
            IncidentField::Status => Some(self.status().as_str()),
            IncidentField::Severity => Some(self.severity().as_str()),
            IncidentField::Priority => self.priority().map(Priority::as_str),
            IncidentField::Service => self.service(),
            IncidentField::RoutingKey => self.routing_key(),
            IncidentField::Url => self.url(),
            IncidentField::Label(name) => self.label(name),
            IncidentField::OpenedAt => return self.opened_at().map(|time| time.to_string().into()),
            IncidentField::AlertCount => return Some(self.alert_count().to_string().into()),
            IncidentField::Teams => {
                let teams = self.teams();
                return (!teams.is_empty()).then(|| teams.join(",").into());
            }
            IncidentField::Newest(field) => return self.alerts().first().and_then(|alert| alert.get(field)),
        };
        text.map(Cow::Borrowed)
    }
}

/// Something that happened to an incident.
#[derive(Debug, Clone)]
pub struct IncidentEvent {
    /// The time to reckon with, in milliseconds since 1970.
    pub at: i64,
    /// What happened.
    pub change: crate::types::IncidentChange,
    /// The incident as it is now.
    pub incident: Incident,
}
