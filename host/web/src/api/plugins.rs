//! Plugins: what is installed, what it asks for, and where it is used.

use crate::api::shape::{ListOf, PluginShape};
use crate::app::App;
use crate::extract::{Caller, Named, Sent};
use crate::parts::{PluginFile, PluginVersionRow, VersionChange, VersionWanted};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::installation::{Installation, PluginVersion};
use ports::plugin::{LoadError, PluginInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An installed plugin.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstalledPlugin {
    #[serde(flatten)]
    pub plugin: PluginShape,
    /// Hooks that it exports, such as `normalize`.
    pub hooks: Vec<String>,
    /// Fields that it reads.
    pub reads: Vec<String>,
    pub lookups: Vec<String>,
    pub keys: Vec<String>,
    pub headers: Vec<String>,
    /// Contact kinds that it serves.
    pub contacts: Vec<String>,
    /// JSON Schema of its settings.
    #[schema(value_type = Object)]
    pub settings_schema: serde_json::Value,
    pub size_bytes: u64,
}

impl InstalledPlugin {
    fn new(info: PluginInfo) -> Self {
        Self {
            plugin: PluginShape::new(&info.plugin),
            hooks: info.hooks,
            reads: info.reads,
            lookups: info.lookups,
            keys: info.keys,
            headers: info.headers,
            contacts: info.contacts.into_iter().map(|contact| contact.kind).collect(),
            settings_schema: serde_json::from_str(&info.settings_schema).unwrap_or_default(),
            size_bytes: info.size_bytes,
        }
    }
}

/// The version of a plugin that is in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct PluginInForce {
    pub name: String,
    pub version: String,
    /// Hex SHA-256 over component, manifest and assets.
    pub digest: String,
    /// It stays although another lies in the plugins' folder.
    pub pinned: bool,
    pub since: String,
    pub by: String,
    /// Where it is used, such as `dedupe of pipeline default`.
    pub places: Vec<String>,
}

/// What is in force, by name.
pub fn in_force(installation: &Installation) -> Vec<PluginInForce> {
    let one = |(name, version): (&String, &PluginVersion)| PluginInForce {
        name: name.clone(),
        version: version.version.clone(),
        digest: version.digest.clone(),
        pinned: version.pinned,
        since: version.since.rfc3339(),
        by: version.by.clone(),
        places: installation.places_of(name),
    };
    installation.plugins.iter().map(one).collect()
}

/// The plugins that are installed.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstalledPlugins {
    pub items: Vec<InstalledPlugin>,
    /// The versions in force, which may be others.
    pub in_force: Vec<PluginInForce>,
    /// Those that cannot be read, and why.
    pub unreadable: Vec<String>,
}

/// What is installed; reading manifests and digests blocks.
pub async fn installed(app: &App) -> Result<Vec<Result<PluginInfo, LoadError>>, Problem> {
    let host = app.parts.plugin_host.clone();
    tokio::task::spawn_blocking(move || host.installed()).await.map_err(|_| Problem::internal("Reading the plugins was given up."))
}

/// Lists installed plugins, whether used or not.
#[utoipa::path(get, path = "/api/v1/plugins", tag = "plugins", operation_id = "list_plugins",
    responses((status = 200, body = InstalledPlugins)))]
pub async fn list(State(app): State<App>) -> Result<Json<InstalledPlugins>, Problem> {
    let (mut items, mut unreadable) = (Vec::new(), Vec::new());
    for found in installed(&app).await? {
        match found {
            Ok(info) => items.push(InstalledPlugin::new(info)),
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    let in_force = in_force(&app.parts.live.load().installation);
    Ok(Json(InstalledPlugins { items, in_force, unreadable }))
}

/// Shows the installed plugin of a name; several versions may be there.
#[utoipa::path(get, path = "/api/v1/plugins/{name}", tag = "plugins", operation_id = "show_plugin",
    params(("name" = String, Path)), responses((status = 200, body = ListOf<InstalledPlugin>)))]
pub async fn show(State(app): State<App>, Named(name): Named<String>) -> Result<Json<ListOf<InstalledPlugin>>, Problem> {
    let found = installed(&app).await?.into_iter().flatten().filter(|info| info.plugin.name == name);
    let items: Vec<_> = found.map(InstalledPlugin::new).collect();
    if items.is_empty() { Err(Problem::not_found("plugin")) } else { Ok(Json(ListOf::whole(items))) }
}

