//! Several incidents of the list at once: what was chosen there is done to each, and the page says what became of each.

use crate::api::response::{OneOfMany, all};
use crate::api::wishes::{Resolution, Snooze, Wish};
use crate::app::App;
use crate::extract::{Caller, Filled};
use crate::pages::{Frame, Here, render};
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    frame: Frame,
    done: usize,
    results: Vec<OneOfMany>,
}

pub async fn many(
    State(app): State<App>,
    headers: HeaderMap,
    Caller(caller): Caller,
    Filled(fields): Filled<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let ids: Vec<u64> = fields.iter().filter(|(name, _)| name == "id").filter_map(|(_, id)| id.parse().ok()).collect();
    let what = fields.iter().find(|(name, _)| name == "what").map_or("", |(_, what)| what.as_str());
    let wish = match what {
        "acknowledge" => Wish::Acknowledge,
        "resolve" => Wish::Resolve(Resolution::default()),
        "false-alarm" => Wish::Resolve(Resolution { mark: Some("false-alarm".to_owned()), reason: None }),
        "snooze" => Wish::Snooze(Snooze { until: None, seconds: Some(3600) }),
        _ => return Err(Problem::invalid("It is not said what to do. Nothing was changed.", "Go back and press one of the buttons.")),
    };
    if ids.is_empty() {
        return Ok(Redirect::to("/").into_response());
    }
    let results = all(&app, &caller, &ids, &wish).await?;
    let done = results.iter().filter(|one| one.done).count();
    let title = format!("{done} of {} done", results.len());
    render(&BulkPage { frame: Frame::of(&app, &headers, &caller, Here::Incidents, title, "/"), done, results })
}
