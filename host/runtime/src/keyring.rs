//! Keys that guests use by name and never see. While a key rotates, the old one verifies beside the new one.

use ring::{hmac, signature};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    HmacSha1,
    HmacSha256,
    HmacSha512,
    /// Verifies only; the key is the 32-byte public key. As this and the others that verify only, it may be given in hexadecimal digits.
    Ed25519,
    /// Verifies only, P-256 with SHA-256; the key is the uncompressed point, the signature fixed (64 bytes) or DER.
    Es256,
    /// Verifies only, PKCS#1 v1.5 with SHA-256, 2048 to 8192 bits; the key is the DER of the PKCS#1 public key.
    Rs256,
}

impl Algorithm {
    /// All that this host knows.
    const ALL: [Self; 6] = [Self::HmacSha1, Self::HmacSha256, Self::HmacSha512, Self::Ed25519, Self::Es256, Self::Rs256];

    /// The algorithm of this name; the error tells the names that there are.
    pub(crate) fn find(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name);
        found.ok_or_else(|| format!("`{name}` is no algorithm that this host knows: {}", Self::ALL.map(Self::as_str).join(", ")))
    }

    /// The word that contract and configuration use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
            Self::Ed25519 => "ed25519",
            Self::Es256 => "es256",
            Self::Rs256 => "rs256",
        }
    }

    fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::HmacSha1 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Self::HmacSha256 => Some(hmac::HMAC_SHA256),
            Self::HmacSha512 => Some(hmac::HMAC_SHA512),
            Self::Ed25519 | Self::Es256 | Self::Rs256 => None,
        }
    }
}

/// A key and what it is for. Never printed.
#[derive(Clone)]
pub struct Key {
    /// Signs, and verifies.
    pub new: Vec<u8>,
    /// Verifies too, until the rotation is over.
    pub old: Option<Vec<u8>>,
    /// What it may be used for.
    pub algorithms: Vec<Algorithm>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithms", &self.algorithms).field("rotating", &self.old.is_some()).finish_non_exhaustive()
    }
}

/// Keys by name.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    keys: BTreeMap<String, Key>,
}

