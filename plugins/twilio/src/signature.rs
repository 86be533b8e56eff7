//! Is it the gateway? <https://www.twilio.com/docs/usage/security#validating-requests>: HMAC-SHA1 over the address that it was given
//! and the sorted fields of the form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reveille_sdk::inbound::Http;
use reveille_sdk::types::Method;
use reveille_sdk::{Error, Result, keys};
use wording::form;

use crate::settings::Settings;

/// What stands in an address in place of the integration's key.
const MASKED: &str = "/in/***";

/// Refuses a request that was not signed for this address.
pub fn check(request: &Http, settings: &Settings) -> Result<()> {
    let refused = |why: &str| Error::rejected(format!("this does not come from the gateway: {why}"));
    let url = settings.url.as_deref().ok_or_else(|| {
        Error::rejected("the setting `url` is missing: without the integration's public address no signature can be checked")
    })?;
    let given = request.header("x-twilio-signature").ok_or_else(|| refused("the header x-twilio-signature is missing"))?;
    let given = STANDARD.decode(given.trim()).map_err(|_| refused("its signature is none"))?;
    let fields = if request.method() == Method::Post { form::fields(request.body()) } else { Vec::new() };
    let signed = signed(&format!("{}{}", url.trim_end_matches('/'), rest(request.url())), fields);
    if keys::verify(&settings.signing_key, keys::Algorithm::HmacSha1, signed.as_bytes(), &given)? {
        Ok(())
    } else {
        Err(refused("its signature does not fit: `url` must be exactly the address that the gateway is given, and the key its auth token"))
    }
}

/// What follows the integration's key, as sent.
fn rest(url: &str) -> &str {
    url.find(MASKED).map_or("", |at| &url[at + MASKED.len()..])
}

/// The text that is signed.
fn signed(url: &str, mut fields: Vec<(String, String)>) -> String {
    fields.sort();
    fields.dedup();
    fields.iter().fold(url.to_owned(), |text, (name, value)| text + name + value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reveille_sdk::mock;

    /// The worked example that Twilio's helper libraries are tested with.
    #[test]
    fn the_documented_example() {
        let fields = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let text = signed("https://mycompany.com/myapp.php?foo=1&bar=2", fields);
        mock::key("twilio-signing", b"12345");
        let signature = STANDARD.decode("RSOYDt4T1cUTdK1PDd93/VVr8B8=").unwrap();
        assert!(keys::verify("twilio-signing", keys::Algorithm::HmacSha1, text.as_bytes(), &signature).unwrap());
    }

    #[test]
    fn what_follows_the_key_is_kept_as_sent() {
        assert_eq!(rest("http://10.0.0.1:8080/in/***/digits?incidents=7%2B8"), "/digits?incidents=7%2B8");
        assert_eq!(rest("https://x/in/***"), "");
    }
}
