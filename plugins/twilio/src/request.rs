//! Messages to send: <https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>.

use message::{Message, cut_bytes, line};
use reveille_sdk::types::{HttpRequest, Method, Purpose};
use reveille_sdk::{Error, Page, Result};
use serde_json::json;
use wording::{form, short};

use crate::settings::Settings;

/// Longest text of a WhatsApp message, in bytes; the gateway takes 1,600 characters.
const WHATSAPP_MAX_BYTES: usize = 1_500;
/// Variables of templates hold no line break, and fewer characters.
const VARIABLE_MAX: usize = 500;

/// A text of one SMS.
pub fn sms(page: &Page, settings: &Settings) -> Result<HttpRequest> {
    let from = settings.from.sms.as_deref().ok_or_else(|| Error::rejected("the setting `from.sms` is missing: who are messages from?"))?;
    let text = short::text(page, settings.url.is_some());
    Ok(create(page, settings, &page.contact().address, from, &[("Body", &text)]))
}

/// A text with its facts, or the approved template with a short one.
pub fn whatsapp(page: &Page, settings: &Settings) -> Result<HttpRequest> {
    let from = settings.from.whatsapp.as_deref();
    let from = from.ok_or_else(|| Error::rejected("the setting `from.whatsapp` is missing: who are messages from?"))?;
    let to = format!("whatsapp:{}", page.contact().address);
    let from = if from.starts_with("MG") { from.to_owned() } else { format!("whatsapp:{from}") };
    let content = match &settings.whatsapp_template {
        Some(template) => {
            let variables = json!({ "1": line(&short::text(page, settings.url.is_some()), VARIABLE_MAX) }).to_string();
            vec![("ContentSid", template.clone()), ("ContentVariables", variables)]
        }
        None => vec![("Body", long(page, settings))],
    };
    let content: Vec<(&str, &str)> = content.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(create(page, settings, &to, &from, &content))
}

fn long(page: &Page, settings: &Settings) -> String {
    let message = Message::of(page, None);
    let mut rows = vec![message.headline(), message.lead.clone()];
    if let [one] = message.incidents.as_slice() {
        rows.extend(one.details.clone());
    } else {
        rows.extend(message.incidents.iter().map(|incident| format!("- {}", incident.title)));
    }
    rows.extend(message.runbook.iter().map(|runbook| format!("{}: {}", runbook.text, runbook.url)));
    rows.extend(message.url.clone());
    rows.retain(|row| !row.is_empty());
    let mut text = cut_bytes(rows.join("\n"), WHATSAPP_MAX_BYTES);
    if settings.url.is_some()
        && matches!(page.purpose(), Purpose::Escalation(_))
        && let Some(id) = page.incidents().first().map(reveille_sdk::Incident::id)
    {
        text += &format!("\nReply A{id} to acknowledge, R{id} to resolve.");
    }
    text
}

fn create(page: &Page, settings: &Settings, to: &str, from: &str, content: &[(&str, &str)]) -> HttpRequest {
    let sender = if from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
    let mut fields = vec![("To", to), (sender, from)];
    fields.extend(content);
    let status = status(page, settings);
    fields.extend(status.iter().map(|url| ("StatusCallback", url.as_str())));
    post(settings, "Messages.json", &form::encoded(fields))
}

/// Where the gateway tells what became of a page.
pub fn status(page: &Page, settings: &Settings) -> Option<String> {
    settings.back(&format!("/status?page={}", form::in_query(page.id())))
}

/// A request for a resource of the account.
pub fn post(settings: &Settings, resource: &str, body: &str) -> HttpRequest {
    HttpRequest::new(Method::Post, settings.resource(resource))
        .header("content-type", "application/x-www-form-urlencoded")
        .basic(settings.signs_in(), &settings.token_secret)
        .body(body)
}