/// A file of a plugin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SentFile {
    /// `/` between folders, such as `plugin.toml`, `plugin.wasm` or `rules/a.yml`.
    path: String,
    /// Base64, with padding.
    content: String,
}

/// A version of a plugin: its files. Those that its manifest does not name are left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SentVersion {
    files: Vec<SentFile>,
    /// Put it in force even if it fails on alerts that the version in force handles.
    #[serde(default)]
    force: bool,
}

impl SentVersion {
    fn files(self) -> Result<Vec<PluginFile>, Problem> {
        let decode = |file: SentFile| match BASE64.decode(&file.content) {
            Ok(content) => Ok(PluginFile { path: file.path, content }),
            Err(error) => {
                Err(Problem::bad_request(format!("The content of {} is not base64: {error}.", file.path), "Encode it again, with padding."))
            }
        };
        self.files.into_iter().map(decode).collect()
    }
}

/// Which version to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Back {
    /// Its digest, or the first 8 digits or more of it; without it, the version before.
    to: Option<String>,
}

/// The versions of a plugin.
#[derive(Debug, Serialize, ToSchema)]
pub struct PluginVersions {
    pub items: Vec<PluginVersionRow>,
}

/// Lists the versions of a plugin that are kept: the one in force first, then the newest.
#[utoipa::path(get, path = "/api/v1/plugins/{name}/versions", tag = "plugins", operation_id = "list_plugin_versions",
    params(("name" = String, Path)), responses((status = 200, body = PluginVersions)))]
pub async fn versions(State(app): State<App>, Named(name): Named<String>) -> Result<Json<PluginVersions>, Problem> {
    Ok(Json(PluginVersions { items: app.parts.versions.list(name).await? }))
}

/// Verifies a version of a plugin, tries it on past alerts, and puts it in force as a new revision. It stays until another is put in force.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/versions", tag = "plugins", operation_id = "push_plugin", request_body = SentVersion,
    params(("name" = String, Path)), responses((status = 200, body = VersionChange)))]
pub async fn push(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(name): Named<String>,
    Sent(sent): Sent<SentVersion>,
) -> Result<Json<VersionChange>, Problem> {
    let force = sent.force;
    let wanted = VersionWanted::Sent { files: sent.files()?, force };
    Ok(Json(app.parts.versions.change(name, wanted, caller.audit_name()).await?))
}

/// Verifies a version of a plugin and tries it on past alerts. Nothing changes.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/try", tag = "plugins", operation_id = "try_plugin", request_body = SentVersion,
    params(("name" = String, Path)), responses((status = 200, body = VersionChange)))]
pub async fn try_out(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(name): Named<String>,
    Sent(sent): Sent<SentVersion>,
) -> Result<Json<VersionChange>, Problem> {
    let wanted = VersionWanted::Tried { files: sent.files()? };
    Ok(Json(app.parts.versions.change(name, wanted, caller.audit_name()).await?))
}

/// Puts the version before, or another one that is kept, in force again, as a new revision. It is not tried on past alerts.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/rollback", tag = "plugins", operation_id = "roll_back_plugin", request_body = Back,
    params(("name" = String, Path)), responses((status = 200, body = VersionChange)))]
pub async fn roll_back(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(name): Named<String>,
    Sent(back): Sent<Back>,
) -> Result<Json<VersionChange>, Problem> {
    let wanted = VersionWanted::Before { digest: back.to };
    Ok(Json(app.parts.versions.change(name, wanted, caller.audit_name()).await?))
}

/// Puts what lies in the plugins' folder in force, now and at each apply to come.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/unpin", tag = "plugins", operation_id = "unpin_plugin",
    params(("name" = String, Path)), responses((status = 200, body = VersionChange)))]
pub async fn unpin(State(app): State<App>, Caller(caller): Caller, Named(name): Named<String>) -> Result<Json<VersionChange>, Problem> {
    Ok(Json(app.parts.versions.change(name, VersionWanted::Installed, caller.audit_name()).await?))
}
