//! One incident: what it is and who is on it, the answer under the thumb, why it is here, and its story.

use crate::api::actions::{decided, who};
use crate::api::incidents::{command, note_operation, priority as priority_of};
use crate::app::App;
use crate::extract::{Asked, Caller, Filled, TheIncident};
use crate::pages::excerpt::{Excerpt, web_address};
use crate::pages::own::{Own, own};
use crate::pages::respond::Arranged;
use crate::pages::view::{AlertView, Day, Head, Lens, Told, one_told, story};
use crate::pages::{Frame, Here, render};
use crate::principal::{Action, Way};
use crate::problem::Problem;
use crate::{api::shape::target_words, extract};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::action::Step;
use domain::automation::{ActionState, StoredAction};
use domain::command::Operation;
use domain::escalation::RunState;
use domain::id::ActionId;
use domain::incident::{AlertState, Incident};
use oncall::approval::action_words;
use ports::store::DecisionRow;
use serde::Deserialize;

/// Alerts on the page; the others are counted.
const ALERTS: usize = 20;
/// Alerts looked at.
const ALERTS_LOOKED_AT: u32 = 500;
/// Actions on the page; the others are counted.
const ACTIONS: usize = 20;
/// Lines of the timeline on the page.
const LINES: usize = 60;
/// Lines when all are asked for.
const ALL_LINES: usize = 2_000;

struct RunView {
    target: String,
    state: &'static str,
    step: u32,
    next: Option<String>,
    reason: Excerpt,
}

/// What an automation plugin wants done.
struct ActionView {
    id: u64,
    plugin: String,
    does: Excerpt,
    risk: &'static str,
    reason: Excerpt,
    state: &'static str,
    waiting: bool,
    /// For one that waits: how long it still does.
    lapses: Option<String>,
    by: Option<String>,
    body: Option<Excerpt>,
    output: Option<Excerpt>,
}

impl ActionView {
    fn new(action: &StoredAction, lens: &Lens) -> Self {
        let waiting = action.state == ActionState::Waiting;
        let body = match &action.step {
            Step::Call(request) if waiting && !request.body.is_empty() => Some(String::from_utf8_lossy(&request.body).into_owned()),
            _ => None,
        };
        let output = action.result.as_ref().map(|result| match result.response {
            Some(status) => format!("{status} {}", result.output),
            None => result.output.clone(),
        });
        Self {
            id: action.id.0,
            plugin: action.plugin.clone(),
            does: Excerpt::new(&action_words(action), 240),
            risk: action.risk.as_str(),
            reason: Excerpt::new(&action.reason, 240),
            state: action.state.as_str(),
            waiting,
            lapses: action.next_at.filter(|_| waiting).map(|end| crate::pages::moment::span(end.since(lens.now).max(0))),
            by: action.decided_by.as_ref().map(who),
            body: body.map(|body| Excerpt::new(&body, 400)),
            output: output.filter(|text| !text.trim().is_empty()).map(|text| Excerpt::new(&text, 400)),
        }
    }
}

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentPage {
    frame: Frame,
    head: Head,
    may_change: bool,
    arranged: Arranged,
    /// In place of alerts: what helps against what Reveille says of itself.
    own: Option<Own>,
    alerts: Vec<AlertView>,
    more_alerts: usize,
    /// Those that wait first.
    actions: Vec<ActionView>,
    more_actions: usize,
    runs: Vec<RunView>,
    pages: Vec<Told>,
    days: Vec<Day>,
    more_lines: usize,
    labels: Vec<(String, Excerpt)>,
    links: Vec<(String, String)>,
}

#[derive(Debug, Default, Deserialize)]
pub struct ShowQuery {
    #[serde(default)]
    all: String,
}

/// Everything about an incident that its pages show.
pub struct Whole {
    pub alerts: Vec<AlertState>,
    pub decisions: Vec<Option<DecisionRow>>,
    pub actions: Vec<StoredAction>,
    pub runs: Vec<domain::escalation::Run>,
    pub pages: Vec<domain::page::Outbox>,
    pub lines: Vec<domain::timeline::Line>,
}

impl Whole {
    /// Reads it, in one view.
    pub async fn read(app: &App, incident: &Incident) -> Result<Self, Problem> {
        let (id, seen) = (incident.id, incident.clone());
        let job = move |view: &dyn ports::View| {
            let alerts = view.alerts_of(id, ALERTS_LOOKED_AT)?;
            let decisions = alerts.iter().take(ALERTS).map(|alert| view.decision(alert.last_decision)).collect::<Result<_, _>>()?;
            let runs = view.runs_of(id)?.into_iter().map(|run| run.seen_with(&seen)).collect();
            Ok(Self { decisions, alerts, actions: view.actions_of(id)?, runs, pages: view.outbox_of(id)?, lines: view.timeline(id)? })
        };
        Ok(app.parts.store.view(job).await?)
    }
}

