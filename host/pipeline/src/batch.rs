//! One commit: the items of many partitions applied in order inside one transaction.

mod hush;

use crate::answer::CommandOutcome;
use crate::quiet::Quiet;
use crate::rows::{Rows, Spare, Wanted};
use domain::alert::Status;
use domain::command::Notice;
use domain::decision::{Decision, Outcome};
use domain::expiry::Availability;
use domain::id::{DecisionId, IncidentId, IntegrationId, JournalId, TeamId};
use domain::inbound::Event;
use domain::incident::AlertState;
use domain::inhibition::Changes;
use domain::journal::{Entry, Record, Sender};
use domain::state::{Generations, StateEntry, StateRow, StateSpace, Touch};
use domain::time::Millis;
use domain::transition::{self, Moment, Said};
use ports::hot::{WindowKey, WindowRow, partitions_written};
use ports::store::{DeadLetter, DeadLetterKind, DeadLetterState, DecisionRow};
use ports::{Snapshot, StoreError, Tx};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long until a parked body is tried again for the first time, in seconds.
pub const FIRST_RETRY_SECONDS: u32 = 1;

/// How long what is done once is remembered, in milliseconds.
const ONCE_MS: i64 = 24 * 3_600_000;
/// Marks forgotten with each new one.
const FORGOTTEN: u32 = 16;

/// One thing to commit.
pub struct Item {
    pub id: DecisionId,
    /// When its record came in.
    pub at: Millis,
    pub work: Work,
}

impl Item {
    /// What its plugins read and wrote of their state.
    pub fn touches(&self) -> &[Touch] {
        match &self.work {
            Work::Decide(_, touches) => touches,
            _ => &[],
        }
    }

    /// The window that its decision counts in, if it asks for one.
    pub fn window(&self) -> Option<WindowKey> {
        match &self.work {
            Work::Decide(row, _) if row.decision.alert.status == Status::Firing => {
                row.decision.grouping.as_ref()?.threshold?;
                Some((row.decision.team.clone(), row.decision.incident_key().to_owned()))
            }
            _ => None,
        }
    }
}

/// What an item is.
pub enum Work {
    /// An alert that went through the stages, and what their plugins read and wrote of their state.
    Decide(Box<DecisionRow>, Vec<Touch>),
    /// An event of a taken body that needs no stage: a command, a heartbeat, a change.
    Event(Arc<Record>),
    /// A whole record that needs no stage.
    Entry(Arc<Record>),
    /// A record that the journal cannot give back; the text says why.
    Unreadable(String),
}

/// What to tell whom after a commit.
#[derive(Default)]
pub struct Committed {
    pub said: Vec<(JournalId, CommandOutcome)>,
    pub changed: BTreeSet<IncidentId>,
    /// The router has something to look at.
    pub route: bool,
    /// Somebody answered: escalations may have to stop.
    pub answered: bool,
    pub next_wake: Option<Millis>,
    pub dead_letters: bool,
    /// Messages wait to be sent.
    pub messages: bool,
    /// An incident has a new timer.
    pub timers: bool,
    /// Automation plugins are to be told something.
    pub automation: bool,
    /// Messages about incidents are to say what happened.
    pub news: bool,
    pub outcomes: Vec<(&'static str, u64)>,
    /// Whose alerts opened an incident, one entry each.
    pub opened: Vec<(TeamId, IntegrationId)>,
    pub spare: Spare,
    /// What was written of hot state.
    pub heat: Heat,
    /// Who fires as a source of inhibition from now on, and who no more.
    pub sources: Changes,
    /// A heartbeat that was missing came.
    pub heartbeats: bool,
}

/// What a commit means for hot state.
#[derive(Default)]
pub struct Heat {
    /// Windows that were read and not changed.
    pub learned: Vec<WindowRow>,
    pub windows: Vec<WindowRow>,
    /// `None`: nothing hot was touched.
    pub generations: Option<Generations>,
}

/// The items of one transaction at work.
pub struct Batch<'t> {
    pub(crate) rows: Rows<'t>,
    pub(crate) availability: &'t Availability,
    pub(crate) committed: Committed,
    state: Vec<Touch>,
    quiet: Quiet,
}

impl<'t> Batch<'t> {
    pub fn on(tx: &'t mut dyn Tx, spare: Spare, availability: &'t Availability, snapshot: &'t Snapshot) -> Self {
        Self {
            rows: Rows::of(tx, spare, snapshot),
            availability,
            committed: Committed::default(),
            state: Vec::new(),
            quiet: Quiet::default(),
        }
    }

    /// With what hot state knows of windows, so that the store is not asked for them.
    pub fn knowing(mut self, windows: &[WindowRow]) -> Self {
        self.rows.know(windows);
        self
    }

