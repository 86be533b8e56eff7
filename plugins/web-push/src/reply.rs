//! What a push service's answer means for the page (RFC 8030, sections 5 and 8).

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};

const RETRY_MAX_SECONDS: u32 = 3_600;

/// 2xx: taken. 408, 429 and 5xx: again later. Everything else will not get better; 404 and 410 say that the subscription is over.
pub fn outcome(response: &HttpResponse, retry_seconds: u32) -> Outcome {
    match response.status {
        200..=299 => Outcome::Accepted(None),
        408 | 425 | 429 | 500..=599 => Outcome::RetrySeconds((wait(response).unwrap_or(retry_seconds), reason(response))),
        404 | 410 => Outcome::Failed(format!("the browser's subscription is over ({})", response.status)),
        _ => Outcome::Failed(reason(response)),
    }
}

/// `the push service answered 403: invalid JWT`.
fn reason(response: &HttpResponse) -> String {
    let said = line(&String::from_utf8_lossy(&response.body), 200);
    let status = response.status;
    if said.is_empty() { format!("the push service answered {status}") } else { format!("the push service answered {status}: {said}") }
}

/// `Retry-After` in seconds, within bounds. Its other form, a date, is left to the setting.
fn wait(response: &HttpResponse) -> Option<u32> {
    let (_, value) = response.headers.iter().find(|(name, _)| name == "retry-after")?;
    Some(value.trim().parse::<u32>().ok()?.clamp(1, RETRY_MAX_SECONDS))
}
