//! The question to the route plugins, and what counts as their answer.

use crate::contacts::team_of_notice;
use crate::house::cause;
use crate::instances::Instances;
use domain::alert::{Alert, Status};
use domain::care::Destination as Rerouted;
use domain::decision::Stage;
use domain::escalation::{Destination, Target, Urgency};
use domain::heartbeat;
use domain::incident::Incident;
use domain::installation::{Installation, OnFailure};
use domain::timeline::Cause;
use ports::plugin::IncidentView;
use ports::{Placed, Snapshot};

/// Most destinations of one answer.
const DESTINATIONS_LIMIT: usize = 16;

/// A destination with the plugin that named it.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub target: Target,
    pub urgency: Urgency,
    /// For the timeline, after the destination.
    pub why: String,
    pub cause: Option<Cause>,
}

/// The answer for one incident.
#[derive(Debug, Clone)]
pub struct Routed {
    /// The incident that was asked about.
    pub seen: Incident,
    /// At least one, if it fires.
    pub chosen: Vec<Chosen>,
    /// Plugins that failed, in words.
    pub failed: Vec<(String, Option<Cause>)>,
}

impl Routed {
    /// To the default policy, without having asked.
    pub fn by_default(seen: Incident, installation: &Installation, why: &str) -> Self {
        let chosen = vec![default(&seen, installation, why)];
        Self { seen, chosen, failed: Vec::new() }
    }
}

fn default(seen: &Incident, installation: &Installation, why: &str) -> Chosen {
    let about = team_of_notice(&seen.key, installation).filter(|_| seen.own);
    let policy = installation.default_policy_for(seen.integration.as_ref(), about.or(Some(&seen.team)));
    Chosen { target: Target::Policy(policy.clone()), urgency: Urgency::Page, why: format!("by default: {why}"), cause: None }
}

/// Why an incident goes to the default policy without a plugin being asked: a heartbeat's has no pipeline, so that nothing need have failed.
fn why_unasked(seen: &Incident, installation: &Installation) -> String {
    match &seen.integration {
        Some(id) if heartbeat::of_sender(id).is_some() => format!("it is a heartbeat of team {}", seen.team),
        Some(id) if !installation.integrations.contains_key(id) => format!("its integration {id} is not configured any more"),
        _ => "a stage before it failed".to_owned(),
    }
}

/// Asks the plugins of the incident's pipeline in order; the first with an opinion decides. Blocking.
pub fn decide(instances: &mut Instances, snapshot: &Snapshot, view: IncidentView) -> Routed {
    let installation = &snapshot.installation;
    let seen = view.incident.clone();
    if seen.status != Status::Firing {
        // Nobody has to be found for it; whoever was asked to help is paged all the same.
        return Routed { seen, chosen: Vec::new(), failed: Vec::new() };
    }
    if let Some(destination) = &seen.care.destination {
        return rerouted(seen.clone(), destination, installation);
    }
    if seen.own {
        return Routed::by_default(seen, installation, "it is about Reveille itself");
    }
    if seen.default_route {
        let why = why_unasked(&seen, installation);
        return Routed::by_default(seen, installation, &why);
    }
    let mut routed = Routed { seen, chosen: Vec::new(), failed: Vec::new() };
    let mut wants_default = false;
    for placed in plugins(snapshot, &routed.seen) {
        match instances.of(snapshot.revision, &placed.plugin).route(&view) {
            Ok(destinations) => {
                take(&mut routed, snapshot, placed, destinations);
                if !routed.chosen.is_empty() {
                    break;
                }
            }
            Err(failure) => {
                let reason = failure.to_string();
                let text = format!("route by {} left out: {reason}", placed.plugin.cite().name);
                let cause = cause(Stage::Route, placed.plugin.cite(), snapshot.revision, reason);
                routed.failed.push((text, Some(cause)));
                wants_default |= placed.on_failure == OnFailure::DefaultRoute;
            }
        }
    }
    if routed.chosen.is_empty() {
        let why = if routed.failed.is_empty() { "no route plugin had an opinion" } else { "no route plugin could answer" };
        routed.chosen.push(default(&routed.seen, installation, why));
    } else if wants_default {
        routed.chosen.push(default(&routed.seen, installation, "a route plugin failed"));
    }
    routed
}

/// Where somebody sent it: their word stands over the plugins'.
fn rerouted(seen: Incident, destination: &Rerouted, installation: &Installation) -> Routed {
    let mut routed = Routed { seen, chosen: Vec::new(), failed: Vec::new() };
    for target in &destination.targets {
        if exists(installation, target) {
            let why = format!("because {} rerouted it", destination.by);
            routed.chosen.push(Chosen { target: target.clone(), urgency: Urgency::Page, why, cause: None });
        } else {
            routed.failed.push((format!("{} rerouted it to {target}, which is not configured", destination.by), None));
        }
    }
    if routed.chosen.is_empty() {
        routed.chosen.push(default(&routed.seen, installation, "nothing that it was rerouted to exists"));
    }
    routed
}

/// Where an incident would go that has these alerts, with instances of its own. Blocking.
pub fn routes_of(snapshot: &Snapshot, incident: Incident, alerts: Vec<Alert>) -> Vec<Chosen> {
    let view = IncidentView { incident, url: None, responders: Vec::new(), alerts };
    decide(&mut Instances::default(), snapshot, view).chosen
}

fn plugins<'a>(snapshot: &'a Snapshot, incident: &Incident) -> &'a [Placed] {
    let integration = incident.integration.as_ref().and_then(|id| snapshot.installation.integrations.get(id));
    integration.and_then(|i| snapshot.pipelines.get(&i.pipeline)).map_or(&[], |stages| &stages.route)
}

/// Keeps the destinations that exist; the others are said.
fn take(routed: &mut Routed, snapshot: &Snapshot, placed: &Placed, mut destinations: Vec<Destination>) {
    let plugin = placed.plugin.cite();
    if destinations.len() > DESTINATIONS_LIMIT {
        let reason = format!("{} destinations are more than {DESTINATIONS_LIMIT}", destinations.len());
        let cause = cause(Stage::Route, plugin, snapshot.revision, reason.clone());
        routed.failed.push((format!("route by {}: {reason}, the rest is left out", plugin.name), Some(cause)));
        destinations.truncate(DESTINATIONS_LIMIT);
    }
    for Destination { target, urgency, reason } in destinations {
        let cause = cause(Stage::Route, plugin, snapshot.revision, reason.clone());
        if exists(&snapshot.installation, &target) {
            let why = if reason.is_empty() { format!("by {}", plugin.name) } else { format!("by {}: {reason}", plugin.name) };
            routed.chosen.push(Chosen { target, urgency, why, cause: Some(cause) });
        } else {
            routed.failed.push((format!("route by {} names {target}, which is not configured", plugin.name), Some(cause)));
        }
    }
}

/// Whether configuration has it.
pub fn exists(installation: &Installation, target: &Target) -> bool {
    match target {
        Target::Policy(id) => installation.policies.contains_key(id),
        Target::Rotation(id) | Target::Next(id) | Target::Previous(id) => installation.rotations.contains_key(id),
        Target::Team(id) => installation.teams.contains_key(id),
        Target::User(id) => installation.users.contains_key(id),
        Target::Address(_) => true,
    }
}
