//! Who the caller is to this server.

use crate::extract::Caller;
use crate::principal::Teams;
use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The caller and their rights.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    pub user: Option<String>,
    pub admin: bool,
    /// Teams whose incidents they see; absent: all.
    pub sees: Option<Vec<String>>,
    /// Teams whose incidents they may change; absent: all.
    pub changes: Option<Vec<String>>,
}

fn names(teams: &Teams) -> Option<Vec<String>> {
    teams.filter().map(|teams| teams.into_iter().map(|team| team.0).collect())
}

/// Says who the caller is, and what they may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "access", operation_id = "me", responses((status = 200, body = Me)))]
pub async fn me(Caller(caller): Caller) -> Json<Me> {
    Json(Me {
        user: caller.user.as_ref().map(|user| user.0.clone()),
        admin: caller.admin,
        sees: names(&caller.sees),
        changes: names(&caller.changes),
    })
}
