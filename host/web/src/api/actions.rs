//! What automation plugins want done: list, approve, refuse.

use crate::api::incidents::Done;
use crate::api::shape::{ListOf, instant};
use crate::app::{App, audit_row};
use crate::extract::{Asked, Caller, TheIncident};
use crate::principal::Principal;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use domain::action::Step;
use domain::automation::{ActionState, StoredAction};
use domain::command::Actor;
use domain::id::ActionId;
use domain::incident::Incident;
use oncall::approval::{Decided, action_words, decide};
use ports::store::ActionFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most of a body that is shown, in bytes.
const BODY_SHOWN_BYTES: usize = 4096;

/// Something that an automation plugin wants done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Action)]
pub struct ActionShape {
    pub id: u64,
    pub incident: u64,
    pub plugin: String,
    /// Within an incident an action of a plugin with the same key is done once.
    pub key: String,
    /// What it does, after "wants to".
    pub does: String,
    /// For a call: its body, cut at 4 KiB, with secrets as placeholders.
    pub body: Option<String>,
    /// `safe`, `reversible` or `dangerous`.
    pub risk: &'static str,
    pub reason: String,
    /// `waiting`, `queued`, `doing`, `done`, `failed`, `refused`, `lapsed`, or `shown` (a dry run).
    pub state: &'static str,
    pub created_at: String,
    /// When it is due; for one that waits: when it lapses.
    pub next_at: Option<String>,
    pub tries: u32,
    /// Who approved or refused it.
    pub decided_by: Option<String>,
    /// Whether it went well; absent until it is over.
    pub ok: Option<bool>,
    /// The status of a call.
    pub response: Option<u16>,
    /// What came of it, cut at 4 KiB.
    pub output: Option<String>,
}

impl ActionShape {
    pub fn new(action: &StoredAction) -> Self {
        let body = match &action.step {
            Step::Call(request) if !request.body.is_empty() => {
                let cut = &request.body[..request.body.len().min(BODY_SHOWN_BYTES)];
                Some(String::from_utf8_lossy(cut).into_owned())
            }
            _ => None,
        };
        Self {
            id: action.id.0,
            incident: action.incident.0,
            plugin: action.plugin.clone(),
            key: action.key.clone(),
            does: action_words(action),
            body,
            risk: action.risk.as_str(),
            reason: action.reason.clone(),
            state: action.state.as_str(),
            created_at: instant(action.created_at),
            next_at: action.next_at.map(instant),
            tries: action.tries,
            decided_by: action.decided_by.as_ref().map(who),
            ok: action.result.as_ref().map(|result| result.ok),
            response: action.result.as_ref().and_then(|result| result.response),
            output: action.result.as_ref().map(|result| result.output.clone()),
        }
    }
}

/// What to call who decided.
pub fn who(actor: &Actor) -> String {
    match actor {
        Actor::User(user, _) => user.0.clone(),
        Actor::Integration(id) => id.0.clone(),
        Actor::Outside(contact) => format!("{} {}", contact.kind, contact.address),
        Actor::Host => "Reveille".to_owned(),
    }
}

/// Which actions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ActionQuery {
    /// Only in this state.
    state: Option<String>,
    /// Only with ids below this one.
    before: Option<u64>,
    /// At most so many; 50 unless told, 500 at most.
    limit: Option<u32>,
}

/// Lists what automation plugins want done about incidents of the caller's teams, newest first.
#[utoipa::path(get, path = "/api/v1/actions", tag = "actions", operation_id = "list_actions", params(ActionQuery),
    responses((status = 200, body = ListOf<ActionShape>)))]
pub async fn list_all(
    State(app): State<App>,
    Caller(caller): Caller,
    Asked(query): Asked<ActionQuery>,
) -> Result<Json<ListOf<ActionShape>>, Problem> {
    let limit = query.limit.unwrap_or(50).clamp(1, 500);
    let state = match query.state.as_deref() {
        None => None,
        Some(word) => Some(ActionState::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| {
            let known: Vec<&str> = ActionState::ALL.into_iter().map(ActionState::as_str).collect();
            Problem::invalid(format!("There is no state {word}."), format!("Give one of {}.", known.join(", ")))
        })?),
    };
    let teams = caller.sees.filter();
    if teams.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Json(ListOf::whole(Vec::new())));
    }
    let filter = ActionFilter { state, teams, before: query.before.map(ActionId), limit };
    let found = app.parts.store.view(move |view| view.actions(&filter)).await?;
    Ok(Json(ListOf::page(found.iter().map(ActionShape::new).collect(), limit, |action: &ActionShape| action.id)))
}

/// Lists what automation plugins want done about an incident, in the order in which they asked.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/actions", tag = "actions", operation_id = "list_incident_actions",
    params(("id" = u64, Path)), responses((status = 200, body = ListOf<ActionShape>)))]
pub async fn list(State(app): State<App>, TheIncident(incident): TheIncident) -> Result<Json<ListOf<ActionShape>>, Problem> {
    let id = incident.id;
    let found = app.parts.store.view(move |view| view.actions_of(id)).await?;
    Ok(Json(ListOf::whole(found.iter().map(ActionShape::new).collect())))
}

/// Lets an action that waits be done.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/actions/{action}/approve", tag = "actions", operation_id = "approve_action",
    params(("id" = u64, Path), ("action" = u64, Path)), responses((status = 200, body = Done)))]
pub async fn approve(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Path((_incident, action)): Path<(u64, u64)>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(Done { message: decided(&app, &caller, &incident, ActionId(action), true).await? }))
}

/// Ends an action that waits: it is not done.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/actions/{action}/refuse", tag = "actions", operation_id = "refuse_action",
    params(("id" = u64, Path), ("action" = u64, Path)), responses((status = 200, body = Done)))]
pub async fn refuse(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Path((_incident, action)): Path<(u64, u64)>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(Done { message: decided(&app, &caller, &incident, ActionId(action), false).await? }))
}

/// Decides with its audit row in one transaction, and wakes who has to go on.
pub async fn decided(app: &App, caller: &Principal, incident: &Incident, id: ActionId, approve: bool) -> Result<String, Problem> {
    let (now, incident, actor) = (app.now(), incident.id, caller.actor());
    let name = if approve { "action.approve" } else { "action.refuse" };
    let row = audit_row(now, caller.audit_name(), name, format!("action {id}"), format!("incident {incident}"));
    let job = move |tx: &mut dyn ports::Tx| {
        let came = decide(tx, incident, id, approve, &actor, now)?;
        if matches!(came, Decided::Done(_)) {
            tx.add_audit(&row)?;
        }
        Ok(came)
    };
    match app.parts.store.write(job).await? {
        Decided::Done(words) => {
            app.parts.wakes.actions.notify_one();
            app.parts.wakes.automation.notify_one();
            app.parts.wakes.incident_changed(incident);
            Ok(words)
        }
        Decided::TooLate(why) => Err(Problem::conflict(why)),
        Decided::Unknown => Err(Problem::not_found("action")),
    }
}
