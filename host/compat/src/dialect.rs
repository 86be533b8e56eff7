//! How each sender expects to be answered.

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, StatusCode};
use domain::inbound::Reply;
use oncall::Heard;
use pipeline::Answer;
use serde_json::json;

/// Whose words to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The REST endpoint of VictorOps: `result` and `message`.
    VictorOps,
    /// Alertmanager's API v2: 200 without a body; errors are a JSON string. It never retries a 4xx.
    Alertmanager,
    /// `/in/{key}`: RFC 9457 problems.
    Plain,
}

/// Why a request did not come as far as the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    WrongKey,
    Method,
    /// A content encoding that is not taken, by name.
    Encoding(String),
    /// It cannot be unpacked, or grows beyond measure; it is listed.
    Unpackable(String),
    /// There is no room for more bytes.
    NoRoom(Answer),
    /// The body came too slowly or broke off: like an overload, it is worth another try.
    Unread(String),
    /// Larger than so many bytes.
    TooLarge(usize),
    /// Keys cannot be looked up at the moment.
    Unavailable(String),
}

impl Dialect {
    /// The answer to what the engine says. The integration's normalizer has the first word.
    pub fn answer(self, answer: Answer) -> Response<Body> {
        match answer {
            Answer::Accepted { reply: Some(reply), .. } | Answer::Refused { reply: Some(reply), .. } => of_plugin(reply),
            Answer::Accepted { .. } => self.taken(),
            Answer::Parked { .. } => self.parked(),
            Answer::Refused { reason, .. } => self.refuse(StatusCode::BAD_REQUEST, &reason),
            Answer::TooLarge { limit_bytes } => {
                closing(self.refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is larger than {limit_bytes} bytes")))
            }
            Answer::Overloaded { retry_after_seconds, reason } => self.overloaded(retry_after_seconds, &reason),
        }
    }

    /// The answer to somebody who answered. The integration's plugin has the first word.
    pub fn heard(self, heard: Heard) -> Response<Body> {
        match heard {
            Heard::Answered(Some(reply)) => of_plugin(reply),
            Heard::Answered(None) => empty(StatusCode::OK),
            Heard::Refused(reason) => self.refuse(StatusCode::BAD_REQUEST, &reason),
            Heard::Failed(reason) => self.refuse(StatusCode::UNPROCESSABLE_ENTITY, &reason),
            Heard::Busy(reason) => self.overloaded(1, &reason),
        }
    }

    /// The answer to a request that did not come as far as the engine.
    pub fn fault(self, fault: &Fault) -> Response<Body> {
        match fault {
            Fault::WrongKey => self.refuse(StatusCode::FORBIDDEN, "there is no integration with this key"),
            Fault::Method => self.refuse(StatusCode::METHOD_NOT_ALLOWED, "this method is not taken here"),
            Fault::Encoding(name) => {
                let reason = format!("bodies with content encoding {name} are not taken: send it plain, as gzip or as deflate");
                closing(self.refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, &reason))
            }
            Fault::Unpackable(reason) => closing(self.refuse(StatusCode::BAD_REQUEST, reason)),
            Fault::NoRoom(answer) => self.unread(answer.clone()),
            Fault::TooLarge(limit_bytes) => {
                closing(self.refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is larger than {limit_bytes} bytes")))
            }
            Fault::Unread(reason) => closing(self.overloaded(1, reason)),
            Fault::Unavailable(reason) => self.overloaded(5, reason),
        }
    }

    /// The answer to a body that was not read.
    pub fn unread(self, answer: Answer) -> Response<Body> {
        closing(self.answer(answer))
    }

    fn taken(self) -> Response<Body> {
        match self {
            Self::VictorOps => json_body(StatusCode::OK, &json!({ "result": "success" })),
            Self::Alertmanager => empty(StatusCode::OK),
            Self::Plain => empty(StatusCode::ACCEPTED),
        }
    }

    fn parked(self) -> Response<Body> {
        match self {
            Self::VictorOps => json_body(StatusCode::ACCEPTED, &json!({ "result": "success" })),
            Self::Alertmanager | Self::Plain => empty(StatusCode::ACCEPTED),
        }
    }

    /// Always 503 with `Retry-After`: a 4xx, 429 too, would be final for some senders.
    fn overloaded(self, retry_after_seconds: u32, reason: &str) -> Response<Body> {
        let mut response = self.refuse(StatusCode::SERVICE_UNAVAILABLE, reason);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds));
        response
    }

    fn refuse(self, status: StatusCode, reason: &str) -> Response<Body> {
        match self {
            Self::VictorOps => json_body(status, &json!({ "result": "failure", "message": reason })),
            Self::Alertmanager => json_body(status, &json!(reason)),
            Self::Plain => {
                let title = status.canonical_reason().unwrap_or("Error");
                let problem = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": reason });
                let mut response = json_body(status, &problem);
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
                response
            }
        }
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn json_body(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The rest of the body is not read, so the connection cannot be used again.
fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A plugin's own answer. It is served from the pages' origin, so no browser may take it for a page.
fn of_plugin(reply: Reply) -> Response<Body> {
    let status = StatusCode::from_u16(reply.status).ok().filter(|status| (200..500).contains(&status.as_u16()));
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = status.unwrap_or(StatusCode::ACCEPTED);
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&reply.content_type)
        && !reply.content_type.is_empty()
    {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    response
}
