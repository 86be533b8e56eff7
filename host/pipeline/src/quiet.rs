//! Silences and inhibition at work: what they say about an alert at the commit, and who is let go when they end.
//!
//! Silences are asked by the stages, in parallel: they depend on the alert and the time alone. Inhibition depends on what else fires, so it
//! is decided inside the one committer's transaction, on an index that changes with each commit and is built from the stored alerts at the
//! start and when the rules change: nothing is between what was committed and what is asked.

use crate::shared::Shared;
use domain::alert::Status;
use domain::decision::{Decision, NoteKind, PluginRef, Stage, StageNote, Verdict};
use domain::id::{AlertId, JournalId, TeamId};
use domain::incident::AlertState;
use domain::inhibition::{Changes, Entity, Sources};
use domain::journal::{Entry, Record};
use domain::matcher::Subject;
use domain::silence::Silences;
use domain::time::Millis;
use domain::transition::{FOREVER, Held};
use parking_lot::Mutex;
use ports::{Standing, StoreError, View};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Alerts read at once.
const PAGE: u32 = 500;
/// How often is looked without being told, in seconds.
const PERIOD_SECONDS: u32 = 60;
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);

static HOST: LazyLock<Arc<PluginRef>> = LazyLock::new(|| {
    Arc::new(PluginRef { name: "reveille".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), digest: String::new() })
});

/// How a decision names the host itself.
pub fn host() -> Arc<PluginRef> {
    Arc::clone(&HOST)
}

/// A note of the host, where plugins have their say about suppression.
pub fn note(kind: NoteKind, reason: String) -> StageNote {
    StageNote { stage: Stage::Filter, plugin: host(), kind, reason }
}

/// What one transaction has to know.
#[derive(Clone, Default)]
pub struct Quiet {
    pub standing: Arc<Standing>,
    pub silences: Arc<Silences>,
    pub sources: Arc<Mutex<Sources>>,
    /// What this transaction changed.
    pub changes: Changes,
}

impl Quiet {
    /// What keeps a firing alert from being a source's consequence: the rule and its source in words.
    pub fn inhibited(&self, subject: &Subject<'_>) -> Option<String> {
        let rules = &self.standing.inhibitions;
        if rules.is_empty() {
            return None;
        }
        let itself = entity_of(subject);
        let sources = self.sources.lock();
        rules.as_target(subject).iter().find_map(|side| {
            let (team, source) = sources.inhibitor(side, &itself, &self.changes)?;
            let of = if team.as_str() == subject.team { String::new() } else { format!(" of {team}") };
            Some(format!("inhibition {}: {source}{of} fires", rules.name(&side.key)))
        })
    }

    /// Suppresses a decision that would go on, where something worse fires.
    pub fn apply(&self, decision: &mut Decision) {
        if self.standing.inhibitions.is_empty() || decision.verdict != Verdict::Keep || decision.alert.status != Status::Firing {
            return;
        }
        let integration = decision.integration.as_ref().map(|id| id.as_str().to_owned());
        let subject = Subject { alert: &decision.alert, team: decision.team.as_str(), integration: integration.as_deref() };
        if let Some(reason) = self.inhibited(&subject) {
            decision.verdict = Verdict::Suppress { reason: reason.clone(), until: None };
            decision.notes.push(note(NoteKind::Suppressed, reason));
        }
    }

    /// Follows what became of an alert's state.
    pub fn follow(&mut self, team: &TeamId, entity: &str, state: Option<&AlertState>) {
        let rules = &self.standing.inhibitions;
        if rules.is_empty() {
            return;
        }
        let fires = state.filter(|state| state.status != Status::Resolved);
        let sides = fires.map(|state| rules.as_source(&subject_of(state))).unwrap_or_default();
        let itself = (team.clone(), entity.to_owned());
        if !sides.is_empty() || self.sources.lock().knows(&itself, &self.changes) {
            self.changes.insert(itself, sides);
        }
    }

    /// Until when silences and inhibition keep an alert quiet as things are.
    pub fn keeps(&self, state: &AlertState, at: Millis) -> Option<Millis> {
        let subject = subject_of(state);
        if self.inhibited(&subject).is_some() {
            return Some(FOREVER);
        }
        self.silences.hold(&subject, at).map(|hold| hold.until)
    }

    /// What the host knows of an alert that is suppressed.
    pub fn held(&self, view: &dyn View, state: &AlertState, at: Millis) -> Result<Held, StoreError> {
        Ok(Held { by_host: is_held_by_host(view, state)?, until: self.keeps(state, at) })
    }
}

fn entity_of(subject: &Subject<'_>) -> Entity {
    (TeamId::from(subject.team), subject.alert.entity.clone())
}

