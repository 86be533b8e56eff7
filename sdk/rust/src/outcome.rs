//! What hooks give back: edits, verdicts and groupings with a reason, built step by step.

pub use crate::types::{Event, Grouping, Normalized, Patch, Refusal, Verdict};

use crate::error::Error;
use crate::report::Report;
use crate::types::{Change, Command, Edit, Heartbeat, Label, Link, Reply, Severity, Status, Suppression, Threshold};

impl Patch {
    /// No change and no reason: no opinion.
    pub fn none() -> Self {
        Self { edits: Vec::new(), reason: String::new() }
    }

    /// No change yet; the reason stands on the timeline beside the edits.
    ///
    /// ```
    /// use reveille_sdk::prelude::*;
    ///
    /// let patch = Patch::because("service catalog").label("team", "payments").severity(Severity::Critical);
    /// assert_eq!(patch.edits[0], Edit::SetLabel(("team".into(), "payments".into())));
    /// assert_eq!(patch.edits[1], Edit::SetSeverity(Severity::Critical));
    /// ```
    pub fn because(reason: impl Into<String>) -> Self {
        Self { edits: Vec::new(), reason: reason.into() }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Adds an edit; edits are made in order, at most 64.
    pub fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    /// Sets a label.
    pub fn label(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.edit(Edit::SetLabel((name.into(), value.into())))
    }

    /// Removes a label.
    pub fn remove_label(self, name: impl Into<String>) -> Self {
        self.edit(Edit::RemoveLabel(name.into()))
    }

    /// Sets an annotation.
    pub fn annotation(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.edit(Edit::SetAnnotation((name.into(), value.into())))
    }

    /// Removes an annotation.
    pub fn remove_annotation(self, name: impl Into<String>) -> Self {
        self.edit(Edit::RemoveAnnotation(name.into()))
    }

    /// Adds a link.
    pub fn link(self, link: Link) -> Self {
        self.edit(Edit::AddLink(link))
    }

    /// Sets the severity.
    pub fn severity(self, severity: Severity) -> Self {
        self.edit(Edit::SetSeverity(severity))
    }

    /// Sets the status.
    pub fn status(self, status: Status) -> Self {
        self.edit(Edit::SetStatus(status))
    }

    /// Sets the summary; the empty text removes it, here and below.
    pub fn summary(self, text: impl Into<String>) -> Self {
        self.edit(Edit::SetSummary(text.into()))
    }

    /// Sets the details.
    pub fn details(self, text: impl Into<String>) -> Self {
        self.edit(Edit::SetDetails(text.into()))
    }

    /// Sets the service.
    pub fn service(self, name: impl Into<String>) -> Self {
        self.edit(Edit::SetService(name.into()))
    }

    /// Sets the routing key.
    pub fn routing_key(self, key: impl Into<String>) -> Self {
        self.edit(Edit::SetRoutingKey(key.into()))
    }

    /// Sets the group.
    pub fn group(self, group: impl Into<String>) -> Self {
        self.edit(Edit::SetGroup(group.into()))
    }

    /// Sets the entity. It must come out the same in the firing and in the resolved report.
    pub fn entity(self, entity: impl Into<String>) -> Self {
        self.edit(Edit::SetEntity(entity.into()))
    }
}

impl Verdict {
    /// Grouped and shown, but pages nobody, for good.
    pub fn suppress(reason: impl Into<String>) -> Self {
        Self::Suppress(Suppression { reason: reason.into(), until: None })
    }

    /// The same until a time (milliseconds since 1970); if it still fires then, it goes on as if kept.
    ///
    /// ```
    /// use reveille_sdk::prelude::*;
    ///
    /// let verdict = Verdict::suppress_until(1_700_000_000_000, "maintenance");
    /// assert!(matches!(verdict, Verdict::Suppress(Suppression { until: Some(1_700_000_000_000), .. })));
    /// ```
    pub fn suppress_until(until: i64, reason: impl Into<String>) -> Self {
        Self::Suppress(Suppression { reason: reason.into(), until: Some(until) })
    }

