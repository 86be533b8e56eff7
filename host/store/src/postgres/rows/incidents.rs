//! Incidents, which one a key's alerts join, their timelines, their escalation runs and the outbox.

use super::read::{incident as read_incident, json as read_json, many, number, number_or_null, optional, text, word as read_word};
use super::{Source, Writer};
use crate::codec::{Number, json, pack_incident, stored};
use crate::rows::page::{due, word};
use crate::table::{INCIDENT, OPEN_INCIDENT, OUTBOX, RUN, Row, TIMELINE};
use domain::command::Actor;
use domain::escalation::{Run, RunState};
use domain::id::{IncidentId, OutboxId, RunId, TeamId, UserId};
use domain::incident::Incident;
use domain::page::{Outbox, OutboxState};
use domain::time::Millis;
use domain::timeline::{Cause, Line, LineKind};
use ports::StoreError;
use ports::store::IncidentFilter;
use std::sync::Arc;

const READ: &str = "read an incident";
const READ_RUN: &str = "read an escalation";
const READ_OUTBOX: &str = "read the outbox";
/// Most incidents of one list.
const LIST_LIMIT: u32 = 500;

pub(super) fn by_id(on: &impl Source, id: IncidentId) -> Result<Option<Incident>, StoreError> {
    optional(on, READ, "SELECT body FROM incident WHERE id = $1", &[&id.stored()], |row| read_incident(row, 0))
}

pub(super) fn put(on: &Writer<'_>, incident: &Incident) -> Result<(), StoreError> {
    let body = pack_incident("put an incident", incident)?;
    let row =
        vec![incident.id.stored().into(), incident.team.as_str().into(), incident.is_open().into(), incident.route_due.into(), body.into()];
    on.0.pending.borrow_mut().put(INCIDENT, row);
    on.0.memory.borrow_mut().incidents.wrote(incident.id, Some(Arc::new(incident.clone())));
    Ok(())
}

pub(super) fn list(on: &impl Source, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
    let limit = filter.limit.min(LIST_LIMIT);
    let Some(teams) = &filter.teams else { return list_of(on, None, filter, limit) };
    // Team by team, so that a team with few incidents does not make the store read everybody's.
    let mut distinct: Vec<&TeamId> = teams.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let mut found = Vec::new();
    for team in distinct {
        found.extend(list_of(on, Some(team), filter, limit)?);
    }
    found.sort_unstable_by_key(|incident| std::cmp::Reverse(incident.id));
    found.truncate(limit as usize);
    Ok(found)
}

fn list_of(on: &impl Source, team: Option<&TeamId>, filter: &IncidentFilter, limit: u32) -> Result<Vec<Incident>, StoreError> {
    let open = match filter.open {
        Some(true) => " AND open <> 0",
        Some(false) => " AND open = 0",
        None => "",
    };
    let before = filter.before.map_or(i64::MAX, Number::stored);
    let limit = i64::from(limit);
    let read = |row: &tokio_postgres::Row| read_incident(row, 0);
    match team {
        Some(team) => {
            let sql = format!("SELECT body FROM incident WHERE team = $3 AND id < $1{open} ORDER BY id DESC LIMIT $2");
            many(on, READ, &sql, &[&before, &limit, &team.as_str().as_bytes()], read)
        }
        None => {
            many(on, READ, &format!("SELECT body FROM incident WHERE id < $1{open} ORDER BY id DESC LIMIT $2"), &[&before, &limit], read)
        }
    }
}

pub(super) fn to_route(on: &impl Source, limit: u32) -> Result<Vec<IncidentId>, StoreError> {
    let sql = "SELECT id FROM incident WHERE route_due <> 0 ORDER BY id LIMIT $1";
    many(on, READ, sql, &[&i64::from(limit)], |row| number(row, 0))
}

pub(super) fn open_of_key(on: &impl Source, team: &TeamId, key: &str) -> Result<Option<IncidentId>, StoreError> {
    let sql = "SELECT incident FROM open_incident WHERE team = $1 AND key = $2";
    Ok(optional(on, READ, sql, &[&team.as_str().as_bytes(), &key.as_bytes()], |row| number_or_null(row, 0))?.flatten())
}

pub(super) fn set_open_of_key(on: &Writer<'_>, team: &TeamId, key: &str, incident: Option<IncidentId>) {
    let mut pending = on.0.pending.borrow_mut();
    let name: Row = vec![team.as_str().into(), key.into()];
    match incident {
        Some(incident) => pending.put(OPEN_INCIDENT, [name, vec![incident.stored().into()]].concat()),
        None => pending.delete(OPEN_INCIDENT, name),
    }
    on.0.memory.borrow_mut().open.wrote((team.clone(), key.to_owned()), incident);
}

pub(super) fn timeline(on: &impl Source, incident: IncidentId) -> Result<Vec<Line>, StoreError> {
    let sql = "SELECT at, kind, text, actor, cause FROM timeline WHERE incident = $1 ORDER BY id";
    many(on, "read a timeline", sql, &[&incident.stored()], |row| {
        let cause = row.try_get::<_, Option<&str>>(4)?.map(serde_json::from_str::<Cause>).transpose()?;
        Ok(Line {
            at: number(row, 0)?,
            kind: read_word::<LineKind>(row, 1)?,
            text: text(row, 2)?,
            actor: read_json::<Actor>(row, 3)?,
            cause,
        })
    })
}

