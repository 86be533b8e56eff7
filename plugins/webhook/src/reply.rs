//! What the receiver's answer means for the page.

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};
use serde_json::Value;

const RETRY_MAX_SECONDS: u32 = 3_600;
const REFERENCE_MAX_BYTES: usize = 256;

/// 2xx: taken. 408, 429 and 5xx: again later. Everything else will not get better.
pub fn outcome(response: &HttpResponse, retry_seconds: u32) -> Outcome {
    match response.status {
        200..=299 => Outcome::Accepted(reference(&response.body)),
        408 | 429 | 500..=599 => Outcome::RetrySeconds((wait(response).unwrap_or(retry_seconds), reason(response))),
        _ => Outcome::Failed(reason(response)),
    }
}

/// What the receiver calls it, where it says: the next page about the same gives it back as `previous`.
fn reference(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let reference = body.get("reference")?.as_str()?;
    (1..=REFERENCE_MAX_BYTES).contains(&reference.len()).then(|| reference.to_owned())
}

fn reason(response: &HttpResponse) -> String {
    let body = line(&String::from_utf8_lossy(&response.body), 200);
    if body.is_empty() {
        format!("the receiver answered {}", response.status)
    } else {
        format!("the receiver answered {}: {body}", response.status)
    }
}

/// `Retry-After` in seconds, within bounds. Its other form, a date, is left to the setting.
fn wait(response: &HttpResponse) -> Option<u32> {
    let (_, value) = response.headers.iter().find(|(name, _)| name == "retry-after")?;
    Some(value.trim().parse::<u32>().ok()?.clamp(1, RETRY_MAX_SECONDS))
}
