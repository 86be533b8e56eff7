//! Alerts' states, the windows of "open after N", decisions and done-marks.

use super::read::{Got, many, number, number_or_null, optional, text, text_or_null, word};
use super::{Source, Writer};
use crate::codec::{Number, json, pack, stored, unpack};
use crate::rows::alert::{AlertRow, cited};
use crate::rows::decision::{Packed, Stored, alert_of};
use crate::table::{ALERT, DECISION, DONE, WINDOW};
use domain::alert::Status;
use domain::id::{AlertId, DecisionId, IncidentId, IntegrationId, TeamId};
use domain::incident::{AlertState, Window};
use domain::time::Millis;
use ports::StoreError;
use ports::store::{DecisionFilter, DecisionRow};
use std::sync::Arc;
use tokio_postgres::Row;

const READ: &str = "read an alert";
const READ_DECISION: &str = "read a decision";
/// Most decisions of one list.
const LIST_LIMIT: u32 = 500;

/// The columns in the order that [`read`] takes them.
macro_rules! select {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT a.id, a.last_decision, a.last_at, a.first_at, a.count, a.status, a.severity, a.counted, a.suppressed_until, \
             a.expires_at, a.incident, a.team, a.entity, a.key, a.integration, a.alert, d.alert, d.rest, r.alert FROM ",
            $from,
            " LEFT JOIN decision d ON d.id = a.last_decision AND a.alert IS NULL LEFT JOIN decision r ON r.id = d.repeats ",
            $rest
        )
    };
}

/// The rows of many entities in one question; `LATERAL` with a limit, so that it is always answered from the index.
pub(super) const BY_ENTITIES: &str = select!(
    "unnest($1::bytea[], $2::bytea[]) AS k (team, entity) \
     CROSS JOIN LATERAL (SELECT * FROM alert x WHERE x.team = k.team AND x.entity = k.entity LIMIT 1) a",
    ""
);

pub(super) fn read(row: &Row) -> Got<AlertRow> {
    let own: Option<&[u8]> = row.try_get(15)?;
    let alert = match own {
        Some(own) => unpack(own)?,
        None => alert_of(row.try_get(16)?, row.try_get(17)?, row.try_get(18)?)?,
    };
    Ok(AlertRow {
        id: row.try_get::<_, i64>(0)?.cast_unsigned(),
        last_decision: number(row, 1)?,
        last_at: number(row, 2)?,
        first_at: number(row, 3)?,
        count: u32::try_from(row.try_get::<_, i64>(4)?)?,
        status: word(row, 5)?,
        severity: word(row, 6)?,
        counted: row.try_get::<_, i64>(7)? != 0,
        suppressed_until: number_or_null(row, 8)?,
        expires_at: number_or_null(row, 9)?,
        incident: number_or_null(row, 10)?,
        team: TeamId(text(row, 11)?),
        entity: text(row, 12)?,
        key: text(row, 13)?,
        integration: text_or_null(row, 14)?.map(IntegrationId),
        alert: Arc::new(alert),
        cited: own.is_none(),
        content: None,
    })
}

pub(super) fn by_entity(on: &impl Source, team: &TeamId, entity: &str) -> Result<Option<AlertRow>, StoreError> {
    let sql = select!("alert a", "WHERE a.team = $1 AND a.entity = $2");
    optional(on, READ, sql, &[&team.as_str().as_bytes(), &entity.as_bytes()], read)
}

pub(super) fn by_id(on: &impl Source, id: AlertId) -> Result<Option<AlertRow>, StoreError> {
    optional(on, READ, select!("alert a", "WHERE a.id = $1"), &[&id.stored()], read)
}

pub(super) fn of_incident(on: &impl Source, incident: IncidentId, limit: u32) -> Result<Vec<AlertState>, StoreError> {
    let sql = select!("alert a", "WHERE a.incident = $1 ORDER BY a.last_at DESC, a.id DESC LIMIT $2");
    Ok(states(&many(on, READ, sql, &[&incident.stored(), &i64::from(limit)], read)?))
}

