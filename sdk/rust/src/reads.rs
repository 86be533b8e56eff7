//! What a plugin may read: the manifest's ceiling, narrowed by its settings, as bits that cost nothing to ask.
//!
//! The host passes only what is declared, so an undeclared field is always absent and a rule on it would silently never match. Therefore
//! *reading* one is recorded here and turns the call's result into an error that names the manifest line.

use std::cell::RefCell;

use crate::manifest::Manifest;

/// Names under `labels` or `annotations` that may be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Names {
    #[default]
    None,
    Some(Vec<String>),
    All,
}

impl Names {
    fn add(&mut self, name: &str) {
        match self {
            Self::All => {}
            _ if name == "*" => *self = Self::All,
            Self::Some(names) => names.push(name.into()),
            Self::None => *self = Self::Some(vec![name.into()]),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::Some(names) => names.iter().any(|known| known == name),
            Self::All => true,
        }
    }
}

/// Declares one bit per field together with its name, so that the two lists cannot part.
macro_rules! bits {
    ($list:ident: $($constant:ident = $name:literal),* $(,)?) => {
        bits!(@number 0u32; $($constant)*);
        const $list: &[(&str, u32)] = &[$(($name, $constant)),*];
    };
    (@number $n:expr; $head:ident $($tail:ident)*) => {
        pub(crate) const $head: u32 = 1 << ($n);
        bits!(@number $n + 1; $($tail)*);
    };
    (@number $n:expr;) => {};
}

pub(crate) mod alert_bit {
    //! The fields of an alert.
    bits!(ALL_NAMED: ENTITY = "entity", SUMMARY = "summary", DETAILS = "details", SOURCE = "source", SERVICE = "service",
        ROUTING_KEY = "routing_key", GROUP = "group", STARTED_AT = "started_at", RECEIVED_AT = "received_at",
        EXPIRES_AT = "expires_at", LINKS = "links", STATUS = "status", SEVERITY = "severity");
    pub(super) fn find(name: &str) -> Option<u32> {
        ALL_NAMED.iter().find(|(known, _)| *known == name).map(|(_, bit)| *bit)
    }
}

pub(crate) mod incident_bit {
    //! The fields of an incident.
    bits!(ALL_NAMED: KEY = "key", TITLE = "title", PRIORITY = "priority", SERVICE = "service", ROUTING_KEY = "routing_key",
        OPENED_AT = "opened_at", TEAMS = "teams", RESPONDERS = "responders", URL = "url", LINKS = "links", ALERTS = "alerts",
        ID = "id", STATUS = "status", SEVERITY = "severity", ALERT_COUNT = "alert_count");
    pub(super) fn find(name: &str) -> Option<u32> {
        ALL_NAMED.iter().find(|(known, _)| *known == name && *known != "alerts").map(|(_, bit)| *bit)
    }
}

pub(crate) mod page_bit {
    //! The fields of a page.
    bits!(ALL_NAMED: RECIPIENT = "recipient", CHOICES = "choices", PREVIOUS = "previous", ID = "id", AT = "at",
        PURPOSE = "purpose", CONTACT = "contact");
    pub(super) fn find(name: &str) -> Option<u32> {
        ALL_NAMED.iter().find(|(known, _)| *known == name).map(|(_, bit)| *bit)
    }
}

/// The fields of an alert that may be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AlertReads {
    pub bits: u32,
    pub labels: Names,
    pub annotations: Names,
}

impl AlertReads {
    fn add(&mut self, name: &str) -> bool {
        if name == "*" {
            *self = Self { bits: u32::MAX, labels: Names::All, annotations: Names::All };
        } else if let Some(bit) = alert_bit::find(name) {
            self.bits |= bit;
        } else if let Some(label) = name.strip_prefix("labels.") {
            self.labels.add(label);
        } else if let Some(annotation) = name.strip_prefix("annotations.") {
            self.annotations.add(annotation);
        } else {
            return false;
        }
        true
    }
}

/// Everything that may be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reads {
    pub alert: AlertReads,
    pub incident: u32,
    pub incident_labels: Names,
    pub incident_alerts: AlertReads,
    pub page: u32,
}

