//! Pages people in Slack with buttons, and hears what they press.

mod blocks;
mod press;
mod reference;
mod reply;
mod signature;

use reveille_sdk::prelude::*;
use reveille_sdk::types::{CommandResult, Interaction};
use serde_json::{Value, json};

use crate::press::Press;
use crate::reference::Reference;

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Name of the secret that holds the app's bot token.
    pub token_secret: String,
    /// Name of the key that holds the app's signing secret.
    pub signing_key: String,
    /// Where Slack's Web API is.
    pub api: String,
    /// IANA zone for times where the reader's own is not known.
    pub time_zone: String,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    pub retry_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_secret: "slack-token".into(),
            signing_key: "slack-signing".into(),
            api: "https://slack.com/api".into(),
            time_zone: "UTC".into(),
            retry_seconds: 30,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct ChatSlack(Settings);

#[plugin]
impl Notify for ChatSlack {
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

    /// News edits what was sent before; a further page stands in its thread and is shown in the channel as well.
    fn render(&self, page: &Page) -> Result<Request> {
        let mut body = blocks::message(page, &self.0.time_zone);
        let previous = page.previous().and_then(Reference::parse);
        let method = match (previous, page.purpose()) {
            (Some(Reference { channel, ts }), Purpose::Update(_)) => {
                body["channel"] = json!(channel);
                body["ts"] = json!(ts);
                "chat.update"
            }
            (previous, _) => {
                body["channel"] = json!(page.contact().address);
                body["unfurl_links"] = json!(false);
                if let Some(Reference { channel, ts }) = previous {
                    body["channel"] = json!(channel);
                    body["thread_ts"] = json!(ts);
                    body["reply_broadcast"] = json!(true);
                }
                "chat.postMessage"
            }
        };
        let url = format!("{}/{method}", self.0.api.trim_end_matches('/'));
        let body = message::json_without_placeholders(&body.to_string());
        let request = HttpRequest::new(Method::Post, url).header("content-type", "application/json; charset=utf-8");
        Ok(Request::Http(request.bearer(&self.0.token_secret).body(body)))
    }

    fn interpret(&self, _page: &Page, _step: u32, response: &Response) -> Result<Outcome> {
        match response {
            Response::Http(response) => Ok(reply::outcome(response, self.0.retry_seconds)),
            Response::Mail(_) => Err(Error::internal("the answer to an HTTP request is an HTTP response, not an SMTP reply")),
        }
    }
}

#[plugin]
impl Interact for ChatSlack {
    fn read(&self, request: &Inbound) -> Result<Interaction> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        signature::check(http, request.received_at(), &self.0.signing_key)?;
        Ok(Press::read(http.body())?.interaction())
    }

    /// Slack shows the person an answer in the message's place, or to them alone.
    fn answer(&self, request: &Inbound, results: &[CommandResult]) -> Result<Option<Reply>> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        if let Press::Handshake(challenge) = Press::read(http.body())? {
            return Ok(Some(Reply::json(200, &json!({ "challenge": challenge }))));
        }
        Ok(results.last().map(|result| Reply::json(200, &answer(result))))
    }
}

fn answer(result: &CommandResult) -> Value {
    match result {
        CommandResult::Done(words) => json!({ "replace_original": true, "text": blocks::escaped(&message::line(words, 1000)) }),
        CommandResult::Refused(words) => private(&format!("Nothing was changed: {}", message::line(words, 1000))),
        CommandResult::UnknownActor => private(
            "Nothing was changed: Reveille knows nobody by this Slack account. Ask for a contact of the kind slack with your member id.",
        ),
    }
}

fn private(words: &str) -> Value {
    json!({ "response_type": "ephemeral", "replace_original": false, "text": blocks::escaped(words) })
}
