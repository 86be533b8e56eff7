//! The page behind the link in a message about several incidents: all of them with one button, or each with its own.

use crate::api::incidents::command_as;
use crate::app::App;
use crate::extract::ByLink;
use crate::pages::excerpt::Excerpt;
use crate::pages::moment::Moment;
use crate::pages::view::{Badge, Lens, Standing};
use crate::pages::{Frame, render};
use crate::principal::Principal;
use crate::problem::Problem;
use askama::Template;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::alert::Status;
use domain::command::{Actor, Operation};
use domain::id::IncidentId;
use oncall::told::{self, Told};

/// Incidents on the page; the others are counted. The button is for all of them.
const SHOWN: usize = 100;

struct OneView {
    id: u64,
    title: Excerpt,
    severity: Badge,
    status: Standing,
    service: Option<String>,
    opened: Moment,
    /// Names of those who are on it.
    who: Vec<String>,
    mine: bool,
}

#[derive(Template)]
#[template(path = "link_all.html")]
struct AllPage {
    frame: Frame,
    token: String,
    name: String,
    /// All that the message was about.
    total: usize,
    /// Those that nobody has answered.
    firing: usize,
    /// What fires first, each by its severity.
    rows: Vec<OneView>,
    more: usize,
}

/// What the message stood for. It is the caller's: the token says so, and so does what was kept.
async fn told_to(app: &App, caller: &Principal, message: u64) -> Result<Told, Problem> {
    let told = app.parts.store.view(move |view| told::find(view, message)).await?;
    told.filter(|told| caller.user.as_ref() == Some(&told.user)).ok_or_else(|| {
        Problem::gone(
            "What this message was about is not kept any more. Nothing was changed.",
            "Sign in to see the incidents, or take the link in your newest page.",
        )
    })
}

/// The page.
pub async fn show(app: &App, headers: &HeaderMap, caller: &Principal, by: &ByLink, message: u64) -> Result<Response, Problem> {
    let told = told_to(app, caller, message).await?;
    let lens = Lens::of(app, caller.user.as_ref());
    let ids = told.incidents.clone();
    let found = app.parts.store.view(move |view| ids.iter().map(|id| view.incident(*id)).collect::<Result<Vec<_>, _>>()).await?;
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_by_key(|incident| {
        (incident.status != Status::Firing, !incident.is_open(), std::cmp::Reverse(incident.severity), incident.id)
    });
    let firing = found.iter().filter(|incident| incident.status == Status::Firing).count();
    let total = told.incidents.len();
    let title = format!("{total} incidents");
    let rows: Vec<OneView> = found
        .iter()
        .take(SHOWN)
        .map(|incident| OneView {
            id: incident.id.0,
            title: Excerpt::new(&incident.title, 120),
            severity: incident.severity.into(),
            status: incident.status.into(),
            service: incident.service.as_ref().map(ToString::to_string),
            opened: lens.moment(incident.opened_at),
            who: incident.responders.iter().map(|user| lens.name(user)).collect(),
            mine: caller.user.as_ref().is_some_and(|user| incident.responders.contains(user)),
        })
        .collect();
    render(&AllPage {
        frame: Frame::bare(app, headers, title),
        token: by.token.clone(),
        name: caller.user.as_ref().map(|user| lens.name(user)).unwrap_or_default(),
        total,
        firing,
        more: found.len().saturating_sub(rows.len()),
        rows,
    })
}

/// Acknowledges one of them, or all that nobody has answered yet. Pressed again, it changes nothing.
pub async fn acknowledge(app: &App, caller: &Principal, by: &ByLink, message: u64, only: Option<u64>) -> Result<Response, Problem> {
    let told = told_to(app, caller, message).await?;
    let meant: Vec<IncidentId> = match only {
        // What joined later is answered by the message that names it.
        Some(id) if told.incidents.contains(&IncidentId(id)) => vec![IncidentId(id)],
        Some(_) => return Err(Problem::not_found("incident")),
        None => {
            let asked = told.clone();
            app.parts.store.view(move |view| asked.firing(view)).await?
        }
    };
    let actor = match caller.actor() {
        Actor::User(user, way) => Actor::User(user, format!("{way} from {}", told.words())),
        other => other,
    };
    let each = meant.into_iter().map(|id| command_as(app, caller, actor.clone(), id, Operation::Acknowledge));
    let results = futures_util::future::join_all(each).await;
    // One that was resolved meanwhile stops no other: the page shows how each stands. What is not stored has to be said.
    if let Some(problem) = results.into_iter().filter_map(Result::err).find(|problem| only.is_some() || problem.status >= 500) {
        return Err(problem);
    }
    Ok(Redirect::to(&format!("/l/{}", by.token)).into_response())
}
