//! Alerts' states and the windows of "open after N".

use crate::codec::{Number, number, number_or_null, pack, read_json, read_packed, read_word, stored};
use crate::heat::{Content, Heat};
use crate::rows::decision;
use crate::statement::{execute, many, optional};
use domain::alert::{Alert, Severity, Status};
use domain::id::{AlertId, DecisionId, IncidentId, IntegrationId, TeamId};
use domain::incident::{AlertState, Window};
use domain::time::Millis;
use ports::StoreError;
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

/// A row of the table.
#[derive(Debug, Clone)]
pub(crate) struct AlertRow {
    pub id: u64,
    pub team: TeamId,
    pub entity: String,
    pub last_decision: DecisionId,
    pub last_at: Millis,
    pub first_at: Millis,
    pub count: u32,
    pub status: Status,
    pub severity: Severity,
    pub counted: bool,
    pub suppressed_until: Option<Millis>,
    pub expires_at: Option<Millis>,
    pub incident: Option<IncidentId>,
    pub key: String,
    pub integration: Option<IntegrationId>,
    pub alert: Arc<Alert>,
    /// The file has the alert only in its decision.
    pub cited: bool,
    /// Where the content of its last decision stands, as far as that is known.
    pub content: Option<Content>,
}

impl AlertRow {
    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        // The entity and the team stand in the names as well; 256: the structs and the nodes of the maps.
        weight_of(&self.alert) + 2 * (self.team.as_str().len() + self.entity.len()) + self.key.len() + size_of::<Self>() + 256
    }

    /// As the port gives it.
    pub fn state(&self) -> AlertState {
        AlertState {
            id: AlertId(self.id),
            team: self.team.clone(),
            entity: self.entity.clone(),
            status: self.status,
            severity: self.severity,
            incident: self.incident,
            key: self.key.clone(),
            integration: self.integration.clone(),
            first_at: self.first_at,
            last_at: self.last_at,
            count: self.count,
            counted: self.counted,
            suppressed_until: self.suppressed_until,
            expires_at: self.expires_at,
            alert: Arc::clone(&self.alert),
            last_decision: self.last_decision,
        }
    }

    pub fn of(state: &AlertState, cited: bool, content: Option<Content>) -> Self {
        Self {
            id: state.id.0,
            team: state.team.clone(),
            entity: state.entity.clone(),
            last_decision: state.last_decision,
            last_at: state.last_at,
            first_at: state.first_at,
            count: state.count,
            status: state.status,
            severity: state.severity,
            counted: state.counted,
            suppressed_until: state.suppressed_until,
            expires_at: state.expires_at,
            incident: state.incident,
            key: state.key.clone(),
            integration: state.integration.clone(),
            alert: Arc::clone(&state.alert),
            cited,
            content,
        }
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let own = row.get_ref(15)?.as_blob_or_null()?.is_some();
        let alert = if own { read_packed(row, 15)? } else { decision::read_alert(row, 16, 17, 18)? };
        Ok(Self {
            id: row.get::<_, i64>(0)?.cast_unsigned(),
            last_decision: number(row, 1)?,
            last_at: number(row, 2)?,
            first_at: number(row, 3)?,
            count: row.get(4)?,
            status: read_word(row, 5)?,
            severity: read_word(row, 6)?,
            counted: row.get(7)?,
            suppressed_until: number_or_null(row, 8)?,
            expires_at: number_or_null(row, 9)?,
            incident: number_or_null(row, 10)?,
            team: TeamId(row.get(11)?),
            entity: row.get(12)?,
            key: row.get(13)?,
            integration: row.get::<_, Option<String>>(14)?.map(IntegrationId),
            alert: Arc::new(alert),
            cited: !own,
            content: None,
        })
    }
}

const READ: &str = "read an alert";

/// The columns in the order that [`AlertRow::read`] takes them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.last_decision, a.last_at, a.first_at, a.count, a.status, a.severity, a.counted, a.suppressed_until, \
             a.expires_at, a.incident, a.team, a.entity, a.key, a.integration, a.alert, d.alert, d.rest, r.alert \
             FROM alert a LEFT JOIN decision d ON d.id = a.last_decision AND a.alert IS NULL LEFT JOIN decision r ON r.id = d.repeats ",
            $rest
        )
    };
}

pub(crate) fn by_entity(on: &Connection, team: &TeamId, entity: &str) -> Result<Option<AlertRow>, StoreError> {
    optional(on, READ, select!("WHERE a.team = ?1 AND a.entity = ?2"), (team.as_str(), entity), AlertRow::read)
}

pub(crate) fn by_id(on: &Connection, id: AlertId) -> Result<Option<AlertRow>, StoreError> {
    optional(on, READ, select!("WHERE a.id = ?1"), [id.stored()], AlertRow::read)
}

pub(crate) fn of_incident(on: &Connection, incident: IncidentId, limit: u32) -> Result<Vec<AlertState>, StoreError> {
    let sql = select!("WHERE a.incident = ?1 ORDER BY a.last_at DESC, a.id DESC LIMIT ?2");
    Ok(states(&many(on, READ, sql, (incident.stored(), limit), AlertRow::read)?))
}

pub(crate) fn waiting(on: &Connection, team: &TeamId, key: &str) -> Result<Vec<AlertState>, StoreError> {
    let sql = select!("WHERE a.team = ?1 AND a.key = ?2 AND a.waiting ORDER BY a.id");
    Ok(states(&many(on, READ, sql, (team.as_str(), key), AlertRow::read)?))
}

pub(crate) fn to_wake(on: &Connection, now: Millis, limit: u32) -> Result<Vec<AlertState>, StoreError> {
    let sql = select!("WHERE a.wake_at <= ?1 ORDER BY a.wake_at, a.id LIMIT ?2");
    Ok(states(&many(on, READ, sql, (now.0, limit), AlertRow::read)?))
}

