//! Adds what the service catalog knows about an alert: who owns the service, how much it matters, where the runbook is.

use std::collections::BTreeMap;

use reveille_sdk::prelude::*;

/// The table, as the manifest declares it.
const TABLE: &str = "catalog";

/// What the operator sets. Maps go from the name that people see to the column of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The field that names the row.
    pub key: String,
    /// Labels to set.
    pub labels: BTreeMap<String, String>,
    /// Annotations to set.
    pub annotations: BTreeMap<String, String>,
    /// Links to add, by the text to show.
    pub links: BTreeMap<String, String>,
    /// The column of the routing key, for alerts without one.
    pub routing_key: Option<String>,
    /// Whether the catalog wins over the sender.
    pub overwrite: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, column)| ((*name).to_owned(), (*column).to_owned())).collect();
        Self {
            key: "service".into(),
            labels: map(&[("team", "team"), ("tier", "tier")]),
            annotations: map(&[("owner", "owner")]),
            links: map(&[("Runbook", "runbook"), ("Dashboard", "dashboard")]),
            routing_key: None,
            overwrite: false,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Catalog {
    key: AlertField,
    settings: Settings,
}

#[plugin]
impl Enrich for Catalog {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        let key: AlertField = settings.key.parse().map_err(|why| Error::setting("/key", format!("{why}")))?;
        if !matches!(key, AlertField::Service | AlertField::RoutingKey | AlertField::Label(_)) {
            return Err(Error::setting("/key", "must be `service`, `routing_key` or `labels.NAME`"));
        }
        Ok(Self { key, settings })
    }

    fn reads(&self) -> Vec<String> {
        let mut reads = vec![self.key.reads()];
        if self.settings.routing_key.is_some() && self.key != AlertField::RoutingKey {
            reads.push(AlertField::RoutingKey.reads());
        }
        if !self.settings.overwrite {
            reads.extend(self.settings.labels.keys().map(|name| AlertField::Label(name.clone()).reads()));
            reads.extend(self.settings.annotations.keys().map(|name| AlertField::Annotation(name.clone()).reads()));
        }
        reads
    }

    fn enrich(&self, alert: &Alert) -> Result<Patch> {
        let Some(key) = alert.get(&self.key).filter(|key| !key.is_empty()) else { return Ok(Patch::none()) };
        match lookup::find(TABLE, key.as_ref()) {
            Ok(Some(row)) => Ok(self.patch(alert, &key, &row)),
            Ok(None) => Ok(Patch::none()),
            // The alert goes on without what the catalog knows: a page without a runbook is better than none.
            Err(why) => {
                log::write(log::Level::Warning, "the service catalog cannot be read", &[("key", &key), ("error", &why.to_string())]);
                Ok(Patch::because(format!("service catalog not asked: {why}")))
            }
        }
    }
}

impl Catalog {
    fn patch(&self, alert: &Alert, key: &str, row: &lookup::Row) -> Patch {
        let settings = &self.settings;
        let mut patch = Patch::because(format!("service catalog: {key}"));
        let cell = |column: &String| row.get(column).filter(|value| !value.is_empty());
        for (name, column) in &settings.labels {
            if let Some(value) = cell(column)
                && (settings.overwrite || alert.label(name).is_none())
            {
                patch = patch.label(name, value);
            }
        }
        for (name, column) in &settings.annotations {
            if let Some(value) = cell(column)
                && (settings.overwrite || alert.annotation(name).is_none())
            {
                patch = patch.annotation(name, value);
            }
        }
        for (text, column) in &settings.links {
            if let Some(url) = cell(column).filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
                patch = patch.link(Link::new(url, text));
            }
        }
        if let Some(value) = settings.routing_key.as_ref().and_then(cell)
            && alert.routing_key().is_none()
        {
            patch = patch.routing_key(value);
        }
        if patch.is_empty() { Patch::none() } else { patch }
    }
}