impl KeyRing {
    /// A ring of these keys.
    pub fn new(keys: impl IntoIterator<Item = (String, Key)>) -> Self {
        Self { keys: keys.into_iter().collect() }
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    fn find(&self, name: &str, algorithm: Algorithm) -> Result<&Key, String> {
        let key = self.keys.get(name).ok_or_else(|| format!("there is no key `{name}`"))?;
        if !key.algorithms.contains(&algorithm) {
            return Err(format!("key `{name}` is not allowed for {}", algorithm.as_str()));
        }
        Ok(key)
    }

    /// The raw signature with the new key.
    ///
    /// # Errors
    /// In words: no such key, not for this algorithm, or one that this host only verifies with.
    pub fn sign(&self, name: &str, algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, String> {
        let key = self.find(name, algorithm)?;
        let hmac = algorithm.hmac().ok_or_else(|| format!("this host signs with HMAC only; with {} it verifies", algorithm.as_str()))?;
        Ok(hmac::sign(&hmac::Key::new(hmac, &key.new), data).as_ref().to_vec())
    }

    /// Whether the signature is right by the new or the old key, in constant time.
    ///
    /// # Errors
    /// In words: no such key, or not for this algorithm.
    pub fn verify(&self, name: &str, algorithm: Algorithm, data: &[u8], given: &[u8]) -> Result<bool, String> {
        let key = self.find(name, algorithm)?;
        let by_new = verify(algorithm, &key.new, data, given);
        let by_old = key.old.as_ref().is_some_and(|old| verify(algorithm, old, data, given));
        Ok(by_new | by_old)
    }
}

fn verify(algorithm: Algorithm, key: &[u8], data: &[u8], given: &[u8]) -> bool {
    if let Some(hmac) = algorithm.hmac() {
        return hmac::verify(&hmac::Key::new(hmac, key), data, given).is_ok();
    }
    let public: &dyn signature::VerificationAlgorithm = match algorithm {
        Algorithm::Es256 if given.len() == 64 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::Es256 => &signature::ECDSA_P256_SHA256_ASN1,
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        _ => &signature::ED25519,
    };
    signature::UnparsedPublicKey::new(public, &*bytes(key)).verify(data, given).is_ok()
}

/// A public key as it is or in hexadecimal digits, as providers show theirs and as a file of text can hold it.
fn bytes(key: &[u8]) -> Cow<'_, [u8]> {
    // No public key of 32 bytes is written in 32 digits.
    let written = key.len() > 32 && key.iter().all(u8::is_ascii_hexdigit);
    match hex::decode(key) {
        Ok(bytes) if written => Cow::Owned(bytes),
        _ => Cow::Borrowed(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(new: &[u8], old: Option<&[u8]>, algorithms: &[Algorithm]) -> Key {
        Key { new: new.to_vec(), old: old.map(<[u8]>::to_vec), algorithms: algorithms.to_vec() }
    }

    #[test]
    fn hmac_is_that_of_rfc_4231_and_rfc_2202() {
        let all = [Algorithm::HmacSha1, Algorithm::HmacSha256];
        let ring = KeyRing::new([("hook".to_string(), key(b"Jefe", None, &all))]);
        let data = b"what do ya want for nothing?";
        assert_eq!(hex::encode(ring.sign("hook", Algorithm::HmacSha1, data).unwrap()), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert_eq!(
            hex::encode(ring.sign("hook", Algorithm::HmacSha256, data).unwrap()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(ring.sign("hook", Algorithm::HmacSha512, data).unwrap_err(), "key `hook` is not allowed for hmac-sha512");
    }

    #[test]
    fn an_algorithm_that_is_not_known_is_told_with_those_that_are() {
        assert_eq!(Algorithm::find("es256"), Ok(Algorithm::Es256));
        let told = "`sha1` is no algorithm that this host knows: hmac-sha1, hmac-sha256, hmac-sha512, ed25519, es256, rs256";
        assert_eq!(Algorithm::find("sha1"), Err(told.into()));
    }

    #[test]
    fn old_and_new_key_verify_while_a_key_rotates() {
        let allowed = [Algorithm::HmacSha256];
        let before = KeyRing::new([("hook".to_string(), key(b"old", None, &allowed))]);
        let during = KeyRing::new([("hook".to_string(), key(b"new", Some(b"old"), &allowed))]);
        let after = KeyRing::new([("hook".to_string(), key(b"new", None, &allowed))]);
        let signed = before.sign("hook", Algorithm::HmacSha256, b"body").unwrap();
        assert_eq!(during.verify("hook", Algorithm::HmacSha256, b"body", &signed), Ok(true));
        assert_eq!(after.verify("hook", Algorithm::HmacSha256, b"body", &signed), Ok(false));
    }

    #[test]
    fn ed25519_is_that_of_rfc_8032() {
        let public = hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
        let given = hex::decode(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        )
        .unwrap();
        let ring = KeyRing::new([("sender".to_string(), key(&public, None, &[Algorithm::Ed25519]))]);
        assert_eq!(ring.verify("sender", Algorithm::Ed25519, b"", &given), Ok(true));
        assert_eq!(ring.verify("sender", Algorithm::Ed25519, b"x", &given), Ok(false));
        assert!(ring.sign("sender", Algorithm::Ed25519, b"").is_err());
        let written = key(hex::encode(&public).as_bytes(), None, &[Algorithm::Ed25519]);
        let ring = KeyRing::new([("sender".to_string(), written)]);
        assert_eq!(ring.verify("sender", Algorithm::Ed25519, b"", &given), Ok(true), "in hexadecimal digits");
    }

    #[test]
    fn a_key_is_never_printed() {
        assert!(!format!("{:?}", key(b"hush", None, &[])).contains("104"));
    }
}
