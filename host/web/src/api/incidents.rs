//! Incidents: list, look into, answer.

use crate::api::shape::{AlertShape, IncidentShape, LineShape, ListOf, PageShape, RunShape};
use crate::app::App;
use crate::extract::{Asked, Caller, Sent, TheIncident};
use crate::parts::CommandOutcome;
use crate::principal::Principal;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use domain::command::{Actor, Command, Operation, Priority, Subject};
use domain::id::{IncidentId, TeamId};
use domain::incident::Incident;
use ports::store::IncidentFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Longest note, in bytes.
pub const NOTE_LIMIT_BYTES: usize = 4096;
/// Most alerts shown with an incident.
const ALERTS: u32 = 200;

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IncidentQuery {
    /// `true`: only open ones; `false`: only resolved ones.
    open: Option<bool>,
    /// Only of this team.
    team: Option<String>,
    /// Only with ids below this one.
    before: Option<u64>,
    /// At most so many; 50 unless told, 500 at most.
    limit: Option<u32>,
}

/// Lists incidents of the caller's teams, newest first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", operation_id = "list_incidents", params(IncidentQuery),
    responses((status = 200, body = ListOf<IncidentShape>)))]
pub async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Asked(query): Asked<IncidentQuery>,
) -> Result<Json<ListOf<IncidentShape>>, Problem> {
    let limit = query.limit.unwrap_or(50).clamp(1, 500);
    let team = query.team.map(TeamId::from);
    let teams = match team {
        Some(team) => {
            caller.require(crate::principal::Action::See, &team, "team")?;
            Some(vec![team])
        }
        None => caller.sees.filter(),
    };
    let filter = IncidentFilter { open: query.open, teams, before: query.before.map(IncidentId), limit };
    let found = incidents(&app, filter).await?;
    let items = found.iter().map(|incident| IncidentShape::new(incident, &app.parts.public_url)).collect();
    Ok(Json(ListOf::page(items, limit, |incident: &IncidentShape| incident.id)))
}

/// Incidents from the store; an empty list of teams means none.
pub async fn incidents(app: &App, filter: IncidentFilter) -> Result<Vec<Incident>, Problem> {
    if filter.teams.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    Ok(app.parts.store.view(move |view| view.incidents(&filter)).await?)
}

/// An incident with what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentDetails {
    #[serde(flatten)]
    pub incident: IncidentShape,
    /// Newest report first, at most 200.
    pub alerts: Vec<AlertShape>,
    pub runs: Vec<RunShape>,
    pub pages: Vec<PageShape>,
}

/// Shows an incident with its alerts, escalations and pages.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", operation_id = "show_incident",
    params(("id" = u64, Path)), responses((status = 200, body = IncidentDetails)))]
pub async fn show(State(app): State<App>, TheIncident(incident): TheIncident) -> Result<Json<IncidentDetails>, Problem> {
    let id = incident.id;
    let (alerts, runs, pages) =
        app.parts.store.view(move |view| Ok((view.alerts_of(id, ALERTS)?, view.runs_of(id)?, view.outbox_of(id)?))).await?;
    Ok(Json(IncidentDetails {
        incident: IncidentShape::new(&incident, &app.parts.public_url),
        alerts: alerts.iter().map(AlertShape::new).collect(),
        runs: runs.into_iter().map(|run| RunShape::new(&run.seen_with(&incident))).collect(),
        pages: pages.iter().map(PageShape::new).collect(),
    }))
}

/// Tells an incident's story, oldest line first, with the cause of each.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/timeline", tag = "incidents", operation_id = "show_timeline",
    params(("id" = u64, Path)), responses((status = 200, body = ListOf<LineShape>)))]
pub async fn timeline(State(app): State<App>, TheIncident(incident): TheIncident) -> Result<Json<ListOf<LineShape>>, Problem> {
    let id = incident.id;
    let lines = app.parts.store.view(move |view| view.timeline(id)).await?;
    Ok(Json(ListOf::whole(lines.iter().map(LineShape::new).collect())))
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    /// For people.
    pub message: String,
}

