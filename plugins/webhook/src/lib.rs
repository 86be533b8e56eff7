//! Posts pages as JSON to an address of yours: for tools that Reveille does not know.

mod body;
mod reply;

use reveille_sdk::prelude::*;

/// What an incident may have of alerts, after the contract.
const ALERTS_MAX: usize = 20;

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Name of the key that signs the body with HMAC-SHA256; none: not signed.
    pub signing_key: Option<String>,
    /// Name of the secret that holds a bearer token; none: no authorization.
    pub token_secret: Option<String>,
    /// At most so many of each incident's newest alerts (0 to 20).
    pub alerts: usize,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    pub retry_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { signing_key: None, token_secret: None, alerts: 5, retry_seconds: 30 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Webhook(Settings);

#[plugin]
impl Notify for Webhook {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        if settings.alerts > ALERTS_MAX {
            return Err(Error::setting("/alerts", "must be from 0 to 20"));
        }
        if !(5..=3600).contains(&settings.retry_seconds) {
            return Err(Error::setting("/retry_seconds", "must be from 5 to 3600"));
        }
        Ok(Self(settings))
    }

    fn render(&self, page: &Page) -> Result<Request> {
        let body = body::of(page, self.0.alerts);
        let mut request = HttpRequest::new(Method::Post, &page.contact().address);
        request = request.header("content-type", "application/json").header("idempotency-key", page.id());
        if let Some(key) = &self.0.signing_key {
            let signature = keys::sign(key, keys::Algorithm::HmacSha256, body.as_bytes())?;
            request = request.header("x-reveille-signature", format!("sha256={}", hex(&signature)));
        }
        if let Some(secret) = &self.0.token_secret {
            request = request.bearer(secret);
        }
        Ok(Request::Http(request.body(body)))
    }

    fn interpret(&self, _page: &Page, _step: u32, response: &Response) -> Result<Outcome> {
        match response {
            Response::Http(response) => Ok(reply::outcome(response, self.0.retry_seconds)),
            Response::Mail(_) => Err(Error::internal("the answer to an HTTP request is an HTTP response, not an SMTP reply")),
        }
    }
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
