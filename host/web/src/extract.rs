//! What handlers take out of a request: each fails as a problem that says what to do.

use crate::principal::Principal;
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use domain::id::TeamId;
use domain::incident::Incident;
use domain::installation::Installation;
use ports::store::DeadLetter;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Who asks, as the guard found out.
pub struct Caller(pub Arc<Principal>);

/// The incident that the guard admitted them to.
pub struct TheIncident(pub Arc<Incident>);

/// The dead letter that the guard admitted them to.
pub struct TheLetter(pub Arc<DeadLetter>);

/// The page link they came by.
#[derive(Debug, Clone)]
pub struct ByLink {
    /// As in the address.
    pub token: String,
    /// The message about several incidents that it stood in.
    pub message: Option<u64>,
}

fn from_guard<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, Problem> {
    // A handler that asks for what its permission does not give is our mistake, and must not pass.
    parts.extensions.get::<T>().cloned().ok_or_else(|| Problem::internal("The route's permission does not fit its handler."))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        from_guard(parts).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TheIncident {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        from_guard(parts).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TheLetter {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        from_guard(parts).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ByLink {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        from_guard(parts)
    }
}

/// The query of the address.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::from_request_parts(parts, state).await.map_err(|rejection| {
            Problem::bad_request(format!("The address's query cannot be read: {}.", rejection.body_text()), "See /api/v1/openapi.json.")
        })?;
        Ok(Self(value))
    }
}

/// The named parts of the address; what cannot be one does not exist.
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(value) = Path::from_request_parts(parts, state).await.map_err(|_| Problem::not_found("such thing"))?;
        Ok(Self(value))
    }
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(failed) if failed.status() == 413 => Problem::too_large(crate::app::BODY_LIMIT_BYTES),
        other => Problem::bad_request(format!("The body did not arrive: {}.", other.body_text()), "Send it again."),
    })
}

/// A JSON body.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = bytes(request, state).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            Problem::bad_request(format!("The body is not the JSON that is wanted here: {error}."), "See /api/v1/openapi.json.")
        })
    }
}

/// A JSON body, or none at all.
pub struct SentOrNothing<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for SentOrNothing<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = bytes(request, state).await?;
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(None));
        }
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            Problem::bad_request(format!("The body is not the JSON that is wanted here: {error}."), "See /api/v1/openapi.json.")
        })
    }
}

/// A form.
pub struct Filled<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Filled<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = bytes(request, state).await?;
        serde_urlencoded::from_bytes(&body)
            .map(Self)
            .map_err(|error| Problem::bad_request(format!("The form cannot be read: {error}."), "Open the page again and repeat it there."))
    }
}

/// The team whose dead letter it is; empty (the host's own, for administrators) when its integration is gone.
pub fn team_of(letter: &DeadLetter, installation: &Installation) -> TeamId {
    letter.integration.as_ref().and_then(|id| installation.integrations.get(id)).map(|i| i.team.clone()).unwrap_or_default()
}
