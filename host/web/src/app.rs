//! The router and what its handlers share.

use crate::cookie::Jar;
use crate::guard::Routes;
use crate::parts::WebParts;
use crate::problem::Problem;
use crate::throttle::Throttle;
use crate::{api, calendar_feed, headers, health, live, pages, sign_in, statics};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use domain::time::Millis;
use ports::store::AuditRow;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;

/// Largest body of any request but a configuration, in bytes.
pub const BODY_LIMIT_BYTES: usize = 256 * 1024;
/// Most live streams at once; a page without one still works.
const STREAMS: usize = 512;

/// What handlers share.
pub struct Inner {
    pub parts: WebParts,
    pub jar: Jar,
    pub throttle: Throttle,
    pub streams: Arc<Semaphore>,
    /// The OpenAPI document as JSON.
    pub document: std::sync::OnceLock<String>,
}

/// The state of every handler.
#[derive(Clone)]
pub struct App(Arc<Inner>);

impl Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    fn new(parts: WebParts) -> Self {
        Self(Arc::new(Inner {
            jar: Jar::at(&parts.public_url),
            parts,
            throttle: Throttle::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            document: std::sync::OnceLock::new(),
        }))
    }

    /// Now.
    pub fn now(&self) -> Millis {
        self.parts.clock.now()
    }

    /// Appends a line to the audit log, for changes that are committed elsewhere; those of this room write theirs in their own transaction.
    pub async fn audit(&self, actor: String, action: &str, subject: String, details: String) {
        let row = audit_row(self.now(), actor, action, subject, details);
        let written = self.parts.store.write(move |tx| tx.add_audit(&row)).await;
        if let Err(error) = written {
            metrics::counter!("reveille_web_audit_failures_total").increment(1);
            tracing::error!(%error, action, "a change was made, but its audit row could not be written");
        }
    }
}

/// A line for the audit log.
pub fn audit_row(at: Millis, actor: String, action: &str, subject: String, details: String) -> AuditRow {
    AuditRow { id: domain::id::AuditId(0), at, actor, action: action.to_owned(), subject, details }
}

/// Pages, REST API, live streams and health: everything that people and their tools reach.
pub fn router(parts: WebParts) -> Router {
    let app = App::new(parts);
    let mut routes = Routes::new(app.clone());
    health::register(&mut routes);
    statics::register(&mut routes);
    sign_in::register(&mut routes);
    live::register(&mut routes);
    calendar_feed::register(&mut routes);
    pages::register(&mut routes);
    api::register(&mut routes);
    let (router, document) = routes.finish();
    // Set once; a second set cannot happen, since the state was made above.
    let _ = app.document.set(document.to_json().unwrap_or_default());
    let unknown = app.clone();
    router
        .fallback(async move |uri: Uri, headers: axum::http::HeaderMap| not_found(&unknown, &uri, &headers))
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(from_fn(headers::secure))
        .layer(CompressionLayer::new())
        .with_state(app)
}

fn not_found(app: &App, uri: &Uri, headers: &axum::http::HeaderMap) -> Response {
    let response = Problem::not_found("page").into_response();
    if uri.path().starts_with("/api/") { response } else { pages::dress(app, headers, response) }
}

/// The OpenAPI document, made from the code.
pub fn openapi(parts: WebParts) -> utoipa::openapi::OpenApi {
    let mut routes = Routes::new(App::new(parts));
    api::register(&mut routes);
    routes.finish().1
}
