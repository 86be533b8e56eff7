//! Pages people through an ntfy server: one JSON publish per page, with buttons that answer it.

mod publish;
mod reply;
mod topic;

use reveille_sdk::prelude::*;

use crate::topic::Topic;

/// What a tap on a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Buttons {
    /// Posts at once: one tap acknowledges, on a locked phone too.
    Act,
    /// Opens the page that asks again.
    Show,
}

/// ntfy priorities, 1 (no sound) to 5 (breaks through).
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Priorities {
    /// For a critical incident.
    pub critical: u8,
    /// For an error.
    pub error: u8,
    /// For a warning.
    pub warning: u8,
    /// For information.
    pub info: u8,
    /// For news, reminders and tests.
    pub other: u8,
}

impl Default for Priorities {
    fn default() -> Self {
        Self { critical: 5, error: 4, warning: 3, info: 2, other: 3 }
    }
}

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where topics live that are given by name only.
    pub server: String,
    /// Name of the secret that holds an access token; none: no authorization.
    pub token_secret: Option<String>,
    /// How loud.
    pub priorities: Priorities,
    /// More tags for each message.
    pub tags: Vec<String>,
    /// What a tap on a button does.
    pub buttons: Buttons,
    /// Whether news replaces the notification that it is about (ntfy 2.16 or newer; an older server shows a second one).
    pub replace: bool,
    /// IANA zone for times where the reader's own is not known.
    pub time_zone: String,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    pub retry_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: "https://ntfy.sh".into(),
            token_secret: None,
            priorities: Priorities::default(),
            tags: Vec::new(),
            buttons: Buttons::Act,
            replace: true,
            time_zone: "UTC".into(),
            retry_seconds: 30,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Ntfy(Settings);

#[plugin]
impl Notify for Ntfy {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        check(&settings)?;
        Ok(Self(settings))
    }

    fn render(&self, page: &Page) -> Result<Request> {
        let topic = Topic::of(&page.contact().address, &self.0.server).map_err(Error::rejected)?;
        let mut request = HttpRequest::new(Method::Post, topic.server).header("content-type", "application/json");
        if let Some(secret) = &self.0.token_secret {
            request = request.bearer(secret);
        }
        Ok(Request::Http(request.body(publish::body(&topic.name, page, &self.0))))
    }

    fn interpret(&self, _page: &Page, _step: u32, response: &Response) -> Result<Outcome> {
        match response {
            Response::Http(response) => Ok(reply::outcome(response, self.0.retry_seconds)),
            Response::Mail(_) => Err(Error::internal("the answer to an HTTP request is an HTTP response, not an SMTP reply")),
        }
    }
}

fn check(settings: &Settings) -> Result<()> {
    if message::address(&settings.server).is_none() {
        return Err(Error::setting("/server", "must be an http or https address"));
    }
    if message::Zone::named(&settings.time_zone).is_none() {
        return Err(Error::setting("/time_zone", format!("`{}` is no IANA time zone", settings.time_zone)));
    }
    if !(5..=3600).contains(&settings.retry_seconds) {
        return Err(Error::setting("/retry_seconds", "must be from 5 to 3600"));
    }
    let p = &settings.priorities;
    let named = [("critical", p.critical), ("error", p.error), ("warning", p.warning), ("info", p.info), ("other", p.other)];
    match named.iter().find(|(_, priority)| !(1..=5).contains(priority)) {
        Some((name, _)) => Err(Error::setting(format!("/priorities/{name}"), "must be from 1 to 5")),
        None => Ok(()),
    }
}
