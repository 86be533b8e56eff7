//! What the gateway's answer means: <https://www.twilio.com/docs/usage/twilios-response> and <https://www.twilio.com/docs/api/errors>.

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};
use serde::Deserialize;
use wording::answer::{passes, wait};

#[derive(Deserialize)]
struct Created {
    sid: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error_code: Option<u32>,
    #[serde(default)]
    error_message: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    code: u32,
    message: String,
}

/// 2xx: taken, under its SID. 429 and 5xx: again later. Everything else, such as a number that cannot be (21211), will not get better.
pub fn of(response: &HttpResponse, retry_seconds: u32) -> Outcome {
    match response.status {
        200..=299 => created(&response.body),
        status if passes(status) => Outcome::RetrySeconds((wait(response).unwrap_or(retry_seconds), refusal(response))),
        _ => Outcome::Failed(refusal(response)),
    }
}

fn created(body: &[u8]) -> Outcome {
    match serde_json::from_slice::<Created>(body) {
        Ok(Created { status: Some(status), error_code, error_message, .. })
            if matches!(status.as_str(), "failed" | "undelivered" | "canceled") =>
        {
            let why = error_message.map(|text| format!(": {}", line(&text, 200))).unwrap_or_default();
            Outcome::Failed(format!("the gateway says {}{why}{}", status, error_code.map(|code| format!(" ({code})")).unwrap_or_default()))
        }
        Ok(created) => Outcome::Accepted(Some(created.sid).filter(|sid| (1..=64).contains(&sid.len()))),
        // It was taken: sending it again would ring twice.
        Err(_) => Outcome::Accepted(None),
    }
}

/// `the gateway answered 400: The 'To' number +39 is not valid (21211)`.
fn refusal(response: &HttpResponse) -> String {
    match serde_json::from_slice::<Refused>(&response.body) {
        Ok(Refused { code, message }) => format!("the gateway answered {}: {} ({code})", response.status, line(&message, 200)),
        Err(_) => format!("the gateway answered {}", response.status),
    }
}
