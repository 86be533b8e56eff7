//! Everything that responders do to an incident beyond acknowledging it, and the same for many at once.

use crate::api::incidents::{Done, command};
use crate::api::shape::ListOf;
use crate::api::wishes::{Merge, NewLink, Resolution, Role, Snooze, Split, Targets, Update, Wish, meant};
use crate::app::App;
use crate::extract::{Caller, Sent, SentOrNothing, TheIncident};
use crate::guard::incident_by;
use crate::principal::{Action, Principal};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use domain::id::IncidentId;
use domain::incident::Incident;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Most incidents of one request.
pub const MANY_LIMIT: usize = 100;

/// Does what a wish means to one incident.
pub async fn fulfil(app: &App, caller: &Principal, incident: &Incident, wish: Wish) -> Result<Json<Done>, Problem> {
    let operation = meant(app, caller, wish).await?;
    Ok(Json(Done { message: command(app, caller, incident, operation).await? }))
}

type Answer = Result<Json<Done>, Problem>;

/// Resolves: closes the incident; a new alert opens another. A body says what it was; on a resolved incident, only that is noted.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/resolve", tag = "incidents", operation_id = "resolve_incident",
    params(("id" = u64, Path)), request_body = Option<Resolution>, responses((status = 200, body = Done)))]
pub async fn resolve(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    SentOrNothing(resolution): SentOrNothing<Resolution>,
) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Resolve(resolution.unwrap_or_default())).await
}

/// Lets it rest: acknowledged until then; then it fires again and escalates from the start.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/snooze", tag = "incidents", operation_id = "snooze_incident",
    params(("id" = u64, Path)), request_body = Snooze, responses((status = 200, body = Done)))]
pub async fn snooze(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Sent(asked): Sent<Snooze>,
) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Snooze(asked)).await
}

/// Sends it elsewhere: stops who is paged, and begins at the targets. An acknowledged incident fires again.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reroute", tag = "incidents", operation_id = "reroute_incident",
    params(("id" = u64, Path)), request_body = Targets, responses((status = 200, body = Done)))]
pub async fn reroute(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Sent(asked): Sent<Targets>,
) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Reroute(asked)).await
}

/// Asks others to help: they are paged until they answer, whoever else is on it.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/responders", tag = "incidents", operation_id = "add_responders",
    params(("id" = u64, Path)), request_body = Targets, responses((status = 200, body = Done)))]
pub async fn add_responders(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Sent(asked): Sent<Targets>,
) -> Answer {
    fulfil(&app, &caller, &incident, Wish::AddResponders(asked)).await
}

/// Says that the caller, who was asked to help, cannot.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/decline", tag = "incidents", operation_id = "decline_incident",
    params(("id" = u64, Path)), responses((status = 200, body = Done)))]
pub async fn decline(State(app): State<App>, Caller(caller): Caller, TheIncident(incident): TheIncident) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Decline).await
}

/// Takes it over: the caller is on it, and nobody else.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/take", tag = "incidents", operation_id = "take_incident",
    params(("id" = u64, Path)), responses((status = 200, body = Done)))]
pub async fn take(State(app): State<App>, Caller(caller): Caller, TheIncident(incident): TheIncident) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Take).await
}

/// Opens a resolved incident again: it fires and escalates.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reopen", tag = "incidents", operation_id = "reopen_incident",
    params(("id" = u64, Path)), responses((status = 200, body = Done)))]
pub async fn reopen(State(app): State<App>, Caller(caller): Caller, TheIncident(incident): TheIncident) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Reopen).await
}

/// Gives a role to somebody, or to nobody.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/roles", tag = "incidents", operation_id = "set_role",
    params(("id" = u64, Path)), request_body = Role, responses((status = 200, body = Done)))]
pub async fn set_role(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Sent(asked): Sent<Role>,
) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Role(asked)).await
}

/// Tells stakeholders how it stands: a line on the incident, and a message to each who is named.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/updates", tag = "incidents", operation_id = "send_update",
    params(("id" = u64, Path)), request_body = Update, responses((status = 200, body = Done)))]
