//! A candidate beside what is in force, on alerts that really came: what would be decided otherwise, and what would fail that does not now.
//! Nothing that happens here has an effect: instances and breakers are of the trial alone, and no result is committed.

use crate::engine::complete;
use crate::stages::WarmStages;
use domain::alert::{Alert, cut};
use domain::decision::{Decision, NoteKind, Stage, Verdict};
use domain::escalation::Destination;
use domain::id::{DecisionId, IntegrationId, JournalId, PipelineId};
use domain::inbound::{EVENTS_LIMIT, Event, Inbound, Normalized, Refusal};
use domain::journal::{Entry, Record, Sender};
use ports::plugin::IncidentView;
use ports::{CallFailure, Clock, Instance, Journal, JournalError, Plugin, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Journal records that are tried at most.
pub const RECORDS: usize = 200;
/// Incidents that are tried at most.
pub const INCIDENTS: u32 = 50;
/// How long a trial may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(2);
/// Examples that are told at most.
const EXAMPLES: usize = 10;
/// Longest example, in bytes.
const EXAMPLE_BYTES: usize = 400;

/// What is tried: the newest bodies and the newest incidents.
#[derive(Default)]
pub struct Sample {
    pub records: Vec<Arc<Record>>,
    pub incidents: Vec<IncidentView>,
}

impl Sample {
    /// The newest records of the journal, without incidents. Blocking.
    pub fn newest(journal: &dyn Journal) -> Result<Self, JournalError> {
        let from = JournalId(journal.head().0.saturating_sub(RECORDS as u64 - 1).max(1));
        let records = journal.read(from, RECORDS)?.into_iter().map(|(_, record)| record).collect();
        Ok(Self { records, incidents: Vec::new() })
    }
}

/// What a trial found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Bodies, alerts and incidents on which both were asked.
    pub bodies: usize,
    pub alerts: usize,
    pub incidents: usize,
    /// Bodies of which other events would be made.
    pub events: usize,
    /// Bodies whose alerts would have other entities: their recoveries would not find them.
    pub entities: usize,
    /// Alerts that would be kept, suppressed or dropped otherwise.
    pub verdicts: usize,
    /// Alerts that would belong to another incident, or wait for another threshold.
    pub groupings: usize,
    /// Alerts that would be edited otherwise.
    pub edits: usize,
    /// Incidents that would be routed otherwise.
    pub routes: usize,
    /// Asked in vain where what is in force answers, and the other way round.
    pub fails: usize,
    pub mends: usize,
    /// The time was over before the sample was.
    pub cut_short: bool,
    /// In words; at most ten, failures first.
    pub examples: Vec<String>,
}

impl Report {
    /// Whether nothing would be otherwise.
    pub fn is_same(&self) -> bool {
        self.events + self.verdicts + self.groupings + self.edits + self.routes + self.fails + self.mends == 0
    }

    fn example(&mut self, words: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(cut(&words, EXAMPLE_BYTES));
        }
    }

    /// What fails is told first.
    fn failure(&mut self, words: String) {
        self.fails += 1;
        if self.examples.len() == EXAMPLES {
            self.examples.pop();
        }
        let place = self.fails.min(self.examples.len() + 1) - 1;
        self.examples.insert(place, cut(&words, EXAMPLE_BYTES));
    }
}

/// Asks both about the sample, wherever the plugin called `name` has a say. Blocking, for [`TIME_LIMIT`] and one call at most. The snapshots
/// are those of [`crate::snapshot::build_for_trial`].
pub fn compare(name: &str, in_force: Snapshot, candidate: Snapshot, sample: &Sample, clock: &dyn Clock) -> Report {
    let began = clock.elapsed();
    let uses = Uses::of(name, &candidate);
    let (in_force, candidate) = (Arc::new(in_force), Arc::new(candidate));
    let mut trial = Trial {
        now: Side::new(Arc::clone(&in_force)),
        then: Side::new(Arc::clone(&candidate)),
        report: Report::default(),
        uses,
        name: name.to_owned(),
    };
    let over = || clock.elapsed().saturating_sub(began) >= TIME_LIMIT;
    // The newest first: what the time does not suffice for is the oldest.
    for record in sample.records.iter().rev() {
        if over() {
            trial.report.cut_short = true;
            break;
        }
        trial.record(record);
    }
    for view in &sample.incidents {
        if over() {
            trial.report.cut_short = true;
            break;
        }
        trial.route(view);
    }
    trial.report
}

