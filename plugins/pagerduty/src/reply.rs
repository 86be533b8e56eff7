//! What PagerDuty's answer means: <https://developer.pagerduty.com/docs/send-alert-event#response-codes--retry-logic>.

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};
use serde::Deserialize;
use wording::answer::{passes, wait};

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    dedup_key: Option<String>,
}

/// 202: taken. 429 and 5xx: again later. 400: the event or its key is wrong.
pub fn outcome(response: &HttpResponse, retry_seconds: u32) -> Outcome {
    let body: Body = serde_json::from_slice(&response.body).unwrap_or_default();
    if (200..=299).contains(&response.status) {
        return Outcome::Accepted(body.dedup_key.filter(|key| (1..=255).contains(&key.len())));
    }
    let errors = line(&body.errors.join("; "), 200);
    let said = format!("PagerDuty answered {}: {} {errors}", response.status, line(&body.message, 100));
    let said = said.trim_end().trim_end_matches(':').to_owned();
    if passes(response.status) { Outcome::RetrySeconds((wait(response).unwrap_or(retry_seconds), said)) } else { Outcome::Failed(said) }
}
