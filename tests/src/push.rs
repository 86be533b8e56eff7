//! A fake push service with the browsers behind it: it checks each message's signature and headers as RFC 8030 and RFC 8292 have it, and
//! opens it with the browser's private key as RFC 8291 has it. The curve is another library's than the server's.

use crate::provider::{Answer, Provider, Seen};
use crate::tls::Certificate;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use ring::{aead, signature};
use serde_json::{Value, json};
use sha2::Sha256;

/// The most that a push service has to take (RFC 8030, section 7.2).
const MESSAGE_LIMIT_BYTES: usize = 4_096;

/// A browser's keys.
pub struct Keys {
    private: p256::SecretKey,
    auth: Vec<u8>,
}

impl Keys {
    /// From a private key of 32 bytes and a secret of 16.
    pub fn new(private: &[u8], auth: &[u8]) -> Self {
        Self { private: p256::SecretKey::from_slice(private).expect("a private key"), auth: auth.to_vec() }
    }

    fn public(&self) -> Vec<u8> {
        self.private.public_key().to_sec1_point(false).as_bytes().to_vec()
    }

    /// Reads a message that was sealed for it: RFC 8188 around RFC 8291.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, &'static str> {
        let (salt, rest) = sealed.split_at_checked(16).ok_or("no salt")?;
        let (size, rest) = rest.split_at_checked(4).ok_or("no record size")?;
        let (length, rest) = rest.split_first().ok_or("no key id")?;
        let (theirs, record) = rest.split_at_checked(usize::from(*length)).ok_or("no key id")?;
        if u32::from_be_bytes(size.try_into().map_err(|_| "no record size")?) < u32::try_from(record.len()).unwrap_or(u32::MAX) {
            return Err("more than one record");
        }
        let sender = p256::PublicKey::from_sec1_bytes(theirs).map_err(|_| "the key id is no point of P-256")?;
        let shared = p256::ecdh::diffie_hellman(self.private.to_nonzero_scalar(), sender.as_affine());
        let info = [b"WebPush: info\0", self.public().as_slice(), theirs].concat();
        let key = derive(&self.auth, shared.raw_secret_bytes(), &info, 32);
        let content = derive(salt, &key, b"Content-Encoding: aes128gcm\0", 16);
        let nonce: [u8; 12] = derive(salt, &key, b"Content-Encoding: nonce\0", 12).try_into().map_err(|_| "no nonce")?;
        let content = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &content).map_err(|_| "no key")?);
        let mut record = record.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let plain = content.open_in_place(nonce, aead::Aad::empty(), &mut record).map_err(|_| "it was not sealed for this browser")?;
        let end = plain.iter().rposition(|byte| *byte != 0).ok_or("nothing but padding")?;
        if plain[end] == 2 { Ok(plain[..end].to_vec()) } else { Err("the last record does not end in 2") }
    }
}

/// HKDF (RFC 5869) of at most one block.
fn derive(salt: &[u8], from: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mac = |key: &[u8], text: &[&[u8]]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
        for part in text {
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    };
    let key = mac(salt, &[from]);
    mac(&key, &[info, &[1]])[..length].to_vec()
}

/// What is claimed in an `Authorization` of the scheme `vapid`, once its signature fits the key that is sent along; and that key.
pub fn claims(authorization: &str) -> Result<(Value, String), &'static str> {
    let (token, key) = authorization.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k=")).ok_or("not vapid")?;
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| "not base64url");
    let (signed, signature) = token.rsplit_once('.').ok_or("not a JWT")?;
    let (header, body) = signed.split_once('.').ok_or("not a JWT")?;
    let header: Value = serde_json::from_slice(&bytes(header)?).map_err(|_| "not a JWT")?;
    if header["alg"] != "ES256" {
        return Err("another algorithm than ES256");
    }
    let verifier = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, bytes(key)?);
    verifier.verify(signed.as_bytes(), &bytes(signature)?).map_err(|_| "the signature does not fit")?;
    Ok((serde_json::from_slice(&bytes(body)?).map_err(|_| "not a JWT")?, key.to_owned()))
}

/// A message as it reached a browser.
#[derive(Debug, Clone)]
pub struct Woken {
    /// Which browser, by its number.
    pub browser: u8,
    pub shown: Value,
    pub urgency: String,
    pub topic: String,
}

