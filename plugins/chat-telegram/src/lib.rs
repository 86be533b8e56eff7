//! Pages people in Telegram with buttons, and hears what they press and write.

mod reference;
mod reply;
mod text;
mod update;

use reveille_sdk::prelude::*;
use reveille_sdk::types::{CommandResult, Interaction};
use serde_json::{Value, json};

use crate::reference::Reference;
use crate::update::Update;

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
    /// Name of the key that the webhook's secret token is made with.
    pub signing_key: String,
    /// What a button does.
    pub buttons: Buttons,
    /// Where the Bot API is.
    pub api: String,
    /// IANA zone for times where the reader's own is not known.
    pub time_zone: String,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    pub retry_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_secret: "telegram-token".into(),
            signing_key: "telegram-signing".into(),
            buttons: Buttons::Press,
            api: "https://api.telegram.org".into(),
            time_zone: "UTC".into(),
            retry_seconds: 30,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct ChatTelegram(Settings);

impl ChatTelegram {
    fn call(&self, method: &str, body: &Value) -> Request {
        let url = format!("{}/bot{{{{secret:{}}}}}/{method}", self.0.api.trim_end_matches('/'), self.0.token_secret);
        let body = message::json_without_placeholders(&body.to_string());
        Request::Http(HttpRequest::new(Method::Post, url).header("content-type", "application/json").body(body))
    }
}

#[plugin]
impl Notify for ChatTelegram {
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

    /// News edits the message that it is about; a further page answers it.
    fn render(&self, page: &Page) -> Result<Request> {
        let mut body = text::message(page, &self.0);
        let previous = page.previous().and_then(Reference::parse);
        Ok(match (previous, page.purpose()) {
            (Some(Reference { chat, message }), Purpose::Update(_)) => {
                body["chat_id"] = json!(chat);
                body["message_id"] = json!(message);
                self.call("editMessageText", &body)
            }
            (previous, _) => {
                body["chat_id"] = json!(page.contact().address.parse::<i64>().map_err(|_| Error::rejected("the chat's id is no number"))?);
                if let Some(Reference { message, .. }) = previous {
                    body["reply_parameters"] = json!({ "message_id": message, "allow_sending_without_reply": true });
                }
                self.call("sendMessage", &body)
            }
        })
    }

    fn interpret(&self, page: &Page, _step: u32, response: &Response) -> Result<Outcome> {
        match response {
            Response::Http(response) => Ok(reply::outcome(response, page.previous(), self.0.retry_seconds)),
            Response::Mail(_) => Err(Error::internal("the answer to an HTTP request is an HTTP response, not an SMTP reply")),
        }
    }
}

#[plugin]
impl Interact for ChatTelegram {
    fn read(&self, request: &Inbound) -> Result<Interaction> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        update::check(http, &self.0.signing_key)?;
        Update::read(http.body()).map(Update::interaction)
    }

    fn answer(&self, request: &Inbound, results: &[CommandResult]) -> Result<Option<Reply>> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        Ok(Update::read(http.body())?.reply(results))
    }
}
