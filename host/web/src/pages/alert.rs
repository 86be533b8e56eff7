//! Everything about one alert: all labels, annotations, links and details, and the decision made on it.

use crate::app::App;
use crate::extract::{Caller, Named, TheIncident};
use crate::pages::excerpt::{Excerpt, web_address};
use crate::pages::view::{AlertView, Lens};
use crate::pages::{Frame, Here, render};
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use domain::id::AlertId;

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertPage {
    frame: Frame,
    incident: u64,
    alert: AlertView,
    summary: Excerpt,
    details: Option<String>,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    links: Vec<(String, String)>,
    /// Addresses that are shown, but not linked.
    unlinked: Vec<String>,
}

pub async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Named((_, alert)): Named<(u64, u64)>,
) -> Result<Response, Problem> {
    let lens = Lens::of(&app, caller.user.as_ref());
    let job = move |view: &dyn ports::View| {
        let Some(alert) = view.alert_by_id(AlertId(alert))? else { return Ok(None) };
        let decision = view.decision(alert.last_decision)?;
        Ok(Some((alert, decision)))
    };
    let found = app.parts.store.view(job).await?;
    let (state, decision) =
        found.filter(|(alert, _)| alert.incident == Some(incident.id)).ok_or_else(|| Problem::not_found("alert of this incident"))?;
    let view = AlertView::new(&state, decision.as_ref(), &lens);
    let alert = state.alert;
    let (linked, unlinked): (Vec<_>, Vec<_>) = alert.links.iter().partition(|link| web_address(&link.url).is_some());
    render(&AlertPage {
        frame: Frame::of(&app, &headers, &caller, Here::Incidents, domain::alert::cut(alert.title(), 80), uri.path()),
        incident: incident.id.0,
        alert: view,
        summary: Excerpt::new(alert.title(), 1200),
        details: alert.details.clone(),
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        links: linked
            .iter()
            .map(|link| (link.url.clone(), if link.text.is_empty() { link.url.clone() } else { link.text.clone() }))
            .collect(),
        unlinked: unlinked.iter().map(|link| link.url.clone()).collect(),
    })
}
