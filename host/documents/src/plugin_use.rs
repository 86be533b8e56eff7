//! A plugin at a place, as documents write it: its bare name, or the name with settings.

use crate::text::Name;
use domain::installation::{OnFailure, PluginUse};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A plugin with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Use {
    pub plugin: Name,
    /// What its manifest's schema asks for; `Null`: nothing.
    pub settings: serde_json::Value,
    pub on_failure: Failure,
}

/// What a failed stage does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Say so on the timeline and go on.
    #[default]
    Skip,
    /// Say so, go on, and page the default policy.
    DefaultRoute,
}

/// The two ways to write it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    /// The plugin's name.
    Bare(Name),
    Full(Full),
}

/// A plugin with its settings.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Full {
    /// The plugin's name.
    plugin: Name,
    /// As the schema in the plugin's manifest says.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    settings: serde_json::Value,
    /// What to do when it fails: `skip` it (default), or also page the default policy (`default-route`).
    #[serde(default, skip_serializing_if = "is_default")]
    on_failure: Failure,
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<Written> for Use {
    fn from(written: Written) -> Self {
        match written {
            Written::Bare(plugin) => Self { plugin, settings: serde_json::Value::Null, on_failure: Failure::Skip },
            Written::Full(Full { plugin, settings, on_failure }) => Self { plugin, settings, on_failure },
        }
    }
}

impl From<Use> for Written {
    fn from(Use { plugin, settings, on_failure }: Use) -> Self {
        if settings.is_null() && on_failure == Failure::Skip {
            Self::Bare(plugin)
        } else {
            Self::Full(Full { plugin, settings, on_failure })
        }
    }
}

impl JsonSchema for Use {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Use".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

impl Use {
    /// As the middle of the house sees it; no settings are the empty object.
    pub fn to_domain(&self) -> PluginUse {
        let on_failure = match self.on_failure {
            Failure::Skip => OnFailure::Skip,
            Failure::DefaultRoute => OnFailure::DefaultRoute,
        };
        PluginUse { plugin: self.plugin.0.clone(), settings: settings_text(&self.settings), on_failure }
    }
}

/// Settings as a plugin gets them.
pub(crate) fn settings_text(settings: &serde_json::Value) -> String {
    if settings.is_null() { "{}".to_owned() } else { settings.to_string() }
}
