//! Decisions, and the marks of events that are no alerts.

use crate::codec::{BoxedError, Number, number, number_or_null, pack, stored, unpack, unreadable};
use crate::heat::{Counter, Heat};
use crate::statement::{execute, many, optional};
use domain::alert::Alert;
use domain::decision::{Decision, Grouping, Outcome, StageNote, Verdict};
use domain::id::{DecisionId, IncidentId, IntegrationId, Revision, TeamId};
use domain::time::Millis;
use ports::StoreError;
use ports::store::{DecisionFilter, DecisionRow};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

/// What stands in `decision.rest`, borrowed for writing. Field for field the same as [`Rest`].
#[derive(Serialize)]
struct RestOf<'a> {
    partition: u8,
    revision: Revision,
    integration: Option<&'a IntegrationId>,
    verdict: &'a Verdict,
    grouping: Option<&'a Grouping>,
    default_route: bool,
    notes: &'a [StageNote],
    outcome: &'a Outcome,
}

/// What stands in `decision.rest`.
#[derive(Deserialize)]
struct Rest {
    partition: u8,
    revision: Revision,
    integration: Option<IntegrationId>,
    verdict: Verdict,
    grouping: Option<Grouping>,
    default_route: bool,
    notes: Vec<StageNote>,
    outcome: Outcome,
}

const READ: &str = "read a decision";
/// Most decisions of one list.
const LIST_LIMIT: u32 = 500;

/// The packed columns of a decision: its alert, and the rest.
pub(crate) fn packed(doing: &'static str, row: &DecisionRow) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
    let decision = &row.decision;
    let rest = RestOf {
        partition: decision.partition,
        revision: decision.revision,
        integration: decision.integration.as_ref(),
        verdict: &decision.verdict,
        grouping: decision.grouping.as_ref(),
        default_route: decision.default_route,
        notes: &decision.notes,
        outcome: &row.outcome,
    };
    Ok((pack(doing, &decision.alert)?, pack(doing, &rest)?))
}

/// What [`packed`] packed, beside the columns that stand for themselves.
pub(crate) fn unpacked(
    id: DecisionId,
    at: Millis,
    team: TeamId,
    incident: Option<IncidentId>,
    alert: &[u8],
    rest: &[u8],
) -> Result<DecisionRow, BoxedError> {
    let alert: Alert = unpack(alert)?;
    let rest: Rest = unpack(rest)?;
    let Rest { partition, revision, integration, verdict, grouping, default_route, notes, outcome } = rest;
    let decision = Decision { id, partition, revision, team, integration, alert, verdict, grouping, default_route, notes };
    Ok(DecisionRow { decision, incident, outcome, at })
}

fn read(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    let team = TeamId(row.get(2)?);
    let (alert, rest) = (row.get_ref(4)?.as_blob()?, row.get_ref(5)?.as_blob()?);
    unpacked(number(row, 0)?, number(row, 1)?, team, number_or_null(row, 3)?, alert, rest).map_err(|error| unreadable(4, Type::Blob, error))
}

pub(crate) fn add(on: &Connection, heat: &mut Heat, row: &DecisionRow) -> Result<bool, StoreError> {
    const DOING: &str = "add a decision";
    let decision = &row.decision;
    let (alert, rest) = packed(DOING, row)?;
    let added = execute(
        on,
        DOING,
        "INSERT INTO decision (id, at, team, incident, alert, rest) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
        (decision.id.stored(), row.at.0, decision.team.as_str(), stored(row.incident), &alert, rest),
    )? > 0;
    if added {
        heat.next(Counter::Decisions);
        heat.decided(decision.id, alert.into());
    }
    Ok(added)
}

pub(crate) fn add_done(on: &Connection, id: DecisionId) -> Result<bool, StoreError> {
    let sql = "INSERT INTO done (id) VALUES (?1) ON CONFLICT (id) DO NOTHING";
    Ok(execute(on, "mark an event as done", sql, [id.stored()])? > 0)
}

pub(crate) fn decided_from(on: &Connection, from: DecisionId) -> Result<Vec<DecisionId>, StoreError> {
    let sql = "SELECT id FROM decision WHERE id >= ?1 UNION SELECT id FROM done WHERE id >= ?1 ORDER BY id";
    many(on, "read the done-marks", sql, [from.stored()], |row| number(row, 0))
}

pub(crate) fn by_id(on: &Connection, id: DecisionId) -> Result<Option<DecisionRow>, StoreError> {
    optional(on, READ, "SELECT id, at, team, incident, alert, rest FROM decision WHERE id = ?1", [id.stored()], read)
}

pub(crate) fn list(on: &Connection, filter: &DecisionFilter) -> Result<Vec<DecisionRow>, StoreError> {
    let before = filter.before.map_or(i64::MAX, Number::stored);
    let limit = filter.limit.min(LIST_LIMIT);
    match filter.incident {
        Some(incident) => {
            let sql = "SELECT id, at, team, incident, alert, rest FROM decision WHERE incident = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
            many(on, READ, sql, (incident.stored(), before, limit), read)
        }
        None => {
            let sql = "SELECT id, at, team, incident, alert, rest FROM decision WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
            many(on, READ, sql, (before, limit), read)
        }
    }
}
