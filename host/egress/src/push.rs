//! Messages to browsers: sealed so that only the browser can read them (RFC 8291, RFC 8188), and signed so that its push service knows
//! which server sends (RFC 8292). The keys stay here; a plugin never sees them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::page::PushReceiver;
use domain::time::Millis;
use ports::EgressError;
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use ring::{aead, hkdf};
use std::fmt;
use thiserror::Error;

/// Largest message, in bytes: what a push service must take (RFC 8291, section 4), less header, delimiter and tag.
const PUSH_LIMIT_BYTES: usize = 3_993;
/// The one record's size that is announced; more than it holds.
const RECORD_BYTES: u32 = 4_096;
/// An uncompressed point of the curve.
const POINT_BYTES: usize = 65;
const SALT_BYTES: usize = 16;
const SECRET_BYTES: usize = 16;
/// How long a signature is good, in seconds; a push service takes none of more than a day.
const SIGNED_SECONDS: i64 = 12 * 3_600;

/// Why the server has no key to sign with.
#[derive(Debug, Error)]
pub enum PushKeyError {
    #[error("cannot make a key pair for web push")]
    Make,
    #[error("the stored key pair for web push cannot be read: {0}")]
    Read(String),
}

/// The key pair by which push services know this server (RFC 8292).
pub struct PushKey {
    pair: EcdsaKeyPair,
    /// Where somebody who runs a push service finds whoever runs this server: an https or mailto address.
    subject: Option<String>,
}

impl PushKey {
    /// A new pair, to be kept: PKCS #8. Browsers that subscribed to another do not hear of this one.
    pub fn generate() -> Result<Vec<u8>, PushKeyError> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        made.map(|pair| pair.as_ref().to_vec()).map_err(|_| PushKeyError::Make)
    }

    /// A pair that was kept. `subject`: an https or mailto address to reach whoever runs the server; others are left out.
    pub fn new(pkcs8: &[u8], subject: &str) -> Result<Self, PushKeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new())
            .map_err(|error| PushKeyError::Read(error.to_string()))?;
        let fits = subject.starts_with("https://") || subject.starts_with("mailto:");
        Ok(Self { pair, subject: fits.then(|| subject.to_owned()) })
    }

    /// The public key as browsers want it: an uncompressed point in base64url.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key())
    }

    /// The `Authorization` for a push service, by its origin.
    pub(crate) fn authorization(&self, origin: &str, now: Millis) -> Result<String, EgressError> {
        let expires = now.0.div_euclid(1000) + SIGNED_SECONDS;
        let mut claims = serde_json::json!({ "aud": origin, "exp": expires });
        if let Some(subject) = &self.subject {
            claims["sub"] = subject.as_str().into();
        }
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(r#"{"typ":"JWT","alg":"ES256"}"#), part(&claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| failed("signed"))?;
        Ok(format!("vapid t={signed}.{}, k={}", URL_SAFE_NO_PAD.encode(signature), self.public()))
    }
}

impl fmt::Debug for PushKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

fn failed(what: &str) -> EgressError {
    EgressError::Refused(format!("the message to the browser cannot be {what}"))
}

/// The keys of a subscription, read; `Err` says which is wrong and how.
fn receiver_keys(receiver: &PushReceiver) -> Result<([u8; POINT_BYTES], [u8; SECRET_BYTES]), String> {
    // Browsers leave the padding out, libraries may not.
    let bytes = |name: &str, text: &str| {
        URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|error| format!("`{name}` is not base64url: {error}"))
    };
    let point = bytes("p256dh", &receiver.p256dh)?;
    let point: [u8; POINT_BYTES] = point.try_into().map_err(|_| format!("`p256dh` must be {POINT_BYTES} bytes"))?;
    if point[0] != 4 {
        return Err("`p256dh` must be an uncompressed point of P-256".to_owned());
    }
    let secret = bytes("auth", &receiver.auth)?;
    Ok((point, secret.try_into().map_err(|_| format!("`auth` must be {SECRET_BYTES} bytes"))?))
}

/// The message as only the browser can read it, for `Content-Encoding: aes128gcm`.
pub(crate) fn seal(message: &[u8], receiver: &PushReceiver) -> Result<Vec<u8>, EgressError> {
    if message.len() > PUSH_LIMIT_BYTES {
        return Err(EgressError::Refused(format!("the message to the browser is too large: at most {PUSH_LIMIT_BYTES} bytes")));
    }
    let (theirs, secret) = receiver_keys(receiver).map_err(EgressError::Refused)?;
    let random = SystemRandom::new();
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt).map_err(|_| failed("sealed"))?;
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(|_| failed("sealed"))?;
    let public = own.compute_public_key().map_err(|_| failed("sealed"))?;
    let mut mine = [0; POINT_BYTES];
    mine.copy_from_slice(public.as_ref());
    let agreed = agree_ephemeral(own, &UnparsedPublicKey::new(&ECDH_P256, theirs), |shared| {
        Sealing { shared, secret: &secret, theirs: &theirs, mine: &mine, salt: &salt }.seal(message)
    });
    agreed.map_err(|_| EgressError::Refused("the browser's `p256dh` is no point of P-256".to_owned()))?
}

