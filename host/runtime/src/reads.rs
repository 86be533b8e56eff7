//! Which fields cross the boundary: the manifest's ceiling, narrowed by what `configure` gave back. Names are those of plugin.toml.

use std::collections::BTreeSet;

/// Names under `labels` or `annotations` that may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Names {
    /// Only these, sorted, each once; empty: none.
    Some(Vec<String>),
    All,
}

impl Default for Names {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}

impl Names {
    fn add(&mut self, name: &str) {
        match self {
            Self::All => {}
            Self::Some(_) if name == "*" => *self = Self::All,
            Self::Some(names) => {
                if let Err(at) = names.binary_search_by(|known| known.as_str().cmp(name)) {
                    names.insert(at, name.to_owned());
                }
            }
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Some(_), Self::All) => false,
            (Self::Some(mine), Self::Some(theirs)) => theirs.iter().all(|name| mine.binary_search(name).is_ok()),
        }
    }
}

/// A set of bits with a name each, literal in one place.
macro_rules! bits {
    ($module:ident, $list:ident: $($constant:ident = $name:literal),* $(,)?) => {
        pub(crate) mod $module {
            bits!(@number 0u32; $($constant)*);
            pub(crate) const $list: &[(&str, u32)] = &[$(($name, $constant)),*];
        }
    };
    (@number $n:expr; $head:ident $($tail:ident)*) => {
        pub(crate) const $head: u32 = 1 << ($n);
        bits!(@number $n + 1; $($tail)*);
    };
    (@number $n:expr;) => {};
}

// `status` and `severity` of an alert always come: they may be named, and that changes nothing. So it is with an incident's `id` and others.
bits!(alert_bit, NAMED: ENTITY = "entity", SUMMARY = "summary", DETAILS = "details", SOURCE = "source", SERVICE = "service",
    ROUTING_KEY = "routing_key", GROUP = "group", STARTED_AT = "started_at", RECEIVED_AT = "received_at", EXPIRES_AT = "expires_at",
    LINKS = "links");
bits!(incident_bit, NAMED: KEY = "key", TITLE = "title", PRIORITY = "priority", SERVICE = "service", ROUTING_KEY = "routing_key",
    OPENED_AT = "opened_at", TEAMS = "teams", RESPONDERS = "responders", URL = "url", LINKS = "links", ALERTS = "");
bits!(page_bit, NAMED: RECIPIENT = "recipient", CHOICES = "choices", PREVIOUS = "previous");

/// Always passed.
const ALERT_ALWAYS: &[&str] = &["status", "severity"];
const INCIDENT_ALWAYS: &[&str] = &["id", "status", "severity", "alert_count"];
const PAGE_ALWAYS: &[&str] = &["id", "at", "purpose", "contact"];

fn find(named: &[(&str, u32)], always: &[&str], name: &str) -> Option<u32> {
    if always.contains(&name) {
        return Some(0);
    }
    named.iter().find(|(known, _)| !known.is_empty() && *known == name).map(|(_, bit)| *bit)
}

/// The fields of an alert that may be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AlertReads {
    bits: u32,
    pub(crate) labels: Names,
    pub(crate) annotations: Names,
}

impl AlertReads {
    #[inline]
    pub(crate) fn has(&self, bit: u32) -> bool {
        self.bits & bit != 0
    }

    fn add(&mut self, name: &str) -> bool {
        if name == "*" {
            *self = Self { bits: u32::MAX, labels: Names::All, annotations: Names::All };
        } else if let Some(bit) = find(alert_bit::NAMED, ALERT_ALWAYS, name) {
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

    fn covers(&self, other: &Self) -> bool {
        other.bits & !self.bits == 0 && self.labels.covers(&other.labels) && self.annotations.covers(&other.annotations)
    }
}

/// Everything that may be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reads {
    pub(crate) alert: AlertReads,
    incident: u32,
    pub(crate) incident_labels: Names,
    /// Of the alerts that come with an incident.
    pub(crate) incident_alerts: AlertReads,
    page: u32,
}

impl Reads {
    /// The error is the name that is no field.
    pub(crate) fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut reads = Self::default();
        for name in names {
            if !reads.add(name) {
                return Err(name.to_owned());
            }
        }
        Ok(reads)
    }

