//! What stands in the place of a plugin that cannot be loaded when the server starts: every call fails, so that its stage's failure policy
//! applies and the rest of the path goes on. A configuration that is applied is refused instead.

use domain::alert::Alert;
use domain::decision::{Grouping, Patch, PluginRef, Verdict};
use domain::escalation::Destination;
use domain::inbound::{Inbound, Normalized, Refusal};
use domain::page::{Delivery, Request, Response};
use ports::plugin::{IncidentView, Page, PluginInfo};
use ports::{CallFailure, Instance, LoadError, Plugin};
use std::sync::Arc;

/// A plugin without a usable file.
pub struct Broken {
    info: PluginInfo,
    reason: Arc<str>,
}

impl Broken {
    /// In the place of the plugin that the error names.
    pub fn because(error: &LoadError) -> Self {
        let plugin = PluginRef { name: error.plugin.clone(), version: "unusable".into(), digest: "unusable".into() };
        let info = PluginInfo {
            plugin: Arc::new(plugin),
            hooks: Vec::new(),
            reads: Vec::new(),
            lookups: Vec::new(),
            keys: Vec::new(),
            headers: Vec::new(),
            contacts: Vec::new(),
            state: None,
            settings_schema: "{}".into(),
            path: String::new(),
            size_bytes: 0,
        };
        Self { info, reason: error.reason.as_str().into() }
    }
}

impl Plugin for Broken {
    fn info(&self) -> &PluginInfo {
        &self.info
    }

    fn instance(&self) -> Box<dyn Instance> {
        Box::new(Nothing(Arc::clone(&self.reason)))
    }
}

struct Nothing(Arc<str>);

impl Nothing {
    fn fail<T>(&self) -> Result<T, CallFailure> {
        Err(CallFailure::Internal(format!("it could not be loaded: {}", self.0)))
    }
}

impl Instance for Nothing {
    fn normalize(&mut self, _: &Inbound) -> Result<Result<Normalized, Refusal>, CallFailure> {
        self.fail()
    }

    fn enrich(&mut self, _: &Alert) -> Result<Patch, CallFailure> {
        self.fail()
    }

    fn filter(&mut self, _: &Alert) -> Result<Verdict, CallFailure> {
        self.fail()
    }

    fn dedupe(&mut self, _: &Alert) -> Result<Option<Grouping>, CallFailure> {
        self.fail()
    }

    fn route(&mut self, _: &IncidentView) -> Result<Vec<Destination>, CallFailure> {
        self.fail()
    }

    fn render(&mut self, _: &Page) -> Result<Request, CallFailure> {
        self.fail()
    }

    fn interpret(&mut self, _: &Page, _: u32, _: &Response) -> Result<Delivery, CallFailure> {
        self.fail()
    }
}
