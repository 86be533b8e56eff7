//! What Telegram's answer means: <https://core.telegram.org/bots/api#making-requests>.

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};
use serde::Deserialize;
use wording::answer::{passes, seconds, wait};

use crate::reference::Reference;

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    description: String,
    #[serde(default)]
    result: Option<Sent>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Deserialize)]
struct Sent {
    message_id: i64,
    chat: Chat,
}

#[derive(Deserialize)]
struct Chat {
    id: i64,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    retry_after: Option<u32>,
}

/// 200 with `ok`: sent. An edit that changes nothing is done too. 429 and 5xx: again later. Everything else, such as a person who blocked
/// the bot (403), will not get better.
pub fn outcome(response: &HttpResponse, previous: Option<&str>, retry_seconds: u32) -> Outcome {
    let body: Body = serde_json::from_slice(&response.body).unwrap_or_default();
    let said = format!("Telegram answered {}: {}", response.status, line(&body.description, 200));
    match (response.status, body.ok) {
        (200..=299, true) => {
            let sent = body.result.map(|sent| Reference { chat: sent.chat.id, message: sent.message_id }.text());
            Outcome::Accepted(sent.or_else(|| previous.map(str::to_owned)))
        }
        (400, _) if body.description.contains("message is not modified") => Outcome::Accepted(previous.map(str::to_owned)),
        (status, _) if passes(status) => {
            let told = body.parameters.retry_after.and_then(|given| seconds(given.into())).or_else(|| wait(response));
            Outcome::RetrySeconds((told.unwrap_or(retry_seconds), said))
        }
        _ => Outcome::Failed(said),
    }
}
