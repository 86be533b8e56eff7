//! The body of Alertmanager's webhook: one group of alerts.

use reveille_sdk::prelude::*;
use serde_json::{Map, Value};

use crate::alert::{AlertJson, annotate};
use crate::settings::Settings;

/// A group. Its common labels and annotations are those of each alert too, so they are not kept twice.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    alerts: Vec<AlertJson>,
    status: Option<String>,
    group_key: Option<String>,
    #[serde(rename = "externalURL")]
    external_url: Option<String>,
    receiver: Option<String>,
    #[serde(default)]
    truncated_alerts: u64,
    #[serde(default, rename = "version")]
    _version: Value,
    #[serde(default, rename = "groupLabels")]
    _group_labels: Value,
    #[serde(default, rename = "commonLabels")]
    _common_labels: Value,
    #[serde(default, rename = "commonAnnotations")]
    _common_annotations: Value,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Webhook {
    /// One report per alert, each with what is known of the group.
    pub fn into_reports(self, settings: &Settings, routing_key: Option<&str>) -> Vec<Report> {
        let rest = Value::Object(self.rest);
        let status = self.status.as_deref();
        let group = |alert: AlertJson| {
            let mut report = alert.into_notified(settings, status, routing_key);
            report = report.group(self.group_key.clone().unwrap_or_default());
            if let Some(url) = self.external_url.as_ref().filter(|url| !url.is_empty()) {
                report = report.link(Link::new(url, "Alertmanager"));
            }
            if let Some(receiver) = &self.receiver {
                report = report.annotation("receiver", receiver);
            }
            if self.truncated_alerts > 0 {
                report = report.annotation("truncated_alerts", self.truncated_alerts.to_string());
            }
            annotate(report, "", &rest)
        };
        self.alerts.into_iter().map(group).collect()
    }
}
