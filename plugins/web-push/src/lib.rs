//! Wakes the browsers that people subscribed: the words and how urgent they are. The host seals and signs them.

mod notification;
mod reply;

use reveille_sdk::prelude::*;

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long a push service keeps a message for a browser that it cannot reach, in seconds (60 to 86,400).
    pub keep_seconds: u32,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    pub retry_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keep_seconds: 3_600, retry_seconds: 30 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct WebPush(Settings);

#[plugin]
impl Notify for WebPush {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if !(60..=86_400).contains(&settings.keep_seconds) {
            return Err(Error::setting("/keep_seconds", "must be from 60 to 86400"));
        }
        if !(5..=3600).contains(&settings.retry_seconds) {
            return Err(Error::setting("/retry_seconds", "must be from 5 to 3600"));
        }
        Ok(Self(settings))
    }

    fn render(&self, page: &Page) -> Result<Request> {
        let address = &page.contact().address;
        if !address.starts_with("https://") {
            return Err(Error::rejected("a browser's address at its push service begins with https://"));
        }
        let mut request = HttpRequest::new(Method::Post, address.clone())
            .header("content-type", "application/json")
            .header("ttl", self.0.keep_seconds.to_string())
            .header("urgency", notification::urgency(page));
        if let Some(topic) = notification::topic(page) {
            request = request.header("topic", topic);
        }
        Ok(Request::Http(request.body(notification::body(page))))
    }

    fn interpret(&self, _page: &Page, _step: u32, response: &Response) -> Result<Outcome> {
        match response {
            Response::Http(response) => Ok(reply::outcome(response, self.0.retry_seconds)),
            Response::Mail(_) => Err(Error::internal("the answer to an HTTP request is an HTTP response, not an SMTP reply")),
        }
    }
}
