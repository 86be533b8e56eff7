//! One question to one automation plugin, with what it remembers around it.

use crate::instances::Instances;
use domain::action::Action;
use domain::id::Revision;
use domain::state::{StateSpace, Touch};
use domain::time::Millis;
use ports::plugin::IncidentEvent;
use ports::{Automated, CallFailure, HotState, Plugin};
use std::sync::Arc;

/// What the plugin wants done.
pub type Answer = Result<Vec<Action>, CallFailure>;

/// A plugin and its answer.
pub struct Asked {
    pub automated: Automated,
    pub answer: Answer,
    /// That it used what it remembers: to be committed with the answer.
    pub touch: Option<Touch>,
}

/// Asks on this thread's warm instance. Blocking.
pub fn ask(
    instances: &mut Instances,
    revision: Revision,
    plugin: &Arc<dyn Plugin>,
    hot: Option<&Arc<dyn HotState>>,
    event: &IncidentEvent,
    now: Millis,
) -> (Answer, Option<Touch>) {
    let limits = plugin.info().state;
    let (instance, slot) = instances.stateful(revision, plugin, hot);
    let (Some(slot), Some(limits)) = (slot, limits) else { return (instance.automate(event), None) };
    let space =
        Arc::new(StateSpace { plugin: plugin.cite().name.clone(), schema: limits.schema, team: event.incident.incident.team.clone() });
    if let Err(fault) = slot.open(&space, limits, now) {
        tracing::warn!(%space, %fault, "an automation plugin is asked without what it remembers");
    }
    let answer = instance.automate(event);
    let touch = slot.close(answer.is_ok());
    (answer, touch)
}

/// The answer where no thread could ask.
pub fn no_thread() -> (Answer, Option<Touch>) {
    (Err(CallFailure::Internal("no thread could run it".into())), None)
}