    /// With what keeps alerts quiet.
    pub fn hushed(mut self, quiet: Quiet) -> Self {
        self.quiet = quiet;
        self
    }

    /// Applies the items in order and writes what changed; `again` when an earlier try may have committed some of them.
    /// `extra` are touches of items that are not among these any more.
    pub fn apply(mut self, items: &mut [Item], extra: &[Touch], cursor: Option<JournalId>, again: bool) -> Result<Committed, StoreError> {
        let first = items.iter().map(|item| item.id).min();
        let done: BTreeSet<DecisionId> = match first {
            Some(first) if again => self.rows.tx.decided_from(first)?.into_iter().collect(),
            _ => BTreeSet::new(),
        };
        self.prefetch(items)?;
        self.state.extend_from_slice(extra);
        for item in items.iter_mut().filter(|item| !done.contains(&item.id)) {
            self.state.extend_from_slice(item.touches());
            self.apply_one(item)?;
        }
        self.finish(cursor)
    }

    /// Tells the store what the decisions among the items will read.
    fn prefetch(&mut self, items: &[Item]) -> Result<(), StoreError> {
        let decisions = || {
            items.iter().filter_map(|item| match &item.work {
                Work::Decide(row, _) => Some(&row.decision),
                _ => None,
            })
        };
        let alerts: Vec<_> = decisions().map(|decision| (&decision.team, decision.alert.entity.as_str())).collect();
        let firing = decisions().filter(|decision| decision.alert.status == Status::Firing);
        let keys: Vec<_> = firing.map(|decision| (&decision.team, decision.incident_key())).collect();
        self.rows.tx.prefetch(&alerts, &keys)
    }

    /// Lists an item that cannot be committed as a dead letter. `with_row`: its decision, too, is listed as parked.
    pub fn bury(mut self, item: &mut Item, reason: &str, with_row: bool) -> Result<Committed, StoreError> {
        let mut integration = None;
        let mut quiet = false;
        let mut listed = false;
        match &mut item.work {
            Work::Decide(row, _) => {
                integration.clone_from(&row.decision.integration);
                row.outcome = Outcome::Parked;
                row.incident = None;
                if with_row {
                    listed = self.rows.tx.add_decision(row)?;
                }
            }
            Work::Event(record) => integration = sender(record).map(|from| from.integration.clone()),
            Work::Entry(record) => {
                integration = sender(record).map(|from| from.integration.clone());
                // A notice that cannot be stored never begets another.
                quiet = matches!(record.entry, Entry::Notice(_));
                if matches!(record.entry, Entry::Command(_) | Entry::Once { .. }) {
                    let words = format!("it could not be committed: {reason}");
                    self.committed.said.push((item.id.record(), CommandOutcome::Refused(words)));
                }
            }
            Work::Unreadable(_) => {}
        }
        if !listed {
            self.rows.tx.add_done(item.id)?;
        }
        let kind = DeadLetterKind::Uncommitted;
        self.dead_letter(item.id, item.at, integration.as_ref(), kind, reason, with_row && !quiet)?;
        self.finish(None)
    }

    fn finish(mut self, cursor: Option<JournalId>) -> Result<Committed, StoreError> {
        self.committed.automation = self.rows.has_events();
        self.committed.news = self.rows.has_news();
        self.rows.write()?;
        self.write_heat()?;
        if let Some(cursor) = cursor {
            fail::fail_point!("pipeline.before.cursor");
            self.rows.tx.set_cursor(cursor)?;
        }
        self.committed.changed = std::mem::take(&mut self.rows.changed);
        self.committed.route = self.rows.route;
        self.committed.next_wake = self.rows.next_wake;
        self.committed.timers = self.rows.timers;
        self.committed.spare = self.rows.spare;
        self.committed.sources = self.quiet.changes;
        Ok(self.committed)
    }

    /// Writes what plugins remember, in the order in which their calls saw each other, and counts the partitions that changed.
    fn write_heat(&mut self) -> Result<(), StoreError> {
        self.state.sort_by(|a, b| (&a.space, a.order).cmp(&(&b.space, b.order)));
        let mut last: BTreeMap<(&Arc<StateSpace>, &str), &Option<StateEntry>> = BTreeMap::new();
        for touch in &self.state {
            for write in &touch.writes {
                last.insert((&touch.space, &write.key), &write.entry);
            }
        }
        for ((space, key), entry) in last {
            match entry {
                Some(entry) => {
                    let row = StateRow { space: Arc::clone(space), key: key.to_owned(), entry: entry.clone() };
                    self.rows.tx.put_plugin_state(&row)?;
                }
                None => self.rows.tx.delete_plugin_state(space, key)?,
            }
        }
        let (learned, windows) = self.rows.windows();
        let partitions = partitions_written(&self.state, windows.iter().map(|(key, _)| key));
        let generations = if partitions == 0 && self.state.is_empty() { None } else { Some(self.rows.tx.count_generations(partitions)?) };
        self.committed.heat = Heat { learned, windows, generations };
        Ok(())
    }

