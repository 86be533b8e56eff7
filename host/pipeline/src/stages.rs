//! The stage list, literal in one place, and what its plugins decide about one alert.

use crate::quiet;
use domain::alert::{Alert, Edit, Status};
use domain::decision::{Decision, Grouping, NoteKind, PluginRef, Stage, StageNote, Verdict};
use domain::id::{DecisionId, PipelineId, Revision, TeamId};
use domain::installation::OnFailure;
use domain::journal::Sender;
use domain::matcher::Subject;
use domain::silence::Silences;
use domain::state::{StateSpace, Touch};
use ports::plugin::StateLimits;
use ports::{CallFailure, HotState, Instance, Placed, Snapshot, StateSlot};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The way of an alert from the journal to the commit. Route follows the commit, see `oncall`.
const STAGES: [(Stage, Run); 3] = [(Stage::Enrich, enrich), (Stage::Filter, filter), (Stage::Dedupe, dedupe)];

type Run = fn(&mut [Warm], &mut Draft);

/// A warm instance at its place.
struct Warm {
    cite: Arc<PluginRef>,
    on_failure: OnFailure,
    stage: Stage,
    instance: Box<dyn Instance>,
    memory: Option<Memory>,
}

/// Where a plugin that may remember reads and writes.
struct Memory {
    slot: Arc<dyn StateSlot>,
    limits: StateLimits,
    /// Name spaces by team.
    spaces: HashMap<TeamId, Arc<StateSpace>>,
}

impl Warm {
    fn of(placed: &Placed, stage: Stage, hot: Option<&dyn HotState>) -> Self {
        let limits = placed.plugin.info().state;
        let memory = limits.zip(hot).map(|(limits, hot)| Memory { slot: hot.slot(), limits, spaces: HashMap::new() });
        Self {
            cite: Arc::clone(placed.plugin.cite()),
            on_failure: placed.on_failure,
            stage,
            instance: match &memory {
                Some(memory) => placed.plugin.stateful(Arc::clone(&memory.slot)),
                None => placed.plugin.instance(),
            },
            memory,
        }
    }

    /// Makes a call; what it remembers counts if it comes back with an answer.
    fn ask<R>(
        &mut self,
        draft: &mut Draft,
        call: impl FnOnce(&mut dyn Instance, &Alert) -> Result<R, CallFailure>,
    ) -> Result<R, CallFailure> {
        let Some(Memory { slot, limits, spaces }) = &mut self.memory else { return call(&mut *self.instance, &draft.alert) };
        if !spaces.contains_key(&draft.team) {
            let space = StateSpace { plugin: self.cite.name.clone(), schema: limits.schema, team: draft.team.clone() };
            spaces.insert(draft.team.clone(), Arc::new(space));
        }
        // Without its state a plugin is asked all the same, and told so at its first operation.
        let opened = slot.open(&spaces[&draft.team], *limits, draft.alert.received_at).is_ok();
        let answer = call(&mut *self.instance, &draft.alert);
        if opened {
            draft.touches.extend(slot.close(answer.is_ok()));
        }
        answer
    }
}

/// The stages of the snapshot's pipelines, warm for one thread.
pub struct WarmStages {
    snapshot: Arc<Snapshot>,
    /// Of each pipeline, the instances of each of [`STAGES`].
    pipelines: BTreeMap<PipelineId, Vec<Vec<Warm>>>,
    silences: Arc<Silences>,
}

/// A decision in the making.
struct Draft {
    alert: Alert,
    verdict: Verdict,
    grouping: Option<Grouping>,
    default_route: bool,
    notes: Vec<StageNote>,
    team: TeamId,
    touches: Vec<Touch>,
}

impl WarmStages {
    /// Instances of what `snapshot` holds, for the calling thread. Without `hot`, plugins remember nothing, and are told so.
    pub fn of(snapshot: Arc<Snapshot>, hot: Option<&dyn HotState>) -> Self {
        let pipelines = snapshot.pipelines.iter().map(|(id, stages)| {
            let named = stages.named();
            let of_stage = |stage: Stage| {
                let placed = named.iter().find(|(s, _)| *s == stage).map_or(&[][..], |(_, placed)| placed);
                placed.iter().map(|placed| Warm::of(placed, stage, hot)).collect()
            };
            (id.clone(), STAGES.iter().map(|(stage, _)| of_stage(*stage)).collect())
        });
        Self { pipelines: pipelines.collect(), snapshot: Arc::clone(&snapshot), silences: Arc::default() }
    }

    /// Silences that hold from the next alert on. Without any, as in a trial, nothing is silenced.
    pub fn hush(&mut self, silences: Arc<Silences>) {
        self.silences = silences;
    }

    /// Whether these are the stages of `snapshot`.
    pub fn are_of(&self, snapshot: &Arc<Snapshot>) -> bool {
        Arc::ptr_eq(&self.snapshot, snapshot)
    }

