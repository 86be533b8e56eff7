//! Feeds: shifts as calendars that people subscribe to. The address holds a secret, which opens this one calendar and nothing else.

use crate::api::on_call::known_rotation;
use crate::api::shape::{ListOf, instant};
use crate::app::{App, audit_row};
use crate::calendar_feed::Subject;
use crate::extract::{Caller, Named, Sent};
use crate::principal::{Action, Principal};
use crate::problem::Problem;
use crate::secret::Secret;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::{RotationId, TeamId, UserId};
use ports::store::{Credential, CredentialKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most feeds of one user.
const PER_USER: usize = 50;

/// A feed, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Feed)]
pub struct FeedShape {
    /// The digest of its secret: names it, opens nothing.
    pub id: String,
    /// Who made it; it shows what they may see.
    pub user: Option<String>,
    /// Such as `rotation/primary`.
    pub of: String,
    pub created_at: String,
    pub last_used_at: Option<String>,
}

impl FeedShape {
    fn new(credential: &Credential) -> Self {
        Self {
            id: credential.id.clone(),
            user: credential.user.as_ref().map(|user| user.0.clone()),
            of: credential.scope.clone(),
            created_at: instant(credential.created_at),
            last_used_at: credential.last_used_at.map(instant),
        }
    }
}

/// A new feed with its address, which is never shown again.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedFeed {
    #[serde(flatten)]
    pub feed: FeedShape,
    /// To be given to a calendar program; whoever has it can read the shifts.
    pub url: String,
}

/// Of whom or what: one of the three.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFeed {
    person: Option<String>,
    team: Option<String>,
    rotation: Option<String>,
}

/// Lists the caller's feeds; all of them for an administrator.
#[utoipa::path(get, path = "/api/v1/feeds", tag = "on call", operation_id = "list_feeds",
    responses((status = 200, body = ListOf<FeedShape>)))]
pub async fn list(State(app): State<App>, Caller(caller): Caller) -> Result<Json<ListOf<FeedShape>>, Problem> {
    let rows = app.parts.store.view(|view| view.credentials(CredentialKind::CalendarFeed)).await?;
    Ok(Json(ListOf::whole(rows.iter().filter(|row| is_theirs(&caller, row)).map(FeedShape::new).collect())))
}

fn is_theirs(caller: &Principal, credential: &Credential) -> bool {
    caller.admin || (caller.user.is_some() && caller.user == credential.user)
}

/// What the feed is of, if the caller may see it.
fn subject(app: &App, caller: &Principal, new: NewFeed) -> Result<Subject, Problem> {
    let installation = app.parts.live.load().installation.clone();
    match (new.person, new.team, new.rotation) {
        (Some(person), None, None) => {
            let user = UserId::from(person);
            let known = installation.users.contains_key(&user);
            known
                .then_some(Subject::Person(user))
                .ok_or_else(|| Problem::invalid("There is no such user. No feed was made.", "Check the name."))
        }
        (None, Some(team), None) => {
            let team = TeamId::from(team);
            if !installation.teams.contains_key(&team) {
                return Err(Problem::not_found("team"));
            }
            caller.require(Action::See, &team, "team")?;
            Ok(Subject::Team(team))
        }
        (None, None, Some(rotation)) => Ok(Subject::Rotation(known_rotation(app, caller, &RotationId::from(rotation), Action::See)?.id)),
        _ => {
            Err(Problem::invalid("A feed is of one thing. No feed was made.", "Give `person`, `team` or `rotation`, and only one of them."))
        }
    }
}

/// Makes a feed; its address is in this answer only.
#[utoipa::path(post, path = "/api/v1/feeds", tag = "on call", operation_id = "create_feed", request_body = NewFeed,
    responses((status = 201, body = CreatedFeed)))]
pub async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    Sent(new): Sent<NewFeed>,
) -> Result<(StatusCode, Json<CreatedFeed>), Problem> {
    let subject = subject(&app, &caller, new)?;
    let now = app.now();
    let secret = Secret::generate("rvf_")?;
    let credential = Credential {
        id: secret.id(),
        kind: CredentialKind::CalendarFeed,
        user: caller.user.clone(),
        integration: None,
        label: "calendar feed".to_owned(),
        scope: subject.to_string(),
        detail: String::new(),
        created_at: now,
        expires_at: None,
        last_used_at: None,
    };
    let feed = FeedShape::new(&credential);
    let url = format!("{}/ical/{}/{}.ics", app.parts.public_url.trim_end_matches('/'), secret.reveal(), subject.word());
    let row = audit_row(now, caller.audit_name(), "feed.create", subject.to_string(), credential.id[..12].to_owned());
    let stored = app
        .parts
        .store
        .write(move |tx| {
            if tx.credentials(CredentialKind::CalendarFeed)?.iter().filter(|other| other.user == credential.user).count() >= PER_USER {
                return Ok(false);
            }
            tx.put_credential(&credential)?;
            tx.add_audit(&row)?;
            Ok(true)
        })
        .await?;
    if !stored {
        return Err(Problem::conflict(format!("There are already {PER_USER} feeds of this user; withdraw one first.")));
    }
    Ok((StatusCode::CREATED, Json(CreatedFeed { feed, url })))
}

/// Withdraws a feed at once: its address opens nothing any more.
#[utoipa::path(delete, path = "/api/v1/feeds/{id}", tag = "on call", operation_id = "withdraw_feed",
    params(("id" = String, Path)), responses((status = 204)))]
pub async fn withdraw(State(app): State<App>, Caller(caller): Caller, Named(id): Named<String>) -> Result<StatusCode, Problem> {
    let looked_up = id.clone();
    let found = app.parts.store.view(move |view| view.credential(&looked_up)).await?;
    let feed = found
        .filter(|found| found.kind == CredentialKind::CalendarFeed && is_theirs(&caller, found))
        .ok_or_else(|| Problem::not_found("feed"))?;
    let row = audit_row(app.now(), caller.audit_name(), "feed.withdraw", feed.scope.clone(), feed.id.chars().take(12).collect());
    app.parts
        .store
        .write(move |tx| {
            tx.delete_credential(&id)?;
            tx.add_audit(&row)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