pub(super) fn add_line(on: &Writer<'_>, incident: IncidentId, line: &Line) -> Result<(), StoreError> {
    const DOING: &str = "add a line to a timeline";
    let cause = line.cause.as_ref().map(|cause| json(DOING, cause)).transpose()?;
    let actor = json(DOING, &line.actor)?;
    let id = on.0.memory.borrow_mut().next_line();
    let kind = line.kind.as_str().into();
    let row = vec![id.into(), incident.stored().into(), line.at.0.into(), kind, line.text.as_str().into(), actor.into(), cause.into()];
    on.0.pending.borrow_mut().put(TIMELINE, row);
    Ok(())
}

pub(super) fn run(on: &impl Source, id: RunId) -> Result<Option<Run>, StoreError> {
    let sql = format!("SELECT body FROM run WHERE id = $1{}", on.lock());
    optional(on, READ_RUN, &sql, &[&id.stored()], |row| read_json(row, 0))
}

pub(super) fn runs_of(on: &impl Source, incident: IncidentId) -> Result<Vec<Run>, StoreError> {
    let sql = "SELECT body FROM run WHERE incident = $1 ORDER BY id";
    many(on, READ_RUN, sql, &[&incident.stored()], |row| read_json(row, 0))
}

pub(super) fn runs_due(on: &impl Source, now: Millis, limit: u32) -> Result<Vec<Run>, StoreError> {
    let sql = format!("SELECT body FROM run WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2{}", on.claim());
    many(on, READ_RUN, &sql, &[&now.0, &i64::from(limit)], |row| read_json(row, 0))
}

pub(super) fn next_run_due(on: &impl Source) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT due_at FROM run WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    optional(on, READ_RUN, sql, &[], |row| number(row, 0))
}

pub(super) fn put_run(on: &Writer<'_>, run: &Run) -> Result<(), StoreError> {
    let due = run.next_at.filter(|_| run.state == RunState::Active);
    let body = json("put an escalation", run)?;
    let row = vec![run.id.stored().into(), run.incident.stored().into(), stored(due).into(), body.into()];
    on.0.pending.borrow_mut().put(RUN, row);
    Ok(())
}

pub(super) fn outbox(on: &impl Source, id: OutboxId) -> Result<Option<Outbox>, StoreError> {
    let sql = format!("SELECT body FROM outbox WHERE id = $1{}", on.lock());
    optional(on, READ_OUTBOX, &sql, &[&id.stored()], |row| read_json(row, 0))
}

pub(super) fn outbox_by_key(on: &impl Source, key: &str) -> Result<Option<Outbox>, StoreError> {
    optional(on, READ_OUTBOX, "SELECT body FROM outbox WHERE key = $1", &[&key.as_bytes()], |row| read_json(row, 0))
}

/// As the database's function `said` gives a text.
fn as_said(text: &str) -> String {
    text.replace('\0', "\u{1}")
}

pub(super) fn outbox_by_reference(on: &impl Source, reference: &str) -> Result<Option<Outbox>, StoreError> {
    let sql = "SELECT body FROM outbox WHERE said(body, 'reference') = $1 ORDER BY id DESC LIMIT 1";
    optional(on, READ_OUTBOX, sql, &[&as_said(reference)], |row| read_json(row, 0))
}

pub(super) fn last_told(on: &impl Source, user: &UserId) -> Result<Option<IncidentId>, StoreError> {
    let sql = "SELECT incident FROM outbox WHERE said(body, 'user') = $1 AND state = 'accepted' AND incident IS NOT NULL \
               ORDER BY id DESC LIMIT 1";
    optional(on, READ_OUTBOX, sql, &[&as_said(user.as_str())], |row| number(row, 0))
}

pub(super) fn outbox_of(on: &impl Source, incident: IncidentId) -> Result<Vec<Outbox>, StoreError> {
    let sql = "SELECT body FROM outbox WHERE incident = $1 ORDER BY id";
    many(on, READ_OUTBOX, sql, &[&incident.stored()], |row| read_json(row, 0))
}

pub(super) fn outbox_due(on: &impl Source, now: Millis, limit: u32) -> Result<Vec<Outbox>, StoreError> {
    let sql = format!("SELECT body FROM outbox WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2{}", on.claim());
    many(on, READ_OUTBOX, &sql, &[&now.0, &i64::from(limit)], |row| read_json(row, 0))
}

pub(super) fn next_outbox_due(on: &impl Source) -> Result<Option<Millis>, StoreError> {
    let sql = "SELECT due_at FROM outbox WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    optional(on, READ_OUTBOX, sql, &[], |row| number(row, 0))
}

pub(super) fn outbox_count(on: &impl Source, state: OutboxState) -> Result<u64, StoreError> {
    let found =
        many(on, READ_OUTBOX, "SELECT count(*) FROM outbox WHERE state = $1", &[&word(state)], |row| Ok(row.try_get::<_, i64>(0)?))?;
    Ok(found.first().copied().unwrap_or(0).cast_unsigned())
}

pub(super) fn add_outbox(on: &Writer<'_>, row: &Outbox) -> Result<bool, StoreError> {
    // Also sees what this job has put: a question sends that ahead.
    if optional(on, READ_OUTBOX, "SELECT id FROM outbox WHERE key = $1", &[&row.key.as_bytes()], |row| number::<OutboxId>(row, 0))?
        .is_some()
    {
        return Ok(false);
    }
    put_outbox(on, row)?;
    Ok(true)
}

pub(super) fn put_outbox(on: &Writer<'_>, row: &Outbox) -> Result<(), StoreError> {
    let body = json("put into the outbox", row)?;
    let incident = stored(row.incident).into();
    let columns =
        vec![row.id.stored().into(), row.key.as_str().into(), incident, word(row.state).into(), stored(due(row)).into(), body.into()];
    on.0.pending.borrow_mut().put(OUTBOX, columns);
    Ok(())
}
