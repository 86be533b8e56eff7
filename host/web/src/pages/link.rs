//! The page behind the link in a message: no sign-in, one big button, nothing that moves. Looking changes nothing; pressing does.

use crate::api::incidents::{command, note_operation};
use crate::app::App;
use crate::extract::{ByLink, Caller, Filled, TheIncident};
use crate::pages::incident::{NoteForm, Whole};
use crate::pages::view::{Day, Head, Lens, story};
use crate::pages::{Frame, render};
use crate::principal::Principal;
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::command::Operation;
use domain::incident::Incident;

/// Lines of the story below the fold.
const LINES: usize = 12;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    frame: Frame,
    head: Head,
    token: String,
    /// Whom the link was sent to.
    name: String,
    /// Whether they are among those on it.
    mine: bool,
    days: Vec<Day>,
}

pub async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    by: ByLink,
) -> Result<Response, Problem> {
    let lens = Lens::of(&app, caller.user.as_ref());
    let whole = Whole::read(&app, &incident).await?;
    render(&LinkPage {
        frame: Frame::bare(&app, &headers, domain::alert::cut(&incident.title, 80)),
        head: Head::new(&incident, &whole.alerts, &whole.runs, &whole.pages, &lens),
        token: by.token,
        name: caller.user.as_ref().map(|user| lens.name(user)).unwrap_or_default(),
        mine: caller.user.as_ref().is_some_and(|user| incident.responders.contains(user)),
        days: story(&whole.lines, LINES, &lens),
    })
}

async fn act(app: &App, caller: &Principal, incident: &Incident, by: &ByLink, operation: Operation) -> Result<Response, Problem> {
    command(app, caller, incident, operation).await?;
    Ok(Redirect::to(&format!("/l/{}", by.token)).into_response())
}

pub async fn acknowledge(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    by: ByLink,
) -> Result<Response, Problem> {
    act(&app, &caller, &incident, &by, Operation::Acknowledge).await
}

pub async fn resolve(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    by: ByLink,
) -> Result<Response, Problem> {
    act(&app, &caller, &incident, &by, Operation::Resolve).await
}

pub async fn note(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    by: ByLink,
    Filled(form): Filled<NoteForm>,
) -> Result<Response, Problem> {
    act(&app, &caller, &incident, &by, note_operation(&form.text)?).await
}
