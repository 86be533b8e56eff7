//! Secrets that the host makes: tokens, keys, session cookies. Shown once, stored as a digest.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// 256 random bits with a prefix that says what they open. Never printed by accident.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A new one, such as `rvt_…` for an API token.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn generate(prefix: &str) -> Result<Self, getrandom::Error> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits)?;
        Ok(Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bits))))
    }

    /// One that somebody sent.
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Under which id it is stored: lower-case hex SHA-256.
    pub fn id(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }

    /// The secret itself, for the one answer or cookie that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_sha_256_of_the_text() {
        // From FIPS 180-2, appendix B.1.
        assert_eq!(Secret::presented("abc").id(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn secrets_are_prefixed_distinct_and_not_printed() {
        let (one, two) = (Secret::generate("rvt_").unwrap(), Secret::generate("rvt_").unwrap());
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(one.reveal().len(), "rvt_".len() + 43);
        assert!(!format!("{one:?}").contains(one.reveal()));
    }
}
