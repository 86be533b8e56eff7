//! A fake gateway with Twilio's API: takes messages and calls as it documents them, refuses what it documents to refuse, and posts replies,
//! digits and receipts with its signature.

use crate::provider::{Answer, Provider, Seen, encoded};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

/// The account that it knows.
pub const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The account's auth token: signs in, and signs what the gateway posts.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// A number that cannot be (error 21211).
pub const INVALID: &str = "+15005550001";

/// A message or a call.
#[derive(Debug, Clone)]
pub struct Sent {
    pub sid: String,
    pub to: String,
    pub from: String,
    /// The text of a message, the TwiML of a call.
    pub said: String,
    pub callback: Option<String>,
}

/// Everything that it was asked to send.
#[derive(Default)]
pub struct Gateway {
    pub messages: Vec<Sent>,
    pub calls: Vec<Sent>,
    /// Answer so many requests with 429.
    pub busy: u32,
}

/// Starts it.
pub fn start() -> Provider<Gateway> {
    Provider::start(Gateway::default(), take)
}

fn refusal(status: u16, code: u32, message: &str) -> (u16, Value) {
    (
        status,
        json!({ "code": code, "message": message, "more_info": format!("https://www.twilio.com/docs/errors/{code}"), "status": status }),
    )
}

fn take(gateway: &mut Gateway, seen: &Seen) -> Answer {
    if seen.header("authorization") != format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"))) {
        return Err(refusal(401, 20003, "Authenticate"));
    }
    if seen.method != "POST" || !seen.header("content-type").starts_with("application/x-www-form-urlencoded") {
        return Err(refusal(400, 20001, "a form is posted"));
    }
    if gateway.busy > 0 {
        gateway.busy -= 1;
        return Ok(refusal(429, 20429, "Too Many Requests"));
    }
    let form = seen.form();
    let field = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let (Some(to), Some(from)) = (field("To"), field("From")) else { return Err(refusal(400, 21604, "A 'To' and a 'From' are required")) };
    if to == INVALID {
        return Ok(refusal(400, 21211, &format!("The 'To' number {to} is not a valid phone number")));
    }
    let callback = field("StatusCallback");
    let prefix = format!("/2010-04-01/Accounts/{ACCOUNT}/");
    match seen.path.strip_prefix(&prefix) {
        Some("Messages.json") => {
            let body = field("Body").filter(|body| (1..=1600).contains(&body.chars().count()));
            let Some(said) = body else { return Err(refusal(400, 21602, "Message body is required")) };
            let sid = format!("SM{:032x}", gateway.messages.len() + 1);
            gateway.messages.push(Sent { sid: sid.clone(), to: to.clone(), from: from.clone(), said, callback });
            Ok((
                201,
                json!({ "sid": sid, "account_sid": ACCOUNT, "to": to, "from": from, "status": "queued", "error_code": null, "error_message": null }),
            ))
        }
        Some("Calls.json") => {
            let Some(said) = field("Twiml").filter(|twiml| twiml.len() <= 4000) else {
                return Err(refusal(400, 21205, "Url parameter is required"));
            };
            let sid = format!("CA{:032x}", gateway.calls.len() + 1);
            gateway.calls.push(Sent { sid: sid.clone(), to: to.clone(), from: from.clone(), said, callback });
            Ok((201, json!({ "sid": sid, "account_sid": ACCOUNT, "to": to, "from": from, "status": "queued" })))
        }
        _ => Err(refusal(404, 20404, "The requested resource was not found")),
    }
}

/// A form that the gateway posts to this address, and its headers, signed with `token`.
pub fn posted(url: &str, fields: &[(&str, &str)], token: &str) -> (String, [(&'static str, String); 2]) {
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let text = sorted.iter().fold(url.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()).as_ref());
    let headers = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8".to_owned()), ("x-twilio-signature", signature)];
    (encoded(fields), headers)
}
