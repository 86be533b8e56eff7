//! Is it Slack? Signing version 0: HMAC-SHA256 over `v0:timestamp:body`, not older and not newer than five minutes.

use reveille_sdk::inbound::Http;
use reveille_sdk::{Error, Result, keys};

/// How far the sender's clock may be from ours, in seconds, as Slack advises.
const WINDOW_SECONDS: i64 = 300;

/// Refuses a request that was not signed with this key just now.
pub fn check(request: &Http, received_at_ms: i64, key: &str) -> Result<()> {
    let refused = |why: &str| Error::rejected(format!("this does not come from Slack: {why}"));
    let header = |name: &str| request.header(name).ok_or_else(|| refused(&format!("the header {name} is missing")));
    let stamp = header("x-slack-request-timestamp")?;
    let seconds: i64 = stamp.parse().map_err(|_| refused("its time stamp is no number"))?;
    if (received_at_ms / 1000).saturating_sub(seconds).saturating_abs() > WINDOW_SECONDS {
        return Err(refused("its time stamp is more than five minutes away: it may be a replay, or a clock is wrong"));
    }
    let signature = header("x-slack-signature")?.strip_prefix("v0=").and_then(bytes).ok_or_else(|| refused("its signature is none"))?;
    let mut signed = format!("v0:{stamp}:").into_bytes();
    signed.extend(request.body());
    if keys::verify(key, keys::Algorithm::HmacSha256, &signed, &signature)? { Ok(()) } else { Err(refused("its signature does not fit")) }
}

/// Bytes of hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    text.len().is_multiple_of(2).then(|| text.as_bytes().chunks_exact(2).map(pair).collect())?
}
