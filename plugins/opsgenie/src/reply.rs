//! What Opsgenie's answer means: <https://docs.opsgenie.com/docs/response>.

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};
use serde::Deserialize;
use wording::answer::{passes, wait};

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    message: String,
}

/// 202: taken, under its alias. 429 and 5xx: again later. 401, 403 and 422 will not get better.
pub fn outcome(response: &HttpResponse, alias: &str, retry_seconds: u32) -> Outcome {
    if (200..=299).contains(&response.status) {
        return Outcome::Accepted(Some(alias.to_owned()));
    }
    let body: Body = serde_json::from_slice(&response.body).unwrap_or_default();
    let said = format!("Opsgenie answered {}: {}", response.status, line(&body.message, 200));
    let said = said.trim_end().trim_end_matches(':').to_owned();
    if passes(response.status) { Outcome::RetrySeconds((wait(response).unwrap_or(retry_seconds), said)) } else { Outcome::Failed(said) }
}
