//! Reads a body within its bounds.

use axum::body::Body;
use http_body_util::BodyExt;
use std::time::Duration;

/// How long a sender may take to send its body.
pub const SLOW: Duration = Duration::from_secs(10);

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has at least so many bytes.
    TooLarge(u64),
    /// It came too slowly or broke off, in words.
    Broken(String),
}

/// At most `limit` bytes, within `slow`.
pub async fn read(body: Body, announced: Option<u64>, limit: usize, slow: Duration) -> Result<Vec<u8>, Unread> {
    if let Some(size) = announced.filter(|size| *size > limit as u64) {
        return Err(Unread::TooLarge(size));
    }
    let too_slow = |_| Unread::Broken(format!("the body did not come within {} seconds", slow.as_secs()));
    tokio::time::timeout(slow, read_all(body, announced, limit)).await.map_err(too_slow)?
}

async fn read_all(mut body: Body, announced: Option<u64>, limit: usize) -> Result<Vec<u8>, Unread> {
    // What a sender announces is not trusted with memory: a buffer grows as the bytes come.
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(64 * 1024) as usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Unread::Broken(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(Unread::TooLarge((bytes.len() + data.len()) as u64));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_bounded_whatever_it_announces() {
        let four = || Body::from("four");
        assert_eq!(read(four(), Some(4), 4, SLOW).await.unwrap(), b"four");
        assert_eq!(read(four(), Some(1), 3, SLOW).await, Err(Unread::TooLarge(4)));
        assert_eq!(read(four(), Some(9), 4, SLOW).await, Err(Unread::TooLarge(9)));
    }
}
