//! What the operator sets.

use reveille_sdk::{Error, Result};
use serde::Deserialize;

/// Who messages and calls come from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct From {
    /// A number, a short code, a messaging service or a name.
    pub sms: Option<String>,
    /// A number.
    pub voice: Option<String>,
    /// A number or a messaging service.
    pub whatsapp: Option<String>,
}

/// What the operator sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The account's SID.
    pub account: String,
    /// The SID of an API key; none: the account's.
    pub user: Option<String>,
    /// Name of the secret that signs in.
    #[serde(default = "token")]
    pub token_secret: String,
    /// Name of the key that verifies what the gateway posts.
    #[serde(default = "signing")]
    pub signing_key: String,
    /// Where the API is.
    #[serde(default = "api")]
    pub api: String,
    /// The public address of the integration that hears what comes back.
    pub url: Option<String>,
    /// Who it comes from.
    #[serde(default)]
    pub from: From,
    /// A template for WhatsApp.
    pub whatsapp_template: Option<String>,
    /// The language of calls, BCP 47.
    #[serde(default = "language")]
    pub language: String,
    /// How long a telephone rings, in seconds (10 to 120).
    #[serde(default = "ring")]
    pub ring_seconds: u32,
    /// How long to wait after a temporary refusal that does not say, in seconds (5 to 3,600).
    #[serde(default = "retry")]
    pub retry_seconds: u32,
}

fn token() -> String {
    "twilio-token".into()
}

fn signing() -> String {
    "twilio-signing".into()
}

fn api() -> String {
    "https://api.twilio.com".into()
}

fn language() -> String {
    "en-GB".into()
}

fn ring() -> u32 {
    30
}

fn retry() -> u32 {
    30
}

impl Settings {
    /// What the schema cannot say.
    pub fn check(&self) -> Result<()> {
        if message::address(&self.api).is_none() {
            return Err(Error::setting("/api", "must be an http or https address"));
        }
        if self.url.as_deref().is_some_and(|url| message::address(url).is_none() || url.contains(['?', '#'])) {
            return Err(Error::setting("/url", "must be an http or https address without a query, as https://YOUR-SERVER/in/KEY"));
        }
        if !(10..=120).contains(&self.ring_seconds) {
            return Err(Error::setting("/ring_seconds", "must be from 10 to 120"));
        }
        if !(5..=3600).contains(&self.retry_seconds) {
            return Err(Error::setting("/retry_seconds", "must be from 5 to 3600"));
        }
        Ok(())
    }

    /// The address of a resource of the account, such as `Messages.json`.
    pub fn resource(&self, name: &str) -> String {
        format!("{}/2010-04-01/Accounts/{}/{name}", self.api.trim_end_matches('/'), self.account)
    }

    /// Who signs in.
    pub fn signs_in(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.account)
    }

    /// The integration's address followed by a path and query, if there is one.
    pub fn back(&self, rest: &str) -> Option<String> {
        self.url.as_ref().map(|url| format!("{}{rest}", url.trim_end_matches('/')))
    }
}
