//! Whether the process lives, whether it can take alerts in, and its figures.

use crate::app::App;
use crate::guard::{Permission, Routes};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Serialize;

/// How long a write may take before the store counts as not answering, in milliseconds.
const PATIENCE_MS: i64 = 2_000;
/// So many records waiting for the disk mean that senders are about to be refused.
const JOURNAL_DEPTH: usize = 15_000;

pub fn register(routes: &mut Routes) {
    routes.plain("/livez", Permission::Everybody("orchestrators have no token; it says only that the process answers"), get(live));
    routes.plain("/readyz", Permission::Everybody("load balancers have no token; it names no customer data"), get(ready));
    routes.plain("/metrics", Permission::Monitoring, get(metrics_text));
}

async fn live() -> &'static str {
    "ok\n"
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    revision: u64,
    journal_head: u64,
    cursor: u64,
    queued: u64,
    checks: Vec<Check>,
    queues: Vec<Queue>,
}

#[derive(Debug, Serialize)]
struct Queue {
    name: &'static str,
    depth: u64,
    limit: u64,
}

async fn ready(State(app): State<App>) -> Response {
    let checks = vec![
        store_check(&app).await,
        journal_check(&app),
        configuration_check(&app),
        doors_check(&app),
        hot_check(&app),
        draining_check(&app),
    ];
    let backlog = app.parts.commands.backlog();
    let readiness = Readiness {
        ready: checks.iter().all(|check| check.ok),
        revision: app.parts.live.load().revision.0,
        journal_head: backlog.journal_head.0,
        cursor: backlog.cursor.0,
        queued: backlog.queued,
        checks,
        queues: app.parts.commands.queues().into_iter().map(|(name, depth, limit)| Queue { name, depth, limit }).collect(),
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// An empty transaction, all the way through the writer and its commit.
async fn store_check(app: &App) -> Check {
    let due = app.now().plus_millis(PATIENCE_MS);
    let (ok, detail) = tokio::select! {
        written = app.parts.store.write(|_| Ok(())) => match written {
            Ok(()) => (true, "takes writes".to_owned()),
            Err(error) => (false, error.to_string()),
        },
        () = app.parts.clock.wait_until(due) => (false, format!("a write takes longer than {PATIENCE_MS} ms")),
    };
    Check { name: "store", ok, detail }
}

fn journal_check(app: &App) -> Check {
    let depth = app.parts.journal.depth();
    let read = app.parts.journal.read(app.parts.journal.head(), 1);
    let (ok, detail) = match read {
        Err(error) => (false, error.to_string()),
        Ok(_) if depth >= JOURNAL_DEPTH => (false, format!("{depth} records wait for the disk")),
        Ok(_) => (true, format!("{depth} records wait for the disk")),
    };
    Check { name: "journal", ok, detail }
}

fn configuration_check(app: &App) -> Check {
    let snapshot = app.parts.live.load();
    let ok = !snapshot.installation.default_policy.0.is_empty();
    let detail = if ok { "in force" } else { "none was applied yet: `reveille config apply`" };
    Check { name: "configuration", ok, detail: detail.into() }
}

fn doors_check(app: &App) -> Check {
    let overload = app.parts.commands.overload();
    Check { name: "doors", ok: overload.is_none(), detail: overload.unwrap_or_else(|| "take alerts in".into()) }
}

/// Never a reason to take no alerts in: the store is truth.
fn hot_check(app: &App) -> Check {
    let status = (app.parts.hot)();
    let detail = match status.degraded {
        Some(why) => format!("hot state: degraded: {why}"),
        None => format!("{} writes wait", status.waiting),
    };
    Check { name: "hot state", ok: true, detail }
}

fn draining_check(app: &App) -> Check {
    let stopping = *app.parts.stopping.borrow();
    Check { name: "serving", ok: !stopping, detail: if stopping { "the server drains" } else { "yes" }.into() }
}

async fn metrics_text(State(app): State<App>) -> Result<Response, Problem> {
    let write = app.parts.metrics.as_ref().ok_or_else(|| Problem::not_found("such thing"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], write()).into_response())
}
