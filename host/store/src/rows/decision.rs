//! Decisions, and the marks of events that are no alerts.

use crate::codec::{BoxedError, Number, number, number_or_null, pack, pack_decision, stored, unpack, unpack_decision, unreadable};
use crate::heat::{Content, Counter, Fresh, Heat};
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
use std::sync::Arc;

/// What a decision says besides its alert and its place: the same for most reports of an entity that goes on firing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Core {
    integration: Option<IntegrationId>,
    verdict: Verdict,
    grouping: Option<Grouping>,
    default_route: bool,
    notes: Vec<StageNote>,
}

impl Core {
    fn of(decision: &Decision) -> Self {
        Self {
            integration: decision.integration.clone(),
            verdict: decision.verdict.clone(),
            grouping: decision.grouping.clone(),
            default_route: decision.default_route,
            notes: decision.notes.clone(),
        }
    }

    fn is_of(&self, decision: &Decision) -> bool {
        self.integration == decision.integration
            && self.verdict == decision.verdict
            && self.grouping == decision.grouping
            && self.default_route == decision.default_route
            && self.notes == decision.notes
    }
}

/// What stands in `decision.rest` of a row with content of its own.
#[derive(Serialize)]
struct OwnOf<'a>(&'a Core, Place, &'a Outcome);
/// The same, for reading.
#[derive(Deserialize)]
struct Own(Core, Place, Outcome);

/// What stood in `decision.rest` before there were repeats.
#[derive(Deserialize)]
struct Old {
    partition: u8,
    revision: Revision,
    integration: Option<IntegrationId>,
    verdict: Verdict,
    grouping: Option<Grouping>,
    default_route: bool,
    notes: Vec<StageNote>,
    outcome: Outcome,
}

impl From<Old> for Own {
    fn from(old: Old) -> Self {
        let Old { partition, revision, integration, verdict, grouping, default_route, notes, outcome } = old;
        Self(Core { integration, verdict, grouping, default_route, notes }, Place { partition, revision }, outcome)
    }
}

/// What differs between reports of the same.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Place {
    partition: u8,
    revision: Revision,
}

/// What stands in `decision.rest` of a row that repeats another.
#[derive(Serialize, Deserialize)]
struct Repeat {
    place: Place,
    outcome: Outcome,
    received_at: Millis,
    expires_at: Option<Millis>,
}

/// Whether two reports say the same but for their times.
fn same_report(a: &Alert, b: &Alert) -> bool {
    a.entity == b.entity
        && a.status == b.status
        && a.severity == b.severity
        && a.summary == b.summary
        && a.details == b.details
        && a.source == b.source
        && a.service == b.service
        && a.routing_key == b.routing_key
        && a.group == b.group
        && a.started_at == b.started_at
        && a.labels == b.labels
        && a.annotations == b.annotations
        && a.links == b.links
}

/// The packed columns of a decision as they are written.
pub(crate) struct Packed {
    /// The row whose content it repeats, if it has none of its own.
    pub repeats: Option<DecisionId>,
    pub alert: Vec<u8>,
    pub rest: Vec<u8>,
    content: Content,
}

impl Packed {
    /// A decision that says the same as the entity's last, but for the times, cites that row: a repeat then takes some sixty bytes.
    pub fn of(doing: &'static str, heat: &mut Heat, row: &DecisionRow) -> Result<Self, StoreError> {
        let decision = &row.decision;
        let place = Place { partition: decision.partition, revision: decision.revision };
        let known = heat.alert(&decision.team, &decision.alert.entity);
        let same = known.as_ref().and_then(|known| {
            let content = known.content.as_ref()?;
            (same_report(&known.alert, &decision.alert) && content.core.is_of(decision)).then(|| content.clone())
        });
        if let Some(content) = same {
            let Alert { received_at, expires_at, .. } = *decision.alert;
            let rest = pack(doing, &Repeat { place, outcome: row.outcome.clone(), received_at, expires_at })?;
            return Ok(Self { repeats: Some(content.decision), alert: Vec::new(), rest, content });
        }
        let core = Arc::new(Core::of(decision));
        let rest = pack_decision(doing, &OwnOf(&core, place, &row.outcome))?;
        let content = Content { decision: decision.id, core };
        Ok(Self { repeats: None, alert: pack(doing, &decision.alert)?, rest, content })
    }

    /// It is written: the entity's next report may cite it.
    pub fn written(self, heat: &mut Heat, decision: &Decision) {
        heat.next(Counter::Decisions);
        heat.decided(decision.id, Fresh { alert: Arc::clone(&decision.alert), content: self.content });
    }
}

