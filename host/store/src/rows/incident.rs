//! Incidents, which one a key's alerts join, and their timelines.

use crate::codec::{Number, json, number, pack_incident, read_incident, read_json, read_word};
use crate::statement::{execute, many, optional};
use domain::command::Actor;
use domain::id::{IncidentId, TeamId};
use domain::incident::Incident;
use domain::timeline::{Cause, Line, LineKind};
use ports::StoreError;
use ports::store::IncidentFilter;
use rusqlite::Connection;

const READ: &str = "read an incident";
/// Most incidents of one list.
const LIST_LIMIT: u32 = 500;
/// Says twice that the mark is set: `route_due` makes the partial index apply, and only a column that equals something lets its rows count
/// as sorted by id. Without, SQLite reads every incident that there ever was.
const TO_ROUTE: &str = "SELECT id FROM incident WHERE route_due AND route_due = 1 ORDER BY id LIMIT ?1";

pub(crate) fn by_id(on: &Connection, id: IncidentId) -> Result<Option<Incident>, StoreError> {
    optional(on, READ, "SELECT body FROM incident WHERE id = ?1", [id.stored()], |row| read_incident(row, 0))
}

/// Inserts or replaces; an incident that only counted another alert touches no index.
pub(crate) fn put(on: &Connection, incident: &Incident) -> Result<(), StoreError> {
    const DOING: &str = "put an incident";
    let body = pack_incident(DOING, incident)?;
    let values = (incident.id.stored(), incident.team.as_str(), incident.is_open(), incident.route_due, body);
    let same = "UPDATE incident SET body = ?5 WHERE id = ?1 AND team = ?2 AND open = ?3 AND route_due = ?4";
    if execute(on, DOING, same, values.clone())? == 0 {
        let sql = "INSERT INTO incident (id, team, open, route_due, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET \
                   team = excluded.team, open = excluded.open, route_due = excluded.route_due, body = excluded.body";
        execute(on, DOING, sql, values)?;
    }
    Ok(())
}

pub(crate) fn list(on: &Connection, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
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

fn list_of(on: &Connection, team: Option<&TeamId>, filter: &IncidentFilter, limit: u32) -> Result<Vec<Incident>, StoreError> {
    let sql = match (team.is_some(), filter.open) {
        (true, Some(true)) => "SELECT body FROM incident WHERE open AND id < ?1 AND team = ?3 ORDER BY id DESC LIMIT ?2",
        (true, Some(false)) => "SELECT body FROM incident WHERE NOT open AND id < ?1 AND team = ?3 ORDER BY id DESC LIMIT ?2",
        (true, None) => "SELECT body FROM incident WHERE id < ?1 AND team = ?3 ORDER BY id DESC LIMIT ?2",
        (false, Some(true)) => "SELECT body FROM incident WHERE open AND id < ?1 AND ?3 IS NULL ORDER BY id DESC LIMIT ?2",
        (false, Some(false)) => "SELECT body FROM incident WHERE NOT open AND id < ?1 AND ?3 IS NULL ORDER BY id DESC LIMIT ?2",
        (false, None) => "SELECT body FROM incident WHERE id < ?1 AND ?3 IS NULL ORDER BY id DESC LIMIT ?2",
    };
    let before = filter.before.map_or(i64::MAX, Number::stored);
    many(on, READ, sql, (before, limit, team.map(TeamId::as_str)), |row| read_incident(row, 0))
}

pub(crate) fn to_route(on: &Connection, limit: u32) -> Result<Vec<IncidentId>, StoreError> {
    many(on, READ, TO_ROUTE, [limit], |row| number(row, 0))
}

pub(crate) fn open_of_key(on: &Connection, team: &TeamId, key: &str) -> Result<Option<IncidentId>, StoreError> {
    let sql = "SELECT incident FROM open_incident WHERE team = ?1 AND key = ?2";
    optional(on, READ, sql, (team.as_str(), key), |row| number(row, 0))
}

pub(crate) fn set_open_of_key(on: &Connection, team: &TeamId, key: &str, incident: Option<IncidentId>) -> Result<(), StoreError> {
    const DOING: &str = "set a key's incident";
    match incident {
        Some(incident) => {
            let sql = "INSERT INTO open_incident (team, key, incident) VALUES (?1, ?2, ?3) \
                       ON CONFLICT (team, key) DO UPDATE SET incident = excluded.incident";
            execute(on, DOING, sql, (team.as_str(), key, incident.stored()))
        }
        None => execute(on, DOING, "DELETE FROM open_incident WHERE team = ?1 AND key = ?2", (team.as_str(), key)),
    }
    .map(drop)
}

pub(crate) fn timeline(on: &Connection, incident: IncidentId) -> Result<Vec<Line>, StoreError> {
    let sql = "SELECT at, kind, text, actor, cause FROM timeline WHERE incident = ?1 ORDER BY id";
    many(on, "read a timeline", sql, [incident.stored()], |row| {
        let cause = if row.get_ref(4)? == rusqlite::types::ValueRef::Null { None } else { Some(read_json::<Cause>(row, 4)?) };
        Ok(Line { at: number(row, 0)?, kind: read_word::<LineKind>(row, 1)?, text: row.get(2)?, actor: read_json::<Actor>(row, 3)?, cause })
    })
}

pub(crate) fn add_line(on: &Connection, incident: IncidentId, line: &Line) -> Result<(), StoreError> {
    const DOING: &str = "add a line to a timeline";
    let cause = line.cause.as_ref().map(|cause| json(DOING, cause)).transpose()?;
    let actor = json(DOING, &line.actor)?;
    let sql = "INSERT INTO timeline (incident, at, kind, text, actor, cause) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    execute(on, DOING, sql, (incident.stored(), line.at.0, line.kind.as_str(), &line.text, actor, cause)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::STORE;

    /// Planted bug that this finds: `WHERE route_due ORDER BY id`, for which SQLite reads all incidents in the order of their ids.
    #[test]
    fn what_has_to_be_routed_is_found_by_its_index() {
        let mut on = Connection::open_in_memory().unwrap();
        STORE.migrate(&mut on).unwrap();
        let mut explain = on.prepare(&format!("EXPLAIN QUERY PLAN {TO_ROUTE}")).unwrap();
        let plan: Vec<String> = explain.query_map([1], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(plan, ["SEARCH incident USING COVERING INDEX incident_route (route_due=?)"]);
    }
}
