//! An alert to write: what a normalizer makes of a sender's words, kept within the limits of the contract.

use crate::alert::Alert;
use crate::types::{Label, Link, Severity, Status};
use crate::wire::types as wire;

/// Longest summary, in bytes.
pub const SUMMARY_BYTES: usize = 1024;
/// Longest details, in bytes.
pub const DETAILS_BYTES: usize = 20 * 1024;
/// Longest name of a label or annotation, in bytes.
pub const NAME_BYTES: usize = 128;
/// Longest value of a label or annotation, in bytes.
pub const VALUE_BYTES: usize = 4 * 1024;
/// Most labels, and most annotations.
pub const LABELS: usize = 128;
/// Most links.
pub const LINKS: usize = 32;
/// Longest address of a link, in bytes.
pub const URL_BYTES: usize = 2 * 1024;
/// What stands at the end of a text that was cut.
pub const MARK: &str = "… (cut)";
/// The annotation that says how much was left out of a list that was too long.
pub const LEFT_OUT: &str = "reveille.left_out";

/// An alert under construction.
///
/// Text over its limit is cut and marked. Labels, annotations and links over theirs are left out, and the annotation
/// `reveille.left_out` counts them: a sender is never refused for saying too much. (The entity is cut by the host, with a digest.)
///
/// ```
/// use reveille_sdk::prelude::*;
///
/// let report = Report::firing(Severity::Error).entity("db1").summary("disk full").label("host", "db1");
/// let alert = Alert::from(report);
/// assert_eq!(alert.label("host"), Some("db1"));
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    wire: wire::Alert,
    left_out: u32,
}

/// One setter per optional text.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, value: impl Into<String>) -> Self {
            self.wire.$name = Some(value.into()).filter(|text: &String| !text.is_empty());
            self
        }
    )*};
}

impl Report {
    /// Trouble of this severity.
    pub fn firing(severity: Severity) -> Self {
        Self::new(Status::Firing, severity)
    }

    /// An alert in any status.
    pub fn new(status: Status, severity: Severity) -> Self {
        let wire = wire::Alert {
            entity: None,
            status,
            severity,
            summary: None,
            details: None,
            source: None,
            service: None,
            routing_key: None,
            group: None,
            started_at: None,
            received_at: None,
            expires_at: None,
            labels: Vec::new(),
            annotations: Vec::new(),
            links: Vec::new(),
        };
        Self { wire, left_out: 0 }
    }

    setters! {
        /// What is broken. Must be the same in the firing and in the resolved report. The empty text is none, here and below.
        entity;
        /// The tool that reported it, such as `prometheus`.
        source;
        /// The service of the catalog that is affected.
        service;
        /// The address on the envelope.
        routing_key;
        /// The sender's own grouping.
        group;
    }

    /// One line, at most 1 KiB.
    pub fn summary(mut self, text: impl Into<String>) -> Self {
        self.wire.summary = Some(cut(text.into(), SUMMARY_BYTES)).filter(|text| !text.is_empty());
        self
    }

    /// Plain text or Markdown, at most 20 KiB.
    pub fn details(mut self, text: impl Into<String>) -> Self {
        self.wire.details = Some(cut(text.into(), DETAILS_BYTES)).filter(|text| !text.is_empty());
        self
    }

    /// When the trouble began at the sender, in milliseconds since 1970.
    pub fn started_at(mut self, millis: i64) -> Self {
        self.wire.started_at = Some(millis);
        self
    }

    /// When to take it as resolved unless it was reported again, in milliseconds since 1970.
    pub fn expires_at(mut self, millis: i64) -> Self {
        self.wire.expires_at = Some(millis);
        self
    }

    /// For tests of other hooks: when the host took it in. The host overwrites what a normalizer says here.
    pub fn received_at(mut self, millis: i64) -> Self {
        self.wire.received_at = Some(millis);
        self
    }

