//! How people get in: passwords and one-time links, given by an administrator.

use crate::api::shape::instant;
use crate::app::{App, audit_row};
use crate::extract::{Caller, Named, Sent};
use crate::problem::Problem;
use crate::secret::Secret;
use crate::{password, sign_in};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::UserId;
use ports::store::{Credential, CredentialKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// At least 10 characters.
    password: String,
}

/// Sets a user's password and ends their sessions.
#[utoipa::path(post, path = "/api/v1/users/{id}/password", tag = "access", operation_id = "set_password",
    params(("id" = String, Path)), request_body = NewPassword, responses((status = 204)))]
pub async fn set_password(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<String>,
    Sent(new): Sent<NewPassword>,
) -> Result<StatusCode, Problem> {
    let user = known(&app, id)?;
    let hashed = tokio::task::spawn_blocking(move || password::hash(&new.password))
        .await
        .map_err(|_| Problem::internal("Hashing the password was given up."))?;
    let detail = hashed.map_err(|error| Problem::invalid(format!("{error}. Nothing was changed."), "Choose another."))?;
    let now = app.now();
    let credential = Credential {
        id: format!("password/{user}"),
        kind: CredentialKind::Password,
        user: Some(user.clone()),
        integration: None,
        label: String::new(),
        scope: String::new(),
        detail,
        created_at: now,
        expires_at: None,
        last_used_at: None,
    };
    let row = audit_row(now, caller.audit_name(), "user.set-password", format!("user {user}"), String::new());
    app.parts
        .store
        .write(move |tx| {
            for session in tx.credentials(CredentialKind::Session)? {
                if session.user.as_ref() == Some(&user) {
                    tx.delete_credential(&session.id)?;
                }
            }
            tx.put_credential(&credential)?;
            tx.add_audit(&row)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A link that signs its user in, once.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedLink {
    pub url: String,
    pub expires_at: String,
}

/// Makes a link that signs a user in once, within 24 hours.
#[utoipa::path(post, path = "/api/v1/users/{id}/sign-in-link", tag = "access", operation_id = "create_sign_in_link",
    params(("id" = String, Path)), responses((status = 201, body = CreatedLink)))]
pub async fn sign_in_link(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<String>,
) -> Result<(StatusCode, Json<CreatedLink>), Problem> {
    let user = known(&app, id)?;
    let now = app.now();
    let secret = Secret::generate("")?;
    let credential = sign_in::link_credential(&secret, &user, now);
    let expires_at = instant(credential.expires_at.unwrap_or(now));
    let row = audit_row(now, caller.audit_name(), "user.sign-in-link", format!("user {user}"), String::new());
    app.parts
        .store
        .write(move |tx| {
            tx.put_credential(&credential)?;
            tx.add_audit(&row)
        })
        .await?;
    let url = format!("{}/sign-in/{}", app.parts.public_url, secret.reveal());
    Ok((StatusCode::CREATED, Json(CreatedLink { url, expires_at })))
}

fn known(app: &App, id: String) -> Result<UserId, Problem> {
    let user = UserId::from(id);
    if app.parts.live.load().installation.users.contains_key(&user) { Ok(user) } else { Err(Problem::not_found("user")) }
}