/// Where the plugin has a say.
struct Uses {
    integrations: BTreeSet<IntegrationId>,
    /// Before the commit.
    pipelines: BTreeSet<PipelineId>,
    /// After it.
    routes: BTreeSet<PipelineId>,
}

impl Uses {
    fn of(name: &str, snapshot: &Snapshot) -> Self {
        let is_it = |plugin: &Arc<dyn Plugin>| plugin.cite().name == name;
        let mut uses = Self { integrations: BTreeSet::new(), pipelines: BTreeSet::new(), routes: BTreeSet::new() };
        uses.integrations.extend(snapshot.normalizers.iter().filter(|(_, plugin)| is_it(plugin)).map(|(id, _)| id.clone()));
        for (id, stages) in &snapshot.pipelines {
            for (stage, placed) in stages.named() {
                if placed.iter().any(|placed| is_it(&placed.plugin)) {
                    let at = if stage == Stage::Route { &mut uses.routes } else { &mut uses.pipelines };
                    at.insert(id.clone());
                }
            }
        }
        uses
    }
}

/// One of the two, with instances of its own.
struct Side {
    snapshot: Arc<Snapshot>,
    stages: WarmStages,
    normalizers: BTreeMap<IntegrationId, Box<dyn Instance>>,
    routes: BTreeMap<PipelineId, Vec<(String, Box<dyn Instance>)>>,
}

/// Where an incident would go, and which plugins failed on the way.
type Routed = (Vec<Destination>, Vec<(String, CallFailure)>);

impl Side {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { stages: WarmStages::of(Arc::clone(&snapshot), None), snapshot, normalizers: BTreeMap::new(), routes: BTreeMap::new() }
    }

    fn normalize(&mut self, id: &IntegrationId, raw: &Inbound) -> Option<Result<Result<Normalized, Refusal>, CallFailure>> {
        if !self.normalizers.contains_key(id) {
            let plugin = self.snapshot.normalizers.get(id)?;
            self.normalizers.insert(id.clone(), plugin.instance());
        }
        let mut outcome = self.normalizers.get_mut(id)?.normalize(raw);
        if let Ok(Ok(normalized)) = &mut outcome {
            if normalized.events.len() > EVENTS_LIMIT {
                let many = normalized.events.len();
                return Some(Err(CallFailure::Internal(format!("made {many} events of one body and {EVENTS_LIMIT} are the limit"))));
            }
            complete(&mut normalized.events, raw);
        }
        Some(outcome)
    }

    /// The first with an opinion decides, as in the router.
    fn route(&mut self, pipeline: &PipelineId, view: &IncidentView) -> Routed {
        let snapshot = &self.snapshot;
        let instances = self.routes.entry(pipeline.clone()).or_insert_with(|| {
            let placed = snapshot.pipelines.get(pipeline).map_or(&[][..], |stages| &stages.route);
            placed.iter().map(|placed| (placed.plugin.cite().name.clone(), placed.plugin.instance())).collect()
        });
        let mut failed = Vec::new();
        for (name, instance) in instances {
            match instance.route(view) {
                Ok(destinations) if destinations.is_empty() => {}
                Ok(destinations) => return (destinations, failed),
                Err(failure) => failed.push((name.clone(), failure)),
            }
        }
        (Vec::new(), failed)
    }
}

struct Trial {
    now: Side,
    then: Side,
    uses: Uses,
    name: String,
    report: Report,
}

impl Trial {
    fn record(&mut self, record: &Record) {
        let (from, raw, events) = match &record.entry {
            Entry::Taken { from, raw, events, .. } => (from, raw, events.as_slice()),
            Entry::Parked { from, raw, .. } | Entry::Rejected { from, raw, .. } => (from, raw, &[][..]),
            _ => return,
        };
        // A body that was too large is not there to be tried.
        if self.uses.integrations.contains(&from.integration) && !raw.body.is_empty() {
            self.body(&from.integration, raw);
        }
        let pipeline = self.then.snapshot.installation.integrations.get(&from.integration).map(|i| i.pipeline.clone());
        if pipeline.is_some_and(|id| self.uses.pipelines.contains(&id)) {
            for event in events {
                if let Event::Alert(alert) = event {
                    self.alert(from, alert);
                }
            }
        }
    }

