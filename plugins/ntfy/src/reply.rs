//! What the ntfy server's answer means for the page.

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};
use serde_json::Value;

const RETRY_MAX_SECONDS: u32 = 3_600;

/// 2xx: taken, with the message's id. 408, 429 and 5xx: again later. Everything else will not get better.
pub fn outcome(response: &HttpResponse, retry_seconds: u32) -> Outcome {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    match response.status {
        200..=299 => Outcome::Accepted(body["id"].as_str().filter(|id| !id.is_empty() && id.len() <= 64).map(str::to_owned)),
        408 | 425 | 429 | 500..=599 => Outcome::RetrySeconds((wait(response).unwrap_or(retry_seconds), reason(response.status, &body))),
        _ => Outcome::Failed(reason(response.status, &body)),
    }
}

/// `429: limit reached: too many requests (42901)`.
fn reason(status: u16, body: &Value) -> String {
    let text = body["error"].as_str().map(|text| line(text, 200)).unwrap_or_default();
    match (text.is_empty(), body["code"].as_u64()) {
        (true, _) => format!("the ntfy server answered {status}"),
        (false, Some(code)) => format!("the ntfy server answered {status}: {text} ({code})"),
        (false, None) => format!("the ntfy server answered {status}: {text}"),
    }
}

/// `Retry-After` in seconds, within bounds. Its other form, a date, is left to the setting.
fn wait(response: &HttpResponse) -> Option<u32> {
    let (_, value) = response.headers.iter().find(|(name, _)| name == "retry-after")?;
    Some(value.trim().parse::<u32>().ok()?.clamp(1, RETRY_MAX_SECONDS))
}
