//! A call: <https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource>. What is read comes with it as TwiML, so that a
//! call needs nobody to ask.

use reveille_sdk::types::{HttpRequest, Purpose, Status};
use reveille_sdk::{Error, Incident, Page, Result};
use wording::{form, spoken};

use crate::request::{post, status};
use crate::settings::Settings;
use crate::twiml;

/// Incidents that one digit answers.
const INCIDENTS_MAX: usize = 16;

/// The call.
pub fn request(page: &Page, settings: &Settings) -> Result<HttpRequest> {
    let from = settings.from.voice.as_deref().ok_or_else(|| Error::rejected("the setting `from.voice` is missing: who calls?"))?;
    let text = spoken::text(page);
    let twiml = match action(page, settings) {
        Some(action) => twiml::asking(&text, &action, &settings.language),
        None => twiml::telling(&text, &settings.language),
    };
    let ring = settings.ring_seconds.to_string();
    let mut fields = vec![("To", page.contact().address.as_str()), ("From", from), ("Twiml", &twiml), ("Timeout", &ring)];
    let status = status(page, settings);
    fields.extend(status.iter().map(|url| ("StatusCallback", url.as_str())));
    Ok(post(settings, "Calls.json", &form::encoded(fields)))
}

/// Where the digit goes: the address names the incidents, and the gateway's signature covers the address.
fn action(page: &Page, settings: &Settings) -> Option<String> {
    let open: Vec<&str> =
        page.incidents().iter().filter(|i| i.status() != Status::Resolved).map(Incident::id).take(INCIDENTS_MAX).collect();
    let asked = matches!(page.purpose(), Purpose::Escalation(_)) && !open.is_empty();
    asked.then(|| settings.back(&format!("/digits?incidents={}", form::in_query(&open.join(" "))))).flatten()
}
