//! What Discord's answer means: <https://discord.com/developers/docs/topics/opcodes-and-status-codes> and
//! <https://discord.com/developers/docs/topics/rate-limits>.

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};
use serde::Deserialize;
use wording::answer::{passes, seconds, wait};

use crate::reference::{Reference, is_id};

/// A message or a channel.
#[derive(Debug, Default, Deserialize)]
pub struct Answer {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    channel_id: Option<String>,
}

impl Answer {
    /// What the message is called.
    pub fn reference(self) -> Option<Reference> {
        Some(Reference { message: self.id.filter(|id| is_id(id))?, channel: self.channel_id.filter(|id| is_id(id))? })
    }
}

#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    retry_after: Option<f64>,
}

/// The answer, or what it means for the page where it is none.
#[allow(clippy::result_large_err, reason = "one answer is read at a time")]
pub fn read(response: &HttpResponse, retry_seconds: u32) -> Result<Answer, Outcome> {
    if (200..=299).contains(&response.status) {
        // It was taken: whatever it says, sending it again would page twice.
        return Ok(serde_json::from_slice(&response.body).unwrap_or_default());
    }
    let problem: Problem = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = problem.code.map(|code| format!(" ({code})")).unwrap_or_default();
    let said = format!("Discord answered {}: {}{code}", response.status, line(&problem.message, 200));
    Err(if passes(response.status) {
        let told = problem.retry_after.and_then(seconds).or_else(|| wait(response));
        Outcome::RetrySeconds((told.unwrap_or(retry_seconds), said))
    } else {
        Outcome::Failed(said)
    })
}
