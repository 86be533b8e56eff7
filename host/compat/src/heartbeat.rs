//! Where signs of life come in: at an address of ours with an integration's key, and at Opsgenie's.
//!
//! A key only brings signs of life of its own team's heartbeats. Whatever the method, nothing is read of the body.

use crate::keys::Keys;
use crate::request;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::{MethodRouter, get};
use pipeline::Engine;
use ports::Live;
use serde_json::{Value, json};
use std::sync::Arc;

/// How long a sender waits before it tries again, in seconds.
const RETRY_SECONDS: u32 = 5;

/// What these doors need.
pub struct Doors {
    pub engine: Arc<Engine>,
    pub keys: Arc<Keys>,
    pub live: Arc<Live>,
}

/// What came of it.
enum Came {
    Noted,
    WrongKey,
    /// The key's team has none of that name.
    Unknown,
    Unavailable,
}

/// The addresses.
pub fn router(doors: Arc<Doors>) -> Router {
    Router::new()
        .route("/heartbeat/{key}/{name}", get(plain).post(plain).put(plain))
        .route("/v2/heartbeats/{name}/ping", opsgenie_methods())
        .with_state(doors)
}

fn opsgenie_methods() -> MethodRouter<Arc<Doors>> {
    get(opsgenie).post(opsgenie).put(opsgenie)
}

async fn plain(State(doors): State<Arc<Doors>>, Path((key, name)): Path<(String, String)>) -> Response<Body> {
    let problem = |status: StatusCode, detail: &str| {
        let title = status.canonical_reason().unwrap_or("Error");
        answer(status, &json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail }))
    };
    match doors.came(&key, &name).await {
        Came::Noted => answer(StatusCode::OK, &json!({ "heartbeat": name, "result": "noted" })),
        Came::WrongKey => problem(StatusCode::UNAUTHORIZED, "this is no integration's key"),
        Came::Unknown => problem(StatusCode::NOT_FOUND, "the team of this key has no heartbeat of this name"),
        Came::Unavailable => problem(StatusCode::SERVICE_UNAVAILABLE, "it could not be noted: try again"),
    }
}

/// As Opsgenie documents its ping: 202 with `PONG - Heartbeat received`, 422 for a wrong key, 404 for a wrong name.
async fn opsgenie(State(doors): State<Arc<Doors>>, Path(name): Path<String>, request: Request) -> Response<Body> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = header.strip_prefix("GenieKey ").unwrap_or_default().trim().to_owned();
    let said = |status: StatusCode, words: &str| {
        let field = if status.is_success() { "result" } else { "message" };
        answer(status, &json!({ field: words, "took": 0.0, "requestId": request::ticket() }))
    };
    match doors.came(&key, &name).await {
        Came::Noted => said(StatusCode::ACCEPTED, "PONG - Heartbeat received"),
        Came::WrongKey => said(StatusCode::UNPROCESSABLE_ENTITY, "Key format is not valid!"),
        Came::Unknown => said(StatusCode::NOT_FOUND, &format!("Heartbeat with name [{}] not found", domain::alert::cut(&name, 100))),
        Came::Unavailable => said(StatusCode::SERVICE_UNAVAILABLE, "It could not be noted: try again"),
    }
}

impl Doors {
    async fn came(&self, key: &str, name: &str) -> Came {
        let Ok(found) = self.keys.integration(key).await else { return Came::Unavailable };
        let installation = Arc::clone(&self.live.load().installation);
        let Some(integration) = found.and_then(|id| installation.integrations.get(&id)) else { return Came::WrongKey };
        match self.engine.beat(&integration.team, name).await {
            Ok(true) => Came::Noted,
            Ok(false) => Came::Unknown,
            Err(error) => {
                tracing::warn!(%error, heartbeat = name, "a sign of life could not be noted");
                Came::Unavailable
            }
        }
    }
}

fn answer(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    }
    response
}