pub(crate) fn firing(on: &Connection, after: AlertId, limit: u32) -> Result<Vec<AlertState>, StoreError> {
    let sql = select!("WHERE a.id > ?1 AND a.status <> 'resolved' ORDER BY a.id LIMIT ?2");
    Ok(states(&many(on, READ, sql, (after.stored(), limit), AlertRow::read)?))
}

pub(crate) fn next_wake(on: &Connection) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT wake_at FROM alert WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1";
    optional(on, READ, sql, (), |row| number(row, 0))
}

fn states(rows: &[AlertRow]) -> Vec<AlertState> {
    rows.iter().map(AlertRow::state).collect()
}

/// Whether the alert of a state is the one of its decision, and where the content of that stands.
pub(crate) fn cited(heat: &mut Heat, state: &AlertState) -> (bool, Option<Content>) {
    let known =
        heat.alert_by_id(state.id.0).filter(|known| known.last_decision == state.last_decision && Arc::ptr_eq(&known.alert, &state.alert));
    match (heat.fresh(state.last_decision), known) {
        (Some(fresh), _) if Arc::ptr_eq(&fresh.alert, &state.alert) => (true, Some(fresh.content.clone())),
        (_, Some(known)) => (known.cited, known.content.clone()),
        _ => (false, None),
    }
}

/// Inserts or replaces. Where the alert is the one of its decision, the row cites that instead of keeping it twice: a repeat then changes
/// a row of some 150 bytes, and thirty such rows share a page of the log.
pub(crate) fn put(on: &Connection, heat: &mut Heat, state: &AlertState) -> Result<(), StoreError> {
    const DOING: &str = "put an alert";
    let (cited, content) = cited(heat, state);
    let own = if cited { None } else { Some(pack(DOING, &state.alert)?) };
    let waiting = state.status == Status::Firing && state.incident.is_none() && state.suppressed_until.is_none();
    let values = params![
        state.id.stored(),
        state.last_decision.stored(),
        state.last_at.0,
        state.first_at.0,
        state.count,
        state.status.as_str(),
        state.severity.as_str(),
        state.counted,
        stored(state.suppressed_until),
        stored(state.expires_at),
        stored(state.wake_at()),
        state.integration.as_ref().map(IntegrationId::as_str),
        own,
        // From here on: what has indexes.
        stored(state.incident),
        state.team.as_str(),
        state.entity,
        state.key,
        waiting,
    ];
    let repeated = execute(
        on,
        DOING,
        "UPDATE alert SET last_decision = ?2, last_at = ?3, first_at = ?4, count = ?5, status = ?6, severity = ?7, counted = ?8, \
         suppressed_until = ?9, expires_at = ?10, wake_at = ?11, integration = ?12, alert = ?13 \
         WHERE id = ?1 AND incident IS ?14 AND team = ?15 AND entity = ?16 AND key = ?17 AND waiting = ?18",
        values,
    )?;
    if repeated == 0 {
        execute(
            on,
            DOING,
            "INSERT INTO alert (id, last_decision, last_at, first_at, count, status, severity, counted, suppressed_until, expires_at, \
             wake_at, integration, alert, incident, team, entity, key, waiting) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) \
             ON CONFLICT (id) DO UPDATE SET last_decision = excluded.last_decision, last_at = excluded.last_at, \
             first_at = excluded.first_at, count = excluded.count, status = excluded.status, severity = excluded.severity, \
             counted = excluded.counted, suppressed_until = excluded.suppressed_until, expires_at = excluded.expires_at, \
             wake_at = excluded.wake_at, integration = excluded.integration, alert = excluded.alert, incident = excluded.incident, \
             team = excluded.team, entity = excluded.entity, key = excluded.key, waiting = excluded.waiting",
            values,
        )?;
    }
    heat.wrote(Arc::new(AlertRow::of(state, cited, content)));
    Ok(())
}

/// About how many bytes of memory an alert takes.
fn weight_of(alert: &Alert) -> usize {
    let texts = [&alert.summary, &alert.details, &alert.source, &alert.service, &alert.routing_key, &alert.group];
    let pairs = alert.labels.iter().chain(&alert.annotations).map(|(name, value)| name.len() + value.len() + 80);
    let links = alert.links.iter().map(|link| link.url.len() + link.text.len() + 88);
    let texts = texts.into_iter().flatten().map(|text| text.len() + 16);
    size_of::<Alert>() + alert.entity.len() + texts.chain(pairs).chain(links).sum::<usize>()
}

pub(crate) fn window(on: &Connection, team: &TeamId, key: &str) -> Result<Option<Window>, StoreError> {
    let sql = "SELECT arrivals FROM alert_window WHERE team = ?1 AND key = ?2";
    optional(on, "read a window", sql, (team.as_str(), key), |row| Ok(Window { arrivals: read_json(row, 0)? }))
}

pub(crate) fn put_window(on: &Connection, team: &TeamId, key: &str, window: &Window) -> Result<(), StoreError> {
    const DOING: &str = "put a window";
    if window.arrivals.is_empty() {
        return execute(on, DOING, "DELETE FROM alert_window WHERE team = ?1 AND key = ?2", (team.as_str(), key)).map(drop);
    }
    let arrivals = crate::codec::json(DOING, &window.arrivals)?;
    let sql = "INSERT INTO alert_window (team, key, arrivals) VALUES (?1, ?2, ?3) \
               ON CONFLICT (team, key) DO UPDATE SET arrivals = excluded.arrivals";
    execute(on, DOING, sql, (team.as_str(), key, arrivals)).map(drop)
}
