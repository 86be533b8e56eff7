//! Configuration as code: look at it, check a change, put it in force.

use crate::api::plugins::{PluginInForce, in_force};
use crate::app::App;
use crate::extract::{Caller, Sent};
use crate::parts::{Applied, BundleFile, Plan};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use domain::id::Revision;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The configuration in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct Exported {
    pub revision: u64,
    pub files: Vec<BundleFile>,
    /// The versions of plugins in force, which no document says; a pinned one stays when documents are applied.
    pub plugins: Vec<PluginInForce>,
}

/// A configuration to check or to put in force: all of its documents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    files: Vec<BundleFile>,
    /// Refuse unless this revision is in force.
    expected_revision: Option<u64>,
}

/// Exports the configuration in force as documents that can be applied again.
#[utoipa::path(get, path = "/api/v1/config", tag = "configuration", operation_id = "export_config",
    responses((status = 200, body = Exported)))]
pub async fn export(State(app): State<App>) -> Result<Json<Exported>, Problem> {
    let (revision, files) = app.parts.configure.export().await?;
    let plugins = in_force(&app.parts.live.load().installation);
    Ok(Json(Exported { revision: revision.0, files, plugins }))
}

/// Checks a configuration, down to loading its plugins, and says what it would change.
#[utoipa::path(post, path = "/api/v1/config/plan", tag = "configuration", operation_id = "plan_config", request_body = Bundle,
    responses((status = 200, body = Plan)))]
pub async fn plan(State(app): State<App>, Sent(bundle): Sent<Bundle>) -> Result<Json<Plan>, Problem> {
    Ok(Json(app.parts.configure.plan(bundle.files).await?))
}

/// Puts a configuration in force as a whole.
#[utoipa::path(post, path = "/api/v1/config/apply", tag = "configuration", operation_id = "apply_config", request_body = Bundle,
    responses((status = 200, body = Applied)))]
pub async fn apply(State(app): State<App>, Caller(caller): Caller, Sent(bundle): Sent<Bundle>) -> Result<Json<Applied>, Problem> {
    let expected = bundle.expected_revision.map(Revision);
    Ok(Json(app.parts.configure.apply(bundle.files, expected, caller.audit_name()).await?))
}
