//! The audit log: who changed what.

use crate::api::shape::{ListOf, instant};
use crate::app::App;
use crate::extract::Asked;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use domain::id::AuditId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only with ids below this one.
    before: Option<u64>,
    /// At most so many; 100 unless told, 500 at most.
    limit: Option<u32>,
}

/// A change that somebody made.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditLine {
    pub id: u64,
    pub at: String,
    /// Such as `user alice by token ci`.
    pub actor: String,
    /// Such as `config.apply`.
    pub action: String,
    pub subject: String,
    pub details: String,
}

/// Lists changes, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "access", operation_id = "list_audit", params(AuditQuery),
    responses((status = 200, body = ListOf<AuditLine>)))]
pub async fn list(State(app): State<App>, Asked(query): Asked<AuditQuery>) -> Result<Json<ListOf<AuditLine>>, Problem> {
    let limit = query.limit.unwrap_or(100).clamp(1, 500);
    let before = query.before.map(AuditId);
    let rows = app.parts.store.view(move |view| view.audit(before, limit)).await?;
    let line = |row: ports::store::AuditRow| AuditLine {
        id: row.id.0,
        at: instant(row.at),
        actor: row.actor,
        action: row.action,
        subject: row.subject,
        details: row.details,
    };
    Ok(Json(ListOf::page(rows.into_iter().map(line).collect(), limit, |row: &AuditLine| row.id)))
}
