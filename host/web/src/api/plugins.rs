//! Plugins: what is installed, what it asks for, and where it is used.

use crate::api::shape::{ListOf, PluginShape};
use crate::app::App;
use crate::extract::Named;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use ports::plugin::{LoadError, PluginInfo};
use serde::Serialize;
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

/// The plugins that are installed.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstalledPlugins {
    pub items: Vec<InstalledPlugin>,
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
    Ok(Json(InstalledPlugins { items, unreadable }))
}

/// Shows the installed plugin of a name; several versions may be there.
#[utoipa::path(get, path = "/api/v1/plugins/{name}", tag = "plugins", operation_id = "show_plugin",
    params(("name" = String, Path)), responses((status = 200, body = ListOf<InstalledPlugin>)))]
pub async fn show(State(app): State<App>, Named(name): Named<String>) -> Result<Json<ListOf<InstalledPlugin>>, Problem> {
    let found = installed(&app).await?.into_iter().flatten().filter(|info| info.plugin.name == name);
    let items: Vec<_> = found.map(InstalledPlugin::new).collect();
    if items.is_empty() { Err(Problem::not_found("plugin")) } else { Ok(Json(ListOf::whole(items))) }
}
