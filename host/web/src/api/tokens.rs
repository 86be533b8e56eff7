//! API tokens: shown once, stored as a digest, scoped and expiring.

use crate::api::shape::{ListOf, instant};
use crate::app::{App, audit_row};
use crate::extract::{Caller, Named, Sent};
use crate::principal::{Principal, Scope, Way};
use crate::problem::Problem;
use crate::secret::Secret;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::UserId;
use ports::store::{Credential, CredentialKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest life of a token, in days.
const LONGEST_DAYS: u32 = 400;
/// Most tokens of one user.
const PER_USER: usize = 50;

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenShape {
    /// The digest of its secret: names it, opens nothing.
    pub id: String,
    pub user: Option<String>,
    pub label: String,
    pub scope: String,
    pub created_at: String,
    pub expires_at: Option<String>,
    pub last_used_at: Option<String>,
}

impl TokenShape {
    fn new(credential: &Credential) -> Self {
        Self {
            id: credential.id.clone(),
            user: credential.user.as_ref().map(|user| user.0.clone()),
            label: credential.label.clone(),
            scope: credential.scope.clone(),
            created_at: instant(credential.created_at),
            expires_at: credential.expires_at.map(instant),
            last_used_at: credential.last_used_at.map(instant),
        }
    }
}

/// Lists the caller's tokens; all of them for an administrator.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", operation_id = "list_tokens",
    responses((status = 200, body = ListOf<TokenShape>)))]
pub async fn list(State(app): State<App>, Caller(caller): Caller) -> Result<Json<ListOf<TokenShape>>, Problem> {
    let rows = app.parts.store.view(|view| view.credentials(CredentialKind::ApiToken)).await?;
    Ok(Json(ListOf::whole(rows.iter().filter(|row| is_theirs(&caller, row)).map(TokenShape::new).collect())))
}

fn is_theirs(caller: &Principal, credential: &Credential) -> bool {
    caller.admin || (caller.user.is_some() && caller.user == credential.user)
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    label: String,
    /// `read`, `respond`, `roster` or `admin`; limited to a team as `respond/shop`; several separated by spaces.
    scope: String,
    /// Whom it acts as; the caller unless told, and only administrators may tell.
    user: Option<String>,
    /// 90 unless told, 400 at most.
    expires_in_days: Option<u32>,
}

/// A new token with its secret, which is never shown again.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedToken {
    #[serde(flatten)]
    pub token: TokenShape,
    pub secret: String,
}

/// Makes a token; its secret is in this answer only.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", operation_id = "create_token", request_body = NewToken,
    responses((status = 201, body = CreatedToken)))]
pub async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    Sent(new): Sent<NewToken>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    let user = owner(&app, &caller, new.user.map(UserId::from))?;
    let scope = Scope::parse(&new.scope).filter(|scope| !scope.is_empty()).ok_or_else(|| {
        Problem::invalid(
            "The scope is not understood. No token was made.",
            "Give read, respond, roster, admin, or one of the first three with a team, such as respond/shop.",
        )
    })?;
    if !within(&scope, &caller) {
        return Err(Problem::forbidden("The token would be allowed more than you are. No token was made.", "Ask for a smaller scope."));
    }
    let days = new.expires_in_days.unwrap_or(90);
    if new.label.trim().is_empty() || new.label.len() > 100 || !(1..=LONGEST_DAYS).contains(&days) {
        return Err(Problem::invalid(
            format!("A token has a label of at most 100 bytes and lives 1 to {LONGEST_DAYS} days. No token was made."),
            "Correct these.",
        ));
    }
    let now = app.now();
    let secret = Secret::generate("rvt_")?;
    let credential = Credential {
        id: secret.id(),
        kind: CredentialKind::ApiToken,
        user,
        integration: None,
        label: new.label.trim().to_owned(),
        scope: new.scope.split_whitespace().collect::<Vec<_>>().join(" "),
        detail: String::new(),
        created_at: now,
        expires_at: Some(now.plus_seconds(days * 86_400)),
        last_used_at: None,
    };
    let shape = TokenShape::new(&credential);
    let row = audit_row(
        now,
        caller.audit_name(),
        "token.create",
        format!("token {}", credential.label),
        format!("{} {}", credential.scope, &credential.id[..12]),
    );
    let stored = app
        .parts
        .store
        .write(move |tx| {
            if tx.credentials(CredentialKind::ApiToken)?.iter().filter(|other| other.user == credential.user).count() >= PER_USER {
                return Ok(false);
            }
            tx.put_credential(&credential)?;
            tx.add_audit(&row)?;
            Ok(true)
        })
        .await?;
    if !stored {
        return Err(Problem::conflict(format!("There are already {PER_USER} tokens of this user; withdraw one first.")));
    }
    Ok((StatusCode::CREATED, Json(CreatedToken { token: shape, secret: secret.reveal().to_owned() })))
}

fn owner(app: &App, caller: &Principal, asked: Option<UserId>) -> Result<Option<UserId>, Problem> {
    match asked {
        None => Ok(caller.user.clone()),
        Some(user) if Some(&user) == caller.user.as_ref() => Ok(Some(user)),
        Some(_) if !caller.admin => Err(Problem::forbidden("Only administrators make tokens for others.", "Leave `user` out.")),
        Some(user) if app.parts.live.load().installation.users.contains_key(&user) => Ok(Some(user)),
        Some(_) => Err(Problem::invalid("There is no such user. No token was made.", "Check the name.")),
    }
}

/// Whether a new scope stays within the caller's: a token must not make itself a wider one. People's rights cut theirs at each use anyway.
fn within(asked: &Scope, caller: &Principal) -> bool {
    // Nobody gives themselves the addresses of the others.
    if (asked.admin && !caller.admin) || !caller.roster.cover(&asked.roster) {
        return false;
    }
    match &caller.way {
        Way::Token { scope, .. } => scope.sees.cover(&asked.sees) && scope.changes.cover(&asked.changes),
        Way::Session { .. } | Way::PageLink => true,
    }
}

/// Withdraws a token at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", operation_id = "withdraw_token",
    params(("id" = String, Path)), responses((status = 204)))]
pub async fn withdraw(State(app): State<App>, Caller(caller): Caller, Named(id): Named<String>) -> Result<StatusCode, Problem> {
    let looked_up = id.clone();
    let found = app.parts.store.view(move |view| view.credential(&looked_up)).await?;
    let token = found
        .filter(|found| found.kind == CredentialKind::ApiToken && is_theirs(&caller, found))
        .ok_or_else(|| Problem::not_found("token"))?;
    let row =
        audit_row(app.now(), caller.audit_name(), "token.withdraw", format!("token {}", token.label), token.id.chars().take(12).collect());
    app.parts
        .store
        .write(move |tx| {
            tx.delete_credential(&id)?;
            tx.add_audit(&row)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
