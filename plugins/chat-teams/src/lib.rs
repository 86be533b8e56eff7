//! Pages people in Microsoft Teams: an Adaptive Card by a Workflows webhook, whose buttons are links to the page that answers.

mod card;

use message::line;
use reveille_sdk::prelude::*;
use reveille_sdk::types::HttpResponse;
use wording::answer::{passes, wait};

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// IANA zone for times where the reader's own is not known.
    pub time_zone: String,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    pub retry_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { time_zone: "UTC".into(), retry_seconds: 30 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct ChatTeams(Settings);

#[plugin]
impl Notify for ChatTeams {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if message::Zone::named(&settings.time_zone).is_none() {
            return Err(Error::setting("/time_zone", format!("`{}` is no IANA time zone", settings.time_zone)));
        }
        if !(5..=3600).contains(&settings.retry_seconds) {
            return Err(Error::setting("/retry_seconds", "must be from 5 to 3600"));
        }
        Ok(Self(settings))
    }

    fn render(&self, page: &Page) -> Result<Request> {
        let body = message::json_without_placeholders(&card::message(page, &self.0.time_zone).to_string());
        let request = HttpRequest::new(Method::Post, &page.contact().address).header("content-type", "application/json");
        Ok(Request::Http(request.body(body)))
    }

    fn interpret(&self, _page: &Page, _step: u32, response: &Response) -> Result<Outcome> {
        match response {
            Response::Http(response) => Ok(outcome(response, self.0.retry_seconds)),
            Response::Mail(_) => Err(Error::internal("the answer to an HTTP request is an HTTP response, not an SMTP reply")),
        }
    }
}

/// A workflow answers 202 and says no more: there is nothing to edit by.
fn outcome(response: &HttpResponse, retry_seconds: u32) -> Outcome {
    let said = || {
        let body = line(&String::from_utf8_lossy(&response.body), 200);
        if body.is_empty() { format!("Teams answered {}", response.status) } else { format!("Teams answered {}: {body}", response.status) }
    };
    match response.status {
        200..=299 => Outcome::Accepted(None),
        status if passes(status) => Outcome::RetrySeconds((wait(response).unwrap_or(retry_seconds), said())),
        _ => Outcome::Failed(said()),
    }
}
