//! Passwords: argon2id, checked on blocking threads, few at a time, since each check costs 19 MiB and some 20 ms by design.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use std::sync::LazyLock;
use thiserror::Error;
use tokio::sync::Semaphore;

/// Shortest password, in characters.
pub const SHORTEST: usize = 10;
/// Longest password, in bytes: bounds the work of one check.
pub const LONGEST_BYTES: usize = 1024;

/// How many are checked at once; the others wait.
static CHECKS: Semaphore = Semaphore::const_new(2);

/// What is checked when there is no such user, so that the answer takes as long as for one who exists.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody has this password").ok());

/// Why a password cannot be hashed.
#[derive(Debug, Error)]
pub enum PasswordError {
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    #[error("a password has at most {LONGEST_BYTES} bytes")]
    TooLong,
    #[error("cannot hash the password: {0}")]
    Hash(argon2::password_hash::Error),
}

/// The argon2id string of a password, with a salt of its own. Takes some 20 ms of CPU.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < SHORTEST {
        return Err(PasswordError::TooShort);
    }
    if password.len() > LONGEST_BYTES {
        return Err(PasswordError::TooLong);
    }
    Ok(Argon2::default().hash_password(password.as_bytes()).map_err(PasswordError::Hash)?.to_string())
}

fn matches(password: &str, stored: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Whether the password fits the stored string; `None` (no such user, or no password set) never fits and takes as long.
pub async fn check(password: String, stored: Option<String>) -> bool {
    if password.len() > LONGEST_BYTES {
        return false;
    }
    let Ok(_permit) = CHECKS.acquire().await else { return false };
    let checked = tokio::task::spawn_blocking(move || match stored {
        Some(stored) => matches(&password, &stored),
        None => {
            let _ = NOBODY.as_ref().is_some_and(|nobody| matches(&password, nobody));
            false
        }
    });
    checked.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_argon2id_and_salted() {
        let (one, two) = (hash("correct horse battery").unwrap(), hash("correct horse battery").unwrap());
        assert!(one.starts_with("$argon2id$v=19$"), "{one}");
        assert_ne!(one, two);
        assert!(matches("correct horse battery", &one));
        assert!(!matches("correct horse batterz", &one));
    }

    #[test]
    fn short_and_huge_passwords_are_refused() {
        assert!(matches!(hash("ninechars"), Err(PasswordError::TooShort)));
        assert!(matches!(hash(&"x".repeat(2000)), Err(PasswordError::TooLong)));
    }

    #[tokio::test]
    async fn nobody_never_gets_in() {
        assert!(!check("nobody has this password".into(), None).await);
        assert!(check("correct horse battery".into(), hash("correct horse battery").ok()).await);
    }
}