    /// Runs the stages on an alert. Never fails: what a plugin does not decide is decided towards paging.
    pub fn decide(&mut self, id: DecisionId, partition: u8, from: &Sender, alert: Alert) -> (Decision, Vec<Touch>) {
        let mut draft = Draft {
            alert,
            verdict: Verdict::Keep,
            grouping: None,
            default_route: false,
            notes: Vec::new(),
            team: from.team.clone(),
            touches: Vec::new(),
        };
        let integration = self.snapshot.installation.integrations.get(&from.integration);
        let pipeline = integration.and_then(|integration| self.pipelines.get_mut(&integration.pipeline));
        match pipeline {
            Some(stages) => {
                for ((_, run), warm) in STAGES.iter().zip(stages) {
                    run(warm, &mut draft);
                }
            }
            // Its integration is gone from the configuration: the alert was taken in all the same.
            None => draft.default_route = true,
        }
        if let Some(entity) = draft.grouping.as_ref().and_then(|g| g.entity.clone()) {
            draft.alert.apply(&[Edit::SetEntity(entity)]);
        }
        if let Some(seconds) = integration.and_then(|i| i.expire_after_seconds)
            && draft.alert.expires_at.is_none()
        {
            draft.alert.expires_at = Some(draft.alert.received_at.plus_seconds(seconds));
        }
        draft.silence(&self.silences, from);
        let decision = Decision {
            id,
            partition,
            revision: self.revision(),
            team: draft.team,
            integration: Some(from.integration.clone()),
            alert: Arc::new(draft.alert),
            verdict: draft.verdict,
            grouping: draft.grouping,
            default_route: draft.default_route,
            notes: draft.notes,
        };
        (decision, draft.touches)
    }

    fn revision(&self) -> Revision {
        self.snapshot.revision
    }
}

fn enrich(plugins: &mut [Warm], draft: &mut Draft) {
    for plugin in plugins {
        match plugin.ask(draft, |instance, alert| instance.enrich(alert)) {
            Ok(patch) if patch.edits.is_empty() => {}
            Ok(patch) => {
                draft.alert.apply(&patch.edits);
                draft.note(plugin, NoteKind::Edited(patch.edits), patch.reason);
            }
            Err(failure) => draft.failed(plugin, &failure),
        }
    }
}

/// The first that does not keep it decides.
fn filter(plugins: &mut [Warm], draft: &mut Draft) {
    for plugin in plugins {
        match plugin.ask(draft, |instance, alert| instance.filter(alert)) {
            Ok(Verdict::Keep) => {}
            Ok(verdict) => {
                let (kind, reason) = match &verdict {
                    Verdict::Drop { reason } => (NoteKind::Dropped, reason.clone()),
                    Verdict::Suppress { reason, .. } => (NoteKind::Suppressed, reason.clone()),
                    Verdict::Keep => return,
                };
                draft.note(plugin, kind, reason);
                draft.verdict = verdict;
                return;
            }
            Err(failure) => draft.failed(plugin, &failure),
        }
    }
}

/// The first with an opinion decides.
fn dedupe(plugins: &mut [Warm], draft: &mut Draft) {
    if matches!(draft.verdict, Verdict::Drop { .. }) {
        return;
    }
    for plugin in plugins {
        match plugin.ask(draft, |instance, alert| instance.dedupe(alert)) {
            Ok(None) => {}
            Ok(Some(grouping)) => {
                draft.note(plugin, NoteKind::Grouped, grouping.reason.clone());
                draft.grouping = Some(grouping);
                return;
            }
            Err(failure) => draft.failed(plugin, &failure),
        }
    }
}

impl Draft {
    /// What plugins keep is quiet all the same while a silence matches it.
    fn silence(&mut self, silences: &Silences, from: &Sender) {
        if self.verdict != Verdict::Keep || self.alert.status != Status::Firing {
            return;
        }
        let subject = Subject { alert: &self.alert, team: self.team.as_str(), integration: Some(from.integration.as_str()) };
        if let Some(hold) = silences.hold(&subject, self.alert.received_at) {
            self.notes.push(quiet::note(NoteKind::Suppressed, hold.reason.clone()));
            self.verdict = Verdict::Suppress { reason: hold.reason, until: Some(hold.until) };
        }
    }

    fn note(&mut self, plugin: &Warm, kind: NoteKind, reason: String) {
        self.notes.push(StageNote { stage: plugin.stage, plugin: Arc::clone(&plugin.cite), kind, reason });
    }

    fn failed(&mut self, plugin: &Warm, failure: &CallFailure) {
        metrics::counter!("reveille_pipeline_stage_failures_total", "stage" => plugin.stage.as_str(), "plugin" => plugin.cite.name.clone())
            .increment(1);
        let kind = match plugin.on_failure {
            OnFailure::Skip => NoteKind::Skipped,
            OnFailure::DefaultRoute => {
                self.default_route = true;
                NoteKind::DefaultRoute
            }
        };
        self.note(plugin, kind, failure.to_string());
    }
}
