//! One alert, which the webhook and the API spell nearly alike.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reveille_sdk::prelude::*;
use serde_json::{Map, Value};

use crate::fingerprint::fingerprint;
use crate::settings::Settings;

/// Prometheus writes a time that is not set as the first instant of year 1; nothing real is older than 1970.
const NOT_SET_BEFORE: i64 = 0;

/// An entry of `alerts`. What is not named here is kept in `rest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertJson {
    status: Option<String>,
    #[serde(default, deserialize_with = "or_null")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_null")]
    annotations: BTreeMap<String, String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: Option<String>,
    fingerprint: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl AlertJson {
    /// From the webhook, which says the status.
    pub fn into_notified(self, settings: &Settings, group_status: Option<&str>, routing_key: Option<&str>) -> Report {
        let is_resolved = self.status.as_deref().or(group_status).is_some_and(|status| status.eq_ignore_ascii_case("resolved"));
        let status = if is_resolved { Status::Resolved } else { Status::Firing };
        self.into_report(status, settings, routing_key)
    }

    /// From the API, where the end says the status: one to come is when the alert expires unless it is sent again.
    pub fn into_posted(self, settings: &Settings, now: i64) -> Report {
        let ends_at = self.ends_at.as_deref().and_then(millis);
        match ends_at {
            Some(end) if end <= now => self.into_report(Status::Resolved, settings, None),
            Some(end) => self.into_report(Status::Firing, settings, None).expires_at(end),
            None => self.into_report(Status::Firing, settings, None),
        }
    }

    fn into_report(self, status: Status, settings: &Settings, routing_key: Option<&str>) -> Report {
        let mut report = Report::new(status, settings.severity(&self.labels)).source("prometheus").entity(self.entity());
        let summary = ["summary", "description", "message"].iter().find_map(|name| self.annotations.get(*name));
        let summary = summary.or_else(|| self.labels.get("alertname")).map_or("alert without labels", String::as_str);
        report = report.summary(summary.lines().next().unwrap_or_default());
        let details = ["description", "message", "summary"].iter().find_map(|name| self.annotations.get(*name));
        report = report.details(details.cloned().unwrap_or_default());
        report = report.service(self.labels.get(&settings.service_label).cloned().unwrap_or_default());
        // A label of the alert's own goes before the address, which is the same for all.
        let own_key = settings.routing_key_label.as_ref().and_then(|name| self.labels.get(name)).map(String::as_str);
        report = report.routing_key(own_key.or(routing_key).unwrap_or_default());
        if let Some(started_at) = self.starts_at.as_deref().and_then(millis) {
            report = report.started_at(started_at);
        }
        if let Some(url) = self.generator_url.filter(|url| !url.is_empty()) {
            report = report.link(Link::new(url, "Source"));
        }
        if let Some(url) = self.annotations.get("runbook_url") {
            report = report.link(Link::new(url, "Runbook"));
        }
        report = report.labels(self.labels);
        report = self.annotations.into_iter().fold(report, |report, (name, value)| report.annotation(name, value));
        annotate(report, "", &Value::Object(self.rest))
    }

    /// The sender's fingerprint, or the one it would have given. Without labels there is none: the host makes an id.
    fn entity(&self) -> String {
        match &self.fingerprint {
            Some(fingerprint) if !fingerprint.is_empty() => fingerprint.clone(),
            _ if self.labels.values().all(String::is_empty) => String::new(),
            _ => fingerprint(&self.labels),
        }
    }
}

/// A map, or the `null` that Go writes for an empty one.
fn or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Milliseconds since 1970; `None` for a time that is not set, or that is none.
fn millis(text: &str) -> Option<i64> {
    let time: Timestamp = text.parse().ok()?;
    Some(time.as_millisecond()).filter(|millis| *millis > NOT_SET_BEFORE)
}

/// Keeps what is not known as annotations, for people.
pub fn annotate(mut report: Report, prefix: &str, value: &Value) -> Report {
    let mut notes = Vec::new();
    reveille_sdk::json::flatten(prefix, value, &mut |name, value| {
        // As many as there is place for: a hostile body has a million.
        if notes.len() <= reveille_sdk::report::LABELS {
            notes.extend(reveille_sdk::json::text(value).map(|value| (name.to_string(), value)));
        }
    });
    for (name, value) in notes {
        report = report.annotation(name, value);
    }
    report
}