    /// Journal only.
    pub fn drop(reason: impl Into<String>) -> Self {
        Self::Drop(reason.into())
    }
}

impl Grouping {
    /// Alerts with one key share an open incident.
    ///
    /// ```
    /// use reveille_sdk::prelude::*;
    ///
    /// let grouping = Grouping::key("db/replica-lag", "same cluster").window_seconds(600).open_after(3, 60);
    /// assert_eq!(grouping.threshold, Some(Threshold { count: 3, within_seconds: 60 }));
    /// ```
    pub fn key(incident_key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            incident_key: incident_key.into(),
            entity: None,
            window_seconds: None,
            threshold: None,
            title: None,
            related: Vec::new(),
            reason: reason.into(),
        }
    }

    /// Replaces the alert's entity. Must come out the same for every status.
    pub fn entity(mut self, entity: impl Into<String>) -> Self {
        self.entity = Some(entity.into());
        self
    }

    /// Join only if the incident had an alert within so many seconds.
    pub fn window_seconds(mut self, seconds: u32) -> Self {
        self.window_seconds = Some(seconds);
        self
    }

    /// Open an incident only when so many alerts came within so many seconds.
    pub fn open_after(mut self, count: u32, within_seconds: u32) -> Self {
        self.threshold = Some(Threshold { count, within_seconds });
        self
    }

    /// The title of a new incident.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The key of another incident to show beside it; at most 8.
    pub fn related(mut self, key: impl Into<String>) -> Self {
        self.related.push(key.into());
        self
    }
}

impl Normalized {
    /// Nothing to record, answered all the same.
    pub fn nothing() -> Self {
        Self { events: Vec::new(), reply: None, confirm_url: None }
    }

    /// These events, in the order that they happened; at most 1,000.
    ///
    /// ```
    /// use reveille_sdk::prelude::*;
    ///
    /// let report = Report::firing(Severity::Critical).entity("db1").summary("disk full").label("host", "db1");
    /// let normalized = Normalized::events([report]).reply(Reply::empty(200));
    /// assert_eq!(normalized.events.len(), 1);
    /// ```
    pub fn events<E: Into<Event>>(events: impl IntoIterator<Item = E>) -> Self {
        Self { events: events.into_iter().map(Into::into).collect(), reply: None, confirm_url: None }
    }

    /// The answer once all is on disk; without it, an empty 202.
    pub fn reply(mut self, reply: Reply) -> Self {
        self.reply = Some(reply);
        self
    }

    /// An address to fetch once, where a sender wants its subscription confirmed.
    pub fn confirm(mut self, url: impl Into<String>) -> Self {
        self.confirm_url = Some(url.into());
        self
    }
}

impl Refusal {
    /// The reason is kept with the rejected body; it is also the answer (400) unless [`Refusal::reply`] gives another one.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), reply: None }
    }

    /// The answer in the sender's dialect.
    pub fn reply(mut self, reply: Reply) -> Self {
        self.reply = Some(reply);
        self
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::because(error.to_string())
    }
}

impl From<Report> for Event {
    fn from(report: Report) -> Self {
        Self::Alert(report.into_wire())
    }
}

impl From<Heartbeat> for Event {
    fn from(heartbeat: Heartbeat) -> Self {
        Self::Heartbeat(heartbeat)
    }
}

impl From<Change> for Event {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

impl From<Command> for Event {
    fn from(command: Command) -> Self {
        Self::Command(command)
    }
}

/// The row of a table that [`lookup::find`](crate::lookup::find) found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Label>);

impl Row {
    /// The value of a column.
    pub fn get(&self, column: &str) -> Option<&str> {
        crate::alert::find(&self.0, column)
    }

    /// All columns, sorted by name.
    pub fn columns(&self) -> &[Label] {
        &self.0
    }
}
