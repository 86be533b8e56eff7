//! The page behind the link in a message: no sign-in, one big button, nothing that moves. Looking changes nothing; pressing does.

use crate::api::incidents::{command, note_operation};
use crate::app::App;
use crate::extract::{ByLink, Caller, Filled, TheIncident};
use crate::pages::incident::{NoteForm, Whole};
use crate::pages::moment::Moment;
use crate::pages::respond::asks;
use crate::pages::view::{Day, Head, Lens, story};
use crate::pages::{Frame, link_all, render};
use crate::principal::Principal;
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::command::Operation;
use domain::incident::Incident;
use oncall::links::SNOOZE_MINUTES;
use serde::Deserialize;

/// The longest snooze without sign-in: a day.
const LONGEST_SNOOZE_MINUTES: u32 = 24 * 60;
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
    snoozed_until: Option<Moment>,
    /// They were asked to help and have not answered.
    asks_me: bool,
    days: Vec<Day>,
}

pub async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    by: ByLink,
) -> Result<Response, Problem> {
    if let Some(message) = by.message {
        return link_all::show(&app, &headers, &caller, &by, message).await;
    }
    let lens = Lens::of(&app, caller.user.as_ref());
    let whole = Whole::read(&app, &incident).await?;
    render(&LinkPage {
        frame: Frame::bare(&app, &headers, domain::alert::cut(&incident.title, 80)),
        head: Head::new(&incident, &whole.alerts, &whole.runs, &whole.pages, &lens),
        token: by.token,
        name: caller.user.as_ref().map(|user| lens.name(user)).unwrap_or_default(),
        mine: caller.user.as_ref().is_some_and(|user| incident.responders.contains(user)),
        asks_me: asks(&incident, &caller),
        snoozed_until: incident.care.snoozed_until.map(|at| lens.moment(at)),
        days: story(&whole.lines, LINES, &lens),
    })
}

async fn act(app: &App, caller: &Principal, incident: &Incident, by: &ByLink, operation: Operation) -> Result<Response, Problem> {
    command(app, caller, incident, operation).await?;
    Ok(Redirect::to(&format!("/l/{}", by.token)).into_response())
}

#[derive(Debug, Default, Deserialize)]
pub struct AcknowledgeForm {
    /// Of a message about several: this one; absent, as a button in a message sends it: all of them.
    incident: Option<u64>,
}

pub async fn acknowledge(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    by: ByLink,
    Filled(form): Filled<AcknowledgeForm>,
) -> Result<Response, Problem> {
    if let Some(message) = by.message {
        return link_all::acknowledge(&app, &caller, &by, message, form.incident).await;
    }
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

/// Whoever was asked to help cannot.
pub async fn decline(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    by: ByLink,
) -> Result<Response, Problem> {
    act(&app, &caller, &incident, &by, Operation::Decline).await
}

#[derive(Debug, Default, Deserialize)]
pub struct SnoozeForm {
    /// Absent, as a button in a message sends it: half an hour.
    minutes: Option<u32>,
}

pub async fn snooze(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    by: ByLink,
    Filled(form): Filled<SnoozeForm>,
) -> Result<Response, Problem> {
    let minutes = form.minutes.unwrap_or(SNOOZE_MINUTES).min(LONGEST_SNOOZE_MINUTES);
    act(&app, &caller, &incident, &by, Operation::Snooze(app.now().plus_seconds(minutes * 60))).await
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