/// An alert's state as matchers see it.
pub fn subject_of(state: &AlertState) -> Subject<'_> {
    Subject {
        alert: &state.alert,
        team: state.team.as_str(),
        integration: state.integration.as_ref().map(domain::id::IntegrationId::as_str),
    }
}

/// Whether the host suppressed it, or prolonged what a plugin began. Without its decision nobody can tell: then its own time counts.
fn is_held_by_host(view: &dyn View, state: &AlertState) -> Result<bool, StoreError> {
    let Some(row) = view.decision(state.last_decision)? else { return Ok(false) };
    let by_note = row.decision.notes.iter().any(|note| note.kind == NoteKind::Suppressed && note.plugin.name == HOST.name);
    let planned = match &row.decision.verdict {
        Verdict::Suppress { until, .. } => Some(until.unwrap_or(FOREVER)),
        Verdict::Keep | Verdict::Drop { .. } => None,
    };
    Ok(by_note || planned != state.suppressed_until)
}

/// The index of what fires, from the stored alerts.
pub(crate) fn sources(shared: &Shared, standing: &Standing) -> Result<Sources, StoreError> {
    let mut sources = Sources::default();
    if standing.inhibitions.is_empty() {
        return Ok(sources);
    }
    let mut after = AlertId(0);
    loop {
        let page = shared.view(move |view| view.alerts_firing(after, PAGE))?;
        let Some(last) = page.last() else { return Ok(sources) };
        after = last.id;
        for state in &page {
            let sides = standing.inhibitions.as_source(&subject_of(state));
            if !sides.is_empty() {
                sources.set(&(state.team.clone(), state.entity.clone()), sides);
            }
        }
    }
}

/// Keeps silences as stored and lets go what nothing keeps quiet any more.
pub(crate) async fn keep(shared: Arc<Shared>) {
    loop {
        let asked = shared.wakes.quiet.asked();
        match pass(&shared).await {
            Ok(Some(last)) => committed(&shared, last).await,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(error, "silences could not be looked at; tried again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        }
        shared.wakes.quiet.done(asked);
        let next = shared.clock.now().plus_seconds(PERIOD_SECONDS);
        tokio::select! {
            () = shared.wakes.quiet.asked_since(asked) => {}
            () = shared.clock.wait_until(next) => {}
        }
    }
}

/// One look at everything that is suppressed; the last wake that was journaled.
async fn pass(shared: &Shared) -> Result<Option<JournalId>, String> {
    let now = shared.clock.now();
    ports::quiet::refresh(&shared.store, &shared.live, now).await.map_err(|error| error.to_string())?;
    forget(shared, now).await.map_err(|error| error.to_string())?;
    let quiet = shared.quiet();
    let mut last = None;
    let mut after = AlertId(0);
    loop {
        let asked = quiet.clone();
        let look = move |view: &dyn View| -> Result<(Option<AlertId>, Vec<AlertState>), StoreError> {
            let page = view.alerts_firing(after, PAGE)?;
            let next = page.last().map(|state| state.id);
            let mut free = Vec::new();
            for state in page.into_iter().filter(|state| state.suppressed_until.is_some()) {
                let held = asked.held(view, &state, now)?;
                if held.by_host && held.until.is_none() {
                    free.push(state);
                }
            }
            Ok((next, free))
        };
        let (next, free) = shared.store.view(look).await.map_err(|error| error.to_string())?;
        for state in free {
            let entry = Entry::Wake { team: state.team, entity: state.entity, due: now };
            let record = Record { received_at: now, entry };
            last = Some(shared.journal.appended(record).await.map_err(|error| error.to_string())?);
        }
        let Some(next) = next else { return Ok(last) };
        after = next;
    }
}

/// Deletes silences that were over long ago.
async fn forget(shared: &Shared, now: Millis) -> Result<(), StoreError> {
    const AT_ONCE: u32 = 500;
    let until = now.plus_millis(-domain::silence::KEPT_MS);
    let old = shared.store.view(move |view| ports::object::due::<domain::silence::Silence>(view, until, AT_ONCE)).await?;
    if old.is_empty() {
        return Ok(());
    }
    let delete = move |tx: &mut dyn ports::Tx| -> Result<(), StoreError> {
        for silence in &old {
            ports::object::delete::<domain::silence::Silence>(tx, &silence.id)?;
        }
        Ok(())
    };
    shared.store.write(delete).await
}

/// Waits until `record` is committed, so that what it wakes is not woken twice.
async fn committed(shared: &Shared, record: JournalId) {
    let mut cursor = shared.cursor.subscribe();
    // It is only patience: waking an alert twice changes nothing.
    let _ = tokio::time::timeout(PATIENCE, cursor.wait_for(|cursor| *cursor >= record)).await;
}