/// The packed columns of a decision as they are read.
pub(crate) struct Stored<'a> {
    pub alert: &'a [u8],
    pub rest: &'a [u8],
    /// The same two of the row that it repeats.
    pub repeated: Option<(&'a [u8], &'a [u8])>,
}

impl Stored<'_> {
    /// The decision, with the columns that stand for themselves.
    pub fn row(&self, id: DecisionId, at: Millis, team: TeamId, incident: Option<IncidentId>) -> Result<DecisionRow, BoxedError> {
        let alert = Arc::new(alert_of(self.alert, self.rest, self.repeated.map(|(alert, _)| alert))?);
        let (core, place, outcome) = match self.repeated {
            None => {
                let Own(core, place, outcome) = unpack_decision::<Own, Old>(self.rest)?;
                (core, place, outcome)
            }
            Some((_, rest)) => {
                let Repeat { place, outcome, .. } = unpack(self.rest)?;
                let Own(core, ..) = unpack_decision::<Own, Old>(rest)?;
                (core, place, outcome)
            }
        };
        let Core { integration, verdict, grouping, default_route, notes } = core;
        let Place { partition, revision } = place;
        let decision = Decision { id, partition, revision, team, integration, alert, verdict, grouping, default_route, notes };
        Ok(DecisionRow { decision, incident, outcome, at })
    }
}

/// The alert of a decision: `alert` and `rest` of its own row, `repeated` of the row that it repeats.
pub(crate) fn alert_of(alert: &[u8], rest: &[u8], repeated: Option<&[u8]>) -> Result<Alert, BoxedError> {
    let Some(repeated) = repeated else { return unpack(alert) };
    let Repeat { received_at, expires_at, .. } = unpack(rest)?;
    Ok(Alert { received_at, expires_at, ..unpack(repeated)? })
}

/// Reads the alert of a decision from its three columns.
pub(crate) fn read_alert(row: &Row<'_>, alert: usize, rest: usize, repeated: usize) -> rusqlite::Result<Alert> {
    let (own, rest, repeated) = (row.get_ref(alert)?.as_blob()?, row.get_ref(rest)?.as_blob()?, row.get_ref(repeated)?.as_blob_or_null()?);
    alert_of(own, rest, repeated).map_err(|error| unreadable(alert, Type::Blob, error))
}

const READ: &str = "read a decision";
/// Most decisions of one list.
const LIST_LIMIT: u32 = 500;

/// The columns in the order that [`read`] takes them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.at, d.team, d.incident, d.alert, d.rest, r.alert, r.rest \
             FROM decision d LEFT JOIN decision r ON r.id = d.repeats ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    let stored = Stored {
        alert: row.get_ref(4)?.as_blob()?,
        rest: row.get_ref(5)?.as_blob()?,
        repeated: row.get_ref(6)?.as_blob_or_null()?.zip(row.get_ref(7)?.as_blob_or_null()?),
    };
    let team = TeamId(row.get(2)?);
    stored.row(number(row, 0)?, number(row, 1)?, team, number_or_null(row, 3)?).map_err(|error| unreadable(4, Type::Blob, error))
}

/// Appends a decision.
pub(crate) fn add(on: &Connection, heat: &mut Heat, row: &DecisionRow) -> Result<bool, StoreError> {
    const DOING: &str = "add a decision";
    let decision = &row.decision;
    let packed = Packed::of(DOING, heat, row)?;
    let added = execute(
        on,
        DOING,
        "INSERT INTO decision (id, at, team, incident, repeats, alert, rest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
        (decision.id.stored(), row.at.0, decision.team.as_str(), stored(row.incident), stored(packed.repeats), &packed.alert, &packed.rest),
    )? > 0;
    if added {
        packed.written(heat, decision);
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
    optional(on, READ, select!("WHERE d.id = ?1"), [id.stored()], read)
}

pub(crate) fn list(on: &Connection, filter: &DecisionFilter) -> Result<Vec<DecisionRow>, StoreError> {
    let before = filter.before.map_or(i64::MAX, Number::stored);
    let limit = filter.limit.min(LIST_LIMIT);
    match filter.incident {
        Some(incident) => {
            let sql = select!("WHERE d.incident = ?1 AND d.id < ?2 ORDER BY d.id DESC LIMIT ?3");
            many(on, READ, sql, (incident.stored(), before, limit), read)
        }
        None => {
            let sql = select!("WHERE d.id < ?1 ORDER BY d.id DESC LIMIT ?2");
            many(on, READ, sql, (before, limit), read)
        }
    }
}
