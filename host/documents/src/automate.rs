//! An automation plugin at its place, as documents write it: its bare name, or the name with settings and how far it may go on its own.

use crate::plugin_use::{is_default, settings_text};
use crate::text::Name;
use domain::action::Risk;
use domain::installation::{Automation, OnFailure, PluginUse};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An automation plugin with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Automate {
    pub plugin: Name,
    /// What its manifest's schema asks for; `Null`: nothing.
    pub settings: serde_json::Value,
    /// `None`: what can be changed back, and what cannot.
    pub approve: Option<Vec<RiskWord>>,
    pub dry_run: bool,
}

/// How much an action can spoil.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RiskWord {
    /// Only reads or adds.
    Safe,
    /// Can be changed back.
    Reversible,
    /// Cannot.
    Dangerous,
}

impl RiskWord {
    fn to_domain(self) -> Risk {
        match self {
            Self::Safe => Risk::Safe,
            Self::Reversible => Risk::Reversible,
            Self::Dangerous => Risk::Dangerous,
        }
    }
}

/// The two ways to write it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    /// The plugin's name.
    Bare(Name),
    Full(Full),
}

/// An automation plugin with its settings.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Full {
    /// The plugin's name.
    plugin: Name,
    /// As the schema in the plugin's manifest says.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    settings: serde_json::Value,
    /// Actions of these risks wait until somebody approves them; default: `reversible` and `dangerous`. An empty list: none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approve: Option<Vec<RiskWord>>,
    /// Only show on the timeline what it would do.
    #[serde(default, skip_serializing_if = "is_default")]
    dry_run: bool,
}

impl From<Written> for Automate {
    fn from(written: Written) -> Self {
        match written {
            Written::Bare(plugin) => Self { plugin, settings: serde_json::Value::Null, approve: None, dry_run: false },
            Written::Full(Full { plugin, settings, approve, dry_run }) => Self { plugin, settings, approve, dry_run },
        }
    }
}

impl From<Automate> for Written {
    fn from(Automate { plugin, settings, approve, dry_run }: Automate) -> Self {
        if settings.is_null() && approve.is_none() && !dry_run {
            Self::Bare(plugin)
        } else {
            Self::Full(Full { plugin, settings, approve, dry_run })
        }
    }
}

impl JsonSchema for Automate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Automate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

impl Automate {
    /// As the middle of the house sees it.
    pub fn to_domain(&self) -> Automation {
        let approve = match &self.approve {
            None => vec![Risk::Reversible, Risk::Dangerous],
            Some(words) => words.iter().map(|word| word.to_domain()).collect(),
        };
        let used = PluginUse { plugin: self.plugin.0.clone(), settings: settings_text(&self.settings), on_failure: OnFailure::Skip };
        Automation { used, approve, dry_run: self.dry_run }
    }
}
