//! Pages people in Discord with buttons, and hears what they press.

mod embed;
mod press;
mod reference;
mod reply;

use reveille_sdk::prelude::*;
use reveille_sdk::types::{CommandResult, Interaction};
use serde_json::{Value, json};

use crate::press::Came;
use crate::reference::Reference;

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Buttons {
    /// Answers at once.
    Press,
    /// Opens the page that asks again.
    Link,
}

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Name of the secret that holds the bot's token.
    pub token_secret: String,
    /// Name of the key that holds the application's public key.
    pub public_key: String,
    /// What a button does.
    pub buttons: Buttons,
    /// Where Discord's API is.
    pub api: String,
    /// IANA zone for times where the reader's own is not known.
    pub time_zone: String,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    pub retry_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_secret: "discord-token".into(),
            public_key: "discord-public".into(),
            buttons: Buttons::Press,
            api: "https://discord.com/api/v10".into(),
            time_zone: "UTC".into(),
            retry_seconds: 30,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct ChatDiscord(Settings);

impl ChatDiscord {
    fn call(&self, method: Method, path: &str, body: &Value) -> Request {
        let url = format!("{}/{path}", self.0.api.trim_end_matches('/'));
        let body = message::json_without_placeholders(&body.to_string());
        // Discord's scheme is `Bot`, which the contract has no word for.
        let token = format!("Bot {{{{secret:{}}}}}", self.0.token_secret);
        Request::Http(HttpRequest::new(method, url).header("content-type", "application/json").header("authorization", token).body(body))
    }

    /// A new message; a further page about the same answers the first.
    fn send(&self, page: &Page, channel: &str, about: Option<&str>) -> Request {
        let mut body = embed::message(page, &self.0);
        if let Some(message) = about {
            body["message_reference"] = json!({ "message_id": message, "fail_if_not_exists": false });
        }
        self.call(Method::Post, &format!("channels/{channel}/messages"), &body)
    }
}

#[plugin]
impl Notify for ChatDiscord {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if message::address(&settings.api).is_none() {
            return Err(Error::setting("/api", "must be an http or https address"));
        }
        if message::Zone::named(&settings.time_zone).is_none() {
            return Err(Error::setting("/time_zone", format!("`{}` is no IANA time zone", settings.time_zone)));
        }
        if !(5..=3600).contains(&settings.retry_seconds) {
            return Err(Error::setting("/retry_seconds", "must be from 5 to 3600"));
        }
        Ok(Self(settings))
    }

    /// News edits the message that it is about. A user is written to in the channel between them and the bot, which is asked for first.
    fn render(&self, page: &Page) -> Result<Request> {
        let previous = page.previous().and_then(Reference::parse);
        Ok(match (previous, page.purpose()) {
            (Some(Reference { channel, message }), Purpose::Update(_)) => {
                self.call(Method::Patch, &format!("channels/{channel}/messages/{message}"), &embed::message(page, &self.0))
            }
            (Some(Reference { channel, message }), _) => self.send(page, &channel, Some(&message)),
            (None, _) => match page.contact().address.strip_prefix("channel/") {
                Some(channel) => self.send(page, channel, None),
                None => self.call(Method::Post, "users/@me/channels", &json!({ "recipient_id": page.contact().address })),
            },
        })
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
                Some(channel) => Outcome::Proceed(self.send(page, &channel, None)),
                None => Outcome::Failed("Discord opened no channel to this user".into()),
            });
        }
        Ok(Outcome::Accepted(answer.reference().map(|reference| reference.text())))
    }
}

#[plugin]
impl Interact for ChatDiscord {
    /// A wrong signature asks for nothing; `answer` says 401, as Discord tries before it takes an address.
    fn read(&self, request: &Inbound) -> Result<Interaction> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        if !press::is_signed(http, request.received_at(), &self.0.public_key)? {
            log::warning("a request without Discord's signature was refused");
            return Ok(Interaction::nothing());
        }
        Came::read(http.body()).map(Came::interaction)
    }

    fn answer(&self, request: &Inbound, results: &[CommandResult]) -> Result<Option<Reply>> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        if !press::is_signed(http, request.received_at(), &self.0.public_key)? {
            return Ok(Some(Reply::text(401, "invalid request signature")));
        }
        Ok(Some(Came::read(http.body())?.reply(results)))
    }
}