    fn body(&mut self, id: &IntegrationId, raw: &Inbound) {
        let (Some(now), Some(then)) = (self.now.normalize(id, raw), self.then.normalize(id, raw)) else { return };
        self.report.bodies += 1;
        let report = &mut self.report;
        let what = format!("a body at integration {id} ({})", raw.id);
        match (now, then) {
            (Ok(Ok(now)), Ok(Ok(then))) => {
                if now.events == then.events {
                    return;
                }
                report.events += 1;
                let (old, new) = (entities(&now), entities(&then));
                if old == new {
                    report.example(format!("{what}: {}", event_words(&now, &then)));
                } else {
                    report.entities += 1;
                    report.example(format!("{what}: entities {} instead of {}", list(&new), list(&old)));
                }
            }
            (Ok(Ok(_)), Ok(Err(refusal))) => report.failure(format!("{what}: would be refused: {}", refusal.reason)),
            (Ok(_), Err(failure)) => report.failure(format!("{what}: {failure}")),
            (Ok(Err(_)) | Err(_), Ok(Ok(_))) => {
                report.mends += 1;
                report.example(format!("{what}: would be taken, and is not now"));
            }
            (Ok(Err(_)) | Err(_), Ok(Err(_))) | (Err(_), Err(_)) => {}
        }
    }

    fn alert(&mut self, from: &Sender, alert: &Alert) {
        self.report.alerts += 1;
        let decide = |side: &mut Side| side.stages.decide(DecisionId::default(), 0, from, alert.clone()).0;
        let (now, then) = (decide(&mut self.now), decide(&mut self.then));
        let report = &mut self.report;
        let what = format!("alert {}", alert.entity);
        match (failure_of(&self.name, &now), failure_of(&self.name, &then)) {
            (None, Some(why)) => report.failure(format!("{what}: {why}")),
            (Some(_), None) => {
                report.mends += 1;
                report.example(format!("{what}: would be answered, and fails now"));
            }
            _ => {}
        }
        if now.verdict != then.verdict {
            report.verdicts += 1;
            report.example(format!("{what}: {} instead of {}", verdict_words(&then.verdict), verdict_words(&now.verdict)));
        }
        // Dropped on either side: nothing was asked about its incident there.
        let dropped = [&now, &then].iter().any(|decision| matches!(decision.verdict, Verdict::Drop { .. }));
        if !dropped && belonging(&now) != belonging(&then) {
            report.groupings += 1;
            report.example(format!("{what}: incident {} instead of {}", grouping_words(&then), grouping_words(&now)));
        }
        if !dropped && now.alert != then.alert {
            report.edits += 1;
            report.example(format!("{what}: {}", alert_words(&now.alert, &then.alert)));
        }
    }

    fn route(&mut self, view: &IncidentView) {
        let integration = view.incident.integration.as_ref();
        let pipeline = integration.and_then(|id| self.then.snapshot.installation.integrations.get(id)).map(|i| i.pipeline.clone());
        let Some(pipeline) = pipeline.filter(|id| self.uses.routes.contains(id)) else { return };
        self.report.incidents += 1;
        let ((now, failed_now), (then, failed_then)) = (self.now.route(&pipeline, view), self.then.route(&pipeline, view));
        let failed = |failed: &[(String, CallFailure)]| failed.iter().find(|(name, _)| *name == self.name).map(|(_, why)| why.to_string());
        let report = &mut self.report;
        let what = format!("incident {}", view.incident.id);
        match (failed(&failed_now), failed(&failed_then)) {
            (None, Some(why)) => report.failure(format!("{what}: route: {why}")),
            (Some(_), None) => report.mends += 1,
            _ => {}
        }
        let places = |routed: &[Destination]| routed.iter().map(|to| (to.target.clone(), to.urgency)).collect::<Vec<_>>();
        if places(&now) != places(&then) {
            report.routes += 1;
            report.example(format!("{what}: to {} instead of {}", target_words(&then), target_words(&now)));
        }
    }
}

