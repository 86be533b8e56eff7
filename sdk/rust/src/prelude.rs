//! What a plugin's source begins with: `use reveille_sdk::prelude::*;`.

#[cfg(not(target_arch = "wasm32"))]
pub use crate::mock;
pub use crate::types::{
    Action, ActionResult, Authorization, Change, Choice, Command, CommandResult, Contact, Destination, Draft, Edit, Event, Grouping,
    Heartbeat, HttpRequest, HttpResponse, IncidentChange, Interaction, Label, Link, Mail, Method, Normalized, Operation, Outcome, Patch,
    Priority, Purpose, Receipt, Refusal, Reply, Request, Response, Risk, RunbookRun, Severity, Status, Step, Subject, Suppression, Target,
    Thread, Threshold, Urgency, User, Verdict,
};
pub use crate::{
    Alert, AlertField, Automate, Dedupe, Enrich, Error, Field, Filter, Inbound, Incident, IncidentEvent, IncidentField, Interact,
    Normalize, Notify, Page, Plugin, Record, Report, Result, Route, assets, keys, log, lookup, plugin, state,
};
pub use serde::Deserialize;
