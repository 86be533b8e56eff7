//! Ordered rules that annotate, transform, suppress and drop alerts: the rules engine of VictorOps, with AND, OR and NOT.

mod condition;
mod field;
mod rule;
mod ruleset;
mod settings;
mod slots;

use reveille_sdk::prelude::*;

pub use ruleset::RuleSet;
pub use settings::{AnnotationSettings, DropSettings, RuleSettings, Settings, SuppressSettings};

/// The plugin. One instance serves both hooks.
#[derive(Debug)]
pub struct Rules(RuleSet);

#[plugin]
impl Enrich for Rules {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        RuleSet::compile(&settings).map(Self)
    }

    fn reads(&self) -> Vec<String> {
        self.0.reads()
    }

    fn enrich(&self, alert: &Alert) -> Result<Patch> {
        Ok(self.0.edit(alert))
    }
}

#[plugin]
impl Filter for Rules {
    fn filter(&self, alert: &Alert) -> Result<Verdict> {
        Ok(self.0.judge(alert))
    }
}
