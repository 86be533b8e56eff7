//! The one error that people and programs see: what happened and what to do, as RFC 9457 says.

use crate::parts::{CommandFailure, ConfigProblem, ConfigureError};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ports::{JournalError, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

/// An error as `application/problem+json`; pages show the same words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is; stable, for programs.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// In a few words.
    pub title: &'static str,
    /// What happened, and what was kept.
    pub detail: String,
    /// What to do.
    pub remedy: String,
    /// For a configuration: each problem with its file and line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ConfigProblem>,
    /// Seconds to wait before the next try; also as `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            status: status.as_u16(),
            title,
            detail: detail.into(),
            remedy: remedy.into(),
            problems: Vec::new(),
            retry_after_seconds: None,
        }
    }

    /// 400: the request makes no sense.
    pub fn bad_request(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "urn:reveille:problem:bad-request", "The request cannot be read", detail, remedy)
    }

    /// 401: nobody, or somebody whose token or session does not work.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "urn:reveille:problem:sign-in-needed",
            "Sign in first",
            detail,
            "Sign in, or send a valid API token as `Authorization: Bearer …`.",
        )
    }

    /// 403: known, but not allowed.
    pub fn forbidden(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "urn:reveille:problem:not-allowed", "Not allowed", detail, remedy)
    }

    /// 404, also for what another team owns: its existence is no one else's business.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "urn:reveille:problem:not-found",
            "Not found",
            match what {
                // What belongs to a team may be there and not be shown.
                "incident" | "dead letter" | "override" | "rotation" | "team" => {
                    format!("There is no such {what}, or it belongs to a team that you are not a member of.")
                }
                _ => format!("There is no such {what}."),
            },
            "Check its name or address.",
        )
    }

    /// 404 for a link of a message that was cut, changed or made up.
    pub fn not_a_link() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "urn:reveille:problem:not-found",
            "This link does not work",
            "It is not a whole link of a page: a part may have been lost when it was copied. Nothing was changed.",
            "Open the link in the message itself, or sign in to see the incident.",
        )
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "urn:reveille:problem:method-not-allowed",
            "This address does not do that",
            "The address exists, but not for this method. Nothing was changed.",
            "See /api/v1/openapi.json for what each address does.",
        )
    }

    /// 409: it was refused as things stand; nothing changed.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "urn:reveille:problem:refused",
            "That cannot be done now",
            detail,
            "Nothing was changed. Look at how it stands now.",
        )
    }

    /// 410: a link that worked once.
    pub fn gone(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "urn:reveille:problem:expired", "This link no longer works", detail, remedy)
    }

    /// 413.
    pub fn too_large(limit_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "urn:reveille:problem:too-large",
            "The request is too large",
            format!("At most {limit_bytes} bytes are taken here. Nothing was changed."),
            "Send less.",
        )
    }

    /// 422: readable, but wrong.
    pub fn invalid(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "urn:reveille:problem:invalid", "That is not valid", detail, remedy)
    }

    /// 429: too many tries.
    pub fn too_many(wait_seconds: u32) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "urn:reveille:problem:too-many-tries",
            "Too many tries",
            "Signing in was tried too often in a short time.",
            format!("Wait {wait_seconds} seconds, then try again. An administrator can make you a sign-in link."),
        );
        problem.retry_after_seconds = Some(wait_seconds);
        problem
    }

    /// 503: try again.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "urn:reveille:problem:unavailable",
            "Not at the moment",
            detail,
            "Try again in a few seconds; /readyz says what is wrong. Alerts that were accepted before are kept.",
        );
        problem.retry_after_seconds = Some(5);
        problem
    }

    /// 500: our own mistake.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "urn:reveille:problem:internal",
            "Something went wrong here",
            detail,
            "Try again; if it stays, look at the server's log.",
        )
    }

    /// Its status as a type.
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status_code(), Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // Pages take the words from here and dress them.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store did not answer a person's request");
        match error {
            StoreError::Unavailable { .. } => Self::unavailable("The store does not answer. Nothing was changed."),
            StoreError::Corrupt { .. } => Self::internal("A stored row cannot be read. Nothing was changed."),
            StoreError::Abandoned(_) => Self::internal("The store gave the change up. Nothing was changed."),
        }
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        Self::unavailable(format!("The journal cannot be read: {error}."))
    }
}

impl From<CommandFailure> for Problem {
    fn from(failure: CommandFailure) -> Self {
        tracing::warn!(%failure, "a command has no outcome");
        match failure {
            CommandFailure::NotStored(_) => Self::unavailable(format!("Nothing was done: {failure}.")),
            CommandFailure::Slow => Self::unavailable(format!("Not done yet: {failure}.")),
        }
    }
}

impl From<getrandom::Error> for Problem {
    fn from(error: getrandom::Error) -> Self {
        tracing::error!(%error, "no random numbers");
        Self::internal("The operating system gives no random numbers. Nothing was changed.")
    }
}

impl From<ConfigureError> for Problem {
    fn from(error: ConfigureError) -> Self {
        match error {
            ConfigureError::Problems(problems) => {
                let mut problem = Self::invalid(
                    format!("The configuration has {} problem(s). The one in force stays.", problems.len()),
                    "Correct the named lines and send it again.",
                );
                problem.kind = "urn:reveille:problem:configuration";
                problem.problems = problems;
                problem
            }
            ConfigureError::Refused { step, reason, examples } => {
                let mut problem = Self::invalid(
                    format!("The plugin was refused at the step `{step}`: {reason}. The version in force stays."),
                    if step == "trial" { "Correct it, or send it with `force`." } else { "Correct the plugin and send it again." },
                );
                problem.kind = "urn:reveille:problem:plugin";
                problem.problems = examples.into_iter().map(|message| ConfigProblem { file: None, line: None, message }).collect();
                problem
            }
            ConfigureError::Unknown(what) => {
                let mut problem = Self::not_found("version");
                problem.detail = what;
                problem
            }
            ConfigureError::Conflict { .. } => {
                Self::conflict(format!("Somebody applied another configuration meanwhile: {error}. The one in force stays."))
            }
            ConfigureError::Unavailable(why) => Self::unavailable(format!("The configuration in force stays: {why}.")),
        }
    }
}
