//! The rows that one commit touches: each is read once and written once, however many items change it.

use crate::timers;
use domain::action::Change as Happened;
use domain::alert::Status;
use domain::automation::QueuedEvent;
use domain::care::MOVED_LIMIT;
use domain::command::Operation;
use domain::id::{AlertId, IncidentId, TeamId};
use domain::incident::{AlertState, Incident, Window};
use domain::time::Millis;
use domain::timeline::{Line, LineKind};
use domain::transition::{Change, Ground};
use ports::hot::{WindowKey, WindowRow};
use ports::{News, Snapshot, StoreError, Tx, object};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most alerts that are counted when an incident is opened again.
const COUNTED_LIMIT: u32 = 10_000;

/// Ids that were drawn and not used yet, so that numbers have no gaps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spare {
    alert: Option<AlertId>,
    incident: Option<IncidentId>,
}

/// A row in memory; `None`: there is none, or it lies in somebody's ground.
struct Slot<T> {
    row: Option<T>,
    dirty: bool,
}

/// Rows of one kind by team and name.
struct Table<T>(HashMap<TeamId, HashMap<String, Slot<T>>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Table<T> {
    fn slot(&mut self, team: &TeamId, name: &str) -> Option<&mut Slot<T>> {
        self.0.get_mut(team)?.get_mut(name)
    }

    fn put(&mut self, team: &TeamId, name: &str, row: Option<T>, dirty: bool) {
        if let Some(slot) = self.slot(team, name) {
            slot.row = row;
            slot.dirty |= dirty;
            return;
        }
        if !self.0.contains_key(team) {
            self.0.insert(team.clone(), HashMap::new());
        }
        if let Some(of_team) = self.0.get_mut(team) {
            of_team.insert(name.to_owned(), Slot { row, dirty });
        }
    }

    /// What is dirty, in an order that does not depend on hashing.
    fn dirty(&mut self) -> Vec<(&TeamId, &str, &mut Slot<T>)> {
        let mut dirty: Vec<_> = self
            .0
            .iter_mut()
            .flat_map(|(team, of_team)| of_team.iter_mut().map(move |(name, slot)| (team, name.as_str(), slot)))
            .filter(|(_, _, slot)| slot.dirty)
            .collect();
        dirty.sort_by_key(|(team, name, _)| (*team, *name));
        dirty
    }
}

/// Which rows an input needs besides its incidents.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub team: &'a TeamId,
    /// Whose state is meant.
    pub entity: Option<&'a str>,
    /// Whose open incident is meant; `None`: the key of `incident` or of the alert.
    pub key: Option<&'a str>,
    /// An incident that is meant whatever the alert says.
    pub incident: Option<IncidentId>,
    /// The number of arrivals with which the waiting alerts of the key are wanted too.
    pub threshold: Option<u32>,
}

/// The ground of one input and where its rows belong.
pub struct Taken {
    pub ground: Ground,
    pub key: String,
    window: bool,
}

/// The rows of one transaction.
pub struct Rows<'t> {
    pub tx: &'t mut dyn Tx,
    pub spare: Spare,
    alerts: Table<AlertState>,
    windows: Table<Window>,
    /// What hot state knows of windows.
    known: HashMap<WindowKey, Window>,
    open: Table<IncidentId>,
    incidents: HashMap<IncidentId, Slot<Incident>>,
    lines: Vec<(IncidentId, Line)>,
    pub snapshot: &'t Snapshot,
    /// What automation plugins are to be told: the incident, the plugin, when, and what.
    events: Vec<(IncidentId, String, Millis, Happened)>,
    /// Incidents whose messages are to say what happened, and when that was.
    news: BTreeMap<IncidentId, Millis>,
    /// The earliest time at which an alert that changed has to be looked at again.
    pub next_wake: Option<Millis>,
    pub changed: BTreeSet<IncidentId>,
    pub route: bool,
    /// A timer was written.
    pub timers: bool,
}