    pub(crate) fn incident(&self, bit: u32) -> bool {
        self.incident & bit != 0
    }

    pub(crate) fn page(&self, bit: u32) -> bool {
        self.page & bit != 0
    }

    /// Whether `other` reads nothing beyond these.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.alert.covers(&other.alert)
            && other.incident & !self.incident == 0
            && self.incident_labels.covers(&other.incident_labels)
            && self.incident_alerts.covers(&other.incident_alerts)
            && other.page & !self.page == 0
    }

    /// Every name that a manifest may list, for finding the nearest one.
    pub(crate) fn names() -> BTreeSet<String> {
        let named = |list: &[(&'static str, u32)]| list.iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect::<Vec<_>>();
        let alert: Vec<&str> = named(alert_bit::NAMED).into_iter().chain(["labels.*", "annotations.*"]).collect();
        let mut all: BTreeSet<String> = alert.iter().map(|name| (*name).to_owned()).collect();
        all.extend(alert.iter().map(|name| format!("incident.alerts.{name}")));
        all.extend(named(incident_bit::NAMED).into_iter().chain(["labels.*", "alerts.*", "*"]).map(|name| format!("incident.{name}")));
        all.extend(named(page_bit::NAMED).into_iter().chain(["*"]).map(|name| format!("page.{name}")));
        all.insert("*".into());
        all
    }

    fn add(&mut self, name: &str) -> bool {
        if name == "*" {
            return self.alert.add("*") && self.add_incident("*") && self.add_page("*");
        }
        if let Some(name) = name.strip_prefix("incident.") {
            return self.add_incident(name);
        }
        match name.strip_prefix("page.") {
            Some(name) => self.add_page(name),
            None => self.alert.add(name),
        }
    }

    fn add_incident(&mut self, name: &str) -> bool {
        if name == "*" {
            self.incident = u32::MAX;
            self.incident_labels = Names::All;
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
        let bit = find(incident_bit::NAMED, INCIDENT_ALWAYS, name);
        self.incident |= bit.unwrap_or(0);
        bit.is_some()
    }

    fn add_page(&mut self, name: &str) -> bool {
        let bit = if name == "*" { Some(u32::MAX) } else { find(page_bit::NAMED, PAGE_ALWAYS, name) };
        self.page |= bit.unwrap_or(0);
        bit.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(names: &[&str]) -> Reads {
        Reads::parse(names.iter().copied()).unwrap()
    }

    #[test]
    fn a_narrowing_is_covered_and_a_widening_is_not() {
        for (ceiling, narrowed, covered) in [
            (&["summary", "labels.*"][..], &["labels.team"][..], true),
            (&["summary", "labels.team"], &["labels.*"], false),
            (&["summary", "labels.team"], &["labels.host"], false),
            (&["*"], &["incident.alerts.labels.team", "page.choices", "details"], true),
            (&["incident.title"], &["incident.alerts.summary"], false),
            (&["incident.alerts.*"], &["incident.alerts.summary"], true),
            (&["incident.*"], &["summary"], false),
            (&["summary"], &["status", "severity", "incident.id", "page.at"], true),
        ] {
            assert_eq!(reads(ceiling).covers(&reads(narrowed)), covered, "{ceiling:?} {narrowed:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_field_is_found() {
        for name in ["labels", "sumary", "incident", "incident.alerts", "incident.alerts.labels", "page.title", "Summary", ""] {
            assert_eq!(Reads::parse([name]), Err(name.to_string()));
        }
    }

    #[test]
    fn every_listed_name_is_a_field() {
        for name in Reads::names() {
            assert!(Reads::parse([name.as_str()]).is_ok(), "{name}");
        }
    }
}
