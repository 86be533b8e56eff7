//! Integrations and their keys. Two keys may be valid at once, so that a key can be changed without a gap.

use crate::api::shape::{ListOf, instant};
use crate::app::{App, audit_row};
use crate::extract::{Caller, Named};
use crate::principal::Action;
use crate::problem::Problem;
use crate::secret::Secret;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::IntegrationId;
use ports::store::{Credential, CredentialKind};
use serde::Serialize;
use utoipa::ToSchema;

/// Keys valid at once.
const KEYS: usize = 2;

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IntegrationKey)]
pub struct KeyShape {
    /// The digest of its secret: names it, opens nothing.
    pub id: String,
    pub created_at: String,
    pub last_used_at: Option<String>,
}

impl KeyShape {
    fn new(key: &Credential) -> Self {
        Self { id: key.id.clone(), created_at: instant(key.created_at), last_used_at: key.last_used_at.map(instant) }
    }
}

/// A configured sender.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Integration)]
pub struct IntegrationShape {
    pub id: String,
    pub team: String,
    /// The plugin that reads its posts.
    pub normalizer: String,
    pub pipeline: String,
    pub body_limit_bytes: usize,
    pub keys: Vec<KeyShape>,
}

/// Lists the integrations of the caller's teams.
#[utoipa::path(get, path = "/api/v1/integrations", tag = "integrations", operation_id = "list_integrations",
    responses((status = 200, body = ListOf<IntegrationShape>)))]
pub async fn list(State(app): State<App>, Caller(caller): Caller) -> Result<Json<ListOf<IntegrationShape>>, Problem> {
    let keys = app.parts.store.view(|view| view.credentials(CredentialKind::IntegrationKey)).await?;
    let installation = app.parts.live.load().installation.clone();
    let shape = |integration: &domain::installation::Integration| IntegrationShape {
        id: integration.id.0.clone(),
        team: integration.team.0.clone(),
        normalizer: integration.door.used().plugin.clone(),
        pipeline: integration.pipeline.0.clone(),
        body_limit_bytes: integration.body_limit_bytes,
        keys: keys.iter().filter(|key| key.integration.as_ref() == Some(&integration.id)).map(KeyShape::new).collect(),
    };
    let seen = installation.integrations.values().filter(|integration| caller.may(Action::See, &integration.team));
    Ok(Json(ListOf::whole(seen.map(shape).collect())))
}

/// A new key with its secret, which is never shown again.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedKey {
    #[serde(flatten)]
    pub key: KeyShape,
    pub secret: String,
    /// Where to post.
    pub url: String,
}

/// Makes another key for an integration; its secret is in this answer only.
#[utoipa::path(post, path = "/api/v1/integrations/{id}/keys", tag = "integrations", operation_id = "add_integration_key",
    params(("id" = String, Path)), responses((status = 201, body = CreatedKey)))]
pub async fn add_key(
    State(app): State<App>,
    Caller(caller): Caller,
    Named(id): Named<String>,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    let integration = IntegrationId::from(id);
    if !app.parts.live.load().installation.integrations.contains_key(&integration) {
        return Err(Problem::not_found("integration"));
    }
    let now = app.now();
    let secret = Secret::generate("rvi_")?;
    let key = Credential {
        id: secret.id(),
        kind: CredentialKind::IntegrationKey,
        user: None,
        integration: Some(integration.clone()),
        label: integration.0.clone(),
        scope: String::new(),
        detail: String::new(),
        created_at: now,
        expires_at: None,
        last_used_at: None,
    };
    let shape = KeyShape::new(&key);
    let row = audit_row(now, caller.audit_name(), "integration.add-key", format!("integration {integration}"), key.id[..12].to_owned());
    let stored = app
        .parts
        .store
        .write(move |tx| {
            let have = tx.credentials(CredentialKind::IntegrationKey)?;
            if have.iter().filter(|other| other.integration.as_ref() == Some(&integration)).count() >= KEYS {
                return Ok(false);
            }
            tx.put_credential(&key)?;
            tx.add_audit(&row)?;
            Ok(true)
        })
        .await?;
    if !stored {
        return Err(Problem::conflict(format!("The integration already has {KEYS} keys; withdraw the old one first.")));
    }
    let url = format!("{}/in/{}", app.parts.public_url, secret.reveal());
    Ok((StatusCode::CREATED, Json(CreatedKey { key: shape, secret: secret.reveal().to_owned(), url })))
}

/// Withdraws a key at once: posts with it are refused.
#[utoipa::path(delete, path = "/api/v1/integrations/{id}/keys/{key}", tag = "integrations", operation_id = "withdraw_integration_key",
    params(("id" = String, Path), ("key" = String, Path, description = "The key's id")), responses((status = 204)))]
pub async fn withdraw_key(
    State(app): State<App>,
    Caller(caller): Caller,
    Named((id, key)): Named<(String, String)>,
) -> Result<StatusCode, Problem> {
    let integration = IntegrationId::from(id);
    let row = audit_row(
        app.now(),
        caller.audit_name(),
        "integration.withdraw-key",
        format!("integration {integration}"),
        key.chars().take(12).collect(),
    );
    let found = app
        .parts
        .store
        .write(move |tx| {
            let is_its = tx
                .credential(&key)?
                .is_some_and(|found| found.kind == CredentialKind::IntegrationKey && found.integration.as_ref() == Some(&integration));
            if is_its {
                tx.delete_credential(&key)?;
                tx.add_audit(&row)?;
            }
            Ok(is_its)
        })
        .await?;
    if found { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("key")) }
}