pub(super) fn waiting(on: &impl Source, team: &TeamId, key: &str) -> Result<Vec<AlertState>, StoreError> {
    let sql = select!("alert a", "WHERE a.team = $1 AND a.key = $2 AND a.waiting <> 0 ORDER BY a.id");
    Ok(states(&many(on, READ, sql, &[&team.as_str().as_bytes(), &key.as_bytes()], read)?))
}

pub(super) fn to_wake(on: &impl Source, now: Millis, limit: u32) -> Result<Vec<AlertState>, StoreError> {
    let sql = select!("alert a", "WHERE a.wake_at <= $1 ORDER BY a.wake_at, a.id LIMIT $2");
    Ok(states(&many(on, READ, sql, &[&now.0, &i64::from(limit)], read)?))
}

pub(super) fn firing(on: &impl Source, after: AlertId, limit: u32) -> Result<Vec<AlertState>, StoreError> {
    let sql = select!("alert a", "WHERE a.id > $1 AND a.status <> 'resolved' ORDER BY a.id LIMIT $2");
    Ok(states(&many(on, READ, sql, &[&after.stored(), &i64::from(limit)], read)?))
}

pub(super) fn next_wake(on: &impl Source) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT wake_at FROM alert WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1";
    optional(on, READ, sql, &[], |row| number(row, 0))
}

fn states(rows: &[AlertRow]) -> Vec<AlertState> {
    rows.iter().map(AlertRow::state).collect()
}

/// Inserts or replaces. Where the alert is the one of its decision, the row cites that instead of keeping it twice.
pub(super) fn put(on: &Writer<'_>, state: &AlertState) -> Result<(), StoreError> {
    const DOING: &str = "put an alert";
    let mut memory = on.0.memory.borrow_mut();
    let (cited, content) = cited(&mut memory.heat, state);
    let own = if cited { None } else { Some(pack(DOING, &state.alert)?) };
    let waiting = state.status == Status::Firing && state.incident.is_none() && state.suppressed_until.is_none();
    let row = vec![
        state.id.stored().into(),
        state.last_decision.stored().into(),
        state.last_at.0.into(),
        state.first_at.0.into(),
        i64::from(state.count).into(),
        state.status.as_str().into(),
        state.severity.as_str().into(),
        state.counted.into(),
        waiting.into(),
        stored(state.suppressed_until).into(),
        stored(state.expires_at).into(),
        stored(state.wake_at()).into(),
        stored(state.incident).into(),
        state.team.as_str().into(),
        state.entity.as_str().into(),
        state.key.as_str().into(),
        state.integration.as_ref().map(IntegrationId::as_str).into(),
        own.into(),
    ];
    memory.no_alert.remove(&(state.team.clone(), state.entity.clone()));
    memory.heat.wrote(Arc::new(AlertRow::of(state, cited, content)));
    on.0.pending.borrow_mut().put(ALERT, row);
    Ok(())
}

pub(super) fn window(on: &impl Source, team: &TeamId, key: &str) -> Result<Option<Window>, StoreError> {
    let sql = "SELECT arrivals FROM alert_window WHERE team = $1 AND key = $2";
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&team.as_str().as_bytes(), &key.as_bytes()];
    optional(on, "read a window", sql, &params, |row| Ok(Window { arrivals: super::read::json(row, 0)? }))
}

pub(super) fn put_window(on: &Writer<'_>, team: &TeamId, key: &str, window: &Window) -> Result<(), StoreError> {
    let name = (team.clone(), key.to_owned());
    let mut pending = on.0.pending.borrow_mut();
    let stands = !window.arrivals.is_empty();
    if stands {
        pending.put(WINDOW, vec![team.as_str().into(), key.into(), json("put a window", &window.arrivals)?.into()]);
    } else {
        pending.delete(WINDOW, vec![team.as_str().into(), key.into()]);
    }
    on.0.memory.borrow_mut().windows.wrote(name, stands.then(|| Arc::new(window.clone())));
    Ok(())
}

