//! Decisions: what the plugins did to each report, and why.

use crate::api::shape::{DecisionShape, ListOf};
use crate::app::App;
use crate::extract::{Asked, TheIncident};
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
