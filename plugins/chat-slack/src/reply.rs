//! What Slack's answer means for the page. Slack says 200 for most errors; the body says what went wrong.

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};
use serde::Deserialize;

use crate::reference::Reference;

const RETRY_MAX_SECONDS: u32 = 3_600;
/// Errors that pass.
const PASSING: [&str; 6] = ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"];

#[derive(Deserialize)]
struct Body {
    ok: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    ts: Option<String>,
}

pub fn outcome(response: &HttpResponse, retry_seconds: u32) -> Outcome {
    match response.status {
        200..=299 => {}
        408 | 429 | 500..=599 => {
            let seconds = wait(response).unwrap_or(retry_seconds);
            return Outcome::RetrySeconds((seconds, format!("Slack answered {}", response.status)));
        }
        status => return Outcome::Failed(format!("Slack answered {status}")),
    }
    match serde_json::from_slice::<Body>(&response.body) {
        Ok(Body { ok: true, channel, ts, .. }) => {
            let reference = channel.zip(ts).map(|(channel, ts)| Reference { channel, ts }.text());
            Outcome::Accepted(reference)
        }
        Ok(Body { error, .. }) => {
            let error = line(error.as_deref().unwrap_or("no reason"), 100);
            let reason = format!("Slack refused it: {error}");
            if PASSING.contains(&error.as_str()) {
                Outcome::RetrySeconds((wait(response).unwrap_or(retry_seconds), reason))
            } else {
                Outcome::Failed(reason)
            }
        }
        Err(error) => Outcome::Failed(format!("Slack's answer cannot be read: {error}")),
    }
}

/// `Retry-After` in seconds, within bounds.
fn wait(response: &HttpResponse) -> Option<u32> {
    let (_, value) = response.headers.iter().find(|(name, _)| name == "retry-after")?;
    Some(value.trim().parse::<u32>().ok()?.clamp(1, RETRY_MAX_SECONDS))
}