impl Reads {
    /// The error is the name that is no field.
    pub(crate) fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut reads = Self::default();
        for name in names {
            if !reads.add(name) {
                return Err(name.into());
            }
        }
        Ok(reads)
    }

    fn add(&mut self, name: &str) -> bool {
        if name == "*" {
            return self.alert.add("*") && self.add("incident.*") && self.add("page.*");
        }
        if let Some(name) = name.strip_prefix("incident.") {
            return self.add_incident(name);
        }
        if let Some(name) = name.strip_prefix("page.") {
            let bit = if name == "*" { Some(u32::MAX) } else { page_bit::find(name) };
            self.page |= bit.unwrap_or(0);
            return bit.is_some();
        }
        self.alert.add(name)
    }

    fn add_incident(&mut self, name: &str) -> bool {
        if name == "*" {
            self.incident = u32::MAX;
            self.incident_labels.add("*");
            return self.incident_alerts.add("*");
        }
        if let Some(name) = name.strip_prefix("alerts.") {
            self.incident |= incident_bit::ALERTS;
            return self.incident_alerts.add(name);
        }
        if let Some(label) = name.strip_prefix("labels.") {
            self.incident_labels.add(label);
            return true;
        }
        let bit = incident_bit::find(name);
        self.incident |= bit.unwrap_or(0);
        bit.is_some()
    }
}

/// What one configured instance may read, and the first read beyond it in the present call.
#[derive(Debug)]
pub(crate) struct Ceiling {
    pub reads: Reads,
    /// The manifest's, to tell a field that is not declared from one that `reads()` left out.
    declared: Reads,
    manifest: &'static Manifest,
    violation: RefCell<Option<String>>,
}

impl Ceiling {
    /// `narrowed` is what `reads()` gave; empty: all of the manifest's.
    pub(crate) fn new(manifest: &'static Manifest, narrowed: &[String]) -> Result<Self, String> {
        let declared = Reads::parse(manifest.reads.iter().copied())
            .map_err(|name| format!("`{name}` in `reads` is no field ({}, line {})", manifest.file, manifest.reads_line))?;
        let reads = if narrowed.is_empty() {
            declared.clone()
        } else {
            Reads::parse(narrowed.iter().map(String::as_str)).map_err(|name| format!("`{name}` from `reads()` is no field"))?
        };
        Ok(Self { reads, declared, manifest, violation: RefCell::default() })
    }

    /// Forgets the violation of an earlier call.
    pub(crate) fn begin(&self) {
        self.violation.replace(None);
    }

    /// The first undeclared read of this call.
    pub(crate) fn violation(&self) -> Option<String> {
        self.violation.take()
    }

    /// Notes a read beyond the ceiling; `is_declared` says whether the manifest itself has it.
    #[cold]
    pub(crate) fn refuse(&self, name: &str, is_declared: impl FnOnce(&Reads) -> bool) {
        let (file, line) = (self.manifest.file, self.manifest.reads_line);
        let message = if is_declared(&self.declared) {
            format!("`{name}` is declared ({file}, line {line}), but `reads()` left it out for these settings")
        } else {
            self.manifest.missing("reads", line, name)
        };
        self.violation.borrow_mut().get_or_insert(message);
    }

    /// Notes the read of a header that the manifest does not declare.
    pub(crate) fn check_header(&self, name: &str) {
        if !self.manifest.headers.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let message = self.manifest.missing("headers", self.manifest.headers_line, name);
            self.violation.borrow_mut().get_or_insert(message);
        }
    }

    /// The manifest behind it.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn manifest(&self) -> &'static Manifest {
        self.manifest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_into_bits() {
        let reads = Reads::parse(["summary", "labels.team", "incident.alerts.entity", "page.choices"]).unwrap();
        assert_eq!(reads.alert.bits, alert_bit::SUMMARY);
        assert!(reads.alert.labels.has("team") && !reads.alert.labels.has("host"));
        assert_eq!(reads.incident, incident_bit::ALERTS);
        assert_eq!(reads.incident_alerts.bits, alert_bit::ENTITY);
        assert_eq!(reads.page, page_bit::CHOICES);
    }

    #[test]
    fn a_star_is_everything() {
        let reads = Reads::parse(["*"]).unwrap();
        assert!(reads.alert.labels.has("anything"));
        assert_ne!(reads.incident & incident_bit::RESPONDERS, 0);
        assert_ne!(reads.page & page_bit::PREVIOUS, 0);
    }

    #[test]
    fn a_name_that_is_no_field_is_found() {
        for name in ["labels", "sumary", "incident", "incident.alerts", "incident.alerts.labels", "page.title", "Summary"] {
            assert_eq!(Reads::parse([name]), Err(name.to_string()));
        }
    }
}