impl<'t> Rows<'t> {
    pub fn of(tx: &'t mut dyn Tx, spare: Spare, snapshot: &'t Snapshot) -> Self {
        Self {
            tx,
            spare,
            alerts: Table::default(),
            windows: Table::default(),
            known: HashMap::new(),
            open: Table::default(),
            incidents: HashMap::new(),
            lines: Vec::new(),
            snapshot,
            events: Vec::new(),
            news: BTreeMap::new(),
            next_wake: None,
            changed: BTreeSet::new(),
            route: false,
            timers: false,
        }
    }

    /// What is in force.
    pub fn snapshot(&self) -> &'t Snapshot {
        self.snapshot
    }

    /// What hot state knows of windows; an empty one: there is none.
    pub fn know(&mut self, windows: &[WindowRow]) {
        self.known = windows.iter().cloned().collect();
    }

    /// The windows that were read and stayed as they were, and those that changed, for hot state.
    pub fn windows(&self) -> (Vec<WindowRow>, Vec<WindowRow>) {
        let (mut learned, mut changed) = (Vec::new(), Vec::new());
        for (team, of_team) in &self.windows.0 {
            for (key, slot) in of_team {
                let row = ((team.clone(), key.clone()), slot.row.clone().unwrap_or_default());
                if slot.dirty {
                    changed.push(row);
                } else if !self.known.contains_key(&row.0) {
                    learned.push(row);
                }
            }
        }
        (learned, changed)
    }

    /// Ids for what an input may make.
    pub fn fresh(&mut self) -> Result<(AlertId, IncidentId), StoreError> {
        let alert = match self.spare.alert {
            Some(id) => id,
            None => *self.spare.alert.insert(self.tx.new_alert_id()?),
        };
        let incident = match self.spare.incident {
            Some(id) => id,
            None => *self.spare.incident.insert(self.tx.new_incident_id()?),
        };
        Ok((alert, incident))
    }

    /// The state of an entity, left in place.
    pub fn alert(&mut self, team: &TeamId, entity: &str) -> Result<Option<&AlertState>, StoreError> {
        self.load_alert(team, entity)?;
        Ok(self.alerts.slot(team, entity).and_then(|slot| slot.row.as_ref()))
    }

    fn load_alert(&mut self, team: &TeamId, entity: &str) -> Result<(), StoreError> {
        if self.alerts.slot(team, entity).is_none() {
            let row = self.tx.alert(team, entity)?;
            self.alerts.put(team, entity, row, false);
        }
        Ok(())
    }

    /// The incident that an alert is on, as this transaction has left it so far.
    pub fn incident_of(&mut self, alert: AlertId) -> Result<Option<IncidentId>, StoreError> {
        self.write_alerts()?;
        Ok(self.tx.alert_by_id(alert)?.and_then(|state| state.incident))
    }

    /// An incident as this transaction has left it so far.
    pub fn incident(&mut self, id: IncidentId) -> Result<Option<&Incident>, StoreError> {
        if !self.incidents.contains_key(&id) {
            let row = self.tx.incident(id)?;
            self.incidents.insert(id, Slot { row, dirty: false });
        }
        Ok(self.incidents.get(&id).and_then(|slot| slot.row.as_ref()))
    }

    /// What a command about `id` needs besides: the incident that it names, the alerts that it moves or counts, and whose keys follow them.
    pub fn take_further(&mut self, ground: &mut Ground, team: &TeamId, id: IncidentId, operation: &Operation) -> Result<(), StoreError> {
        let limit = match operation {
            Operation::Merge(_) | Operation::Split(..) => MOVED_LIMIT + 1,
            Operation::Reopen => COUNTED_LIMIT,
            _ => return Ok(()),
        };
        if let Operation::Merge(target) = operation {
            if ground.incident(*target).is_none() {
                ground.incidents.extend(self.take_incident(*target)?);
            }
            let keys = ground.incident(id).map(|incident| incident.care.keys.clone()).unwrap_or_default();
            for key in keys {
                let open = self.open(team, &key)?;
                ground.keys.push((key, open));
            }
        }
        // The store answers from its rows: what this transaction changed so far has to be among them.
        self.write_alerts()?;
        ground.alerts = self.tx.alerts_of(id, limit)?;
        Ok(())
    }

    fn take_incident(&mut self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        if let Some(slot) = self.incidents.get_mut(&id) {
            return Ok(slot.row.take());
        }
        let row = self.tx.incident(id)?;
        self.incidents.insert(id, Slot { row: None, dirty: false });
        Ok(row)
    }

    /// The incident that new alerts of a key join.
    fn open(&mut self, team: &TeamId, key: &str) -> Result<Option<IncidentId>, StoreError> {
        if let Some(slot) = self.open.slot(team, key) {
            return Ok(slot.row);
        }
        let row = self.tx.open_incident(team, key)?;
        self.open.put(team, key, row, false);
        Ok(row)
    }

    /// Takes the rows of an input out of the cache; [`Self::give_back`] has to follow.
    pub fn take(&mut self, wanted: Wanted<'_>) -> Result<Taken, StoreError> {
        let mut ground = Ground::default();
        if let Some(entity) = wanted.entity {
            self.load_alert(wanted.team, entity)?;
            ground.alert = self.alerts.slot(wanted.team, entity).and_then(|slot| slot.row.take());
        }
        let recorded = wanted.incident.or_else(|| ground.alert.as_ref().and_then(|state| state.incident));
        if let Some(id) = recorded {
            ground.incidents.extend(self.take_incident(id)?);
        }
        let meant = ground.incidents.first();
        let key = match (wanted.key, meant, &ground.alert) {
            (Some(key), _, _) => key.to_owned(),
            (None, Some(incident), _) if incident.is_open() => incident.key.clone(),
            (None, _, Some(state)) => state.key.clone(),
            (None, Some(incident), None) => incident.key.clone(),
            (None, None, None) => String::new(),
        };
        // What fires on an open incident stays there, whatever its key leads to now: the most common case asks no further.
        let fires = ground.alert.as_ref().is_some_and(|state| state.status != Status::Resolved);
        let stays = wanted.key.is_some() && fires && ground.incidents.first().is_some_and(Incident::is_open);
        if stays {
            return Ok(Taken { ground, key, window: false });
        }
        ground.open = self.open(wanted.team, &key)?;
        if let Some(open) = ground.open.filter(|open| Some(*open) != recorded) {
            ground.incidents.extend(self.take_incident(open)?);
        }
        let window = wanted.threshold.is_some();
        if let Some(count) = wanted.threshold {
            self.take_window(&mut ground, wanted.team, &key, count)?;
        }
        Ok(Taken { ground, key, window })
    }

    fn take_window(&mut self, ground: &mut Ground, team: &TeamId, key: &str, count: u32) -> Result<(), StoreError> {
        if self.windows.slot(team, key).is_none() {
            let row = match self.known.get(&(team.clone(), key.to_owned())) {
                Some(known) => Some(known.clone()).filter(|window| !window.arrivals.is_empty()),
                None => self.tx.window(team, key)?,
            };
            self.windows.put(team, key, row, false);
        }
        ground.window = self.windows.slot(team, key).and_then(|slot| slot.row.take());
        let have = ground.window.as_ref().map_or(0, |window| window.arrivals.len() as u32);
        if have + 1 >= count {
            // The store answers from its rows: what this transaction changed so far has to be among them.
            self.write_alerts()?;
            ground.waiting = self.tx.alerts_waiting(team, key)?;
        }
        Ok(())
    }

    /// Puts the rows of an input back, marked as its change says.
    pub fn give_back(&mut self, team: &TeamId, entity: Option<&str>, taken: Taken, change: Change) {
        let Taken { ground, key, window } = taken;
        for (id, line) in &change.lines {
            if let Some(incident) = ground.incident(*id) {
                self.happened(incident, line);
            }
        }
        if let Some(entity) = entity {
            if change.alert {
                self.next_wake = earliest(self.next_wake, ground.alert.as_ref().and_then(AlertState::wake_at));
            }
            if ground.alert.as_ref().is_some_and(|state| Some(state.id) == self.spare.alert) {
                self.spare.alert = None;
            }
            self.alerts.put(team, entity, ground.alert, change.alert);
        }
        if change.waiting {
            for state in ground.waiting {
                let entity = state.entity.clone();
                self.alerts.put(team, &entity, Some(state), true);
            }
        }
        for incident in ground.incidents {
            let dirty = change.incidents.contains(&incident.id);
            self.route |= dirty && incident.route_due;
            if Some(incident.id) == self.spare.incident {
                self.spare.incident = None;
            }
            let slot = self.incidents.entry(incident.id).or_insert(Slot { row: None, dirty: false });
            slot.dirty |= dirty;
            slot.row = Some(incident);
        }
        if change.open {
            self.open.put(team, &key, ground.open, true);
        }
        for (key, target) in change.keys {
            self.open.put(team, &key, Some(target), true);
        }
        for state in ground.alerts.into_iter().filter(|state| change.moved.contains(&state.id)) {
            let (team, entity) = (state.team.clone(), state.entity.clone());
            self.alerts.put(&team, &entity, Some(state), true);
        }
        if window {
            self.windows.put(team, &key, ground.window, change.window);
        }
        self.changed.extend(change.incidents);
        self.lines.extend(change.lines);
    }

    /// Notes what automation plugins are to be told of a line, and whether messages about the incident are to say so. Alerts that join in one
    /// commit are told as one.
    fn happened(&mut self, incident: &Incident, line: &Line) {
        let answer = matches!(line.kind, LineKind::Acknowledged | LineKind::Unacknowledged | LineKind::Resolved);
        if answer && !self.snapshot.installation.followers.is_empty() {
            self.news.insert(incident.id, line.at);
        }
        let plugins = self.snapshot.automation(incident);
        if plugins.is_empty() {
            return;
        }
        let Some(change) = Happened::of_line(line, incident) else { return };
        let known = |(id, _, _, known): &(IncidentId, String, Millis, Happened)| *id == incident.id && *known == Happened::AlertJoined;
        if change == Happened::AlertJoined && self.events.iter().any(known) {
            return;
        }
        self.events.extend(plugins.iter().map(|automated| (incident.id, automated.plugin.cite().name.clone(), line.at, change.clone())));
    }

    /// Whether automation plugins are to be told something.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether messages are to say what happened.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    fn write_alerts(&mut self) -> Result<(), StoreError> {
        for (_, _, slot) in self.alerts.dirty() {
            if let Some(state) = &slot.row {
                self.tx.put_alert(state)?;
                slot.dirty = false;
            }
        }
        Ok(())
    }

    /// Writes everything that changed.
    pub fn write(&mut self) -> Result<(), StoreError> {
        self.write_alerts()?;
        let mut changed: Vec<&mut Slot<Incident>> = self.incidents.values_mut().filter(|slot| slot.dirty).collect();
        changed.sort_by_key(|slot| slot.row.as_ref().map(|incident| incident.id));
        for incident in changed.into_iter().filter_map(|slot| slot.row.as_mut()) {
            incident.version += 1;
            let rules = timers::rules(incident, &self.snapshot.installation);
            self.timers |= timers::keep(self.tx, incident, &rules)?;
            self.tx.put_incident(incident)?;
        }
        for (team, key, slot) in self.open.dirty() {
            self.tx.set_open_incident(team, key, slot.row)?;
        }
        let nothing = Window::default();
        for (team, key, slot) in self.windows.dirty() {
            self.tx.put_window(team, key, slot.row.as_ref().unwrap_or(&nothing))?;
        }
        for (incident, line) in &self.lines {
            self.tx.add_line(*incident, line)?;
        }
        for (incident, plugin, at, change) in self.events.drain(..) {
            let id = self.tx.new_event_id()?;
            self.tx.put_event(&QueuedEvent { id, incident, plugin, at, change, tries: 0, next_at: at })?;
        }
        while let Some((incident, at)) = self.news.pop_first() {
            object::put(self.tx, &News { incident, at, next_at: at })?;
        }
        Ok(())
    }
}

fn earliest(a: Option<Millis>, b: Option<Millis>) -> Option<Millis> {
    [a, b].into_iter().flatten().min()
}
