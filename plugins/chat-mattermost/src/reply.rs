//! What Mattermost's answer means: <https://developers.mattermost.com/api-documentation/>.

use message::line;
use reveille_sdk::types::{HttpResponse, Outcome};
use serde::Deserialize;
use wording::answer::{passes, wait};

use crate::reference::{Reference, is_id};

/// A post or a channel.
#[derive(Debug, Deserialize)]
pub struct Answer {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    channel_id: Option<String>,
    #[serde(default)]
    root_id: Option<String>,
}

impl Answer {
    /// What the post is called.
    pub fn reference(self) -> Option<Reference> {
        let post = self.id.filter(|id| is_id(id))?;
        let channel = self.channel_id.filter(|id| is_id(id))?;
        Some(Reference { channel, root: self.root_id.filter(|id| is_id(id)).unwrap_or_else(|| post.clone()), post })
    }
}

#[derive(Deserialize)]
struct Problem {
    message: String,
}

/// The answer, or what it means for the page where it is none.
#[allow(clippy::result_large_err, reason = "one answer is read at a time")]
pub fn read(response: &HttpResponse, retry_seconds: u32) -> Result<Answer, Outcome> {
    let said = || match serde_json::from_slice::<Problem>(&response.body) {
        Ok(problem) => format!("Mattermost answered {}: {}", response.status, line(&problem.message, 200)),
        Err(_) => format!("Mattermost answered {}", response.status),
    };
    match response.status {
        // It was taken: whatever it says, sending it again would page twice.
        200..=299 => Ok(serde_json::from_slice(&response.body).unwrap_or(Answer { id: None, channel_id: None, root_id: None })),
        status if passes(status) => Err(Outcome::RetrySeconds((wait(response).unwrap_or(retry_seconds), said()))),
        _ => Err(Outcome::Failed(said())),
    }
}
