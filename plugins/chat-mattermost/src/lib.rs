//! Pages people in Mattermost with buttons, and hears what they press.

mod post;
mod press;
mod reference;
mod reply;

use reveille_sdk::prelude::*;
use reveille_sdk::types::{CommandResult, Interaction};
use serde_json::{Value, json};

use crate::press::Press;
use crate::reference::Reference;

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Mattermost server.
    pub server: String,
    /// Name of the secret that holds the bot's access token.
    #[serde(default = "token")]
    pub token_secret: String,
    /// The bot's user id; none: it writes to channels only.
    pub bot: Option<String>,
    /// The address of the integration that hears pressed buttons; none: buttons are links.
    pub url: Option<String>,
    /// Name of the key that buttons are signed with.
    #[serde(default = "signing")]
    pub signing_key: String,
    /// IANA zone for times where the reader's own is not known.
    #[serde(default = "zone")]
    pub time_zone: String,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    #[serde(default = "retry")]
    pub retry_seconds: u32,
}

fn token() -> String {
    "mattermost-token".into()
}

fn signing() -> String {
    "mattermost-signing".into()
}

fn zone() -> String {
    "UTC".into()
}

fn retry() -> u32 {
    30
}

/// The plugin.
#[derive(Debug)]
pub struct ChatMattermost(Settings);

impl ChatMattermost {
    fn call(&self, method: Method, path: &str, body: &Value) -> Request {
        let url = format!("{}/api/v4/{path}", self.0.server.trim_end_matches('/'));
        let body = message::json_without_placeholders(&body.to_string());
        let request = HttpRequest::new(method, url).header("content-type", "application/json");
        Request::Http(request.bearer(&self.0.token_secret).body(body))
    }

    /// The message as a new post; a further page about the same stands in the thread of the first.
    fn post(&self, page: &Page, channel: &str, root: Option<&str>) -> Result<Request> {
        let mut body = post::message(page, &self.0)?;
        body["channel_id"] = json!(channel);
        if let Some(root) = root {
            body["root_id"] = json!(root);
        }
        Ok(self.call(Method::Post, "posts", &body))
    }
}

#[plugin]
impl Notify for ChatMattermost {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if message::address(&settings.server).is_none() {
            return Err(Error::setting("/server", "must be an http or https address"));
        }
        if settings.url.as_deref().is_some_and(|url| message::address(url).is_none()) {
            return Err(Error::setting("/url", "must be an http or https address"));
        }
        if message::Zone::named(&settings.time_zone).is_none() {
            return Err(Error::setting("/time_zone", format!("`{}` is no IANA time zone", settings.time_zone)));
        }
        if !(5..=3600).contains(&settings.retry_seconds) {
            return Err(Error::setting("/retry_seconds", "must be from 5 to 3600"));
        }
        Ok(Self(settings))
    }

    /// News edits the post that it is about. A member is written to in the channel between them and the bot, which is asked for first.
    fn render(&self, page: &Page) -> Result<Request> {
        let previous = page.previous().and_then(Reference::parse);
        match (previous, page.purpose()) {
            (Some(known), Purpose::Update(_)) => {
                let body = post::message(page, &self.0)?;
                Ok(self.call(Method::Put, &format!("posts/{}/patch", known.post), &body))
            }
            (Some(known), _) => self.post(page, &known.channel, Some(&known.root)),
            (None, _) => match page.contact().address.strip_prefix("channel/") {
                Some(channel) => self.post(page, channel, None),
                None => {
                    let bot = self.0.bot.as_deref();
                    let bot = bot.ok_or_else(|| Error::rejected("the setting `bot` is missing: who writes to this member?"))?;
                    Ok(self.call(Method::Post, "channels/direct", &json!([bot, page.contact().address])))
                }
            },
        }
    }

    fn interpret(&self, page: &Page, step: u32, response: &Response) -> Result<Outcome> {
        let Response::Http(response) = response else {
            return Err(Error::internal("the answer to an HTTP request is an HTTP response, not an SMTP reply"));
        };
        let answer = match reply::read(response, self.0.retry_seconds) {
            Ok(answer) => answer,
            Err(outcome) => return Ok(outcome),
        };
        let is_direct = page.previous().and_then(Reference::parse).is_none() && !page.contact().address.starts_with("channel/");
        if is_direct && step == 0 {
            return Ok(match answer.id {
                Some(channel) => Outcome::Proceed(self.post(page, &channel, None)?),
                None => Outcome::Failed("Mattermost opened no channel to this member".into()),
            });
        }
        Ok(Outcome::Accepted(answer.reference().map(|reference| reference.text())))
    }
}

#[plugin]
impl Interact for ChatMattermost {
    fn read(&self, request: &Inbound) -> Result<Interaction> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        Press::read(http.body(), &self.0.signing_key).map(Press::interaction)
    }

    /// Told to the one who pressed; the post itself is edited by the host's news about it.
    fn answer(&self, _request: &Inbound, results: &[CommandResult]) -> Result<Option<Reply>> {
        let stranger = "Nothing was changed: Reveille knows nobody by this Mattermost account. Ask for a contact of the kind mattermost with your user id";
        let words = wording::result::words(results, stranger);
        Ok(Some(Reply::json(200, &json!({ "ephemeral_text": post::escaped(&words) }))))
    }
}
