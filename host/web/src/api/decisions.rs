//! Decisions: what the plugins did to each report, and why.

use crate::api::shape::{DecisionShape, ListOf};
use crate::app::App;
use crate::extract::{Asked, Caller, TheIncident};
use crate::principal::Action;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use domain::id::DecisionId;
use ports::store::DecisionFilter;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which decisions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DecisionQuery {
    /// Only with ids below this one.
    before: Option<u64>,
    /// At most so many; 50 unless told, 500 at most.
    limit: Option<u32>,
}

/// Lists the decisions behind an incident, newest first.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/decisions", tag = "incidents", operation_id = "list_decisions",
    params(("id" = u64, Path), DecisionQuery), responses((status = 200, body = ListOf<DecisionShape>)))]
pub async fn list(
    State(app): State<App>,
    TheIncident(incident): TheIncident,
    Asked(query): Asked<DecisionQuery>,
) -> Result<Json<ListOf<DecisionShape>>, Problem> {
    let limit = query.limit.unwrap_or(50).clamp(1, 500);
    let filter = DecisionFilter { incident: Some(incident.id), before: query.before.map(DecisionId), limit };
    let rows = app.parts.store.view(move |view| view.decisions(&filter)).await?;
    Ok(Json(ListOf::page(rows.iter().map(DecisionShape::new).collect(), limit, |row: &DecisionShape| row.id)))
}

/// Rows looked at to fill one page of a team's own.
const LOOKED_AT: u32 = 500;

/// Lists the decisions on all alerts of the caller's teams, newest first: also those that opened nothing. A page may be shorter than asked while
/// there are more: follow `next_before`.
#[utoipa::path(get, path = "/api/v1/decisions", tag = "incidents", operation_id = "list_all_decisions", params(DecisionQuery),
    responses((status = 200, body = ListOf<DecisionShape>)))]
pub async fn list_all(
    State(app): State<App>,
    Caller(caller): Caller,
    Asked(query): Asked<DecisionQuery>,
) -> Result<Json<ListOf<DecisionShape>>, Problem> {
    let limit = query.limit.unwrap_or(50).clamp(1, 500) as usize;
    let filter = DecisionFilter { incident: None, before: query.before.map(DecisionId), limit: LOOKED_AT };
    let rows = app.parts.store.view(move |view| view.decisions(&filter)).await?;
    let more = rows.len() >= LOOKED_AT as usize;
    let end = rows.last().map(|row| row.decision.id.0);
    let mut mine: Vec<DecisionShape> =
        rows.iter().filter(|row| caller.may(Action::See, &row.decision.team)).map(DecisionShape::new).collect();
    let cut = mine.len() > limit;
    mine.truncate(limit);
    let next_before = if cut { mine.last().map(|row| row.id) } else { end.filter(|_| more) };
    Ok(Json(ListOf { items: mine, next_before }))
}
