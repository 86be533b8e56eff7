//! The REST API under `/api/v1`. Every operation is described where it is written, and registered here with its permission.

pub mod actions;
pub mod arranged;
pub mod audit;
pub mod configuration;
pub mod contacts;
pub mod dead_letters;
pub mod decisions;
pub mod feeds;
pub mod incidents;
pub mod integrations;
pub mod me;
pub mod on_call;
pub mod on_call_report;
pub mod plugins;
pub mod response;
pub mod roster;
pub mod rotations;
pub mod shape;
pub mod silences;
pub mod swaps;
pub mod tokens;
pub mod users;
pub mod wishes;

use crate::app::App;
use crate::guard::{Permission, Routes};
use crate::principal::Action;
use crate::problem::Problem;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, SecurityRequirement};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::routes;

/// Largest configuration, in bytes.
const CONFIGURATION_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// Largest plugin as it is sent, in bytes: a component of 32 MiB and as much of assets, in base64.
const PLUGIN_LIMIT_BYTES: usize = 90 * 1024 * 1024;

pub fn register(routes: &mut Routes) {
    routes.plain("/api/v1/openapi.json", Permission::Everybody("it describes the program, not the installation"), get(document));

    routes.api(Permission::Known, routes!(me::me));
    routes.api(Permission::Known, routes!(incidents::list));
    routes.api(Permission::Incident(Action::See), routes!(incidents::show));
    routes.api(Permission::Incident(Action::See), routes!(incidents::timeline));
    routes.api(Permission::Incident(Action::See), routes!(decisions::list));
    routes.api(Permission::Known, routes!(decisions::list_all));
    routes.api(Permission::Incident(Action::Change), routes!(incidents::acknowledge));
    routes.api(Permission::Incident(Action::Change), routes!(incidents::unacknowledge));
    routes.api(Permission::Incident(Action::Change), routes!(response::resolve));
    routes.api(Permission::Incident(Action::Change), routes!(incidents::add_note));
    routes.api(Permission::Incident(Action::Change), routes!(incidents::set_priority));

    routes.api(Permission::Incident(Action::Change), routes!(response::snooze));
    routes.api(Permission::Incident(Action::Change), routes!(response::reroute));
    routes.api(Permission::Incident(Action::Change), routes!(response::add_responders));
    routes.api(Permission::Incident(Action::Change), routes!(response::decline));
    routes.api(Permission::Incident(Action::Change), routes!(response::take));
    routes.api(Permission::Incident(Action::Change), routes!(response::reopen));
    routes.api(Permission::Incident(Action::Change), routes!(response::set_role));
    routes.api(Permission::Incident(Action::Change), routes!(response::send_update));
    routes.api(Permission::Incident(Action::Change), routes!(response::link));
    routes.api(Permission::Incident(Action::Change), routes!(response::unlink));
    routes.api(Permission::Incident(Action::Change), routes!(response::merge));
    routes.api(Permission::Incident(Action::Change), routes!(response::split));
    routes.api(Permission::Responder, routes!(response::many));

    routes.api(Permission::Known, routes!(actions::list_all));
    routes.api(Permission::Incident(Action::See), routes!(actions::list));
    routes.api(Permission::Incident(Action::Change), routes!(actions::approve));
    routes.api(Permission::Incident(Action::Change), routes!(actions::refuse));

    routes.api(Permission::Known, routes!(dead_letters::list));
    routes.api(Permission::DeadLetter(Action::See), routes!(dead_letters::show));
    routes.api(Permission::DeadLetter(Action::Change), routes!(dead_letters::replay));
    routes.api(Permission::DeadLetter(Action::Change), routes!(dead_letters::discard));

    routes.api(Permission::Known, routes!(on_call::show));
    routes.api(Permission::Known, routes!(roster::show));
    routes.api(Permission::Known, routes!(on_call::list_overrides));
    routes.api(Permission::Responder, routes!(on_call::add_override));
    routes.api(Permission::Responder, routes!(on_call::delete_override));
    routes.api(Permission::Responder, routes!(on_call::assign_override));
    routes.api(Permission::Known, routes!(on_call_report::report));
    routes.api(Permission::Known, routes!(rotations::list_shifts));
    routes.api(Permission::Known, routes!(rotations::list_gaps));
    routes.api(Permission::Responder, routes!(rotations::take));
    routes.api(Permission::Known, routes!(swaps::list));
    routes.api(Permission::Responder, routes!(swaps::ask));
    routes.api(Permission::Responder, routes!(swaps::accept));
    routes.api(Permission::Responder, routes!(swaps::decline));
    routes.api(Permission::Responder, routes!(swaps::approve));
    routes.api(Permission::Responder, routes!(swaps::withdraw));
    routes.api(Permission::Known, routes!(feeds::list));
    routes.api(Permission::Known, routes!(feeds::create));
    routes.api(Permission::Known, routes!(feeds::withdraw));

    routes.api(Permission::Known, routes!(contacts::list));
    routes.api(Permission::Known, routes!(contacts::test));
    routes.api(Permission::Known, routes!(contacts::verify));
    routes.api(Permission::Admin, routes!(contacts::test_all));

    routes.api(Permission::Known, routes!(silences::list));
    routes.api(Permission::Responder, routes!(silences::make));
    routes.api(Permission::Responder, routes!(silences::end));
    routes.api(Permission::Responder, routes!(silences::preview));

    routes.api(Permission::Known, routes!(plugins::list));
    routes.api(Permission::Known, routes!(plugins::show));

    routes.api(Permission::Known, routes!(plugins::versions));
    for (schemas, paths, handler) in [routes!(plugins::push), routes!(plugins::try_out)] {
        routes.api(Permission::Admin, (schemas, paths, handler.layer(DefaultBodyLimit::max(PLUGIN_LIMIT_BYTES))));
    }
    routes.api(Permission::Admin, routes!(plugins::roll_back));
    routes.api(Permission::Admin, routes!(plugins::unpin));

    routes.api(Permission::Admin, routes!(configuration::export));
    let large = DefaultBodyLimit::max(CONFIGURATION_LIMIT_BYTES);
    let (schemas, paths, handler) = routes!(configuration::plan);
    routes.api(Permission::Admin, (schemas, paths, handler.layer(large)));
    let (schemas, paths, handler) = routes!(configuration::apply);
    routes.api(Permission::Admin, (schemas, paths, handler.layer(large)));

    routes.api(Permission::Known, routes!(tokens::list));
    routes.api(Permission::Known, routes!(tokens::create));
    routes.api(Permission::Known, routes!(tokens::withdraw));
    routes.api(Permission::Known, routes!(integrations::list));
    routes.api(Permission::Admin, routes!(integrations::add_key));
    routes.api(Permission::Admin, routes!(integrations::withdraw_key));
    routes.api(Permission::Admin, routes!(users::set_password));
    routes.api(Permission::Admin, routes!(users::sign_in_link));
    routes.api(Permission::Admin, routes!(audit::list));
}

/// Completes an operation's description with what holds for all: who may, how they show it, and how problems look.
pub fn describe(operation: &mut Operation, permission: Permission) {
    let mut extensions = operation.extensions.take().unwrap_or_default();
    extensions.insert("x-permission".into(), permission.as_str().into());
    operation.extensions = Some(extensions);
    operation.security =
        Some(vec![SecurityRequirement::new("token", Vec::<String>::new()), SecurityRequirement::new("session", Vec::<String>::new())]);
    let content = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name(Problem::name())))).build();
    let problem = ResponseBuilder::new().description("What happened, and what to do.").content("application/problem+json", content);
    operation.responses.responses.insert("default".into(), RefOr::T(problem.build()));
}

/// The schemas and security schemes that [`describe`] refers to.
pub fn complete(document: &mut utoipa::openapi::OpenApi) {
    use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
    let components = document.components.get_or_insert_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-reveille"))));
}

async fn document(State(app): State<App>) -> Response {
    let json = app.document.get().cloned().unwrap_or_default();
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}