    fn apply_one(&mut self, item: &mut Item) -> Result<(), StoreError> {
        let (id, at) = (item.id, item.at);
        match &mut item.work {
            Work::Decide(row, _) => return self.decide(row, at),
            _ if !self.rows.tx.add_done(id)? => return Ok(()),
            Work::Event(record) => {
                if let Entry::Taken { from, events, .. } = &record.entry {
                    match events.get(id.index()) {
                        Some(Event::Command(command)) => drop(self.obey(command, Some(&from.team), at)?),
                        Some(Event::Heartbeat(heartbeat)) => self.beat(&from.team, &heartbeat.name, at)?,
                        _ => {}
                    }
                }
            }
            Work::Entry(record) => match &record.entry {
                Entry::Command(command) => {
                    let said = self.obey(command, None, at)?;
                    self.tell(id, said);
                }
                Entry::Once { from, command, key } => {
                    let said = if self.rows.tx.add_once(key, at)? {
                        self.rows.tx.forget_once(at.plus_millis(-ONCE_MS), FORGOTTEN)?;
                        self.obey(command, from.as_ref().map(|from| &from.team), at)?
                    } else {
                        Said::Done("this was done before".to_owned())
                    };
                    self.tell(id, said);
                }
                Entry::Notice(notice) => self.note(notice, at)?,
                Entry::Wake { team, entity, .. } => self.wake(team, entity, at)?,
                Entry::Parked { from, reason, .. } => {
                    self.dead_letter(id, at, Some(&from.integration), DeadLetterKind::Parked, reason, true)?;
                }
                Entry::Rejected { from, reason, .. } => {
                    self.dead_letter(id, at, Some(&from.integration), DeadLetterKind::Rejected, reason, true)?;
                }
                Entry::Taken { .. } => {}
            },
            Work::Unreadable(reason) => self.dead_letter(id, at, None, DeadLetterKind::Uncommitted, reason, true)?,
        }
        Ok(())
    }

    fn tell(&mut self, id: DecisionId, said: Said) {
        let outcome = match said {
            Said::Done(words) => CommandOutcome::Done(words),
            Said::Refused(words) => CommandOutcome::Refused(words),
        };
        self.committed.said.push((id.record(), outcome));
    }

    fn decide(&mut self, row: &mut DecisionRow, at: Millis) -> Result<(), StoreError> {
        self.feed(row, at)?;
        self.quiet.apply(&mut row.decision);
        let decision = &row.decision;
        let firing = decision.alert.status == Status::Firing;
        let attached = match self.rows.alert(&decision.team, &decision.alert.entity)? {
            Some(state) => state.incident.is_some() && state.status != Status::Resolved,
            None => false,
        };
        let wanted = Wanted {
            team: &decision.team,
            entity: Some(&decision.alert.entity),
            key: firing.then(|| decision.incident_key()),
            incident: None,
            threshold: decision.grouping.as_ref().and_then(|g| g.threshold).filter(|_| firing && !attached).map(|t| t.count),
        };
        let (outcome, incident) = self.change(wanted, firing, at, |ground, moment| transition::decide(ground, decision, moment))?;
        self.follow(&decision.team, &decision.alert.entity)?;
        self.count(&outcome);
        if outcome == Outcome::Opened
            && let Some(integration) = &decision.integration
        {
            self.committed.opened.push((decision.team.clone(), integration.clone()));
        }
        self.committed.answered |= matches!(outcome, Outcome::Acknowledged | Outcome::Resolved);
        row.outcome = outcome;
        row.incident = incident;
        row.at = at;
        if self.rows.tx.add_decision(row)? {
            return Ok(());
        }
        // Applied twice: undo the whole and let the next try leave it out.
        Err(StoreError::Abandoned(format!("decision {} is already committed", row.decision.id.0)))
    }