fn entities(normalized: &Normalized) -> Vec<&str> {
    let alerts = normalized.events.iter().filter_map(|event| match event {
        Event::Alert(alert) => Some(alert.entity.as_str()),
        _ => None,
    });
    alerts.collect()
}

fn event_words(now: &Normalized, then: &Normalized) -> String {
    if now.events.len() != then.events.len() {
        return format!("{} events instead of {}", then.events.len(), now.events.len());
    }
    let different = now.events.iter().zip(&then.events).find(|(a, b)| a != b);
    match different {
        Some((Event::Alert(now), Event::Alert(then))) => format!("alert {}: {}", now.entity, alert_words(now, then)),
        _ => "other events".to_owned(),
    }
}

/// Why the plugin failed in a decision; `None`: it did not.
fn failure_of(name: &str, decision: &Decision) -> Option<String> {
    let failed = |kind: &NoteKind| matches!(kind, NoteKind::Skipped | NoteKind::DefaultRoute);
    let note = decision.notes.iter().find(|note| note.plugin.name == name && failed(&note.kind))?;
    Some(format!("{}: {}", note.stage.as_str(), note.reason))
}

/// What decides about the incident.
fn belonging(decision: &Decision) -> (&str, &str, Option<u32>, Option<domain::decision::Threshold>) {
    let grouping = decision.grouping.as_ref();
    (
        decision.incident_key(),
        &decision.alert.entity,
        grouping.and_then(|grouping| grouping.window_seconds),
        grouping.and_then(|grouping| grouping.threshold),
    )
}

fn grouping_words(decision: &Decision) -> String {
    let (key, _, window, threshold) = belonging(decision);
    let window = window.map(|seconds| format!(" within {seconds} s")).unwrap_or_default();
    let threshold = threshold.map(|t| format!(" from {} in {} s on", t.count, t.within_seconds)).unwrap_or_default();
    format!("\"{key}\"{window}{threshold}")
}

fn verdict_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Keep => "kept".to_owned(),
        Verdict::Suppress { reason, .. } => format!("suppressed ({reason})"),
        Verdict::Drop { reason } => format!("dropped ({reason})"),
    }
}

fn target_words(destinations: &[Destination]) -> String {
    if destinations.is_empty() {
        return "the default policy".to_owned();
    }
    destinations.iter().map(|to| to.target.to_string()).collect::<Vec<_>>().join(", ")
}

/// The first fields that differ.
fn alert_words(now: &Alert, then: &Alert) -> String {
    let shown = |text: &Option<String>| text.as_ref().map_or_else(|| "nothing".to_owned(), |text| format!("\"{}\"", cut(text, 80)));
    let mut words = Vec::new();
    if now.severity != then.severity {
        words.push(format!("severity {} instead of {}", then.severity.as_str(), now.severity.as_str()));
    }
    if now.status != then.status {
        words.push(format!("status {} instead of {}", then.status.as_str(), now.status.as_str()));
    }
    let texts = [
        ("summary", &now.summary, &then.summary),
        ("service", &now.service, &then.service),
        ("routing key", &now.routing_key, &then.routing_key),
        ("details", &now.details, &then.details),
    ];
    for (field, now, then) in texts {
        if now != then {
            words.push(format!("{field} {} instead of {}", shown(then), shown(now)));
        }
    }
    for (field, now, then) in [("label", &now.labels, &then.labels), ("annotation", &now.annotations, &then.annotations)] {
        let different = then.iter().find(|one| !now.contains(one)).or_else(|| now.iter().find(|one| !then.contains(one)));
        if let Some((name, _)) = different {
            let value = |list: &[(String, String)]| shown(&list.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()));
            words.push(format!("{field} {name} {} instead of {}", value(then), value(now)));
        }
    }
    if words.is_empty() { "edited otherwise".to_owned() } else { words.join(", ") }
}

fn list(entities: &[&str]) -> String {
    const SHOWN: usize = 3;
    let more = if entities.len() > SHOWN { format!(" and {} more", entities.len() - SHOWN) } else { String::new() };
    let shown: Vec<&str> = entities.iter().take(SHOWN).copied().collect();
    if shown.is_empty() { "none".to_owned() } else { format!("{}{more}", shown.join(", ")) }
}
