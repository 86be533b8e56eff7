//! What an SMTP reply code means for the page (RFC 5321, section 4.2.1).

use message::line;
use reveille_sdk::Page;
use reveille_sdk::types::Outcome;

/// How it went. A code outside of the standard is retried: a page must not be given up for a server's slip.
pub fn outcome(page: &Page, code: u16, text: &str, retry_seconds: u32) -> Outcome {
    let reason = format!("{code} {}", line(text, 300));
    match code {
        // The reference is the page's id: the host derives the Message-ID from it, and threads by it.
        200..=299 => Outcome::Accepted(Some(page.id().to_owned())),
        500..=599 => Outcome::Failed(reason),
        _ => Outcome::RetrySeconds((retry_seconds, reason)),
    }
}
