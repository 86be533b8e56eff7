//! Pages people by mail: text and HTML with the same words, one thread per incident.

mod html;
mod reply;
mod smtp;
mod text;

use message::{Kind, Message, line};
use reveille_sdk::prelude::*;

/// Longest subject, in characters: what the list of a mail reader shows, with room.
const SUBJECT_MAX_CHARS: usize = 200;

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Stands before each subject, such as `acme`; shown in brackets.
    pub subject_prefix: String,
    /// Whether mails carry what a reply has to quote.
    pub replies: bool,
    /// IANA zone for times where the reader's own is not known.
    pub time_zone: String,
    /// How long to wait after a temporary refusal, in seconds (10 to 3,600).
    pub retry_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { subject_prefix: String::new(), replies: false, time_zone: "UTC".into(), retry_seconds: 60 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Mail(Settings);

#[plugin]
impl Notify for Mail {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if message::Zone::named(&settings.time_zone).is_none() {
            return Err(Error::setting("/time_zone", format!("`{}` is no IANA time zone", settings.time_zone)));
        }
        if !(10..=3600).contains(&settings.retry_seconds) {
            return Err(Error::setting("/retry_seconds", "must be from 10 to 3600"));
        }
        Ok(Self(settings))
    }

    fn render(&self, page: &Page) -> Result<Request> {
        let message = Message::of(page, Some(&self.0.time_zone));
        let choices = if self.0.replies { page.choices() } else { &[] };
        Ok(Request::Mail(reveille_sdk::types::Mail {
            to: vec![page.contact().address.clone()],
            subject: self.subject(&message, page),
            text: text::body(&message) + &reply::text(choices),
            html: Some(html::with_reply(&message, &reply::html(choices))),
            in_reply_to: page.previous().map(str::to_owned),
        }))
    }

    fn interpret(&self, page: &Page, _step: u32, response: &Response) -> Result<Outcome> {
        match response {
            Response::Mail((code, text)) => Ok(smtp::outcome(page, *code, text, self.0.retry_seconds)),
            Response::Http(_) => Err(Error::internal("the answer to a mail is an SMTP reply, not an HTTP response")),
        }
    }
}

impl Mail {
    /// `[acme] [CRITICAL] Error rate above 5 % (checkout-api)`.
    fn subject(&self, message: &Message, page: &Page) -> String {
        let mut subject = String::new();
        if !self.0.subject_prefix.is_empty() {
            subject.push_str(&format!("[{}] ", self.0.subject_prefix));
        }
        if page.previous().is_some() && message.kind != Kind::Test {
            subject.push_str("Re: ");
        }
        subject.push_str(&message.headline());
        line(&subject, SUBJECT_MAX_CHARS)
    }
}