fn read_decision(row: &Row) -> Got<DecisionRow> {
    let repeated = row.try_get::<_, Option<&[u8]>>(6)?.zip(row.try_get(7)?);
    let stored = Stored { alert: row.try_get(4)?, rest: row.try_get(5)?, repeated };
    stored.row(number(row, 0)?, number(row, 1)?, TeamId(text(row, 2)?), number_or_null(row, 3)?)
}

pub(super) fn add_decision(on: &Writer<'_>, row: &DecisionRow) -> Result<bool, StoreError> {
    let id = row.decision.id;
    if is_marked(on, id, on.0.memory.borrow().decided.has(id), "SELECT id FROM decision WHERE id = $1")? {
        return Ok(false);
    }
    let mut memory = on.0.memory.borrow_mut();
    let packed = Packed::of("add a decision", &mut memory.heat, row)?;
    let columns = vec![
        id.stored().into(),
        row.at.0.into(),
        row.decision.team.as_str().into(),
        stored(row.incident).into(),
        stored(packed.repeats).into(),
        packed.alert.as_slice().into(),
        packed.rest.as_slice().into(),
    ];
    memory.decided.add(id);
    packed.written(&mut memory.heat, &row.decision);
    on.0.pending.borrow_mut().put(DECISION, columns);
    Ok(true)
}

pub(super) fn add_done(on: &Writer<'_>, id: DecisionId) -> Result<bool, StoreError> {
    if is_marked(on, id, on.0.memory.borrow().done.has(id), "SELECT id FROM done WHERE id = $1")? {
        return Ok(false);
    }
    on.0.memory.borrow_mut().done.add(id);
    on.0.pending.borrow_mut().put(DONE, vec![id.stored().into()]);
    Ok(true)
}

fn is_marked(on: &Writer<'_>, id: DecisionId, known: Option<bool>, sql: &str) -> Result<bool, StoreError> {
    match known {
        Some(known) => Ok(known),
        None => Ok(optional(on, "read the done-marks", sql, &[&id.stored()], |row| number::<DecisionId>(row, 0))?.is_some()),
    }
}

pub(super) fn decided_from(on: &impl Source, from: DecisionId) -> Result<Vec<DecisionId>, StoreError> {
    let sql = "SELECT id FROM decision WHERE id >= $1 UNION SELECT id FROM done WHERE id >= $1 ORDER BY id";
    many(on, "read the done-marks", sql, &[&from.stored()], |row| number(row, 0))
}

/// The columns in the order that [`read_decision`] takes them.
macro_rules! decisions {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.at, d.team, d.incident, d.alert, d.rest, r.alert, r.rest FROM decision d \
             LEFT JOIN decision r ON r.id = d.repeats ",
            $rest
        )
    };
}

pub(super) fn decision(on: &impl Source, id: DecisionId) -> Result<Option<DecisionRow>, StoreError> {
    let sql = decisions!("WHERE d.id = $1");
    optional(on, READ_DECISION, sql, &[&id.stored()], read_decision)
}

pub(super) fn decisions(on: &impl Source, filter: &DecisionFilter) -> Result<Vec<DecisionRow>, StoreError> {
    let before = filter.before.map_or(i64::MAX, Number::stored);
    let limit = i64::from(filter.limit.min(LIST_LIMIT));
    match filter.incident {
        Some(incident) => {
            let sql = decisions!("WHERE d.incident = $1 AND d.id < $2 ORDER BY d.id DESC LIMIT $3");
            many(on, READ_DECISION, sql, &[&incident.stored(), &before, &limit], read_decision)
        }
        None => {
            let sql = decisions!("WHERE d.id < $1 ORDER BY d.id DESC LIMIT $2");
            many(on, READ_DECISION, sql, &[&before, &limit], read_decision)
        }
    }
}
