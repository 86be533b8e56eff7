//! What a tool reported about one entity, and the edits that plugins make to it.

use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// A name and a value.
pub type Label = (String, String);

/// Longest entity, in bytes; a longer one is cut and ends in its digest.
pub const ENTITY_LIMIT_BYTES: usize = 512;
/// Longest summary, in bytes.
pub const SUMMARY_LIMIT_BYTES: usize = 1024;
/// Longest details, in bytes.
pub const DETAILS_LIMIT_BYTES: usize = 20 * 1024;
/// Most labels, and most annotations, of an alert.
pub const LABELS_LIMIT: usize = 128;
/// Most links of an alert.
pub const LINKS_LIMIT: usize = 32;
/// Longest value of a label, in bytes.
pub const LABEL_VALUE_LIMIT_BYTES: usize = 4096;
/// Longest name of a label, in bytes.
pub const LABEL_NAME_LIMIT_BYTES: usize = 128;

/// How bad it is, least first. `Info` is for the record: it joins an open incident and never opens one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Info,
    Warning,
    Error,
    Critical,
}

impl Severity {
    /// All, least first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The word that configuration, API and messages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// Where an alert or an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Firing,
    Acknowledged,
    Resolved,
}

impl Status {
    /// The word that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// A link for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Absolute `https` or `http` address, at most 2 KiB.
    pub url: String,
    pub text: String,
    /// A picture that may be shown in place.
    pub image: bool,
}

/// Something that a tool reported about one entity. Label lists are sorted by name and hold each name once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What is broken; unique within the team that owns the integration.
    pub entity: String,
    pub status: Status,
    pub severity: Severity,
    pub summary: Option<String>,
    pub details: Option<String>,
    pub source: Option<String>,
    pub service: Option<String>,
    pub routing_key: Option<String>,
    pub group: Option<String>,
    pub started_at: Option<Millis>,
    /// When the host took it in.
    pub received_at: Millis,
    pub expires_at: Option<Millis>,
    pub labels: Vec<Label>,
    pub annotations: Vec<Label>,
    pub links: Vec<Link>,
}

/// One change to an alert. Setting text to the empty string removes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edit {
    SetLabel(String, String),
    RemoveLabel(String),
    SetAnnotation(String, String),
    RemoveAnnotation(String),
    AddLink(Link),
    SetSeverity(Severity),
    SetStatus(Status),
    SetSummary(String),
    SetDetails(String),
    SetService(String),
    SetRoutingKey(String),
    SetGroup(String),
    SetEntity(String),
}

impl Alert {
    /// An alert that only says that `entity` fires; the rest is empty.
    pub fn firing(entity: impl Into<String>, severity: Severity, received_at: Millis) -> Self {
        Self {
            entity: entity.into(),
            status: Status::Firing,
            severity,
            summary: None,
            details: None,
            source: None,
            service: None,
            routing_key: None,
            group: None,
            started_at: None,
            received_at,
            expires_at: None,
            labels: Vec::new(),
            annotations: Vec::new(),
            links: Vec::new(),
        }
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        find(&self.labels, name)
    }

    /// What to call it in one line: the summary, or the entity.
    pub fn title(&self) -> &str {
        self.summary.as_deref().unwrap_or(&self.entity)
    }

    /// Makes the edits in order. Text over its limit is cut and marked; entries over a list's limit are left out.
    pub fn apply(&mut self, edits: &[Edit]) {
        for edit in edits {
            self.apply_one(edit);
        }
    }

    fn apply_one(&mut self, edit: &Edit) {
        match edit {
            Edit::SetLabel(name, value) => set(&mut self.labels, name, value),
            Edit::RemoveLabel(name) => self.labels.retain(|(n, _)| n != name),
            Edit::SetAnnotation(name, value) => set(&mut self.annotations, name, value),
            Edit::RemoveAnnotation(name) => self.annotations.retain(|(n, _)| n != name),
            Edit::AddLink(link) => {
                if self.links.len() < LINKS_LIMIT && !self.links.contains(link) {
                    self.links.push(link.clone());
                }
            }
            Edit::SetSeverity(severity) => self.severity = *severity,
            Edit::SetStatus(status) => self.status = *status,
            Edit::SetSummary(text) => self.summary = text_or_none(text, SUMMARY_LIMIT_BYTES),
            Edit::SetDetails(text) => self.details = text_or_none(text, DETAILS_LIMIT_BYTES),
            Edit::SetService(text) => self.service = text_or_none(text, LABEL_VALUE_LIMIT_BYTES),
            Edit::SetRoutingKey(text) => self.routing_key = text_or_none(text, LABEL_VALUE_LIMIT_BYTES),
            Edit::SetGroup(text) => self.group = text_or_none(text, LABEL_VALUE_LIMIT_BYTES),
            // An entity cannot be removed: without one, nothing could pair a recovery with it.
            Edit::SetEntity(text) => {
                if !text.is_empty() {
                    self.entity = cut(text, ENTITY_LIMIT_BYTES);
                }
            }
        }
    }
}

fn find<'a>(list: &'a [Label], name: &str) -> Option<&'a str> {
    list.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok().map(|at| list[at].1.as_str())
}

fn set(list: &mut Vec<Label>, name: &str, value: &str) {
    let name = cut(name, LABEL_NAME_LIMIT_BYTES);
    match list.binary_search_by(|(n, _)| n.as_str().cmp(&name)) {
        Ok(at) if value.is_empty() => {
            list.remove(at);
        }
        Ok(at) => list[at].1 = cut(value, LABEL_VALUE_LIMIT_BYTES),
        Err(at) if !value.is_empty() && list.len() < LABELS_LIMIT => {
            list.insert(at, (name, cut(value, LABEL_VALUE_LIMIT_BYTES)));
        }
        Err(_) => {}
    }
}

fn text_or_none(text: &str, limit_bytes: usize) -> Option<String> {
    (!text.is_empty()).then(|| cut(text, limit_bytes))
}

/// The text, or as much of it as fits in `limit_bytes` with `…` at its end. Never splits a character.
pub fn cut(text: &str, limit_bytes: usize) -> String {
    if text.len() <= limit_bytes {
        return text.to_owned();
    }
    let mut end = limit_bytes.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_keep_labels_sorted_and_unique() {
        let mut alert = Alert::firing("db", Severity::Critical, Millis(0));
        alert.apply(&[
            Edit::SetLabel("zone".into(), "a".into()),
            Edit::SetLabel("host".into(), "n1".into()),
            Edit::SetLabel("zone".into(), "b".into()),
        ]);
        assert_eq!(alert.labels, [("host".into(), "n1".into()), ("zone".into(), "b".into())]);
        alert.apply(&[Edit::SetLabel("host".into(), String::new())]);
        assert_eq!(alert.label("host"), None);
    }

    #[test]
    fn an_entity_is_never_removed() {
        let mut alert = Alert::firing("db", Severity::Critical, Millis(0));
        alert.apply(&[Edit::SetEntity(String::new())]);
        assert_eq!(alert.entity, "db");
    }

    #[test]
    fn cut_text_is_marked_and_never_splits_a_character() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abc…");
        assert_eq!(cut("ééé", 5), "é…");
    }
}
