//! SMS, voice calls and WhatsApp through a gateway with Twilio's API, and what people answer: a text, a digit, or nothing, which the
//! gateway tells.

mod call;
mod heard;
mod outcome;
mod request;
mod settings;
mod signature;
mod twiml;

use reveille_sdk::prelude::*;
use reveille_sdk::types::{CommandResult, Interaction};

use crate::heard::Heard;
pub use crate::settings::Settings;

/// The plugin.
#[derive(Debug)]
pub struct Twilio(Settings);

#[plugin]
impl Notify for Twilio {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        settings.check()?;
        Ok(Self(settings))
    }

    fn render(&self, page: &Page) -> Result<Request> {
        Ok(Request::Http(match page.contact().kind.as_str() {
            "sms" => request::sms(page, &self.0)?,
            "whatsapp" => request::whatsapp(page, &self.0)?,
            "voice" => call::request(page, &self.0)?,
            other => return Err(Error::rejected(format!("`{other}` is no contact kind of this plugin"))),
        }))
    }

    fn interpret(&self, _page: &Page, _step: u32, response: &Response) -> Result<Outcome> {
        match response {
            Response::Http(response) => Ok(outcome::of(response, self.0.retry_seconds)),
            Response::Mail(_) => Err(Error::internal("the answer to an HTTP request is an HTTP response, not an SMTP reply")),
        }
    }
}

#[plugin]
impl Interact for Twilio {
    fn read(&self, request: &Inbound) -> Result<Interaction> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        signature::check(http, &self.0)?;
        Ok(Heard::in_request(http)?.interaction())
    }

    fn answer(&self, request: &Inbound, results: &[CommandResult]) -> Result<Option<Reply>> {
        let http = request.http().map_err(|refusal| Error::rejected(refusal.reason))?;
        Ok(Heard::in_request(http)?.reply(results, http, &self.0))
    }
}