    /// Sets a label; empty names and values are no labels.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.left_out += put(&mut self.wire.labels, name.into(), value.into());
        self
    }

    /// Sets several labels.
    pub fn labels(self, labels: impl IntoIterator<Item = Label>) -> Self {
        labels.into_iter().fold(self, |report, (name, value)| report.label(name, value))
    }

    /// Sets a label for every scalar within a JSON value, nested names joined with dots: for what a sender says beyond the known fields.
    ///
    /// ```
    /// use reveille_sdk::prelude::*;
    ///
    /// let report = Report::firing(Severity::Info).flatten("process", &serde_json::json!({ "parent": { "name": "sshd" } }));
    /// assert_eq!(Alert::from(report).label("process.parent.name"), Some("sshd"));
    /// ```
    pub fn flatten(mut self, prefix: &str, value: &serde_json::Value) -> Self {
        crate::json::flatten(prefix, value, &mut |name, value| {
            // A hostile body has a million scalars: once the list is full, counting them is enough.
            if self.wire.labels.len() >= LABELS {
                self.left_out += 1;
            } else if let Some(value) = crate::json::text(value) {
                self.left_out += put(&mut self.wire.labels, name.into(), value);
            }
        });
        self
    }

    /// Sets an annotation; empty names and values are none.
    pub fn annotation(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.left_out += put(&mut self.wire.annotations, name.into(), value.into());
        self
    }

    /// Adds a link. One that is not absolute `http` or `https`, or is longer than 2 KiB, is kept as an annotation under its text.
    pub fn link(mut self, link: Link) -> Self {
        let absolute = link.url.starts_with("https://") || link.url.starts_with("http://");
        if !absolute || link.url.len() > URL_BYTES {
            return self.annotation(link.text, link.url);
        }
        if self.wire.links.len() < LINKS {
            self.wire.links.push(link);
        } else {
            self.left_out += 1;
        }
        self
    }

    /// Counts labels that the plugin itself left out because there was no place.
    pub fn left_out(mut self, count: u32) -> Self {
        self.left_out = self.left_out.saturating_add(count);
        self
    }

    pub(crate) fn into_wire(mut self) -> wire::Alert {
        if self.left_out > 0 {
            if self.wire.annotations.len() >= LABELS {
                self.wire.annotations.pop();
                self.left_out += 1;
            }
            let note = format!("{} labels, annotations or links over the limit", self.left_out);
            crate::types::put(&mut self.wire.annotations, LEFT_OUT.into(), note);
        }
        self.wire
    }
}

impl From<Report> for Alert {
    fn from(report: Report) -> Self {
        Self::new(report.into_wire(), None)
    }
}

/// Puts an item into a bounded list; gives how many were left out.
fn put(list: &mut Vec<Label>, name: String, value: String) -> u32 {
    if name.is_empty() || value.is_empty() {
        return 0;
    }
    let (name, value) = (cut(name, NAME_BYTES), cut(value, VALUE_BYTES));
    if list.len() >= LABELS && list.binary_search_by(|(known, _)| known.cmp(&name)).is_err() {
        return 1;
    }
    crate::types::put(list, name, value);
    0
}

/// Cuts a text to so many bytes, on a character's edge, and marks that it was cut.
///
/// ```
/// use reveille_sdk::report::cut;
///
/// assert_eq!(cut("short".into(), 20), "short");
/// assert_eq!(cut("a text that is far too long".into(), 20), "a text that… (cut)".to_string());
/// ```
pub fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let end = text.floor_char_boundary(bytes.saturating_sub(MARK.len()));
        text.truncate(end);
        text.push_str(MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_hold_each_name_once() {
        let alert = Report::firing(Severity::Info).label("b", "1").label("a", "2").label("b", "3").into_wire();
        assert_eq!(alert.labels, [("a".into(), "2".into()), ("b".into(), "3".into())]);
    }

    #[test]
    fn what_is_over_the_limit_is_counted() {
        let labels = (0..130).map(|i| (format!("l{i:03}"), "x".to_string()));
        let alert = Report::firing(Severity::Info).labels(labels).into_wire();
        assert_eq!(alert.labels.len(), 128);
        assert_eq!(alert.annotations, [(LEFT_OUT.into(), "2 labels, annotations or links over the limit".into())]);
    }

    #[test]
    fn text_is_cut_at_a_character() {
        let alert = Report::firing(Severity::Info).summary("é".repeat(600)).into_wire();
        let summary = alert.summary.unwrap();
        assert!(summary.len() <= SUMMARY_BYTES && summary.ends_with("é… (cut)"), "{summary}");
    }

    #[test]
    fn a_link_that_cannot_be_one_becomes_an_annotation() {
        let alert = Report::firing(Severity::Info).link(Link::new("javascript:alert(1)", "runbook")).into_wire();
        assert!(alert.links.is_empty());
        assert_eq!(alert.annotations, [("runbook".into(), "javascript:alert(1)".into())]);
    }
}
