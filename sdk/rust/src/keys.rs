//! Keys that the plugin can use by name and never see. While a key rotates, both the old and the new one verify.

/// How it is signed. The operator allows them per key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// For senders that know nothing better.
    HmacSha1,
    /// What most webhooks are signed with.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// The host only verifies with it.
    Ed25519,
    /// P-256 with SHA-256; the host only verifies with it.
    Es256,
    /// RSA with SHA-256, PKCS #1 v1.5; the host only verifies with it.
    Rs256,
}

impl Algorithm {
    /// The name, as the contract and the server's file spell it.
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
}

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    key: String,
    reason: String,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "use key `{}`: {}", self.key, self.reason)
    }
}

impl std::error::Error for Unusable {}

/// The raw signature.
///
/// ```
/// use reveille_sdk::{keys, keys::Algorithm, mock};
///
/// mock::key("hook", b"secret");
/// let signature = keys::sign("hook", Algorithm::HmacSha256, b"body")?;
/// assert!(keys::verify("hook", Algorithm::HmacSha256, b"body", &signature)?);
/// assert!(!keys::verify("hook", Algorithm::HmacSha256, b"other", &signature)?);
/// # Ok::<(), keys::Unusable>(())
/// ```
///
/// # Errors
/// Why the key cannot be used.
pub fn sign(key: &str, algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, Unusable> {
    #[cfg(target_arch = "wasm32")]
    let signed = crate::wire::keys::sign(key, algorithm.as_str(), data);
    #[cfg(not(target_arch = "wasm32"))]
    let signed = crate::mock::imports::sign(key, algorithm, data);
    signed.map_err(|reason| Unusable { key: key.into(), reason })
}

/// Whether the signature is right, in constant time.
///
/// # Errors
/// Why the key cannot be used.
pub fn verify(key: &str, algorithm: Algorithm, data: &[u8], signature: &[u8]) -> Result<bool, Unusable> {
    #[cfg(target_arch = "wasm32")]
    let verified = crate::wire::keys::verify(key, algorithm.as_str(), data, signature);
    #[cfg(not(target_arch = "wasm32"))]
    let verified = crate::mock::imports::verify(key, algorithm, data, signature);
    verified.map_err(|reason| Unusable { key: key.into(), reason })
}