/// Everything that a sealed message follows from.
struct Sealing<'a> {
    /// What both sides agree on by ECDH.
    shared: &'a [u8],
    /// The subscription's `auth`.
    secret: &'a [u8],
    theirs: &'a [u8],
    mine: &'a [u8],
    salt: &'a [u8],
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256, whole.
fn derive<const N: usize>(salt: &[u8], from: &[u8], info: &[&[u8]]) -> Result<[u8; N], EgressError> {
    let mut out = [0; N];
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(from);
    key.expand(info, Length(N)).and_then(|made| made.fill(&mut out)).map_err(|_| failed("sealed"))?;
    Ok(out)
}

impl Sealing<'_> {
    /// The key and the nonce of the one record (RFC 8291, section 3.4).
    fn keys(&self) -> Result<([u8; 16], [u8; 12]), EgressError> {
        let key: [u8; 32] = derive(self.secret, self.shared, &[b"WebPush: info\0", self.theirs, self.mine])?;
        Ok((derive(self.salt, &key, &[b"Content-Encoding: aes128gcm\0"])?, derive(self.salt, &key, &[b"Content-Encoding: nonce\0"])?))
    }

    /// Header (salt, record size, our public key) and the one record, which ends in the delimiter of the last.
    fn seal(&self, message: &[u8]) -> Result<Vec<u8>, EgressError> {
        let (key, nonce) = self.keys()?;
        let key = aead::UnboundKey::new(&aead::AES_128_GCM, &key).map_err(|_| failed("sealed"))?;
        let mut record = [message, &[2]].concat();
        aead::LessSafeKey::new(key)
            .seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::empty(), &mut record)
            .map_err(|_| failed("sealed"))?;
        let length = [u8::try_from(self.mine.len()).map_err(|_| failed("sealed"))?];
        Ok([self.salt, &RECORD_BYTES.to_be_bytes(), &length, self.mine, &record].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    const THEIRS: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    /// RFC 8291, section 5 and appendix A: their keys, their salt, and their result. Planted bug that this finds: the two public keys
    /// in the other order.
    #[test]
    fn the_example_of_rfc_8291() {
        let shared = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let mine = bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        let (theirs, secret, salt) = (bytes(THEIRS), bytes(AUTH), bytes("DGv6ra1nlYgDCS1FRnbzlw"));
        let sealing = Sealing { shared: &shared, secret: &secret, theirs: &theirs, mine: &mine, salt: &salt };
        let (key, nonce) = sealing.keys().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(key), "oIhVW04MRdy2XN9CiKLxTg");
        assert_eq!(URL_SAFE_NO_PAD.encode(nonce), "4h_95klXJ5E_qnoN");
        let sealed = sealing.seal(b"When I grow up, I want to be a watermelon").unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(sealed),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6\
             cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn no_message_is_sealed_twice_alike_and_none_is_too_large() {
        let receiver = PushReceiver { endpoint: "https://push.example/1".into(), p256dh: THEIRS.into(), auth: AUTH.into() };
        let (one, other) = (seal(b"wake up", &receiver).unwrap(), seal(b"wake up", &receiver).unwrap());
        assert_ne!((&one[..16], &one[21..86]), (&other[..16], &other[21..86]), "salt and key are new each time");
        assert_eq!(seal(&[b'x'; PUSH_LIMIT_BYTES], &receiver).unwrap().len(), 4_096, "the most that every push service takes");
        assert!(seal(&[b'x'; PUSH_LIMIT_BYTES + 1], &receiver).unwrap_err().to_string().contains("3993 bytes"));
        let short = PushReceiver { auth: "BTBZ".into(), ..receiver.clone() };
        assert_eq!(seal(b"", &short).unwrap_err().to_string(), "`auth` must be 16 bytes");
        let nowhere = PushReceiver { p256dh: URL_SAFE_NO_PAD.encode([&[4u8][..], &[1; 64]].concat()), ..receiver };
        assert!(seal(b"", &nowhere).unwrap_err().to_string().contains("no point"), "a point beside the curve gives keys away");
    }

    /// RFC 8292, section 2: what is claimed, and a signature by the key that is sent along. Planted bug that this finds: an expiry
    /// in milliseconds.
    #[test]
    fn the_signature_names_the_push_service_and_ends() {
        let key = PushKey::new(&PushKey::generate().unwrap(), "https://reveille.example").unwrap();
        let said = key.authorization("https://push.example", Millis(1_000_000)).unwrap();
        let (token, public) = said.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let verifier = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, bytes(public));
        verifier.verify(signed.as_bytes(), &bytes(signature)).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&bytes(signed.split_once('.').unwrap().1)).unwrap();
        let expected = serde_json::json!({ "aud": "https://push.example", "exp": 1_000 + 43_200, "sub": "https://reveille.example" });
        assert_eq!(claims, expected);
        assert!(!format!("{key:?}").contains("pair"), "a log must not tell");
    }
}