/// Acknowledges: stops paging, and puts the caller on it.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/acknowledge", tag = "incidents", operation_id = "acknowledge_incident",
    params(("id" = u64, Path)), responses((status = 200, body = Done)))]
pub async fn acknowledge(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
) -> Result<Json<Done>, Problem> {
    Ok(done(command(&app, &caller, &incident, Operation::Acknowledge).await?))
}

/// Takes the acknowledgement back: paging begins again.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/unacknowledge", tag = "incidents", operation_id = "unacknowledge_incident",
    params(("id" = u64, Path)), responses((status = 200, body = Done)))]
pub async fn unacknowledge(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
) -> Result<Json<Done>, Problem> {
    Ok(done(command(&app, &caller, &incident, Operation::Unacknowledge).await?))
}

/// A note for the timeline.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNote {
    /// Plain text, at most 4096 bytes.
    text: String,
}

/// Adds a note to the timeline.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/notes", tag = "incidents", operation_id = "add_note",
    params(("id" = u64, Path)), request_body = NewNote, responses((status = 200, body = Done)))]
pub async fn add_note(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Sent(note): Sent<NewNote>,
) -> Result<Json<Done>, Problem> {
    Ok(done(command(&app, &caller, &incident, note_operation(&note.text)?).await?))
}

/// The command for a note, or why it is none.
pub fn note_operation(text: &str) -> Result<Operation, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::invalid("The note is empty. Nothing was added.", "Write something."));
    }
    if text.len() > NOTE_LIMIT_BYTES {
        return Err(Problem::invalid(
            format!("The note is longer than {NOTE_LIMIT_BYTES} bytes. Nothing was added."),
            "Shorten it, or split it in two.",
        ));
    }
    Ok(Operation::AddNote(text.to_owned()))
}

/// A priority.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPriority {
    /// `p1` (comes first) to `p5`.
    priority: String,
}

/// Sets how important people think it is.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/priority", tag = "incidents", operation_id = "set_priority",
    params(("id" = u64, Path)), request_body = NewPriority, responses((status = 200, body = Done)))]
pub async fn set_priority(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Sent(asked): Sent<NewPriority>,
) -> Result<Json<Done>, Problem> {
    Ok(done(command(&app, &caller, &incident, Operation::SetPriority(priority(&asked.priority)?)).await?))
}

/// A priority by its word.
pub fn priority(word: &str) -> Result<Priority, Problem> {
    [Priority::P1, Priority::P2, Priority::P3, Priority::P4, Priority::P5]
        .into_iter()
        .find(|priority| priority.as_str() == word)
        .ok_or_else(|| Problem::invalid("The priority is none of p1, p2, p3, p4, p5. Nothing was changed.", "Give one of these."))
}

fn done(message: String) -> Json<Done> {
    Json(Done { message })
}

/// Hands a command to the pipeline, waits for its commit, and notes it in the audit log.
pub async fn command(app: &App, caller: &Principal, incident: &Incident, operation: Operation) -> Result<String, Problem> {
    command_as(app, caller, caller.actor(), incident.id, operation).await
}

/// [`command`], where the timeline names the caller in another way than usual.
pub async fn command_as(
    app: &App,
    caller: &Principal,
    actor: Actor,
    incident: IncidentId,
    operation: Operation,
) -> Result<String, Problem> {
    let (action, details) = (format!("incident.{}", operation.as_str()), operation.details());
    let command = Command { subject: Subject::Incident(incident), actor, operation };
    match app.parts.commands.command(command).await? {
        CommandOutcome::Done(message) => {
            app.audit(caller.audit_name(), &action, format!("incident {incident}"), details).await;
            Ok(message)
        }
        CommandOutcome::Refused(why) => Err(Problem::conflict(why)),
    }
}