pub async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Asked(query): Asked<ShowQuery>,
) -> Result<Response, Problem> {
    let lens = Lens::of(&app, caller.user.as_ref());
    let whole = Whole::read(&app, &incident).await?;
    let head = Head::new(&incident, &whole.alerts, &whole.runs, &whole.pages, &lens);
    let title = format!("#{} {}", incident.id, domain::alert::cut(&incident.title, 80));
    let limit = if query.all.is_empty() { LINES } else { ALL_LINES };
    let run = |run: &domain::escalation::Run| RunView {
        target: target_words(&run.target),
        state: match run.state {
            RunState::Active => "active",
            RunState::Stopped => "stopped",
            RunState::Exhausted => "ran out",
        },
        step: run.step + 1,
        next: run.next_at.map(|at| crate::pages::moment::span(at.since(lens.now).max(0))),
        reason: Excerpt::new(&run.reason, 160),
    };
    let mut actions: Vec<&StoredAction> = whole.actions.iter().rev().collect();
    actions.sort_by_key(|action| action.state != ActionState::Waiting);
    let told = whole.pages.iter().rev().take(20).filter_map(|row| Some(one_told(row, row.user.as_ref()?, &lens)));
    // Whoever was admitted by having been paged may answer too; a reading token may not.
    let may_change = matches!(caller.way, Way::Session { .. }) || caller.may(Action::Change, &incident.team);
    render(&IncidentPage {
        frame: Frame::of(&app, &headers, &caller, Here::Incidents, title, uri.path()),
        may_change,
        own: own(&app, &caller, &incident, &lens).await?,
        arranged: Arranged::new(&incident, &lens, &caller),
        alerts: whole.alerts.iter().zip(&whole.decisions).map(|(alert, row)| AlertView::new(alert, row.as_ref(), &lens)).collect(),
        more_alerts: whole.alerts.len().saturating_sub(ALERTS),
        more_actions: actions.len().saturating_sub(ACTIONS),
        actions: actions.into_iter().take(ACTIONS).map(|action| ActionView::new(action, &lens)).collect(),
        runs: whole.runs.iter().map(run).collect(),
        pages: told.collect(),
        days: story(&whole.lines, limit, &lens),
        more_lines: whole.lines.len().saturating_sub(limit),
        labels: incident.labels.iter().take(40).map(|(name, value)| (name.clone(), Excerpt::new(value, 80))).collect(),
        links: incident.links.iter().filter_map(|link| Some((web_address(&link.url)?, domain::alert::cut(&link.text, 80)))).collect(),
        head,
    })
}

async fn act(app: &App, caller: &crate::principal::Principal, incident: &Incident, operation: Operation) -> Result<Response, Problem> {
    command(app, caller, incident, operation).await?;
    Ok(Redirect::to(&format!("/incidents/{}", incident.id)).into_response())
}

/// Where a list's button leads back to.
#[derive(Debug, Default, Deserialize)]
pub struct Answer {
    #[serde(default)]
    from: String,
}

pub async fn acknowledge(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Filled(answer): Filled<Answer>,
) -> Result<Response, Problem> {
    let done = act(&app, &caller, &incident, Operation::Acknowledge).await?;
    Ok(if answer.from == "list" { Redirect::to("/").into_response() } else { done })
}

pub async fn unacknowledge(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
) -> Result<Response, Problem> {
    act(&app, &caller, &incident, Operation::Unacknowledge).await
}

pub async fn resolve(State(app): State<App>, Caller(caller): Caller, TheIncident(incident): TheIncident) -> Result<Response, Problem> {
    act(&app, &caller, &incident, Operation::Resolve).await
}

#[derive(Debug, Deserialize)]
pub struct NoteForm {
    pub text: String,
}

pub async fn note(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    extract::Filled(form): extract::Filled<NoteForm>,
) -> Result<Response, Problem> {
    act(&app, &caller, &incident, note_operation(&form.text)?).await
}

#[derive(Debug, Deserialize)]
pub struct PriorityForm {
    priority: String,
}

pub async fn priority(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Filled(form): Filled<PriorityForm>,
) -> Result<Response, Problem> {
    act(&app, &caller, &incident, Operation::SetPriority(priority_of(&form.priority)?)).await
}

pub async fn approve(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Path((_, action)): Path<(u64, u64)>,
) -> Result<Response, Problem> {
    decided(&app, &caller, &incident, ActionId(action), true).await?;
    Ok(Redirect::to(&format!("/incidents/{}", incident.id)).into_response())
}

pub async fn refuse(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Path((_, action)): Path<(u64, u64)>,
) -> Result<Response, Problem> {
    decided(&app, &caller, &incident, ActionId(action), false).await?;
    Ok(Redirect::to(&format!("/incidents/{}", incident.id)).into_response())
}