pub async fn send_update(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Sent(asked): Sent<Update>,
) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Update(asked)).await
}

/// Links it to another incident, or to an address.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/links", tag = "incidents", operation_id = "add_link",
    params(("id" = u64, Path)), request_body = NewLink, responses((status = 200, body = Done)))]
pub async fn link(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Sent(asked): Sent<NewLink>,
) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Link(asked)).await
}

/// Takes such a link away.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/unlink", tag = "incidents", operation_id = "remove_link",
    params(("id" = u64, Path)), request_body = NewLink, responses((status = 200, body = Done)))]
pub async fn unlink(
    State(app): State<App>,
    Caller(caller): Caller,
    TheIncident(incident): TheIncident,
    Sent(asked): Sent<NewLink>,
) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Unlink(asked)).await
}

/// Moves all of its alerts to another open incident of the team and resolves it: recoveries and new alerts follow. At most 1000 alerts.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/merge", tag = "incidents", operation_id = "merge_incident",
    params(("id" = u64, Path)), request_body = Merge, responses((status = 200, body = Done)))]
pub async fn merge(State(app): State<App>, Caller(caller): Caller, TheIncident(incident): TheIncident, Sent(asked): Sent<Merge>) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Merge(asked)).await
}

/// Moves some of its alerts to a new incident. Whoever is on the old one is on the new one too.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/split", tag = "incidents", operation_id = "split_incident",
    params(("id" = u64, Path)), request_body = Split, responses((status = 200, body = Done)))]
pub async fn split(State(app): State<App>, Caller(caller): Caller, TheIncident(incident): TheIncident, Sent(asked): Sent<Split>) -> Answer {
    fulfil(&app, &caller, &incident, Wish::Split(asked)).await
}

/// One wish for many incidents.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Many {
    /// At most 100; each once.
    pub ids: Vec<u64>,
    #[serde(flatten)]
    pub wish: Wish,
}

/// What became of one of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneOfMany {
    pub id: u64,
    /// Whether it was done, or was so already.
    pub done: bool,
    /// For people.
    pub message: String,
}

/// Does the same to many incidents; says of each what became of it. One that is refused stops no other.
#[utoipa::path(post, path = "/api/v1/incidents/actions", tag = "incidents", operation_id = "act_on_incidents",
    request_body = Many, responses((status = 200, body = ListOf<OneOfMany>)))]
pub async fn many(State(app): State<App>, Caller(caller): Caller, Sent(many): Sent<Many>) -> Result<Json<ListOf<OneOfMany>>, Problem> {
    Ok(Json(ListOf::whole(all(&app, &caller, &many.ids, &many.wish).await?)))
}

/// [`many`], for API and pages.
pub async fn all(app: &App, caller: &Principal, ids: &[u64], wish: &Wish) -> Result<Vec<OneOfMany>, Problem> {
    let mut known = BTreeSet::new();
    let ids: Vec<u64> = ids.iter().copied().filter(|id| known.insert(*id)).collect();
    if ids.is_empty() {
        return Err(Problem::invalid("No incident is named. Nothing was changed.", "Name at least one."));
    }
    if ids.len() > MANY_LIMIT {
        let detail = format!("{} incidents are too many at once. Nothing was changed.", ids.len());
        return Err(Problem::invalid(detail, format!("Name {MANY_LIMIT} at most.")));
    }
    let each = ids.into_iter().map(|id| async move {
        match one(app, caller, id, wish.clone()).await {
            Ok(message) => OneOfMany { id, done: true, message },
            Err(problem) => OneOfMany { id, done: false, message: problem.detail },
        }
    });
    Ok(futures_util::future::join_all(each).await)
}

async fn one(app: &App, caller: &Principal, id: u64, wish: Wish) -> Result<String, Problem> {
    let incident = incident_by(app, caller, Action::Change, IncidentId(id)).await?;
    let operation = meant(app, caller, wish).await?;
    command(app, caller, &incident, operation).await
}