/// What the push service knows.
#[derive(Default)]
pub struct PushService {
    /// Where it is.
    pub origin: String,
    /// The time that signatures are held against, in seconds since 1970.
    pub now: i64,
    /// The server's public key, as the browsers got it when they subscribed.
    pub server: String,
    /// Browsers that unsubscribed.
    pub gone: Vec<u8>,
    pub woken: Vec<Woken>,
    /// Messages to browsers that unsubscribed.
    pub turned_away: u32,
}

/// Starts it at this time; the certificate that it shows is to be trusted.
pub fn start(now: i64) -> (Provider<PushService>, Certificate) {
    let certificate = Certificate::for_loopback();
    let service = Provider::start_tls(PushService { now, ..PushService::default() }, take, &certificate);
    let origin = format!("https://{}", service.address);
    service.with(|state| state.origin = origin);
    (service, certificate)
}

fn keys(browser: u8) -> Keys {
    Keys::new(&[browser; 32], &[browser; 16])
}

impl PushService {
    /// A browser's subscription, as its Push API writes it.
    pub fn subscription(&self, browser: u8) -> Value {
        let keys = keys(browser);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "endpoint": format!("{}/send/{browser}", self.origin), "expirationTime": null,
            "keys": { "p256dh": text(&keys.public()), "auth": text(&keys.auth) } })
    }

    /// The titles that a browser was shown.
    pub fn shown(&self, browser: u8) -> Vec<String> {
        let of = self.woken.iter().filter(|woken| woken.browser == browser);
        of.map(|woken| woken.shown["title"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

fn take(service: &mut PushService, seen: &Seen) -> Answer {
    let refuse = |status: u16, why: &str| Err((status, json!(why)));
    let Some(browser) = seen.path.strip_prefix("/send/").and_then(|text| text.parse::<u8>().ok()) else {
        return refuse(404, "no such browser");
    };
    if service.gone.contains(&browser) {
        // Not a complaint: browsers may go.
        service.turned_away += 1;
        return Ok((410, Value::Null));
    }
    let (claims, key) = match claims(seen.header("authorization")) {
        Ok(claims) => claims,
        Err(why) => return refuse(401, why),
    };
    if key != service.server {
        return refuse(403, "signed by another server than the browser subscribed to");
    }
    if claims["aud"] != service.origin.as_str() {
        return refuse(403, "signed for another push service");
    }
    let left = claims["exp"].as_i64().unwrap_or(0) - service.now;
    if !(1..=24 * 3_600).contains(&left) {
        return refuse(403, "the signature is over, or good for more than a day");
    }
    if seen.header("ttl").parse::<u32>().is_err() {
        return refuse(400, "no TTL");
    }
    if !["very-low", "low", "normal", "high"].contains(&seen.header("urgency")) {
        return refuse(400, "no such urgency");
    }
    let topic = seen.header("topic");
    if topic.len() > 32 || !topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return refuse(400, "no such topic");
    }
    if seen.header("content-encoding") != "aes128gcm" || seen.body.len() > MESSAGE_LIMIT_BYTES {
        return refuse(413, "not sealed, or too large");
    }
    let shown = keys(browser).open(&seen.body).and_then(|plain| serde_json::from_slice(&plain).map_err(|_| "no JSON"));
    match shown {
        Ok(shown) => {
            let (urgency, topic) = (seen.header("urgency").to_owned(), topic.to_owned());
            service.woken.push(Woken { browser, shown, urgency, topic });
            Ok((201, Value::Null))
        }
        Err(why) => refuse(400, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the stories hold messages against is held against the RFCs themselves: RFC 8291, section 5, and RFC 8292, section 2.4.
    #[test]
    fn the_examples_of_the_rfcs() {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let keys = Keys::new(&bytes("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), &bytes("BTBZMqHH6r4Tts7J_aSIgg"));
        let sealed = bytes(concat!(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6",
            "cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        ));
        assert_eq!(keys.open(&sealed), Ok(b"When I grow up, I want to be a watermelon".to_vec()));
        let example = concat!(
            "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0",
            "bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, ",
            "k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
        );
        let (claimed, _) = claims(example).unwrap();
        assert_eq!(claimed, json!({ "aud": "https://push.example.net", "exp": 1_453_523_768, "sub": "mailto:push@example.com" }));
        assert_eq!(claims(&example.replace(".i3CY", ".i3CZ")), Err("the signature does not fit"));
    }
}