    fn change(
        &mut self,
        wanted: Wanted<'_>,
        may_make: bool,
        at: Millis,
        apply: impl FnOnce(&mut transition::Ground, Moment<'_>) -> transition::Change,
    ) -> Result<(Outcome, Option<IncidentId>), StoreError> {
        let (alert, incident) = if may_make { self.rows.fresh()? } else { Default::default() };
        let mut taken = self.rows.take(wanted)?;
        let moment = Moment { at, alert, incident, availability: self.availability };
        let change = apply(&mut taken.ground, moment);
        let came_to = (change.outcome.clone(), change.incident);
        self.rows.give_back(wanted.team, wanted.entity, taken, change);
        Ok(came_to)
    }

    fn wake(&mut self, team: &TeamId, entity: &str, at: Millis) -> Result<(), StoreError> {
        let wanted = Wanted { team, entity: Some(entity), key: None, incident: None, threshold: None };
        let suppressed = self.rows.alert(team, entity)?.filter(|state| state.suppressed_until.is_some()).cloned();
        let held = suppressed.map(|state| self.quiet.held(self.rows.tx.as_view(), &state, at)).transpose()?;
        let (outcome, _) = self.change(wanted, true, at, |ground, moment| match held {
            Some(held) => transition::wake_held(ground, held, moment),
            None => transition::wake(ground, moment),
        })?;
        self.follow(team, entity)?;
        self.committed.answered |= outcome == Outcome::Resolved;
        Ok(())
    }

    fn note(&mut self, notice: &Notice, at: Millis) -> Result<(), StoreError> {
        let key = transition::notice_key(&notice.cause);
        let wanted = Wanted { team: &TeamId::default(), entity: None, key: Some(&key), incident: None, threshold: None };
        let (outcome, _) = self.change(wanted, true, at, |ground, moment| transition::note(ground, notice, moment))?;
        self.committed.answered |= outcome == Outcome::Resolved;
        Ok(())
    }

    fn dead_letter(
        &mut self,
        id: DecisionId,
        at: Millis,
        integration: Option<&IntegrationId>,
        kind: DeadLetterKind,
        reason: &str,
        notice: bool,
    ) -> Result<(), StoreError> {
        let letter = DeadLetter {
            id: self.rows.tx.new_dead_letter_id()?,
            at,
            record: id.record(),
            decision: (kind == DeadLetterKind::Uncommitted).then_some(id),
            integration: integration.cloned(),
            kind,
            reason: reason.to_owned(),
            state: DeadLetterState::Waiting,
            tries: 0,
            next_at: (kind == DeadLetterKind::Parked).then(|| at.plus_seconds(FIRST_RETRY_SECONDS)),
        };
        self.rows.tx.put_dead_letter(&letter)?;
        self.committed.dead_letters = true;
        if notice { self.note(&dead_letter_notice(integration, reason, false), at) } else { Ok(()) }
    }

    /// Resolves the incident about an integration's dead letters.
    pub fn no_dead_letters_left(mut self, integration: Option<&IntegrationId>, at: Millis) -> Result<Committed, StoreError> {
        self.note(&dead_letter_notice(integration, "", true), at)?;
        self.finish(None)
    }

    fn count(&mut self, outcome: &Outcome) {
        let word = match outcome {
            Outcome::Opened => "opened",
            Outcome::Joined => "joined",
            Outcome::Repeated => "repeated",
            Outcome::Waiting { .. } => "waiting",
            Outcome::Suppressed => "suppressed",
            Outcome::Dropped => "dropped",
            Outcome::Acknowledged => "acknowledged",
            Outcome::Resolved => "resolved",
            Outcome::Recorded => "recorded",
            Outcome::Parked => "parked",
        };
        match self.committed.outcomes.iter_mut().find(|(w, _)| *w == word) {
            Some((_, count)) => *count += 1,
            None => self.committed.outcomes.push((word, 1)),
        }
    }
}

/// The incident that an alert is recorded on.
pub(crate) fn recorded(state: &AlertState) -> Option<IncidentId> {
    state.incident
}

fn sender(record: &Record) -> Option<&Sender> {
    match &record.entry {
        Entry::Taken { from, .. } | Entry::Parked { from, .. } | Entry::Rejected { from, .. } => Some(from),
        Entry::Once { from, .. } => from.as_ref(),
        Entry::Command(_) | Entry::Notice(_) | Entry::Wake { .. } => None,
    }
}

/// Of a dead letter's reason, so much stands in the summary of its notice.
const DEAD_LETTER_WHY_BYTES: usize = 240;

/// The one incident per integration about its dead letters.
fn dead_letter_notice(integration: Option<&IntegrationId>, reason: &str, over: bool) -> Notice {
    let name = integration.map_or("reveille", IntegrationId::as_str);
    let summary = if over {
        format!("no dead letter of {name} waits any more")
    } else {
        // The summary is what a page on a phone shows: it has the reason.
        let why = domain::alert::cut(reason.lines().next().unwrap_or_default(), DEAD_LETTER_WHY_BYTES);
        format!("Something from {name} could not be taken in and waits as a dead letter: {why}")
    };
    Notice {
        cause: format!("dead-letters/{name}"),
        summary,
        details: format!("{reason}\nIt is kept. See it: reveille deadletter list; mend what is wrong, then replay it."),
        severity: domain::alert::Severity::Error,
        integration: integration.cloned(),
        over,
    }
}

/// A decision that has yet to be applied.
pub fn undecided(decision: Decision, touches: Vec<Touch>) -> Work {
    Work::Decide(Box::new(DecisionRow { decision, incident: None, outcome: Outcome::Recorded, at: Millis(0) }), touches)
}
