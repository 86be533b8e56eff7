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
use axum::http::{HeaderMap, Uri};
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
    days: Vec<Day>,
    /// What can be done, the thing that the message's link named first.
    doings: Vec<Doing>,
    /// What that link named, in words; nothing has been done yet.
    wanted: Option<&'static str>,
}

/// A button.
struct Doing {
    /// The last part of its address.
    path: &'static str,
    label: String,
}

/// The buttons, the large one first: what the link in the message named (`wanted`, the last part of its address), as far as that can
/// be done; else the answer that is missing.
fn doings(head: &Head, mine: bool, asks_me: bool, wanted: &str) -> Vec<Doing> {
    let doing = |path, label: &str| Doing { path, label: label.to_owned() };
    let mut list = Vec::new();
    if !mine {
        list.push(doing("acknowledge", if head.status.firing { "Acknowledge" } else { "Join" }));
    }
    list.push(doing("resolve", "Resolve"));
    if wanted == "snooze" {
        list.push(doing("snooze", &format!("Snooze {SNOOZE_MINUTES} min")));
    }
    if asks_me {
        list.push(doing("decline", "I cannot help"));
    }
    // Stable: whatever else there is keeps its place.
    list.sort_by_key(|doing| doing.path != wanted);
    list
}

/// What a link asks to have done beyond an acknowledgement.
fn wanted_words(path: &str) -> Option<&'static str> {
    match path {
        "resolve" => Some("resolve it"),
        "snooze" => Some("snooze it"),
        "decline" => Some("say that you cannot help"),
        _ => None,
    }
}

pub async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    by: ByLink,
) -> Result<Response, Problem> {
    if let Some(message) = by.message {
        return link_all::show(&app, &headers, &caller, &by, message).await;
    }
    let lens = Lens::of(&app, caller.user.as_ref());
    let whole = Whole::read(&app, &incident).await?;
    let head = Head::new(&incident, &whole.alerts, &whole.runs, &whole.pages, &lens);
    let mine = caller.user.as_ref().is_some_and(|user| incident.responders.contains(user));
    let asks_me = asks(&incident, &caller);
    let wanted = uri.path().rsplit('/').next().unwrap_or_default();
    let doings = doings(&head, mine, asks_me, wanted);
    let first = doings.first().filter(|first| first.path == wanted).map(|first| first.path);
    render(&LinkPage {
        frame: Frame::bare(&app, &headers, domain::alert::cut(&incident.title, 80)),
        doings,
        wanted: first.and_then(wanted_words),
        head,
        token: by.token,
        name: caller.user.as_ref().map(|user| lens.name(user)).unwrap_or_default(),
        mine,
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
