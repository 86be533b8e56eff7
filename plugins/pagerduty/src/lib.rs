//! Forwards incidents to PagerDuty: triggers, acknowledges and resolves them there, for teams that move over in steps.

mod event;
mod reply;

use reveille_sdk::prelude::*;

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the Events API is.
    pub api: String,
    /// How this installation is called there.
    pub source: String,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    pub retry_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { api: "https://events.pagerduty.com".into(), source: "reveille".into(), retry_seconds: 30 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct PagerDuty(Settings);

impl PagerDuty {
    /// The event about the incident at this place of the page; none: there are no more.
    fn event(&self, page: &Page, place: usize) -> Option<Request> {
        let body = event::of(page, place, &self.0.source)?;
        let url = format!("{}/v2/enqueue", self.0.api.trim_end_matches('/'));
        Some(Request::Http(HttpRequest::new(Method::Post, url).header("content-type", "application/json").body(body)))
    }
}

#[plugin]
impl Notify for PagerDuty {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if message::address(&settings.api).is_none() {
            return Err(Error::setting("/api", "must be an http or https address"));
        }
        if settings.source.is_empty() || settings.source.len() > 100 {
            return Err(Error::setting("/source", "must have from 1 to 100 bytes"));
        }
        if !(5..=3600).contains(&settings.retry_seconds) {
            return Err(Error::setting("/retry_seconds", "must be from 5 to 3600"));
        }
        Ok(Self(settings))
    }

    fn render(&self, page: &Page) -> Result<Request> {
        self.event(page, 0).ok_or_else(|| Error::rejected("there is no incident to forward"))
    }

    /// A bundled page is several events: one call for each.
    fn interpret(&self, page: &Page, step: u32, response: &Response) -> Result<Outcome> {
        let Response::Http(response) = response else {
            return Err(Error::internal("the answer to an HTTP request is an HTTP response, not an SMTP reply"));
        };
        let outcome = reply::outcome(response, self.0.retry_seconds);
        match (&outcome, self.event(page, step as usize + 1)) {
            (Outcome::Accepted(_), Some(next)) if step < event::FURTHER_MAX => Ok(Outcome::Proceed(next)),
            _ => Ok(outcome),
        }
    }
}
