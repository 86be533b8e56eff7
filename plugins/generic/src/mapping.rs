//! The settings: which place of the body is which field of the alert.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reveille_sdk::json::{epoch_millis, text};
use reveille_sdk::prelude::*;
use reveille_sdk::report::LABELS;
use serde_json::Value;

use crate::pointer::{Pointer, escape};
use crate::source::{Scope, Source};

/// What the operator sets.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Where the array of alerts is; without it, the body is one.
    pub alerts: Option<Pointer>,
    entity: Option<Source>,
    status: Option<Source>,
    severity: Option<Source>,
    summary: Option<Source>,
    details: Option<Source>,
    source: Option<Source>,
    service: Option<Source>,
    routing_key: Option<Source>,
    group: Option<Source>,
    started_at: Option<Source>,
    labels: BTreeMap<String, Source>,
    annotations: BTreeMap<String, Source>,
    links: BTreeMap<String, Source>,
}

impl Mapping {
    /// Checks that statuses and severities are those of Reveille after the map.
    pub fn check(&self) -> Result<()> {
        let mut problems = Vec::new();
        let mut check = |name: &str, source: &Option<Source>, is_known: fn(&str) -> bool, known: &str| {
            let Some(source) = source else {
                return;
            };
            for (from, to) in source.map.iter().filter(|(_, to)| !is_known(to)) {
                problems.push(Error::setting(format!("/{name}/map/{}", escape(from)), format!("`{to}` is not one of {known}")));
            }
            if let Some(default) = source.default.as_ref().filter(|default| !is_known(default)) {
                problems.push(Error::setting(format!("/{name}/default"), format!("`{default}` is not one of {known}")));
            }
        };
        check("status", &self.status, |name| Status::from_name(name).is_some(), "firing, acknowledged, resolved");
        check("severity", &self.severity, |name| Severity::from_name(name).is_some(), "info, warning, error, critical");
        if problems.is_empty() { Ok(()) } else { Err(Error::settings(problems)) }
    }

    /// The alert. What the sender says about status and severity in words that nobody mapped counts as the default, and in the end as
    /// firing and critical: rather loud than lost.
    pub fn report(&self, scope: &Scope<'_>, routing_key: Option<&str>) -> Report {
        let get = |source: &Option<Source>| source.as_ref().and_then(|source| source.text(scope)).unwrap_or_default();
        let status = known(self.status.as_ref(), scope, Status::from_name).unwrap_or(Status::Firing);
        let severity = known(self.severity.as_ref(), scope, Severity::from_name).unwrap_or(Severity::Critical);
        let mut report = Report::new(status, severity).entity(get(&self.entity)).summary(get(&self.summary));
        report = report.details(get(&self.details)).source(get(&self.source)).service(get(&self.service)).group(get(&self.group));
        let own_key = get(&self.routing_key);
        report = report.routing_key(if own_key.is_empty() { routing_key.unwrap_or_default() } else { &own_key });
        if let Some(millis) = self.started_at.as_ref().and_then(|source| source.value(scope)).and_then(millis) {
            report = report.started_at(millis);
        }
        let texts = |sources: &BTreeMap<String, Source>| -> Vec<Label> {
            sources.iter().filter_map(|(name, source)| Some((name.clone(), source.text(scope)?))).collect()
        };
        report = report.labels(texts(&self.labels));
        report = texts(&self.annotations).into_iter().fold(report, |report, (name, value)| report.annotation(name, value));
        report = texts(&self.links).into_iter().fold(report, |report, (name, url)| report.link(Link::new(url, name)));
        let rest = self.rest(scope);
        rest.labels.into_iter().fold(report, |report, (name, value)| report.label(name, value)).left_out(rest.left_out)
    }

    /// What no pointer takes: from the alert, and around it where the body holds several. Configured labels and the alert's own go first.
    fn rest(&self, scope: &Scope<'_>) -> Rest<'_> {
        let (within, around): (Vec<&Pointer>, Vec<&Pointer>) = self.pointers().partition(|pointer| !pointer.is_absolute);
        let mut rest = Rest { labels: BTreeMap::new(), taken: self.labels.keys().map(String::as_str).collect(), left_out: 0 };
        rest.collect(scope.alert, &paths(&within));
        if let Some(alerts) = &self.alerts {
            let mut paths = paths(&around);
            paths.push(alerts.path());
            rest.collect(scope.body, &paths);
        }
        rest
    }

    fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        let fields = [
            &self.entity,
            &self.status,
            &self.severity,
            &self.summary,
            &self.details,
            &self.source,
            &self.service,
            &self.routing_key,
            &self.group,
            &self.started_at,
        ];
        let named = self.labels.values().chain(self.annotations.values()).chain(self.links.values());
        fields.into_iter().flatten().chain(named).filter_map(|source| source.pointer.as_ref())
    }
}

fn paths<'a>(pointers: &[&'a Pointer]) -> Vec<&'a str> {
    pointers.iter().map(|pointer| pointer.path()).collect()
}

/// The mapped value by its name; the default where the name is unknown.
fn known<T>(source: Option<&Source>, scope: &Scope<'_>, from_name: fn(&str) -> Option<T>) -> Option<T> {
    let source = source?;
    let named = source.text(scope).and_then(|name| from_name(name.trim()));
    named.or_else(|| source.default.as_deref().and_then(from_name))
}

/// A time in RFC 3339, or in seconds or milliseconds since 1970.
fn millis(value: &Value) -> Option<i64> {
    let written = || value.as_str()?.trim().parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    epoch_millis(value).or_else(written).filter(|millis| *millis > 0)
}

/// Scalars by dotted name, less what pointers take.
struct Rest<'a> {
    labels: BTreeMap<String, String>,
    /// Names that the settings give to labels of their own.
    taken: Vec<&'a str>,
    left_out: u32,
}

impl Rest<'_> {
    fn collect(&mut self, value: &Value, pointers: &[&str]) {
        self.descend(value, &mut String::new(), &mut String::new(), pointers);
    }

    fn descend(&mut self, value: &Value, path: &mut String, name: &mut String, pointers: &[&str]) {
        if pointers.contains(&path.as_str()) {
            return;
        }
        let mut step = |key: &str, value: &Value, path: &mut String, name: &mut String| {
            let (path_length, name_length) = (path.len(), name.len());
            path.push('/');
            path.push_str(&escape(key));
            if name_length > 0 {
                name.push('.');
            }
            name.push_str(key);
            self.descend(value, path, name, pointers);
            path.truncate(path_length);
            name.truncate(name_length);
        };
        match value {
            Value::Object(members) => members.iter().for_each(|(key, member)| step(key, member, path, name)),
            Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| step(&i.to_string(), item, path, name)),
            Value::Null => {}
            scalar => {
                // A body that is a bare scalar has no name of its own.
                let name = if name.is_empty() { "value" } else { name.as_str() };
                if self.labels.len() >= LABELS {
                    // There is no place for it: counting is enough.
                    self.left_out += 1;
                } else if let Some(text) = text(scalar).filter(|_| !self.taken.contains(&name)) {
                    self.labels.entry(name.into()).or_insert(text);
                }
            }
        }
    }
}
