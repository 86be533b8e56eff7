//! Secrets as the server's file names them: where they are read from, and a value that never shows itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// Largest secret, in bytes: room for an RSA key in PEM.
pub const SECRET_LIMIT_BYTES: usize = 16 * 1024;

/// A value that prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself: for the one place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Where a secret is read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An environment variable.
    Env(String),
    /// A file; one line end after the value is taken off.
    File(PathBuf),
}

/// Why a secret cannot be read. Never holds the value.
#[derive(Debug, Error)]
pub enum SecretError {
    #[error("cannot read secret: environment variable {name} is not set, or is not text")]
    Variable { name: String, source: std::env::VarError },
    #[error("cannot read secret: file {}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("cannot use secret from {0}: it is empty")]
    Empty(String),
    #[error("cannot use secret from {0}: it is larger than {SECRET_LIMIT_BYTES} bytes")]
    Large(String),
}

impl Source {
    /// Reads it; whoever starts the server does so once.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let (value, from) = match self {
            Self::Env(name) => {
                // The value would stand in the error if it is not text.
                let value = std::env::var_os(name).ok_or(std::env::VarError::NotPresent);
                let value = value.and_then(|v| v.into_string().map_err(|_| std::env::VarError::NotPresent));
                (value.map_err(|source| SecretError::Variable { name: name.clone(), source })?, format!("environment variable {name}"))
            }
            Self::File(path) => {
                let mut value = std::fs::read_to_string(path).map_err(|source| SecretError::File { path: path.clone(), source })?;
                if value.ends_with('\n') {
                    value.pop();
                    if value.ends_with('\r') {
                        value.pop();
                    }
                }
                (value, format!("file {}", path.display()))
            }
        };
        match value.len() {
            0 => Err(SecretError::Empty(from)),
            1..=SECRET_LIMIT_BYTES => Ok(Secret::new(value)),
            _ => Err(SecretError::Large(from)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some([redacted])");
    }

    #[test]
    fn a_file_loses_one_line_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        for (text, value) in [("abc\n", "abc"), ("abc\r\n", "abc"), ("abc\n\n", "abc\n"), ("abc", "abc")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Source::File(path.clone()).read().unwrap().expose(), value);
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(Source::File(path).read(), Err(SecretError::Empty(_))));
        let gone = Source::Env("REVEILLE_TEST_NO_SUCH_VARIABLE".into());
        assert!(matches!(gone.read(), Err(SecretError::Variable { .. })));
    }
}
